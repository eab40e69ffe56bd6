/*
 * Happy path: one statement. Failures: the transaction's. On cancel: as
 * db/call.h has it.
 */
#include "db/verify/verify_claim.h"

#include "db/call.h"

/* No service has such a name, so it is no schedule of runs. */
static const char claim_sql[] =
    "INSERT INTO @.batch_sync_fires (schedule, fire_at, outcome)"
    " VALUES ('(verify)', to_timestamp($1 / 1000.0), 'verified')"
    " ON CONFLICT DO NOTHING RETURNING 1";

static void verify_claim_take(struct call *c)
{
    struct verify_claim_req *req =
        container_of(c->op, struct verify_claim_req, op);

    req->taken = pg_rows(c->pg.results[0]) > 0;
    call_end(c, NULL);
}

void verify_claim(
    struct pg_pool *pool, struct loop *loop, struct verify_claim_req *req)
{
    struct call *c = call_new(pool, loop, &req->op, verify_claim_take, 0);

    call_stmt(c, claim_sql, false);
    call_add_int(c, req->fire_ms);
    call_send(c);
}
