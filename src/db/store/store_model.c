#include "db/store/store_model.h"

#define MS "AT TIME ZONE 'UTC')::timestamp(3)"

/*
 * Counts the items written between the first and the last run of another model
 * since the last whole pass with this one; without such a pass, all earlier
 * items too. That is an upper bound: a run of this model in between may have
 * embedded some of them again.
 */
static const char model_sql[] =
    "WITH others AS (SELECT whole.at AS whole, min(o.at) AS first,"
    "  max(o.at) AS last, (array_agg(o.model || ' (' || o.provider || ', '"
    "   || o.dimensions || ')' ORDER BY o.at DESC))[1] AS model"
    " FROM (SELECT $1 AS tenant_id, $3 AS service, $4 AS provider,"
    "  $5 AS model, $6::int8 AS dimensions) me,"
    " LATERAL (SELECT (" LEDGER_WHOLE_PASS ") AS at) whole,"
    " LATERAL (SELECT o.started_at AS at, x.*" LEDGER_OTHER_MODELS
    "  AND o.started_at > coalesce(whole.at, '-infinity')) o"
    " GROUP BY whole.at),"
    " span AS (SELECT model, CASE WHEN whole IS NULL THEN '-infinity'"
    "   ELSE first END AS from_at, coalesce((SELECT min(s.started_at)"
    "   FROM @.batch_sync_service_runs s WHERE s.tenant_id = $1"
    "   AND s.service = $3 AND s.owner <> '' AND s.started_at > last),"
    "   'infinity') AS to_at FROM others)"
    " SELECT span.model, n FROM span CROSS JOIN LATERAL (SELECT count(*) AS n"
    "  FROM @.vector_embeddings v JOIN @.microservices m"
    "   ON m.id = v.microservice_id WHERE m.tenant_id = $1 AND m.name = $2"
    "   AND v.tenant_id = $1 AND v.content_type = 'microservice_data'"
    "   AND v.chunk_index = 0 AND v.updated_at >= (from_at " MS
    "   AND v.updated_at < (to_at " MS ") c"
    " WHERE n > 0";

void store_add_model(struct call *c, const struct store_open_req *req)
{
    call_stmt(c, model_sql, false);
    call_add_text(c, req->tenant);
    call_add_text(c, req->service);
    call_add_text(c, req->registered);
    call_add_text(c, req->provider);
    call_add_text(c, req->model);
    call_add_int(c, req->dimensions);
}

void store_take_model(const struct pg_result *r, struct store_open_req *req)
{
    req->items = 0;
    req->model_before[0] = '\0';
    if (pg_rows(r) == 0)
        return;
    call_copy(r, 0, 0, req->model_before, sizeof(req->model_before));
    req->items = (uint64_t)call_int(r, 0, 1);
}
