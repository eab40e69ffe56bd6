/*
 * Happy path: one transaction, under the tenant's lock: pending links are
 * looked at, in the order of their items. Failures: the transaction's, which is
 * undone as a whole. On cancel: the transaction is canceled.
 */
#include "db/graph/declared/links.h"

#include "db/graph/graph_node.h"
#include "db/graph/link_lock.h"
#include "db/store/store_impl.h"

enum { LINKS_SQL_BYTES = 16 * 1024, LINKS_AT = LINK_LOCK_STMTS + 1 };

/* Macros without arguments keep a statement's lines where they are. */
#define KEY_NODE NODE_OF_ITEM("$1", "name", "content_id")
#define SOURCE_NODE NODE_OF_ITEM("$1", "m.name", "t.content_id")
#define TARGET_NODE NODE_OF_ITEM("$1", "t.target_service", "t.target_id")
#define MADE_ID EDGE_ID("source, target, link_type")
#define BY_DECLARATION EDGE_PROPERTIES("'declared'")

/*
 *   taken   pending rows; one that a checkpoint is changing is skipped
 *   items   the stored ends of those that are wanted, with their nodes
 *   links   those that are wanted; source or target NULL: not stored, or
 *           there can be no node for it
 *   old     edges of those that are not wanted
 */
static const char taken_sql[] =
    "WITH taken AS MATERIALIZED (SELECT id, microservice_id, content_id,"
    "  link_type, target_service, target_id, wanted FROM @.batch_sync_links"
    "  WHERE tenant_id = $1 AND pending"
    "  ORDER BY microservice_id, content_id LIMIT $2 FOR UPDATE SKIP LOCKED),"
    "keys AS MATERIALIZED (SELECT m.name, k.* FROM ("
    "   SELECT microservice_id, content_id FROM taken WHERE wanted"
    "   UNION SELECT m.id, t.target_id FROM taken t JOIN @.microservices m"
    "    ON m.tenant_id = $1 AND m.name = t.target_service WHERE t.wanted) k"
    "  JOIN @.microservices m ON m.id = k.microservice_id),"
    "items AS MATERIALIZED (SELECT v.id, v.preview, name, content_id,"
    "  " KEY_NODE " AS node_id"
    " FROM keys k CROSS JOIN LATERAL (SELECT id,"
    "   left(content_text, 200) AS preview FROM @.vector_embeddings"
    "  WHERE tenant_id = $1 AND microservice_id || '' = k.microservice_id"
    "   AND content_id = k.content_id AND chunk_index = 0"
    "   AND content_type || '' = 'microservice_data' OFFSET 0) v),";

static const char linked_sql[] =
    ", known AS MATERIALIZED (SELECT i.name, i.content_id, n.node_id"
    "  FROM items i JOIN named n ON n.id = i.id),"
    "links AS MATERIALIZED (SELECT t.id, t.link_type, s.node_id AS source,"
    "   d.node_id AS target FROM taken t"
    "  JOIN @.microservices m ON m.id = t.microservice_id"
    "  LEFT JOIN known s ON s.name = m.name AND s.content_id = t.content_id"
    "  LEFT JOIN known d ON d.name = t.target_service"
    "   AND d.content_id = t.target_id WHERE t.wanted),"
    "old AS MATERIALIZED (SELECT e.id FROM taken t"
    "  JOIN @.microservices m ON m.id = t.microservice_id"
    "  CROSS JOIN LATERAL (SELECT id FROM @.knowledge_graph_edges"
    "   WHERE tenant_id = $1 AND source_node_id = " SOURCE_NODE
    "    AND target_node_id = " TARGET_NODE
    "    AND edge_type = t.link_type AND " EDGE_IS_DECLARED " OFFSET 0) e"
    "  WHERE NOT t.wanted),"
    "made AS (INSERT INTO @.knowledge_graph_edges (id, tenant_id,"
    "   source_node_id, target_node_id, edge_type, weight, properties,"
    "   created_at, updated_at)"
    "  SELECT " MADE_ID ", $1, source, target, link_type, 1,"
    "   " BY_DECLARATION ", " GRAPH_NOW ", " GRAPH_NOW "  FROM links, " EDGE_IDS
    " WHERE source IS NOT NULL AND target IS NOT NULL"
    "   AND octet_length($1 || source || target || link_type) <= 2600"
    "  ORDER BY source, target, link_type"
    "  ON CONFLICT (tenant_id, source_node_id, target_node_id, edge_type)"
    "   WHERE " EDGE_IS_DECLARED " DO NOTHING RETURNING 1),"
    "gone AS (DELETE FROM @.knowledge_graph_edges WHERE id = ANY (ARRAY("
    "  SELECT id FROM old)) RETURNING 1),"
    "forgotten AS (DELETE FROM @.batch_sync_links WHERE id = ANY (ARRAY("
    "  SELECT id FROM taken WHERE NOT wanted))),"
    "linked AS (UPDATE @.batch_sync_links SET pending = false, linked = true"
    "  WHERE id = ANY (ARRAY(SELECT id FROM links"
    "   WHERE source IS NOT NULL AND target IS NOT NULL))),"
    "waiting AS (UPDATE @.batch_sync_links SET pending = false, linked = false"
    "  WHERE id = ANY (ARRAY(SELECT id FROM links"
    "   WHERE source IS NULL OR target IS NULL)))"
    "SELECT (SELECT count(*) FROM taken), (SELECT count(*) FROM made),"
    " (SELECT count(*) FROM gone)";

static int links_sql(struct buf *sql)
{
    buf_puts(sql, taken_sql);
    graph_add_nodes(sql);
    buf_puts(sql, linked_sql);
    return sql->error;
}

static void links_send(struct call *c)
{
    const struct link_req *req = store_work(c)->req;
    struct str text = {NULL, 0};
    struct buf sql;

    buf_init(&sql, LINKS_SQL_BYTES);
    if (links_sql(&sql) == 0)
        text = arena_dup(&c->arena, buf_view(&sql));
    buf_free(&sql);
    if (text.p == NULL) {
        store_fail(c, ERR_NOMEM, "declared links");
        return;
    }
    link_lock_add(c, req->tenant, "30s");
    /* Without statistics the planner thinks that a batch is two links, and goes
     * through all of its ends for each. */
    call_stmt(c,
        "SELECT set_config('lock_timeout', '5s', true),"
        " set_config('enable_seqscan', 'off', true),"
        " set_config('enable_nestloop', 'off', true),"
        " set_config('jit', 'off', true)",
        false);
    call_stmt(c, text.p, false);
    call_add_text(c, req->tenant);
    call_add_int(c, LINKS_BATCH);
    call_send(c);
}

static void links_take(struct call *c)
{
    struct link_req *req = store_work(c)->req;

    req->links = (size_t)call_int(c->pg.results[LINKS_AT], 0, 0);
    call_end(c, NULL);
}

void links_step(struct graph *g, struct op *op, struct link_req *req)
{
    store_start(&g->store, op, req, links_send, links_take);
}
