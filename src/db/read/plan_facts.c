/*
 * Happy path: one transaction of a few statements; ids are copied to the
 * caller's arena. Failures: those of the transaction. On cancel: as db/call.h
 * has it.
 */
#include "db/read/plan_facts.h"

#include "db/call.h"
#include "db/ledger/ledger_model.h"
#include "db/store/store_model.h"
#include <stdlib.h>

enum { ROW, MODEL, RATES, ITEMS, UNSEEN, TOLD }; /* results */

static const char row_sql[] =
    "SELECT (SELECT id FROM @.microservices"
    "   WHERE tenant_id = $1 AND name = $2 LIMIT 1),"
    " EXISTS (SELECT 1 FROM @.batch_sync_dead_letters"
    "  WHERE tenant_id = $1 AND service = $2 AND content_id IS NOT NULL"
    "  AND resolved_at IS NULL)";

/* A run over few changes tells little of how fast texts are embedded. */
static const char rates_sql[] =
    "WITH c AS (SELECT s.status, s.finished_at - s.started_at AS took,"
    "  coalesce((s.counts->>'tokens')::int8, 0) AS tokens,"
    "  coalesce((s.counts->>'tokens_guess')::int8, 0) AS estimated,"
    "  coalesce((s.counts->>'embedded')::int8, 0) AS embedded,"
    "  coalesce((s.counts->>'received')::int8, 0) AS received"
    "  FROM @.batch_sync_service_runs s"
    "  JOIN @.batch_sync_runs r ON r.id = s.run_id"
    "  WHERE s.tenant_id = $1 AND s.service = $2 AND (r.provider, r.model,"
    "   r.dimensions) = ($3, $4, $5::int8) ORDER BY s.started_at DESC LIMIT 50)"
    " SELECT coalesce(sum(tokens) FILTER (WHERE tokens > 0), 0)::int8,"
    "  coalesce(sum(estimated) FILTER (WHERE tokens > 0), 0)::int8,"
    "  coalesce(sum(embedded) FILTER (WHERE tokens > 0), 0)::int8,"
    "  coalesce(sum(embedded) FILTER (WHERE much), 0)::int8,"
    "  coalesce(1000 * sum(extract(epoch FROM took)) FILTER (WHERE much),"
    "   0)::int8"
    " FROM (SELECT *, status = 'success' AND embedded >= 50"
    "  AND embedded * 2 >= received AS much FROM c) c";

static const char items_sql[] =
    "SELECT count(DISTINCT v.content_id), (SELECT count(*)"
    "   FROM @.batch_sync_passes p WHERE p.tenant_id = $1"
    "   AND p.microservice_id = m.id AND p.complete > 0)"
    " FROM @.microservices m LEFT JOIN @.vector_embeddings v"
    "  ON v.tenant_id = $1 AND v.microservice_id = m.id"
    "  AND v.content_type = 'microservice_data'"
    " WHERE m.tenant_id = $1 AND m.name = $2 GROUP BY m.id";

/* Those that a pass now may be the second in a row to miss. */
static const char unseen_sql[] =
    "SELECT DISTINCT v.content_id FROM @.microservices m"
    " JOIN @.batch_sync_passes p ON p.tenant_id = $1"
    "  AND p.microservice_id = m.id AND p.complete > 0"
    " JOIN @.vector_embeddings v ON v.tenant_id = $1"
    "  AND v.microservice_id = m.id AND v.content_type = 'microservice_data'"
    " WHERE m.tenant_id = $1 AND m.name = $2"
    " AND NOT EXISTS (SELECT 1 FROM @.batch_sync_seen s"
    "  WHERE s.tenant_id = $1 AND s.microservice_id = m.id"
    "  AND s.content_id = v.content_id AND s.pass >= p.complete OFFSET 0)"
    " AND v.updated_at < (p.complete_at AT TIME ZONE 'UTC')::timestamp(3)"
    " AND NOT EXISTS (SELECT 1 FROM @.batch_sync_dead_letters d"
    "  WHERE d.tenant_id = $1 AND d.service = $2"
    "  AND d.content_id = v.content_id AND d.resolved_at IS NULL OFFSET 0)"
    " LIMIT $3";

/* Those that a run would delete whatever its pages say, unless they tell that
 * an item is there after all. */
static const char told_sql[] =
    "SELECT t.content_id FROM @.microservices m"
    " JOIN @.batch_sync_tombstones t ON t.tenant_id = $1"
    "  AND t.microservice_id = m.id"
    " WHERE m.tenant_id = $1 AND m.name = $2"
    " AND EXISTS (SELECT 1 FROM @.vector_embeddings v WHERE v.tenant_id = $1"
    "  AND v.microservice_id = m.id AND v.content_type = 'microservice_data'"
    "  AND v.content_id = t.content_id) LIMIT $3";

static size_t plan_facts_take_ids(
    struct arena *arena, const struct pg_result *r, struct str **out)
{
    size_t n = (size_t)pg_rows(r);
    struct str *ids = arena_calloc(arena, n + 1, sizeof(*ids));

    for (size_t i = 0; ids != NULL && i < n; i++) {
        ids[i] = arena_dup(arena, pg_value(r, (int)i, 0));
        if (ids[i].p == NULL)
            ids = NULL;
    }
    if (ids == NULL)
        abort();
    *out = ids;
    return n;
}

static void on_plan_facts(struct call *c)
{
    struct plan_facts_req *req = container_of(c->op, struct plan_facts_req, op);
    const struct pg_result *rates = c->pg.results[RATES];
    struct store_open_req *open = req->open;

    call_copy(c->pg.results[ROW], 0, 0, open->microservice_id,
        sizeof(open->microservice_id));
    open->has_letters = pg_value(c->pg.results[ROW], 0, 1).p[0] == 't';
    store_take_model(c->pg.results[MODEL], open);
    req->billed = (uint64_t)call_int(rates, 0, 0);
    req->estimated = (uint64_t)call_int(rates, 0, 1);
    req->texts = (uint64_t)call_int(rates, 0, 2);
    req->embed_items = (uint64_t)call_int(rates, 0, 3);
    req->embed_ms = (uint64_t)call_int(rates, 0, 4);
    if (req->deletes && pg_rows(c->pg.results[ITEMS]) > 0) {
        req->items = (uint64_t)call_int(c->pg.results[ITEMS], 0, 0);
        req->judges = call_int(c->pg.results[ITEMS], 0, 1) > 0;
        req->nunseen = plan_facts_take_ids(
            req->arena, c->pg.results[UNSEEN], &req->unseen);
        req->ntold =
            plan_facts_take_ids(req->arena, c->pg.results[TOLD], &req->told);
    }
    call_end(c, NULL);
}

static void plan_facts_add_deletes(
    struct call *c, const struct store_open_req *open)
{
    call_stmt(c, items_sql, false);
    call_add_text(c, open->tenant);
    call_add_text(c, open->service);
    call_stmt(c, unseen_sql, false);
    call_add_text(c, open->tenant);
    call_add_text(c, open->service);
    call_add_int(c, PLAN_UNSEEN_MOST);
    call_stmt(c, told_sql, false);
    call_add_text(c, open->tenant);
    call_add_text(c, open->service);
    call_add_int(c, PLAN_UNSEEN_MOST);
}

void plan_facts_ask(
    struct pg_pool *pool, struct loop *loop, struct plan_facts_req *req)
{
    struct call *c = call_new(pool, loop, &req->op, on_plan_facts, 1);
    const struct store_open_req *open = req->open;

    call_stmt(c, row_sql, false);
    call_add_text(c, open->tenant);
    call_add_text(c, open->service);
    store_add_model(c, open);
    call_stmt(c, rates_sql, false);
    call_add_text(c, open->tenant);
    call_add_text(c, open->registered);
    call_add_text(c, open->provider);
    call_add_text(c, open->model);
    call_add_int(c, open->dimensions);
    if (req->deletes)
        plan_facts_add_deletes(c, open);
    call_send(c);
}

/* --- since --- */

static const char since_sql[] =
    "SELECT " LEDGER_SINCE " FROM (SELECT $1 AS tenant_id, $2 AS service,"
    "  $3 AS provider, $4 AS model, $6::int8 AS dimensions) "
    "me" LEDGER_SUCCESSES;

static void on_plan_since(struct call *c)
{
    struct plan_since_req *req = container_of(c->op, struct plan_since_req, op);

    call_copy(c->pg.results[0], 0, 0, req->since, sizeof(req->since));
    call_end(c, NULL);
}

void plan_since_ask(
    struct pg_pool *pool, struct loop *loop, struct plan_since_req *req)
{
    struct call *c = call_new(pool, loop, &req->op, on_plan_since, 1);

    call_stmt(c, since_sql, false);
    call_add_text(c, req->tenant);
    call_add_text(c, req->service);
    call_add_text(c, req->embedding.provider);
    call_add_text(c, req->embedding.model);
    call_add_int(c, req->overlap_s);
    call_add_int(c, req->embedding.dimensions);
    call_send(c);
}
