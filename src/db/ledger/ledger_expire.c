/*
 * Happy path: one transaction with a statement for the runs, oldest first, and
 * one each for the letters, the fires that began none and the messages. Rows
 * that another replica is deleting are skipped. Failures: the caller asks again
 * later. On cancel: see db/call.h.
 */
#include "db/ledger/ledger_expire.h"

#include "db/call.h"
#include "db/outbox/outbox.h"

enum { RUNS, LETTERS }; /* results */

/* A row of the same service s as this one, with its run. */
#define OF_SERVICE                                         \
    "@.batch_sync_service_runs n JOIN @.batch_sync_runs q" \
    " ON q.id = n.run_id WHERE n.tenant_id = s.tenant_id"  \
    " AND n.service = s.service"
#define LATER_ONE \
    "NOT EXISTS (SELECT 1 FROM " OF_SERVICE " AND n.started_at > s.started_at"
#define WHOLE                                       \
    " AND n.status = 'success' AND n.since IS NULL" \
    " AND q.since IS NULL"

/* What the claim of a service (ledger_claim.c) looks for. */
#define NEEDED                                                               \
    "(s.status = 'success' AND (" LATER_ONE " AND n.status = 'success')"     \
    "  OR s.since IS NULL AND r.since IS NULL AND " LATER_ONE WHOLE "))"     \
    " OR s.shortfall IS NOT NULL AND " LATER_ONE                             \
    "  AND n.shortfall IS NOT NULL AND (coalesce(n.since, q.since) IS NULL)" \
    "   = (coalesce(s.since, r.since) IS NULL))"                             \
    " OR s.owner <> '' AND " LATER_ONE WHOLE ")"                             \
    "  AND EXISTS (SELECT 1 FROM " OF_SERVICE WHOLE                          \
    "   AND (q.provider, q.model, q.dimensions)"                             \
    "    <> (r.provider, r.model, r.dimensions)))"

static const char runs_sql[] =
    "WITH old AS (SELECT r.id FROM @.batch_sync_runs r"
    "  WHERE r.started_at < now() - make_interval(days => $1::int)"
    "  AND r.finished_at < now() - make_interval(days => $1::int)"
    "  AND r.status NOT IN ('running', 'interrupted', 'budget')"
    "  AND (r.fire_at IS NULL"
    "   OR r.fire_at < (SELECT max(o.fire_at) FROM @.batch_sync_runs o"
    "    WHERE o.schedule = r.schedule))"
    "  AND NOT EXISTS (SELECT 1 FROM @.batch_sync_service_runs s"
    "   WHERE s.run_id = r.id AND (" NEEDED "))"
    "  ORDER BY r.started_at LIMIT $2 FOR UPDATE OF r SKIP LOCKED),"
    " gone AS (DELETE FROM @.batch_sync_runs r USING old"
    "  WHERE r.id = old.id RETURNING 1)"
    " SELECT count(*) FROM gone";

static const char letters_sql[] =
    "WITH old AS (SELECT tenant_id, service, digest"
    "  FROM @.batch_sync_dead_letters"
    "  WHERE resolved_at < now() - make_interval(days => $1::int)"
    "  ORDER BY resolved_at LIMIT $2 FOR UPDATE SKIP LOCKED),"
    " gone AS (DELETE FROM @.batch_sync_dead_letters d USING old"
    "  WHERE d.tenant_id = old.tenant_id AND d.service = old.service"
    "  AND d.digest = old.digest RETURNING 1)"
    " SELECT count(*) FROM gone";

/* The last fire of a schedule says what was missed while nobody was there. They
 * are few, and none of them is pointed at. */
static const char fires_sql[] =
    "DELETE FROM @.batch_sync_fires f"
    " WHERE f.dropped_at < now() - make_interval(days => $1::int)"
    "  AND f.fire_at < (SELECT max(l.fire_at) FROM @.batch_sync_fires l"
    "   WHERE l.schedule = f.schedule)";

/* $2: what is told of a run that goes on must stay until it has ended. */
static const char messages_sql[] =
    "DELETE FROM @.batch_sync_webhooks WHERE cause <> 'since'"
    " AND coalesce(delivered_at, given_up_at)"
    "  < now() - make_interval(days => greatest($1::int, $2::int))";

static void ledger_expire_step(struct call *c)
{
    struct expire_req *req = container_of(c->op, struct expire_req, op);

    req->runs = (int)call_int(c->pg.results[RUNS], 0, 0);
    req->letters = (int)call_int(c->pg.results[LETTERS], 0, 0);
    req->more = req->runs == EXPIRE_RUNS || req->letters == EXPIRE_LETTERS;
    call_end(c, NULL);
}

void ledger_expire(
    struct pg_pool *pool, struct loop *loop, struct expire_req *req)
{
    struct call *c = call_new(pool, loop, &req->op, ledger_expire_step, 1);

    req->runs = req->letters = 0;
    req->more = false;
    call_stmt(c, runs_sql, false);
    call_add_int(c, req->days);
    call_add_int(c, EXPIRE_RUNS);
    call_stmt(c, letters_sql, false);
    call_add_int(c, req->days);
    call_add_int(c, EXPIRE_LETTERS);
    call_stmt(c, fires_sql, false);
    call_add_int(c, req->days);
    call_stmt(c, messages_sql, false);
    call_add_int(c, req->days);
    call_add_int(c, OUTBOX_KEEP_DAYS);
    call_send(c);
}
