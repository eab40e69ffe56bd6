/*
 * Joining an existing run.
 *
 * Happy path: one cheap query finds a run of the same configuration with
 * unclaimed services; then, under the begin lock, it is certain whether its
 * owner is alive, and a run without an owner becomes ours. The same
 * transaction reads the services. Heartbeats start with the first claim, so
 * that a run that is not resumed after all is not kept alive. A live run of
 * our own is left alone: a trigger may have begun it meanwhile. If the reply
 * to that was lost, its services are unclaimed, and it is joined like any
 * other. Failures: none of its own: if another process was faster there is
 * nothing to join.
 */
#include "db/ledger/ledger_impl.h"

enum { TIMEOUT, LOCK, LOST, RESUMED, SERVICES }; /* results of the joining */

/* A run whose owner is lost becomes ours, unless another run is running. One
 * of a newer program ($6) is found only to be named. */
static const char find_sql[] =
    "SELECT r.id, r.generation > $6 FROM @.batch_sync_runs r"
    " WHERE r.status IN ('running', 'interrupted') AND r.tenant_id = $1"
    " AND r.provider = $2 AND r.model = $3 AND r.dimensions = $4"
    " AND r.page_limit = $5 AND CASE"
    "  WHEN r.status = 'running' AND r.expires_at >= now() THEN"
    "   r.generation >= $6 AND EXISTS (SELECT 1"
    "   FROM @.batch_sync_service_runs s WHERE s.run_id = r.id"
    "   AND (s.status IN ('pending', 'interrupted')"
    "    OR s.status = 'running' AND s.expires_at < now()))"
    "  ELSE NOT EXISTS (SELECT 1 FROM @.batch_sync_runs o WHERE o.id <> r.id"
    "   AND o.status = 'running' AND o.expires_at >= now()) END"
    " ORDER BY r.generation > $6, r.started_at DESC LIMIT 1";

static void join_find_send(struct call *c)
{
    const struct ledger *l = ledger_work(c)->ledger;
    const struct run_join_req *req = ledger_work(c)->req;

    call_stmt(c, find_sql, false);
    call_add_text(c, req->tenant);
    call_add_text(c, req->embedding.provider);
    call_add_text(c, req->embedding.model);
    call_add_int(c, req->embedding.dimensions);
    call_add_int(c, req->limit);
    call_add_int(c, l->generation);
    call_send(c);
}

static void join_send(struct call *c)
{
    const struct ledger *l = ledger_work(c)->ledger;
    const struct run_join_req *req = ledger_work(c)->req;

    ledger_add_lost(c, NULL);
    call_stmt(c,
        "UPDATE @.batch_sync_runs SET status = 'running', owner = $1,"
        "  expires_at = now() + make_interval(secs => $2),"
        "  finished_at = NULL, resumed = resumed + 1, generation = $4"
        " WHERE id = $3 AND status = 'interrupted' AND generation <= $4"
        "  AND NOT EXISTS ("
        "  SELECT 1 FROM @.batch_sync_runs WHERE status = 'running')",
        false);
    call_add_text(c, l->owner);
    call_add_int(c, l->lease_s);
    call_add_text(c, req->run_id);
    call_add_int(c, l->generation);
    call_stmt(c,
        "SELECT r.kind, r.source, r.since, n.name FROM @.batch_sync_runs r,"
        "  unnest(r.services) WITH ORDINALITY n (name, position)"
        " WHERE r.id = $1 AND r.status = 'running' ORDER BY n.position",
        false);
    call_add_text(c, req->run_id);
    call_send(c);
}

static const char *join_text_of(
    struct arena *a, const struct pg_result *r, int row, int column)
{
    if (pg_is_null(r, row, column))
        return NULL;
    return arena_dup(a, pg_value(r, row, column)).p;
}

static void ledger_join_take_run(struct call *c, const struct pg_result *r)
{
    struct run_join_req *req = ledger_work(c)->req;
    size_t n = (size_t)pg_rows(r);
    const char **names = arena_calloc(req->arena, n, sizeof(*names));

    if (names == NULL) {
        ledger_fail(c, ERR_NOMEM, "joining a run");
        return;
    }
    for (size_t i = 0; i < n; i++)
        names[i] = join_text_of(req->arena, r, (int)i, 3);
    req->spec = (struct run_spec){.run_id = req->run_id,
        .kind = join_text_of(req->arena, r, 0, 0),
        .tenant = req->tenant,
        .services = names,
        .nservices = n,
        .source = join_text_of(req->arena, r, 0, 1),
        .since = join_text_of(req->arena, r, 0, 2)};
    call_end(c, NULL);
}

static void join_take(struct call *c)
{
    struct run_join_req *req = ledger_work(c)->req;
    const struct pg_result *r = c->pg.results[SERVICES];

    if (pg_rows(r) > 0) {
        ledger_join_take_run(c, r);
        return;
    }
    req->run_id[0] = '\0';
    call_end(c, NULL);
}

static void join_find_take(struct call *c)
{
    struct ledger_work *w = ledger_work(c);
    struct run_join_req *req = w->req;
    const struct pg_result *r = c->pg.results[0];

    if (pg_rows(r) == 0 || pg_value(r, 0, 1).p[0] == 't') {
        if (pg_rows(r) > 0)
            ledger_leave(w->ledger, pg_value(r, 0, 0));
        call_end(c, NULL);
        return;
    }
    call_copy(r, 0, 0, req->run_id, sizeof(req->run_id));
    w->send = join_send;
    w->take = join_take;
    w->send(c);
}

void ledger_run_join(struct ledger *l, struct run_join_req *req)
{
    req->run_id[0] = '\0';
    ledger_start(l, &req->op, req, join_find_send, join_find_take);
}
