/*
 * Each request is one query that answers with the finished document.
 *
 * Happy path: call_new(), one transaction, the text is copied to req->json.
 * Failures: a run that is not there is ERR_NOT_FOUND; a document over
 * JSON_BYTES is ERR_TOO_LARGE. On cancel and close: see db/call.h.
 */
#include "db/read/history_impl.h"

#include "db/graph/index_watch.h"
#include "db/read/history_lists.h"
#include "sync/result.h"

enum { JSON_BYTES = 32 * 1024 * 1024 };

/*
 * Pieces of SQL; `r` is a run, `s` one of its services, `t` the run's totals.
 */
/* clang-format off */

/* Until a run has ended its totals are the sum of its services. OFFSET 0: each
 * of the two dozen totals would otherwise be planned, and summed up, by itself,
 * which takes four times as long. */
#define RUN_TOTALS                                                        \
    " CROSS JOIN LATERAL (SELECT CASE WHEN r.totals <> '{}'"              \
    "   THEN r.totals ELSE (SELECT jsonb_object_agg(key, n) FROM"         \
    "    (SELECT key, sum(value::int8) AS n"                              \
    "     FROM @.batch_sync_service_runs s, jsonb_each_text(s.counts)"      \
    "     WHERE s.run_id = r.id GROUP BY key) k) END AS counts OFFSET 0) t"

#define RUN_MEMBERS                                                       \
    "'id', r.id, 'tenantId', r.tenant_id, 'kind', r.kind,"                \
    " 'trigger', r.trigger, 'status', " STATUS("r") ","                   \
    " 'source', r.source, 'since', r.since, 'limit', r.page_limit,"       \
    " 'provider', r.provider, 'model', r.model,"                          \
    " 'dimensions', r.dimensions, 'resumed', r.resumed,"                  \
    " 'startedAt', " ISO("r.started_at") ","                              \
    " 'finishedAt', " ISO("r.finished_at") ","                            \
    " 'durationMs', round(1000 * extract(epoch FROM"                      \
    "  coalesce(r.finished_at, CASE WHEN r.status = 'running'"            \
    "   AND r.expires_at >= now() THEN now() END) - r.started_at)),"      \
    " 'totals', " COUNTS ", 'error', r.error"

static const char runs_sql[] =
    "SELECT json_build_object('runs', coalesce(json_agg(j.run ORDER BY"
    "  j.started_at DESC, j.id DESC), '[]'), 'count', count(*),"
    "  'next', CASE WHEN count(*) = $4"
    "   THEN (array_agg(j.id ORDER BY j.started_at, j.id))[1] END)"
    " FROM (SELECT r.started_at, r.id, json_build_object(" RUN_MEMBERS ")"
    "  AS run FROM" LISTED_RUNS RUN_TOTALS ") j";

/* The database's one vector index, as it is now; the same for every run. */
#define VECTOR_INDEX                                                      \
    "(SELECT json_build_object('state', CASE"                             \
    "   WHEN p.phase IS NOT NULL THEN 'building'"                         \
    "   WHEN bool_or(i.indisvalid) THEN 'valid'"                          \
    "   WHEN count(i) > 0 THEN 'invalid' ELSE 'none' END,"                \
    "  'build', CASE WHEN p.phase IS NOT NULL THEN json_build_object("    \
    "   'phase', p.phase, 'blocksDone', p.blocks_done,"                   \
    "   'blocksTotal', p.blocks_total, 'rowsDone', p.tuples_done) END)"   \
    " FROM (SELECT 1) one LEFT JOIN " INDEX_PROGRESS_ROWS " ON true"      \
    " LEFT JOIN (SELECT i.indisvalid FROM pg_index i"                     \
    "  JOIN pg_class c ON c.oid = i.indexrelid"                           \
    "  JOIN pg_am m ON m.oid = c.relam AND m.amname IN ('hnsw',"          \
    "   'ivfflat') WHERE i.indrelid = to_regclass('@.vector_embeddings'))"  \
    " i ON true GROUP BY p.phase, p.blocks_done, p.blocks_total,"         \
    "  p.tuples_done)"

/* Services are listed from the run: those not begun have nothing to show. */
static const char run_sql[] =
    "SELECT json_build_object(" RUN_MEMBERS ", 'services', (SELECT"
    "  coalesce(json_agg(json_build_object('service', n.service,"
    "   'position', n.position - 1, 'status', coalesce(" STATUS("s") ","
    "    CASE WHEN r.status IN ('running', 'interrupted', 'budget')"
    "     THEN 'pending' ELSE 'skipped' END),"
    "   'pages', coalesce(s.pages, 0), 'nextPage', coalesce(s.next_page, 1),"
    "   'total', s.announced,"
    "   'counts', " COUNTS ","
    "   'errors', coalesce(s.errors, '[]'), 'complete', s.complete,"
    "   'reason', s.reason, 'owner', s.owner,"
    "   'startedAt', " ISO("s.started_at") ","
    "   'finishedAt', " ISO("s.finished_at") ") ORDER BY n.position), '[]')"
    "  FROM unnest(r.services) WITH ORDINALITY n (service, position)"
    "  LEFT JOIN @.batch_sync_service_runs s"
    "   ON s.run_id = r.id AND s.position = n.position - 1"
    "   AND s.status <> 'pending'),"
    " 'vectorIndex', " VECTOR_INDEX ")"
    " FROM @.batch_sync_runs r" RUN_TOTALS " WHERE r.id = $1";

/* clang-format on */

static void on_history_result(struct call *c)
{
    struct history_req *req = container_of(c->op, struct history_req, op);
    const struct pg_result *r = c->pg.results[0];
    struct err err = {.code = 0};

    if (pg_rows(r) == 0)
        err_set(&err, ERR_NOT_FOUND, "there is no %s %s", (const char *)c->data,
            req->id);
    else
        buf_str(&req->json, pg_value(r, 0, 0));
    if (req->json.error != 0)
        err_set(&err, req->json.error,
            "the list is too long to return; ask for fewer with limit");
    call_end(c, &err);
}

struct call *history_begin(struct pg_pool *pool, struct loop *loop,
    struct history_req *req, const char *sql, const char *what)
{
    struct call *c =
        call_new(pool, loop, &req->op, on_history_result, strlen(what) + 1);

    memcpy(c->data, what, strlen(what));
    buf_init(&req->json, JSON_BYTES);
    call_stmt(c, sql, false);
    return c;
}

void history_add_limit(struct call *c, const struct history_req *req)
{
    int limit = req->limit > 0 ? req->limit : HISTORY_USUAL;

    call_add_int(c, limit < HISTORY_MOST ? limit : HISTORY_MOST);
}

void history_runs(
    struct pg_pool *pool, struct loop *loop, struct history_req *req)
{
    struct call *c = history_begin(pool, loop, req, runs_sql, "run");

    call_add_text(c, req->tenant);
    call_add_text(c, req->status);
    call_add_text(c, req->before);
    history_add_limit(c, req);
    call_add_text(c, req->service);
    call_add_text(c, req->trigger);
    call_send(c);
}

void history_run(
    struct pg_pool *pool, struct loop *loop, struct history_req *req)
{
    struct call *c = history_begin(pool, loop, req, run_sql, "run");

    call_add_text(c, req->id);
    call_send(c);
}

void history_req_clear(struct history_req *req)
{
    if (req->json.cap_bytes != 0)
        buf_free(&req->json);
}
