/*
 * Each request is one transaction. Happy path: call_new(), the statements, the
 * answer is copied. Failures: those of the transaction; nothing was changed
 * then, or all of it was and a repetition changes nothing more. On cancel: as
 * db/call.h has it.
 */
#include "db/outbox/outbox.h"

#include "db/call.h"

/* clang-format off */

#define ISO_NOW(column)                                                   \
    "to_char(" column " AT TIME ZONE 'UTC',"                              \
    " 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"

/*
 * Runs of the last day `r`, but for those that ended before anybody wanted to
 * be told, and what they did: `s`, a service's row, and `b`, the one before it
 * of the same service.
 */
#define RECENT                                                            \
    "recent AS (SELECT r.* FROM @.batch_sync_runs r, @.batch_sync_webhooks w" \
    "  WHERE w.cause = 'since' AND r.started_at > now()"                  \
    "   - make_interval(days => $5::int)"                                 \
    "   AND coalesce(r.finished_at, now()) > greatest(w.created_at,"      \
    "    now() - make_interval(secs => $1))),"

#define DATA                                                              \
    "'runId', r.id, 'tenantId', r.tenant_id, 'trigger', r.trigger,"       \
    " 'startedAt', " ISO_NOW("r.started_at") ","                          \
    " 'finishedAt', " ISO_NOW("r.finished_at")

#define OUTBOX_COUNT(name)                                                       \
    "coalesce((s.counts->>'" name "')::int8, 0)"

#define SERVICES(filter, more)                                            \
    "(SELECT json_agg(json_build_object('service', s.service," more ")"   \
    "   ORDER BY s.position) FROM @.batch_sync_service_runs s"            \
    "  WHERE s.run_id = r.id AND " filter ") AS services"

#define DONE "r.status IN ('success', 'partial', 'failed')"

#define FAILED                                                            \
    "SELECT 'run.failed' AS type, r.id AS cause, json_build_object(" DATA "," \
    "  'status', r.status, 'error', r.error) AS data,"                    \
    SERVICES("s.status IN ('partial', 'failed')",                         \
        "'status', s.status, 'error', s.errors #>> '{0,error}'") ", 1 AS place"          \
    " FROM recent r WHERE r.status IN ('partial', 'failed')"

#define BEFORE_FAILED                                                     \
    "s.status = 'success' AND (SELECT b.status"                           \
    "  FROM @.batch_sync_service_runs b WHERE b.tenant_id = s.tenant_id"  \
    "  AND b.service = s.service AND b.started_at < s.started_at"         \
    "  AND b.status IN ('success', 'partial', 'failed')"                  \
    "  ORDER BY b.started_at DESC LIMIT 1) IN ('partial', 'failed')"

#define RECOVERED                                                         \
    "SELECT 'run.recovered', r.id, json_build_object(" DATA "),"          \
    SERVICES(BEFORE_FAILED, "'stored', " OUTBOX_COUNT("stored")) ", 4"    \
    " FROM recent r WHERE " DONE

#define REFUSED                                                           \
    "SELECT 'run.delete_refused', r.id, json_build_object(" DATA "),"     \
    SERVICES(OUTBOX_COUNT("delete_refused") " > 0",                       \
        "'deleteRefused', " OUTBOX_COUNT("delete_refused")) ", 2"         \
    " FROM recent r WHERE " DONE

#define INCOMPLETE                                                        \
    "SELECT 'run.incomplete', r.id, json_build_object(" DATA "),"         \
    SERVICES("s.complete IS FALSE AND s.reason IS NOT NULL",              \
        "'reason', s.reason, 'shortfall', s.shortfall") ", 3"             \
    " FROM recent r WHERE " DONE

/* As soon as a checkpoint has it, long before the run ends. The counts are what
 * makes looking cheap: they say whether there can be a new letter. */
#define LETTERS                                                           \
    "SELECT 'run.dead_letters', r.id, json_build_object(" DATA "),"       \
    " (SELECT json_agg(json_build_object('service', s.service,"           \
    "    'contentId', l.content_id, 'reason', l.reason)"                  \
    "    ORDER BY s.position) FROM @.batch_sync_service_runs s"           \
    "   CROSS JOIN LATERAL (SELECT content_id, reason"                    \
    "    FROM @.batch_sync_dead_letters WHERE tenant_id = s.tenant_id"    \
    "    AND resolved_at IS NULL"                                         \
    "    AND coalesce(registered, service) = s.service"                   \
    "    AND coalesce(known_since, first_seen) >= r.started_at"           \
    "    ORDER BY first_seen LIMIT 1) l"                                  \
    "   WHERE s.run_id = r.id AND " OUTBOX_COUNT("failed") " > "          \
    OUTBOX_COUNT("known_failures") "), 0 FROM recent r"

static const char since_sql[] =
    "INSERT INTO @.batch_sync_webhooks (cause, payload, delivered_at)"
    " SELECT 'since', '', now() WHERE NOT EXISTS"
    "  (SELECT FROM @.batch_sync_webhooks WHERE cause = 'since')"
    " ON CONFLICT (cause) DO NOTHING";

/* Told already: no need to make it up again. */
static const char collect_sql[] =
    "WITH " RECENT " found (type, cause, data, services, place) AS ("
    FAILED " UNION ALL " REFUSED " UNION ALL " INCOMPLETE
    " UNION ALL " RECOVERED " UNION ALL " LETTERS
    "  UNION ALL SELECT 'run.failed', $2, json_build_object('runId', NULL,"
    "   'trigger', $3::text, 'status', 'failed', 'error', $4::text),"
    "   '[]'::json, 1 WHERE $2::text IS NOT NULL)"
    " INSERT INTO @.batch_sync_webhooks (cause, payload)"
    " SELECT type || ' ' || cause, json_build_object('type', type,"
    "  'timestamp', " ISO_NOW("now()") ","
    "  'data', data::jsonb || jsonb_build_object('services', services))::text"
    " FROM found WHERE services IS NOT NULL ORDER BY place"
    " ON CONFLICT (cause) DO NOTHING";

#define WAITING "delivered_at IS NULL AND given_up_at IS NULL"

static const char claim_sql[] =
    "WITH due AS (SELECT number FROM @.batch_sync_webhooks WHERE " WAITING
    "   AND next_try <= now() ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED),"
    " taken AS (UPDATE @.batch_sync_webhooks w SET tries = tries + 1,"
    "   next_try = now() + make_interval(secs => $1 / 1000.0)"
    "  FROM due WHERE w.number = due.number RETURNING w.number, w.id, w.tries,"
    "   w.payload, extract(epoch FROM now() - w.created_at)::int8 AS age)"
    " SELECT coalesce(t.number, 0), t.id, coalesce(t.tries, 0),"
    "  coalesce(t.age, 0), t.payload, coalesce(o.ms, -1), o.waiting"
    " FROM (SELECT count(*) AS waiting, ceil(1000 * extract(epoch FROM"
    "   min(next_try) FILTER (WHERE number NOT IN (SELECT number FROM due))"
    "   - now()))::int8 AS ms FROM @.batch_sync_webhooks WHERE " WAITING ") o"
    " LEFT JOIN taken t ON true";

static const char settle_sql[] =
    "UPDATE @.batch_sync_webhooks SET error = $2,"
    "  delivered_at = CASE WHEN $2::text IS NULL THEN now() END,"
    "  given_up_at = CASE WHEN $2::text IS NOT NULL AND $3 < 0 THEN now() END,"
    "  next_try = now() + make_interval(secs => greatest($3, 0) / 1000.0)"
    " WHERE number = $1";

/* clang-format on */

static void on_outbox_done(struct call *c)
{
    call_end(c, NULL);
}

static void on_outbox_collected(struct call *c)
{
    struct outbox_collect_req *req =
        container_of(c->op, struct outbox_collect_req, op);

    req->added = (size_t)pg_affected(c->pg.results[1]);
    call_end(c, NULL);
}

void outbox_collect(
    struct pg_pool *pool, struct loop *loop, struct outbox_collect_req *req)
{
    struct call *c = call_new(pool, loop, &req->op, on_outbox_collected, 1);

    call_stmt(c, since_sql, false);
    call_stmt(c, collect_sql, false);
    call_add_int(c, OUTBOX_LOOK_BACK_S);
    call_add_text(c, req->error == NULL ? NULL : req->name);
    call_add_text(c, req->trigger);
    call_add_text(c, req->error);
    call_add_int(c, OUTBOX_RUN_DAYS);
    call_send(c);
}

static void on_outbox_claimed(struct call *c)
{
    struct outbox_claim_req *req =
        container_of(c->op, struct outbox_claim_req, op);
    const struct pg_result *r = c->pg.results[0];
    struct err err = {.code = 0};

    req->number = call_int(r, 0, 0);
    call_copy(r, 0, 1, req->id, sizeof(req->id));
    req->tries = (int)call_int(r, 0, 2);
    req->age_s = call_int(r, 0, 3);
    buf_str(&req->payload, pg_value(r, 0, 4));
    req->next_ms = call_int(r, 0, 5);
    req->waiting = call_int(r, 0, 6);
    if (req->payload.error != 0)
        err_set(&err, req->payload.error,
            "a message to the webhook is too "
            "long");
    call_end(c, &err);
}

void outbox_claim(
    struct pg_pool *pool, struct loop *loop, struct outbox_claim_req *req)
{
    struct call *c = call_new(pool, loop, &req->op, on_outbox_claimed, 1);

    buf_init(&req->payload, OUTBOX_PAYLOAD_BYTES);
    call_stmt(c, claim_sql, false);
    call_add_int(c, OUTBOX_LEASE_MS);
    call_send(c);
}

void outbox_claim_clear(struct outbox_claim_req *req)
{
    if (req->payload.cap_bytes != 0)
        buf_free(&req->payload);
}

void outbox_settle(
    struct pg_pool *pool, struct loop *loop, struct outbox_settle_req *req)
{
    struct call *c = call_new(pool, loop, &req->op, on_outbox_done, 1);

    call_stmt(c, settle_sql, false);
    call_add_int(c, req->number);
    call_add_text(c, req->error);
    call_add_int(c, req->wait_ms);
    call_send(c);
}
