/*
 * Claiming the next service of a run.
 *
 * Happy path: one transaction. The first free row gets our name and a new
 * token; rows that other processes are just claiming are skipped. If there is
 * none, a service whose lease has expired is taken over: setting its new token
 * waits for a statement that the lost owner may still be running, and
 * terminates that owner's connection if it does not end (ledger.c). A skipped
 * row is waited for in the same way, because its claimer may have stopped.
 * A process that got nothing counts in another one what is left, and so knows
 * whether to wait. After one that had not been begun the next such is asked for
 * first, by a statement that has little to plan, because nothing has come of
 * it. Failures: as in ledger.c; a run that is no longer running is an answer,
 * not an error.
 *
 * An incremental service asks for what has changed since its last success, but
 * only if there was a whole pass with this run's model and no run with another
 * model since, whose items would have to be read again.
 *
 * A page number means something only with the page size it was counted in,
 * so both come out of the row.
 *
 * A process that has others under way is given none whose owner was lost: what
 * it was lost of would take the others along, and count against them, too.
 */
#include "db/ledger/ledger_impl.h"

#include "db/ledger/ledger_model.h"

#include <assert.h>

static const char give_up_sql[] =
    "UPDATE @.batch_sync_service_runs s SET status = 'failed',"
    "  finished_at = now(), errors = jsonb_build_array("
    "   jsonb_build_object('page', 0, 'error', 'not begun: ' || $2))"
    " FROM @.batch_sync_runs r WHERE r.id = $1 AND r.status = 'running'"
    " AND r.generation <= $3"
    " AND s.run_id = r.id AND s.status IN ('pending', 'interrupted')"
    " AND $2 IS NOT NULL RETURNING " LEDGER_FENCE_LOCK("s.token");

/* $5: seconds. */
#define SINCE_LAST_SUCCESS                                           \
    "(SELECT " LEDGER_SINCE " FROM (SELECT s.tenant_id, s.service, " \
    "  r.provider, r.model, r.dimensions) me" LEDGER_SUCCESSES ")"

/* How far the last pass over the service fell short that asked for as much:
 * for everything, or for what has changed. */
#define SHORT_BEFORE                                                     \
    "coalesce((SELECT CASE WHEN p.complete THEN -1 ELSE p.shortfall END" \
    " FROM @.batch_sync_service_runs p"                                  \
    " JOIN @.batch_sync_runs q ON q.id = p.run_id"                       \
    " WHERE p.tenant_id = s.tenant_id AND p.service = s.service"         \
    " AND p.run_id <> s.run_id AND p.shortfall IS NOT NULL"              \
    " AND (coalesce(p.since, q.since) IS NULL)"                          \
    "  = (coalesce(s.since, r.since) IS NULL)"                           \
    " ORDER BY p.started_at DESC LIMIT 1), -1)"

static const char claim_sql[] =
    "WITH open AS (SELECT s.position, s.status, s.expires_at"
    "  FROM @.batch_sync_service_runs s JOIN @.batch_sync_runs r"
    "   ON r.id = s.run_id AND r.status = 'running'"
    "   AND r.generation <= $6 WHERE r.id = $1)"
    ", free AS (SELECT s.position, s.token, s.status FROM "
    "@.batch_sync_service_runs s"
    "  WHERE s.run_id = $1 AND s.status IN ('pending', 'interrupted')"
    "  AND (s.deaths = 0 OR NOT $7) AND EXISTS (SELECT 1 FROM open)"
    "  ORDER BY s.position LIMIT 1 FOR UPDATE SKIP LOCKED)"
    ", lost AS (SELECT s.position, s.token, s.status FROM "
    "@.batch_sync_service_runs s"
    "  WHERE s.run_id = $1 AND (s.status IN ('pending', 'interrupted')"
    "   OR s.status = 'running' AND s.expires_at < now())"
    "  AND (NOT $7 OR s.deaths = 0 AND (s.status <> 'running'"
    "   OR s.owner = $2))"
    "  AND EXISTS (SELECT 1 FROM open) AND NOT EXISTS (SELECT 1 FROM free)"
    "  ORDER BY s.position LIMIT 1 FOR UPDATE)"
    " UPDATE @.batch_sync_service_runs s SET status = 'running', owner = $2,"
    "  token = gen_random_uuid()::text, finished_at = NULL,"
    "  expires_at = now() + make_interval(secs => $3),"
    "  deaths = s.deaths + (s.status = 'running' AND s.owner <> $2)::int,"
    "  started_at = CASE s.status WHEN 'pending' THEN now()"
    "   ELSE s.started_at END,"
    "  since = CASE WHEN s.status <> 'pending' THEN s.since"
    "   WHEN $4 THEN " SINCE_LAST_SUCCESS " END"
    " FROM (SELECT * FROM free UNION ALL SELECT * FROM lost) n,"
    "  @.batch_sync_runs r"
    " WHERE r.id = $1 AND s.run_id = r.id AND s.position = n.position"
    " RETURNING s.position, s.token, s.next_page, s.page_limit,"
    "  coalesce(s.since, '')" LEDGER_COUNTS
    ", (SELECT count(*) FROM @.batch_sync_dead_letters d"
    "  WHERE d.tenant_id = s.tenant_id AND d.registered = s.service"
    "  AND d.resolved_at IS NULL AND d.known_since >= s.started_at),"
    " coalesce(s.announced, -1), " SHORT_BEFORE ", s.deaths,"
    " n.status = 'pending', " LEDGER_FENCE_LOCK("n.token");

/* The first behind position $6 that has not been begun. */
#define CLAIM_PENDING(since)                                                  \
    "WITH n AS (SELECT s.position, s.token FROM @.batch_sync_runs r"          \
    "  JOIN @.batch_sync_service_runs s ON s.run_id = r.id"                   \
    "  WHERE r.id = $1 AND r.status = 'running' AND r.generation <= $4"       \
    "  AND s.run_id = $1 AND s.position > $6 AND s.status = 'pending'"        \
    "  AND s.deaths = 0"                                                      \
    "  ORDER BY s.position LIMIT 1 FOR UPDATE OF s SKIP LOCKED)"              \
    " UPDATE @.batch_sync_service_runs s SET status = 'running', owner = $2," \
    "  token = gen_random_uuid()::text, started_at = now(), since = " since   \
    ", expires_at = now() + make_interval(secs => $3)"                        \
    " FROM n, @.batch_sync_runs r"                                            \
    " WHERE r.id = $1 AND s.run_id = $1 AND s.position = n.position"          \
    " RETURNING s.position, s.token, s.page_limit, coalesce(s.since, "        \
    "''), " SHORT_BEFORE ", " LEDGER_FENCE_LOCK("n.token")

static const char claim_pending_sql[] = CLAIM_PENDING("NULL");
static const char claim_pending_since_sql[] = CLAIM_PENDING(SINCE_LAST_SUCCESS);

static void claim_send(struct call *c)
{
    const struct ledger *l = ledger_work(c)->ledger;
    const struct service_begin_req *req = ledger_work(c)->req;

    ledger_add_lock_timeout(c);
    if (req->give_up != NULL) {
        call_stmt(c, give_up_sql, false);
        call_add_text(c, req->run_id);
        call_add_text(c, ledger_clean(&c->arena, str_of(req->give_up)).p);
        call_add_int(c, l->generation);
    }
    call_stmt(c, claim_sql, false);
    call_add_text(c, req->run_id);
    call_add_text(c, l->owner);
    call_add_int(c, l->lease_s);
    call_add_bool(c, req->incremental);
    call_add_int(c, l->overlap_s);
    call_add_int(c, l->generation);
    call_add_bool(c, req->beside);
    call_send(c);
}

/* The lease that the claim has given; zeros are what its service had counted.
 */
static struct ledger_lease *claim_take_lease(
    struct ledger *l, struct service_begin_req *req, const struct pg_result *r)
{
    struct ledger_lease *lease = ledger_lease_of(l, "");

    assert(lease != NULL);
    lease->base = (struct counts){0};
    req->claim = CLAIM_SERVICE;
    req->position = (size_t)call_int(r, 0, 0);
    call_copy(r, 0, 1, req->token, sizeof(req->token));
    memcpy(lease->token, req->token, sizeof(lease->token));
    memcpy(l->run_id, req->run_id, strlen(req->run_id) + 1);
    ledger_beat_start(l);
    return lease;
}

static void claim_take_service(
    struct ledger *l, struct service_begin_req *req, const struct pg_result *r)
{
    struct ledger_lease *lease = claim_take_lease(l, req, r);
    int column = 5;

    req->first_page = (int)call_int(r, 0, 2);
    req->limit = (int)call_int(r, 0, 3);
    call_copy(r, 0, 4, req->since, sizeof(req->since));
    ledger_take_counts(&lease->base, r, 0, &column);
    req->letters = (uint64_t)call_int(r, 0, column);
    req->announced = call_int(r, 0, column + 1);
    req->short_before = call_int(r, 0, column + 2);
    req->deaths = (int)call_int(r, 0, column + 3);
    req->received = lease->base.received;
    l->pending_behind =
        pg_value(r, 0, column + 4).p[0] == 't' ? (int64_t)req->position : -1;
}

/* --- nothing was free --- */

static void claim_send_left(struct call *c)
{
    const struct ledger *l = ledger_work(c)->ledger;
    const struct service_begin_req *req = ledger_work(c)->req;

    call_stmt(c,
        "SELECT count(*) FILTER (WHERE s.status IN"
        "  ('pending', 'running', 'interrupted'))"
        " FROM @.batch_sync_runs r LEFT JOIN @.batch_sync_service_runs s"
        "  ON s.run_id = r.id"
        " WHERE r.id = $1 AND r.status = 'running' AND r.generation <= $2"
        " GROUP BY r.id",
        false);
    call_add_text(c, req->run_id);
    call_add_int(c, l->generation);
    call_send(c);
}

static void claim_take_left(struct call *c)
{
    struct service_begin_req *req = ledger_work(c)->req;
    const struct pg_result *r = c->pg.results[0];

    if (pg_rows(r) == 0)
        req->claim = CLAIM_GONE;
    else
        req->claim = call_int(r, 0, 0) > 0 ? CLAIM_WAIT : CLAIM_DONE;
    call_end(c, NULL);
}

static void claim_take(struct call *c)
{
    struct service_begin_req *req = ledger_work(c)->req;
    const struct pg_result *r = c->pg.results[req->give_up != NULL ? 2 : 1];

    if (pg_rows(r) > 0) {
        claim_take_service(ledger_work(c)->ledger, req, r);
        call_end(c, NULL);
        return;
    }
    ledger_work(c)->send = claim_send_left;
    ledger_work(c)->take = claim_take_left;
    claim_send_left(c);
}

/* --- one that has not been begun --- */

bool ledger_claim_add_pending(
    struct call *c, struct ledger *l, const struct service_begin_req *req)
{
    if (l->pending_behind < 0 || req->give_up != NULL ||
        strcmp(req->run_id, l->run_id) != 0)
        return false;
    call_stmt(c, req->incremental ? claim_pending_since_sql : claim_pending_sql,
        false);
    call_add_text(c, req->run_id);
    call_add_text(c, l->owner);
    call_add_int(c, l->lease_s);
    call_add_int(c, l->generation);
    call_add_int(c, l->overlap_s);
    call_add_int(c, l->pending_behind);
    return true;
}

bool ledger_claim_take_pending(
    struct ledger *l, struct service_begin_req *req, const struct pg_result *r)
{
    if (pg_rows(r) == 0) {
        l->pending_behind = -1;
        return false;
    }
    claim_take_lease(l, req, r);
    req->first_page = 1;
    req->limit = (int)call_int(r, 0, 2);
    call_copy(r, 0, 3, req->since, sizeof(req->since));
    req->short_before = call_int(r, 0, 4);
    req->announced = -1;
    l->pending_behind = (int64_t)req->position;
    return true;
}

static void claim_pending_take(struct call *c)
{
    struct ledger_work *w = ledger_work(c);

    if (ledger_claim_take_pending(w->ledger, w->req, c->pg.results[0])) {
        call_end(c, NULL);
        return;
    }
    w->send = claim_send;
    w->take = claim_take;
    claim_send(c);
}

static void claim_pending_send(struct call *c)
{
    struct ledger_work *w = ledger_work(c);

    if (ledger_claim_add_pending(c, w->ledger, w->req)) {
        w->take = claim_pending_take;
        call_send(c);
        return;
    }
    w->take = claim_take;
    claim_send(c);
}

void ledger_service_begin(struct ledger *l, struct service_begin_req *req)
{
    ledger_start(l, &req->op, req, claim_pending_send, claim_pending_take);
}
