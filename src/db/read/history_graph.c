/* An item and its neighbourhood in the graph, for display. */
#include "db/graph/graph_node.h"
#include "db/read/history_impl.h"

/* clang-format off */

/* No node is asked for more edges than this, either way: some have millions. */
#define NODE_EDGES "LIMIT 1000"

/* Our edges from a node: each half of them has an index of its own. */
#define EDGES_FROM(columns, node)                                         \
    "(SELECT " columns " FROM @.knowledge_graph_edges WHERE tenant_id = $1" \
    " AND source_node_id = " node " AND " EDGE_IS_COMPUTED " " NODE_EDGES ")" \
    " UNION ALL (SELECT " columns " FROM @.knowledge_graph_edges"         \
    " WHERE tenant_id = $1 AND source_node_id = " node                    \
    " AND " EDGE_IS_DECLARED " " NODE_EDGES ")"

#define EDGES_TO(columns, node)                                           \
    "(SELECT " columns " FROM @.knowledge_graph_edges WHERE tenant_id = $1" \
    " AND target_node_id = " node " AND " EDGE_IS_OURS " " NODE_EDGES ")"

/*
 *   item    the item that was asked for, if it is stored, and its node
 *   walk    a row for each step: the nodes it has come to, nearest first, and
 *           all so far
 *   placed  these nodes, with their step
 */
static const char graph_sql[] =
    "WITH RECURSIVE service AS MATERIALIZED ("
    "  SELECT id FROM @.microservices WHERE tenant_id = $1 AND name = $2),"
    "item AS MATERIALIZED (SELECT v.id,"
    "   " NODE_OF_ITEM("$1", "$2", "$3") " AS node FROM (SELECT 1) one"
    "  LEFT JOIN LATERAL (SELECT id FROM @.vector_embeddings"
    "   WHERE tenant_id = $1 AND content_id = $3 AND chunk_index = 0"
    "    AND content_type || '' = 'microservice_data'"
    "    AND microservice_id || '' = (SELECT id FROM service)"
    "   LIMIT 1) v ON true),"
    "walk AS (SELECT 0 AS depth, ARRAY[node::text] AS front,"
    "   ARRAY[node::text] AS seen FROM item WHERE node IS NOT NULL"
    "  UNION ALL SELECT w.depth + 1, n.fresh, w.seen || n.fresh FROM walk w"
    "   CROSS JOIN LATERAL (SELECT coalesce(array_agg(x.there"
    "     ORDER BY x.weight DESC NULLS LAST, x.there), '{}') AS fresh FROM ("
    "     SELECT e.there, max(e.weight) AS weight FROM unnest(w.front) f (node)"
    "      CROSS JOIN LATERAL (" EDGES_FROM(
            "target_node_id::text AS there, weight", "f.node") " UNION ALL "
            EDGES_TO("source_node_id::text, weight", "f.node") ") e"
    "     WHERE e.there <> ALL (w.seen) GROUP BY e.there"
    "     ORDER BY 2 DESC NULLS LAST, 1 LIMIT $5 - cardinality(w.seen)) x) n"
    "  WHERE w.depth < $4 AND cardinality(w.front) > 0"
    "   AND cardinality(w.seen) < $5),"
    "placed AS MATERIALIZED (SELECT w.depth, u.at, u.node FROM walk w"
    "  CROSS JOIN LATERAL unnest(w.front) WITH ORDINALITY u (node, at))"
    "SELECT json_build_object('tenantId', $1, 'service', $2, 'contentId', $3,"
    "  'nodeId', item.node, 'depth', $4, 'nodes', (SELECT coalesce(json_agg("
    "    json_build_object('nodeId', p.node, 'service', k.node_type,"
    "     'contentId', v.content_id, 'title', v.title, 'depth', p.depth)"
    "    ORDER BY p.depth, p.at), '[]')"
    "   FROM placed p JOIN @.knowledge_graph_nodes k ON k.node_id = p.node"
    "   LEFT JOIN LATERAL (SELECT content_id, metadata->>'title' AS title"
    "    FROM @.vector_embeddings WHERE tenant_id = $1"
    "     AND content_id = ANY (" NODE_ITEMS(
            "$1", "k.node_type", "k.node_id") ")"
    "     AND microservice_id || '' = (SELECT id FROM @.microservices"
    "      WHERE tenant_id = $1 AND name = k.node_type) AND chunk_index = 0"
    "     AND content_type || '' = 'microservice_data'"
    "    ORDER BY length(content_id) DESC LIMIT 1) v ON true),"
    "  'edges', (SELECT coalesce(json_agg(json_build_object('source', s.node,"
    "    'target', e.there, 'type', e.edge_type, 'weight', e.weight,"
    "    'method', e.properties->>'method',"
    "    'linkedAt', e.properties->>'linked_at') ORDER BY s.depth, s.at,"
    "    e.weight DESC NULLS LAST, e.there, e.edge_type), '[]')"
    "   FROM placed s CROSS JOIN LATERAL (" EDGES_FROM(
            "target_node_id::text AS there, edge_type, weight, properties",
            "s.node") ") e JOIN placed t ON t.node = e.there),"
    "  'waiting', (SELECT coalesce(json_agg(json_build_object("
    "    'type', l.link_type, 'service', l.target_service,"
    "    'contentId', l.target_id)), '[]') FROM (SELECT link_type,"
    "     target_service, target_id FROM @.batch_sync_links"
    "    WHERE tenant_id = $1 AND microservice_id = (SELECT id FROM service)"
    "     AND content_id = $3 AND wanted AND NOT linked"
    "    ORDER BY link_type, target_service, target_id LIMIT 100) l),"
    "  'more', (SELECT count(*) FROM placed) >= $5)"
    " FROM item WHERE item.id IS NOT NULL OR item.node IS NOT NULL";

/* clang-format on */

void history_graph(
    struct pg_pool *pool, struct loop *loop, struct history_req *req)
{
    struct call *c = history_begin(pool, loop, req, graph_sql, "item");

    call_add_text(c, req->tenant);
    call_add_text(c, req->stored);
    call_add_text(c, req->id);
    call_add_int(c, req->depth);
    call_add_int(c, HISTORY_GRAPH_NODES);
    call_send(c);
}
