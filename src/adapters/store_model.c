#include "adapters/store_model.h"

/* The items are counted only when there is something to say about them. */
static const char model_sql[] =
    "SELECT l.model || ' (' || l.provider || ', ' || l.dimensions || ')',"
    " (SELECT count(*) FROM vector_embeddings v JOIN microservices m"
    "   ON m.id = v.microservice_id WHERE m.tenant_id = $1 AND m.name = $2"
    "   AND v.tenant_id = $1 AND v.content_type = 'microservice_data'"
    "   AND v.chunk_index = 0)"
    " FROM (SELECT r.provider, r.model, r.dimensions"
    "  FROM batch_sync_service_runs s JOIN batch_sync_runs r"
    "   ON r.id = s.run_id WHERE s.tenant_id = $1 AND s.service = $3"
    "   AND coalesce((s.counts->>'stored')::int8, 0)"
    "    + coalesce((s.counts->>'unchanged')::int8, 0) > 0"
    "  ORDER BY s.started_at DESC LIMIT 1) l"
    " WHERE (l.provider, l.model, l.dimensions) <> ($4, $5, $6::int8)";

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
