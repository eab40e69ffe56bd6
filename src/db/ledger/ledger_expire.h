/* History that is too old: deleted in batches. */
#ifndef DB_LEDGER_LEDGER_EXPIRE_H
#define DB_LEDGER_LEDGER_EXPIRE_H

#include "net/pg/pg.h"

/* The most that one request deletes. */
enum { EXPIRE_RUNS = 100, EXPIRE_LETTERS = 1000 };

struct expire_req {
    struct op op; /* err: the database's */
    int days;     /* in: what ended longer ago than that goes */
    /* Out: how many were deleted; services go with their runs. */
    int runs, letters;
    bool more; /* there may be more to delete */
};

/*
 * Deletes, in one transaction, a batch of runs that have ended and of resolved
 * dead letters, the messages to the webhook that were delivered or given up,
 * and the fires that began no run, but each schedule's last. What
 * later runs ask of the history stays, however old: a service's last success
 * and its last whole pass, the pass that the next one is compared with, runs
 * with another model since the last whole pass, and the last scheduled fire.
 */
void ledger_expire(
    struct pg_pool *pool, struct loop *loop, struct expire_req *req);

#endif
