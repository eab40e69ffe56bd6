/*
 * What a run is asked to do. The trigger fills this in; the runner, the run and
 * the ledger pass it on as it is.
 */
#ifndef SYNC_RUN_SPEC_H
#define SYNC_RUN_SPEC_H

#include "base/arena.h"
#include "record/item.h"
#include <stdint.h>

/* All pointers are borrowed. */
struct run_spec {
    const char *trigger; /* "cli", "http", "schedule", "startup", "replica" */
    const char *run_id;  /* of a run to take part in; NULL: a new one */
    const char *kind;    /* "daily", "batch", "incremental" */
    const char *tenant;
    const char **services;   /* registered names, in order */
    size_t nservices;        /* 0: the list of services */
    const char *source;      /* where the names came from; NULL: the request */
    const char *since;       /* ISO-8601; NULL: everything */
    const char *schedule;    /* whose schedule it is, "": for all; NULL: none */
    const char *traceparent; /* W3C's header, checked; NULL: none came */
    int64_t fire_ms;         /* a scheduled fire's nominal instant; 0: none */
};

/* How often a call is tried, and the base of the waits in between. */
struct retry_policy {
    int tries;
    int base_ms;
};

/* The same with its limits. */
struct run_options {
    struct run_spec spec;
    struct embedding_id embedding;
    int limit;                   /* items a page */
    int chunk_size;              /* items a chunk */
    int workers;                 /* embedding slots */
    int fetches;                 /* pages of a service asked for at once */
    int parallel;                /* services under way at once, at least 1 */
    int max_pages;               /* a service; 0: no limit */
    size_t max_item_bytes;       /* of its JSON; larger ones fail */
    size_t window_bytes;         /* of all pages, if there are several */
    size_t chunk_bytes;          /* of the texts of a chunk of several items */
    size_t store_bytes;          /* of a transaction of several rows */
    size_t loop_bytes;           /* of an answer that is read on the loop */
    size_t kept_bytes;           /* of a page's items as JSON whose texts stay
                                    in memory; others are made when needed */
    int max_tokens;              /* a text; longer ones are split */
    int max_delete_percent;      /* of a service's items */
    struct retry_policy retries; /* of a page, an embedding, a store */
};

/* Copies it with all that it points at into the arena. ERR_NOMEM. */
int run_spec_copy(
    struct run_spec *to, struct arena *arena, const struct run_spec *from);

#endif
