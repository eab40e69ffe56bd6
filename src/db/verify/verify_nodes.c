/*
 * Happy path: one statement over a batch of nodes. Failures: the transaction's.
 * On cancel: as db/call.h has it.
 */
#include "db/graph/graph_node.h"
#include "db/store/store_impl.h"
#include "db/verify/verify_graph.h"
#include "db/verify/verify_scan.h"

#define NODE_CONTENT_IDS NODE_ITEMS("$1", "n.node_type", "n.node_id")

/*
 *   nodes   a batch of the tenant's
 *   empty   those of ours whose item has no row; one whose rows are just being
 *           stored is seen by the next pass
 *   loose   edges without a node, where no foreign key keeps them out
 */
static const char nodes_sql[] =
    "WITH nodes AS MATERIALIZED (SELECT node_id, node_type, properties"
    "  FROM @.knowledge_graph_nodes WHERE tenant_id = $1 AND node_id > $2"
    "  ORDER BY node_id LIMIT $3),"
    "empty AS MATERIALIZED (SELECT n.node_id FROM nodes n"
    "  JOIN @.microservices m ON m.tenant_id = $1 AND m.name = n.node_type"
    "  WHERE n.node_type = ANY ($4) AND starts_with(n.node_id, 'content:')"
    "   AND n.properties @> '{\"batch_processed\": true}'"
    "   AND NOT EXISTS (SELECT FROM @.vector_embeddings v"
    "    WHERE v.tenant_id = $1 AND v.microservice_id || '' = m.id"
    "     AND v.content_id = ANY (" NODE_CONTENT_IDS ")"
    "     AND v.content_type || '' = 'microservice_data')),"
    "edges AS MATERIALIZED (SELECT n.node_id, (SELECT count(*)"
    "   FROM @.knowledge_graph_edges e WHERE e.tenant_id = $1"
    "    AND e.source_node_id = n.node_id AND " EDGE_IS_OURS ")"
    "   + (SELECT count(*) FROM @.knowledge_graph_edges e"
    "    WHERE e.tenant_id = $1 AND e.target_node_id = n.node_id"
    "     AND " EDGE_IS_OURS " AND e.source_node_id NOT IN"
    "      (SELECT node_id FROM empty)) AS n FROM empty n),"
    "loose AS MATERIALIZED (SELECT e.id FROM @.knowledge_graph_edges e"
    "  WHERE $2 = '' AND (SELECT count(*) FROM pg_constraint"
    "    WHERE conrelid = '@.knowledge_graph_edges'::regclass"
    "     AND confrelid = '@.knowledge_graph_nodes'::regclass"
    "     AND contype = 'f' AND convalidated) < 2"
    "   AND e.tenant_id = $1 AND " EDGE_IS_OURS
    "   AND (NOT EXISTS (SELECT FROM @.knowledge_graph_nodes n"
    "     WHERE n.node_id = e.source_node_id)"
    "    OR NOT EXISTS (SELECT FROM @.knowledge_graph_nodes n"
    "     WHERE n.node_id = e.target_node_id)) LIMIT 10000)"
    "SELECT -1 AS kind, (SELECT max(node_id) FROM nodes) AS id,"
    "  (SELECT count(*) FROM nodes) AS n"
    " UNION ALL SELECT $5, node_id, 1 FROM empty"
    " UNION ALL SELECT $6, node_id, n FROM edges WHERE n > 0"
    " UNION ALL SELECT $6, id, 1 FROM loose";

static void verify_nodes_send(struct call *c)
{
    const struct verify_nodes_req *req = store_work(c)->req;
    struct pg_array names;
    size_t bytes = 0;

    for (size_t i = 0; i < req->nservices; i++)
        bytes += strlen(req->services[i]);
    if (array_init(&names, &c->arena, PG_TEXT_ARRAY, 0, req->nservices, bytes) <
        0) {
        store_fail(c, ERR_NOMEM, "no memory to verify nodes");
        return;
    }
    for (size_t i = 0; i < req->nservices; i++)
        array_add(&names, str_of(req->services[i]));
    verify_graph_set(c, store_work(c)->store, false);
    call_stmt(c, nodes_sql, false);
    call_add_text(c, req->tenant);
    call_add_text(c, req->after);
    call_add_int(c, req->limit);
    call_add(c, array_param(&names));
    call_add_int(c, VERIFY_NODE_WITHOUT_ROW);
    call_add_int(c, VERIFY_EDGE_DANGLING);
    call_send(c);
}

static void verify_nodes_take(struct call *c)
{
    struct verify_nodes_req *req = store_work(c)->req;
    const struct pg_result *r = c->pg.results[1];

    req->n = 0;
    req->last = (struct str){NULL, 0};
    req->findings =
        arena_calloc(req->arena, (size_t)pg_rows(r), sizeof(*req->findings));
    if (req->findings == NULL) {
        store_fail(c, ERR_NOMEM, "no memory for what verify found");
        return;
    }
    for (int i = 0; i < pg_rows(r); i++) {
        struct str id = arena_dup(req->arena, pg_value(r, i, 1));

        if (call_int(r, i, 0) >= 0)
            req->findings[req->n++] = (struct verify_finding){
                .kind = (enum verify_kind)call_int(r, i, 0),
                .content_id = id,
                .piece = -1,
                .n = (uint64_t)call_int(r, i, 2)};
        else if ((req->seen = (size_t)call_int(r, i, 2)) == (size_t)req->limit)
            req->last = id;
    }
    call_end(c, NULL);
}

void verify_nodes(struct store *store, struct verify_nodes_req *req)
{
    store_start(store, &req->op, req, verify_nodes_send, verify_nodes_take);
}
