/* A service as a whole, for display. */
#include "db/read/history_impl.h"

#include "sync/result.h"

/* clang-format off */

static const char service_sql[] =
    "SELECT json_build_object('service', $2, 'storedAs', $3,"
    "  'items', least(n.items, $4), 'moreItems', n.items > $4,"
    "  'openLetters', (SELECT count(*) FROM @.batch_sync_dead_letters"
    "   WHERE tenant_id = $1 AND service = $3 AND resolved_at IS NULL),"
    "  'lastSuccess', (SELECT " ISO("max(finished_at)")
    "   FROM @.batch_sync_service_runs WHERE tenant_id = $1 AND service = $2"
    "    AND status = 'success'),"
    "  'runs', (SELECT coalesce(json_agg(j.run), '[]') FROM ("
    "   SELECT json_build_object('id', s.run_id, 'status', " STATUS("s") ","
    "     'pages', s.pages, 'complete', s.complete, 'reason', s.reason,"
    "     'counts', " COUNTS ", 'startedAt', " ISO("s.started_at") ","
    "     'finishedAt', " ISO("s.finished_at") ") AS run"
    "   FROM @.batch_sync_service_runs s WHERE tenant_id = $1"
    "    AND service = $2 AND status <> 'pending'"
    "   ORDER BY started_at DESC LIMIT $5) j))"
    " FROM (SELECT count(*) AS items FROM (SELECT FROM @.vector_embeddings"
    "  WHERE tenant_id = $1 AND content_type = 'microservice_data'"
    "   AND chunk_index = 0 AND microservice_id = (SELECT id"
    "    FROM @.microservices WHERE tenant_id = $1 AND name = $3)"
    "  LIMIT $4 + 1) i) n";

/* clang-format on */

void history_service(
    struct pg_pool *pool, struct loop *loop, struct history_req *req)
{
    struct call *c = history_begin(pool, loop, req, service_sql, "service");

    call_add_text(c, req->tenant);
    call_add_text(c, req->service);
    call_add_text(c, req->stored);
    call_add_int(c, HISTORY_COUNTED);
    call_add_int(c, HISTORY_SERVICE_RUNS);
    call_send(c);
}
