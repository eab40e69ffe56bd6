/*
 * What processes have reserved of a budget of tokens (batch_sync_budgets): one
 * row for a day, or a run, which all replicas share.
 */
#ifndef DB_LIMITS_BUDGETS_H
#define DB_LIMITS_BUDGETS_H

#include "db/call.h"

enum { BUDGET_KEY_BYTES = 64 };

/*
 * Reserves `wanted` tokens, or `needed` when so many are not left; none at all
 * when those are not left either. Never more than `limit` together.
 */
struct budgets_reserve_req {
    struct op op;
    const char *kind;           /* "day", "run"; static */
    char key[BUDGET_KEY_BYTES]; /* the date in UTC; the run's id */
    uint64_t needed, wanted;    /* needed <= wanted */
    uint64_t limit;
    /* Out. */
    uint64_t granted;  /* 0: refused */
    uint64_t reserved; /* by all processes, by now */
};

void budgets_reserve(
    struct pg_pool *pool, struct loop *loop, struct budgets_reserve_req *req);

/* Settles: `tokens` of what was reserved were not needed after all; < 0: so
 * many more were billed than were reserved. */
struct budgets_return_req {
    struct op op;
    const char *kind;
    char key[BUDGET_KEY_BYTES];
    int64_t tokens;
};

void budgets_return(
    struct pg_pool *pool, struct loop *loop, struct budgets_return_req *req);

#endif
