/*
 * Happy path: one statement over a batch of nodes. Failures: the transaction's.
 * On cancel: as db/call.h has it.
 */
#include "db/graph/graph_node.h"
#include "db/store/store_impl.h"
#include "db/verify/verify_graph.h"
#include "db/verify/verify_scan.h"

#define NODE_CONTENT_IDS NODE_ITEMS("$1", "n.node_type", "n.node_id")

/* Of a node n of a service m: is it of ours, and is its item not stored? */
#define NODE_IS_EMPTY                                               \
    "n.node_type = ANY ($4) AND starts_with(n.node_id, 'content:')" \
    " AND n.properties @> '{\"batch_processed\": true}'"            \
    " AND NOT EXISTS (SELECT FROM @.vector_embeddings v"            \
    "  WHERE v.tenant_id = $1 AND v.microservice_id || '' = m.id"   \
    "   AND v.content_id = ANY (" NODE_CONTENT_IDS ")"              \
    "   AND v.content_type || '' = 'microservice_data')"

/* Is an end of an edge lost? An item that is stored gets its node again, and
 * the edge is whole then. */
#define END_IS_LOST(id)                                                  \
    "(NOT EXISTS (SELECT FROM @.knowledge_graph_nodes n WHERE n.node_id" \
    " = " id ") AND NOT EXISTS (SELECT FROM @.vector_embeddings v"       \
    " WHERE v.tenant_id = $1 AND starts_with(" id ", 'content:')"        \
    "  AND v.content_id = substr(" id ", 9)"                             \
    "  AND v.content_type || '' = 'microservice_data'))"

#define SOURCE_IS_LOST END_IS_LOST("e.source_node_id")
#define TARGET_IS_LOST END_IS_LOST("e.target_node_id")

/* Foreign keys keep edges without a node out. */
#define MAY_BE_LOOSE                                         \
    "$2 = '' AND (SELECT count(*) FROM pg_constraint"        \
    "  WHERE conrelid = '@.knowledge_graph_edges'::regclass" \
    "   AND confrelid = '@.knowledge_graph_nodes'::regclass" \
    "   AND contype = 'f' AND convalidated) < 2"

/*
 *   nodes   a batch of the tenant's
 *   empty   those of ours whose item has no row; one whose rows are just being
 *           stored is seen by the next pass
 *   edges   how many they have; one between two of them counts as its source's,
 *           which may be of another batch
 *   loose   edges without a node, where no foreign key keeps them out
 */
static const char nodes_sql[] =
    "WITH nodes AS MATERIALIZED (SELECT node_id, node_type, properties"
    "  FROM @.knowledge_graph_nodes WHERE tenant_id = $1 AND node_id > $2"
    "  ORDER BY node_id LIMIT $3),"
    "empty AS MATERIALIZED (SELECT n.node_id FROM nodes n"
    "  JOIN @.microservices m ON m.tenant_id = $1 AND m.name = n.node_type"
    "  WHERE " NODE_IS_EMPTY "),"
    "edges AS MATERIALIZED (SELECT x.node_id, (SELECT count(*)"
    "   FROM @.knowledge_graph_edges e WHERE e.tenant_id = $1"
    "    AND e.source_node_id = x.node_id AND " EDGE_IS_OURS ")"
    "   + (SELECT count(*) FROM @.knowledge_graph_edges e"
    "    WHERE e.tenant_id = $1 AND e.target_node_id = x.node_id"
    "     AND " EDGE_IS_OURS " AND NOT EXISTS (SELECT"
    "       FROM @.knowledge_graph_nodes n JOIN @.microservices m"
    "        ON m.tenant_id = $1 AND m.name = n.node_type"
    "       WHERE n.tenant_id = $1 AND n.node_id = e.source_node_id"
    "        AND " NODE_IS_EMPTY ")) AS n FROM empty x),"
    "loose AS MATERIALIZED (SELECT e.id, e.source_node_id, e.target_node_id"
    "  FROM @.knowledge_graph_edges e WHERE " MAY_BE_LOOSE
    "   AND e.tenant_id = $1 AND " EDGE_IS_OURS "   AND (" SOURCE_IS_LOST
    " OR " TARGET_IS_LOST ") LIMIT 10000)"
    "SELECT -1 AS kind, (SELECT max(node_id) FROM nodes) AS id,"
    "  (SELECT count(*) FROM nodes) AS n, NULL AS edge, NULL AS other"
    " UNION ALL SELECT $5, node_id, 1, NULL, NULL FROM empty"
    " UNION ALL SELECT $6, node_id, n, NULL, NULL FROM edges WHERE n > 0"
    " UNION ALL SELECT $6, source_node_id, 1, id, target_node_id FROM loose"
    " UNION ALL SELECT -2, NULL, (SELECT count(*)"
    "   FROM @.knowledge_graph_edges e WHERE e.tenant_id = $1"
    "    AND " EDGE_IS_OURS "), NULL, NULL WHERE " MAY_BE_LOOSE;

enum column { KIND, ID, N, EDGE, OTHER };
enum { NODES_TOTALS = -1, NODES_EDGES = -2 };

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

static void verify_nodes_take_row(
    struct verify_nodes_req *req, const struct pg_result *r, int i)
{
    struct str id = arena_dup(req->arena, pg_value(r, i, ID));
    size_t n = (size_t)call_int(r, i, N);

    switch (call_int(r, i, KIND)) {
    case NODES_TOTALS:
        req->seen = n;
        if (n == (size_t)req->limit)
            req->last = id;
        break;
    case NODES_EDGES:
        req->edges = n;
        break;
    default:
        req->findings[req->n++] = (struct verify_finding){
            .kind = (enum verify_kind)call_int(r, i, KIND),
            .row = arena_dup(req->arena, pg_value(r, i, EDGE)),
            .content_id = id,
            .piece = -1,
            .n = n,
            .other = arena_dup(req->arena, pg_value(r, i, OTHER))};
    }
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
    for (int i = 0; i < pg_rows(r); i++)
        verify_nodes_take_row(req, r, i);
    call_end(c, NULL);
}

void verify_nodes(struct store *store, struct verify_nodes_req *req)
{
    store_start(store, &req->op, req, verify_nodes_send, verify_nodes_take);
}
