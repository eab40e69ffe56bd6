/*
 * How each service stands, by the ledger: what a process that has just begun
 * knows as well as one that has synced all of them.
 */
#ifndef DB_READ_SERVICE_TALLY_H
#define DB_READ_SERVICE_TALLY_H

#include "base/arena.h"
#include "net/pg/pg.h"

struct service_tally {
    const char *service;     /* registered name; in the request's arena */
    int64_t last_success_ms; /* when its last success ended; 0: none */
    int complete;            /* its last pass that had an end; < 0: none */
    uint64_t letters;        /* open dead letters */
};

struct tally_req {
    struct op op; /* err: what net/pg.h has */

    /* In; borrowed until the callback. */
    const char *tenant;
    int most; /* services */

    /* Out, in `arena`, which is the caller's; by name. */
    struct arena *arena;
    struct service_tally *services;
    size_t nservices;
    const char *paused; /* why no schedule begins a run; NULL: they do */
    int64_t paused_ms;  /* since 1970 */
};

/* Every service that has been synced, or that has a dead letter. */
void service_tally_ask(
    struct pg_pool *pool, struct loop *loop, struct tally_req *req);

#endif
