/*
 * Happy path: one transaction takes the linker's lock and the one under which
 * runs begin, so that nothing stores or links the item meanwhile, and deletes
 * from each table by key: edges, nodes, then the rest. Failures: while a run is
 * running every statement finds nothing to delete. On cancel: nothing, or all.
 */
#include "db/store/forget.h"

#include "db/call.h"
#include "db/graph/graph_node.h"
#include "db/graph/link_lock.h"
#include "db/ledger/ledger_impl.h"

enum { RUNNING = LINK_LOCK_STMTS + 1, EDGES, NODES, REST }; /* results */

#define NO_RUN \
    "NOT EXISTS (SELECT 1 FROM @.batch_sync_runs WHERE status = 'running')"

/* $1: the tenant, $2: the service as rows have it, $3: the content id. */
#define ITEMS_NODES                                            \
    "n AS MATERIALIZED (SELECT k.node_id FROM " NODES_OF_ITEM( \
        "$1", "$2", "$3") " k WHERE " NO_RUN ")"

static const char edges_sql[] =
    "WITH " ITEMS_NODES
    ", gone AS (DELETE FROM @.knowledge_graph_edges WHERE id IN ("
    "  SELECT e.id FROM n JOIN @.knowledge_graph_edges e ON e.tenant_id = $1"
    "   AND e.source_node_id = n.node_id"
    "  UNION ALL"
    "  SELECT e.id FROM n JOIN @.knowledge_graph_edges e ON e.tenant_id = $1"
    "   AND e.target_node_id = n.node_id)"
    "  RETURNING source_node_id, edge_type),"
    "lost AS MATERIALIZED (SELECT source_node_id AS source FROM gone"
    "  WHERE " EDGE_IS_COMPUTED
    "   AND source_node_id NOT IN (SELECT node_id FROM n))" NODE_ROOM
    " SELECT count(*) FROM gone";

static const char nodes_sql[] =
    "WITH " ITEMS_NODES
    ", gone AS (DELETE FROM @.knowledge_graph_nodes k USING n"
    "  WHERE k.node_id = n.node_id AND k.tenant_id = $1 RETURNING 1)"
    " SELECT count(*) FROM gone";

/* Of a row r of any table that has items' keys. */
#define OF_ITEM \
    "r.tenant_id = $1 AND r.microservice_id = m.id AND r.content_id = $3"

static const char rest_sql[] =
    "WITH m AS MATERIALIZED (SELECT id FROM @.microservices"
    "  WHERE tenant_id = $1 AND name = $2 AND " NO_RUN "),"
    " rows AS (DELETE FROM @.vector_embeddings r USING m WHERE " OF_ITEM
    "  AND r.content_type = 'microservice_data' RETURNING r.id),"
    " hashes AS (DELETE FROM @.batch_sync_trigger_hashes h USING rows"
    "  WHERE h.tenant_id = $1 AND h.row_id = rows.id),"
    " letters AS (DELETE FROM @.batch_sync_dead_letters"
    "  WHERE tenant_id = $1 AND service = $2 AND content_id = $3"
    "   AND " NO_RUN " RETURNING 1),"
    " links AS (DELETE FROM @.batch_sync_links r USING m"
    "  WHERE " OF_ITEM " RETURNING 1),"
    " waiting AS (UPDATE @.batch_sync_links l SET linked = false FROM m"
    "  WHERE l.tenant_id = $1 AND l.target_service = $2 AND l.target_id = $3"
    "   AND l.linked AND (l.microservice_id <> m.id OR l.content_id <> $3)),"
    " marks AS (DELETE FROM @.batch_sync_seen r USING m"
    "  WHERE " OF_ITEM " RETURNING 1),"
    " told AS (DELETE FROM @.batch_sync_tombstones r USING m"
    "  WHERE " OF_ITEM " RETURNING 1),"
    " queued AS (DELETE FROM @.batch_sync_link_queue r USING m"
    "  WHERE " OF_ITEM " RETURNING 1),"
    " job AS (UPDATE @.batch_sync_link_jobs SET token = ''"
    "  WHERE tenant_id = $1 AND EXISTS (SELECT 1 FROM m))"
    " SELECT (SELECT count(*) FROM rows), (SELECT count(*) FROM letters),"
    "  (SELECT count(*) FROM links), (SELECT count(*) FROM marks)"
    "   + (SELECT count(*) FROM told),"
    "  (SELECT count(*) FROM queued)";

static void forget_add(struct call *c, const char *sql)
{
    const struct forget_req *req = container_of(c->op, struct forget_req, op);

    call_stmt(c, sql, false);
    call_add_text(c, req->tenant);
    call_add_text(c, req->stored);
    call_add_text(c, req->content_id);
}

static void forget_step(struct call *c)
{
    struct forget_req *req = container_of(c->op, struct forget_req, op);
    struct pg_result *const *r = c->pg.results;
    struct err err;

    if (pg_rows(r[RUNNING]) > 0) {
        err_set(&err, ERR_ALREADY_RUNNING,
            "run %s is under way and may be storing the item; nothing was "
            "deleted: try again when it has ended, or cancel it first",
            pg_value(r[RUNNING], 0, 0).p);
        call_end(c, &err);
        return;
    }
    req->edges = (int)call_int(r[EDGES], 0, 0);
    req->nodes = (int)call_int(r[NODES], 0, 0);
    req->rows = (int)call_int(r[REST], 0, 0);
    req->letters = (int)call_int(r[REST], 0, 1);
    req->links = (int)call_int(r[REST], 0, 2);
    req->marks = (int)call_int(r[REST], 0, 3);
    req->queued = (int)call_int(r[REST], 0, 4);
    call_end(c, NULL);
}

void forget_run(struct pg_pool *pool, struct loop *loop, struct forget_req *req)
{
    struct call *c = call_new(pool, loop, &req->op, forget_step, 1);

    link_lock_add(c, req->tenant, "5s");
    call_stmt(c, "SELECT pg_advisory_xact_lock(" LEDGER_BEGIN_LOCK ")", false);
    call_stmt(
        c, "SELECT id FROM @.batch_sync_runs WHERE status = 'running'", false);
    forget_add(c, edges_sql);
    forget_add(c, nodes_sql);
    forget_add(c, rest_sql);
    call_send(c);
}
