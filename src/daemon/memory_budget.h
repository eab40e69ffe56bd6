/*
 * What a run holds in memory, whatever its items are like: a sum of parts, each
 * of which has a bound.
 */
#ifndef DAEMON_MEMORY_BUDGET_H
#define DAEMON_MEMORY_BUDGET_H

#include "config/config.h"

enum {
    /* Of pages that have been read and are not checkpointed; one always may. */
    WINDOW_BYTES = 16 * 1024 * 1024,
    /* Of a page's items, as JSON, whose texts stay until it is done. */
    KEPT_BYTES = 2 * 1024 * 1024,
    /* Of an answer that is read on the loop: two milliseconds or so. */
    LOOP_BYTES = 2 * 1024 * 1024,
    /* Of a chunk's texts: what a request to the embedder may carry, as a rule.
     */
    CHUNK_BYTES = 900 * 1000,
    /* Of a transaction's rows. */
    STORE_BYTES = 4 * 1024 * 1024,
};

struct memory_budget {
    uint64_t program;  /* at rest */
    uint64_t pages;    /* the window; or the largest answers, and what is read
                          of them */
    uint64_t chunks;   /* texts, metadata and vectors under way */
    uint64_t requests; /* to the embedder, and their answers */
    uint64_t stores;   /* transactions, and their copies on the connections */
    uint64_t item;     /* the largest one, as text and as row */
};

/* In bytes. */
void memory_budget(const struct config *config, struct memory_budget *out);
uint64_t memory_budget_sum(const struct memory_budget *b);

/*
 * The bytes that the control group of this process may use, of either version.
 * `root`: "/" outside of tests. 0: no limit, or none that can be read.
 */
uint64_t memory_limit(const char *root);

#endif
