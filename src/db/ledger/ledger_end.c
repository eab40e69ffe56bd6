/*
 * Ending a run, leaving it, canceling it.
 *
 * Happy path: two transactions. First: when every service has ended, the owner
 * closes the run with the outcome that follows from the services' rows; if the
 * owner has left, any process does. Otherwise a run that is left becomes
 * interrupted unless another process works on it, and a canceled run ends.
 * Then new tokens fence off processes that still work on a run that is not
 * running. The second transaction reads the state of the run and of each of
 * its services. The closer becomes the owner, so a retry after a lost reply
 * gets the same answer. Failures: as in ledger.c. A run that another process
 * has closed or taken over is not a failure: the answer says so.
 */
#include "db/ledger/ledger_impl.h"

#include "base/json.h"

enum { CANCEL_TIMEOUT, CANCELED };          /* results of canceling */
enum { TIMEOUT, FENCED, STATUS, SERVICES }; /* and of the second transaction */

/* `r` is the run with the id $1. */
#define TOTALS                                                        \
    "coalesce((SELECT jsonb_object_agg(t.key, t.n) FROM (SELECT key," \
    "  sum(value::int8) n FROM @.batch_sync_service_runs,"            \
    "  jsonb_each_text(counts) WHERE run_id = $1 GROUP BY key) t), '{}')"

static const char close_sql[] =
    "UPDATE @.batch_sync_runs r SET finished_at = now(), expires_at = now(),"
    "  owner = $2, status = s.status, error = s.error, totals = " TOTALS
    " FROM (SELECT CASE WHEN bool_and(status = 'success') THEN 'success'"
    "   WHEN bool_or(status = 'success') OR sum(pages) > 0 THEN 'partial'"
    "   ELSE 'failed' END AS status,"
    "   (array_agg(errors #>> '{0,error}' ORDER BY position)"
    "    FILTER (WHERE status <> 'success'))[1] AS error"
    "  FROM @.batch_sync_service_runs WHERE run_id = $1 HAVING count(*) FILTER"
    "   (WHERE status IN ('pending', 'running', 'interrupted')) = 0) s"
    " WHERE r.id = $1 AND r.owner IN ($2, '') AND r.status = 'running'"
    " RETURNING " LEDGER_FENCE_LOCK("r.id");

static const char leave_sql[] =
    "UPDATE @.batch_sync_runs r SET"
    "  owner = CASE WHEN w.others THEN '' ELSE $2 END,"
    "  status = CASE WHEN w.others THEN r.status WHEN $3 IS NULL"
    "   THEN 'interrupted' ELSE 'budget' END,"
    "  error = CASE WHEN w.others THEN r.error ELSE $3 END,"
    "  expires_at = CASE WHEN w.others THEN r.expires_at ELSE now() END,"
    "  finished_at = CASE WHEN w.others THEN NULL ELSE now() END,"
    "  totals = CASE WHEN w.others THEN r.totals ELSE " TOTALS " END"
    " FROM (SELECT EXISTS (SELECT 1 FROM @.batch_sync_service_runs"
    "  WHERE run_id = $1 AND status = 'running' AND expires_at > now())"
    "  AS others) w"
    " WHERE r.id = $1 AND r.owner IN ($2, '') AND r.status = 'running'"
    " RETURNING " LEDGER_FENCE_LOCK("r.id");

static const char cancel_sql[] =
    "UPDATE @.batch_sync_runs r SET finished_at = now(), expires_at = now(),"
    "  owner = $2, status = 'canceled', totals = " TOTALS
    " WHERE r.id = $1 AND r.status IN ('running', 'interrupted',"
    "  'budget')"
    " RETURNING " LEDGER_FENCE_LOCK("r.id");

static const char fence_sql[] =
    "WITH old AS (SELECT s.position, s.token FROM @.batch_sync_service_runs s"
    "  JOIN @.batch_sync_runs r ON r.id = s.run_id WHERE r.id = $1"
    "  AND r.status <> 'running' AND s.status = 'running' FOR UPDATE OF s)"
    " UPDATE @.batch_sync_service_runs s SET status = 'interrupted',"
    "  token = gen_random_uuid()::text FROM old"
    " WHERE s.run_id = $1 AND s.position = old.position"
    " RETURNING " LEDGER_FENCE_LOCK("old.token");

static const char services_sql[] =
    "SELECT position, status NOT IN ('pending', 'running', 'interrupted'),"
    "  status = 'success', pages, errors, (1000 * extract(epoch FROM"
    "  finished_at - started_at))::int8" LEDGER_COUNTS
    ", complete IS TRUE, reason"
    " FROM @.batch_sync_service_runs s WHERE run_id = $1 ORDER BY position";

static void ledger_end_add_run(
    struct call *c, const char *sql, const char *run_id)
{
    call_stmt(c, sql, false);
    call_add_text(c, run_id);
}

static void ledger_end_add_owned(
    struct call *c, const char *sql, const char *run_id)
{
    ledger_end_add_run(c, sql, run_id);
    call_add_text(c, ledger_work(c)->ledger->owner);
}

static void ledger_end_add_leave(struct call *c, const struct run_end_req *req)
{
    ledger_end_add_owned(c, leave_sql, req->run_id);
    call_add_text(c, req->budget);
}

static void ledger_end_settle_send(struct call *c)
{
    const struct run_end_req *req = ledger_work(c)->req;

    ledger_add_lock_timeout(c);
    ledger_end_add_owned(c, close_sql, req->run_id);
    if (req->mode == RUN_END_CANCEL)
        ledger_end_add_owned(c, cancel_sql, req->run_id);
    else if (req->mode == RUN_END_LEAVE)
        ledger_end_add_leave(c, req);
    call_send(c);
}

static void ledger_end_add_fence(struct call *c, const char *run_id)
{
    ledger_add_lock_timeout(c);
    ledger_end_add_run(c, fence_sql, run_id);
    ledger_end_add_owned(c,
        "SELECT status, (owner = $2 AND status <> 'running')::int"
        " FROM @.batch_sync_runs WHERE id = $1",
        run_id);
}

static void run_end_send(struct call *c)
{
    const struct run_end_req *req = ledger_work(c)->req;

    ledger_end_add_fence(c, req->run_id);
    ledger_end_add_run(c, services_sql, req->run_id);
    call_send(c);
}

/* The ledger's name for it; a run that continues elsewhere is interrupted. */
static enum run_status ledger_end_status_named(struct str name)
{
    for (int i = 0; i < RUN_INTERRUPTED; i++)
        if (str_eq(name, str_of(run_status_name((enum run_status)i))))
            return (enum run_status)i;
    return RUN_INTERRUPTED;
}

static void ledger_end_take_error(
    struct service_result *result, yyjson_val *entry)
{
    struct page_error *e = &result->errors[result->nerrors++];
    struct str text = json_str(json_member(entry, "error"));
    int64_t page = 0;

    json_int(json_member(entry, "page"), &page);
    *e = (struct page_error){.page = (int)page, .code = ERR_SOURCE};
    snprintf(e->error, sizeof(e->error), "%.*s", STR_ARG(text));
}

static void ledger_end_take_errors(
    struct service_result *result, struct arena *a, struct str json)
{
    size_t i, n;
    yyjson_val *root, *entry;
    struct err err;

    if (json_parse(a, json, &root, NULL, &err) < 0 ||
        yyjson_arr_size(root) == 0)
        return;
    result->errors = arena_calloc(a, RESULT_ERRORS, sizeof(*result->errors));
    if (result->errors == NULL)
        return;
    yyjson_arr_foreach(root, i, n, entry)
    {
        if (result->nerrors < RESULT_ERRORS)
            ledger_end_take_error(result, entry);
    }
    result->errors_total = (uint32_t)n;
}

static void run_end_take_service(
    struct run_end_req *req, const struct pg_result *r, int row)
{
    size_t position = (size_t)call_int(r, row, 0);
    struct service_result *result;
    int column = 6;

    if (position >= req->nservices)
        return;
    result = &req->services[position];
    req->ended[position] = pg_value(r, row, 1).p[0] == 't';
    result->success = pg_value(r, row, 2).p[0] == 't';
    result->pages = (uint32_t)call_int(r, row, 3);
    result->duration_ms = (uint64_t)call_int(r, row, 5);
    ledger_end_take_errors(result, req->arena, pg_value(r, row, 4));
    ledger_take_counts(&result->counts, r, row, &column);
    result->pass.complete = pg_value(r, row, column).p[0] == 't';
    if (!pg_is_null(r, row, column + 1))
        result->pass.reason =
            arena_dup(req->arena, pg_value(r, row, column + 1)).p;
}

static void run_end_take(struct call *c)
{
    struct run_end_req *req = ledger_work(c)->req;
    const struct pg_result *services = c->pg.results[SERVICES];
    const struct pg_result *status = c->pg.results[STATUS];

    req->status = pg_rows(status) > 0
                      ? ledger_end_status_named(pg_value(status, 0, 0))
                      : RUN_INTERRUPTED;
    req->closed = pg_rows(status) > 0 && call_int(status, 0, 1) == 1;
    req->services =
        arena_calloc(req->arena, req->nservices, sizeof(*req->services));
    req->ended = arena_calloc(req->arena, req->nservices, sizeof(bool));
    if (req->services == NULL || req->ended == NULL) {
        ledger_fail(c, ERR_NOMEM, "the result of a run");
        return;
    }
    for (int row = 0; row < pg_rows(services); row++)
        run_end_take_service(req, services, row);
    call_end(c, NULL);
}

static void ledger_end_settle_take(struct call *c)
{
    struct ledger_work *w = ledger_work(c);

    w->send = run_end_send;
    w->take = run_end_take;
    w->send(c);
}

void ledger_run_end(struct ledger *l, struct run_end_req *req)
{
    ledger_beat_stop(l);
    ledger_start(
        l, &req->op, req, ledger_end_settle_send, ledger_end_settle_take);
}

/* --- canceling from outside --- */

static void ledger_end_fence_send(struct call *c)
{
    const struct run_cancel_req *req = ledger_work(c)->req;

    ledger_end_add_fence(c, req->run_id);
    call_send(c);
}

static void ledger_end_fence_take(struct call *c)
{
    struct run_cancel_req *req = ledger_work(c)->req;
    const struct pg_result *status = c->pg.results[STATUS];

    req->found = pg_rows(status) > 0;
    req->status[0] = '\0';
    if (req->found)
        call_copy(status, 0, 0, req->status, sizeof(req->status));
    call_end(c, NULL);
}

static void ledger_end_cancel_send(struct call *c)
{
    const struct run_cancel_req *req = ledger_work(c)->req;

    ledger_add_lock_timeout(c);
    ledger_end_add_owned(c, cancel_sql, req->run_id);
    call_send(c);
}

static void ledger_end_cancel_take(struct call *c)
{
    struct ledger_work *w = ledger_work(c);
    struct run_cancel_req *req = w->req;

    req->canceled = pg_rows(c->pg.results[CANCELED]) > 0;
    w->send = ledger_end_fence_send;
    w->take = ledger_end_fence_take;
    w->send(c);
}

void ledger_run_cancel(struct ledger *l, struct run_cancel_req *req)
{
    ledger_start(
        l, &req->op, req, ledger_end_cancel_send, ledger_end_cancel_take);
}
