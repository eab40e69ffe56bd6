/*
 * What the embedding requests of a run have shown, and what follows from it:
 * is a failure the text's, the request's size's, or the provider's? Pure.
 *
 * A *passing* failure (a 5xx, a time-out, a reset) says little by itself. While
 * other requests succeed, it belongs to the text or to the size; while nothing
 * succeeds, the provider is away. Between the two stands a *witness*: a fixed
 * one-word text, sent when no other request can tell.
 */
#ifndef SYNC_EMBED_EMBED_RECORD_H
#define SYNC_EMBED_EMBED_RECORD_H

#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    /* In multiples of the retry base, 500 ms by default. */
    SUSPECT_GAP_BASES = 60, /* between a text's first and last failure */
    OUTAGE_BASES = 1200,    /* for how long an absent provider is waited for */
    /* Texts that one run may set aside for passing failures. */
    SET_ASIDE_LEAST = 20,
    SET_ASIDE_PERCENT = 1
};

struct embed_record {
    bool proven; /* these settings have embedded something, in this run or in
                    one before: no request is needed to try them */
    uint64_t passed;           /* requests that were answered with vectors */
    uint64_t failed;           /* requests that failed in a passing way */
    uint64_t failing_since_ms; /* 0: the last request succeeded */
    size_t size_passed;        /* texts of the largest request that passed */
    size_t size_failed;        /* of the smallest that kept failing; 0: none */
    int size_failures;
    uint64_t texts;     /* that the run was to embed so far */
    uint64_t set_aside; /* of them, for passing failures */
    bool at_fault; /* more than may be: it is the provider, and no text is to
                      blame, nor were those before it */
};

/* A request of so many texts has succeeded. */
void embed_record_pass(struct embed_record *r, size_t texts);

/* One has failed in a passing way. `again`: not for the first time. */
void embed_record_fail(
    struct embed_record *r, size_t texts, bool again, uint64_t now_ms);

/* The most texts a request should carry, by what has succeeded; SIZE_MAX
 * while nothing speaks against any size. */
size_t embed_record_cap(const struct embed_record *r);

/*
 * Is a text that failed alone `alone` times, and never succeeded, to blame?
 * `own`: failed requests that held it. Fisher's exact test: were it no worse
 * than the run's other requests, the odds of this happening to any text of the
 * run would be under 1 in 10,000. Never for a single failure.
 */
bool embed_record_convicts(
    const struct embed_record *r, unsigned alone, uint64_t own);

/* May one more text be set aside, or is the provider at fault by now? */
bool embed_record_may_set_aside(const struct embed_record *r);

enum { WITNESS_BYTES = 16 };

/* A witness: one word that no other request of any run is likely to hold, so
 * that nothing is paid for twice; NUL-terminated. */
void embed_record_witness(uint64_t random, char out[WITNESS_BYTES]);

#endif
