/* What is stored, for display: an item, and a service as a whole. */
#include "db/read/history_impl.h"

#include "sync/result.h"

/* clang-format off */

/* The tables' own times have no zone; they are UTC. */
#define ISO_UTC(column)                                                   \
    "to_char(" column ", 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"

/* The run under way when the item was written last. */
#define ITEM_RUN                                                          \
    "(SELECT json_build_object('id', r.id, 'provider', r.provider,"       \
    "  'model', r.model, 'dimensions', r.dimensions)"                     \
    " FROM @.batch_sync_runs r WHERE r.tenant_id = $1"                    \
    "  AND r.started_at <= v.updated AT TIME ZONE 'UTC'"                  \
    " ORDER BY r.started_at DESC LIMIT 1)"

/* Of node n: a short node_id ends with the content id, a long one as well. */
#define NODE_CONTENT_ID                                                   \
    "CASE WHEN starts_with(n.node_id, 'content:' || $1 || ':'"            \
    "   || n.node_type || ':') THEN substr(n.node_id, length('content:'"  \
    "   || $1 || ':' || n.node_type || ':') + 1)"                         \
    " ELSE substr(n.node_id, length('content:') + 1) END"

/* What the item's edges lead to, and what leads to it. */
#define ITEM_NEIGHBOURS                                                   \
    "(SELECT coalesce(json_agg(json_build_object('nodeId', e.node_id,"    \
    "   'service', e.node_type, 'contentId', e.content_id,"               \
    "   'title', (SELECT t.metadata->>'title' FROM @.vector_embeddings t" \
    "     WHERE t.tenant_id = $1 AND t.content_id = e.content_id"         \
    "      AND t.chunk_index = 0 LIMIT 1),"                               \
    "   'type', e.edge_type, 'weight', e.weight)), '[]') FROM ("          \
    "  SELECT DISTINCT ON (n.node_id) n.node_id, n.node_type,"            \
    "    " NODE_CONTENT_ID " AS content_id, x.edge_type, x.weight"        \
    "  FROM (SELECT source_node_id AS here, target_node_id AS there,"     \
    "     edge_type, weight FROM @.knowledge_graph_edges"                 \
    "     WHERE tenant_id = $1 AND source_node_id = ANY (v.nodes)"        \
    "    UNION ALL SELECT target_node_id, source_node_id, edge_type,"     \
    "     weight FROM @.knowledge_graph_edges"                            \
    "     WHERE tenant_id = $1 AND target_node_id = ANY (v.nodes)"        \
    "     LIMIT $4) x"                                                    \
    "  JOIN @.knowledge_graph_nodes n ON n.node_id = x.there"             \
    "   AND n.tenant_id = $1 WHERE n.node_id <> ALL (v.nodes)"            \
    "  ORDER BY n.node_id, x.weight DESC NULLS LAST) e)"

static const char item_sql[] =
    "SELECT json_build_object('tenantId', $1, 'service', $2,"
    "  'contentId', $3, 'metadata', v.metadata,"
    "  'createdAt', " ISO_UTC("v.created") ","
    "  'updatedAt', " ISO_UTC("v.updated") ", 'pieces', v.pieces,"
    "  'run', " ITEM_RUN ", 'neighbours', " ITEM_NEIGHBOURS ")"
    " FROM (SELECT array_remove(ARRAY['content:' || $1 || ':' || $2 || ':'"
    "    || $3, (SELECT node_id FROM @.knowledge_graph_nodes"
    "     WHERE node_id = 'content:' || $3 AND tenant_id = $1"
    "      AND node_type = $2)], NULL) AS nodes,"
    "  (array_agg(metadata ORDER BY chunk_index))[1] AS metadata,"
    "  min(created_at) AS created, max(updated_at) AS updated,"
    "  json_agg(json_build_object('chunkIndex', chunk_index,"
    "   'text', content_text, 'hasVector', embedding IS NOT NULL)"
    "   ORDER BY chunk_index) AS pieces"
    "  FROM @.vector_embeddings WHERE tenant_id = $1 AND content_id = $3"
    "   AND content_type = 'microservice_data' AND microservice_id || '' ="
    "    (SELECT id FROM @.microservices WHERE tenant_id = $1 AND name = $2)"
    "  HAVING count(*) > 0) v";

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

void history_item(
    struct pg_pool *pool, struct loop *loop, struct history_req *req)
{
    struct call *c = history_begin(pool, loop, req, item_sql, "item");

    call_add_text(c, req->tenant);
    call_add_text(c, req->stored);
    call_add_text(c, req->id);
    call_add_int(c, HISTORY_NEIGHBOURS);
    call_send(c);
}

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
