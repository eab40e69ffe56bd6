/*
 * Deleting what two complete passes in a row have missed, or what the source
 * has told is deleted (sweep_kind.h).
 *
 *   first call:   JUDGE --> LOOK --> (missing) INDEX --> done
 *                   `-> (nothing, or too much) COMPLETE --> done
 *   further ones: FIND --> REMOVE --> done
 *                   `-> (no more) COMPLETE --> done
 *
 * Happy path: JUDGE counts; LOOK and INDEX see to what the database needs in
 * order to delete nodes (db/sweep/sweep_index.h); FIND reads the ids of a
 * batch, in their order; REMOVE is one transaction; COMPLETE writes down that
 * the pass is complete, after which its items are no longer judged by the pass
 * before it (missing), or drops tombstones of what is not stored (told).
 *
 * REMOVE takes turns with the linker of the tenant by its advisory lock, and
 * takes the token of its linking job away, so that no edge is made to what is
 * being deleted. It deletes edges of ours, then
 * nodes of ours that nothing points at any more, then the rows, what waits in
 * the link queue and the marks; the count is kept in the same transaction.
 * Edges of other types, or from a node that is no item, are others': their
 * node stays.
 *
 * Failures: when the lease is lost, the token keeps everything from being
 * written (ERR_FENCED). REMOVE is sent again when another writer was in the
 * way: a lock (55P03), a deadlock (40P01), an edge just made (23503). A lock
 * that stays, such as the linker's during a long batch, is not an error of the
 * service: the rest is left with a warning, and the pass counts as incomplete,
 * so that the next one deletes it. A missing INDEX is slow, hence a warning.
 * On cancel: the transaction at hand; what had committed stays deleted and
 * counted.
 */
#include "db/sweep/sweep.h"

#include "base/log.h"
#include "db/call.h"
#include "db/graph/graph_node.h"
#include "db/graph/link_lock.h"
#include "db/ledger/ledger.h"
#include "db/store/store_impl.h"
#include "db/sweep/sweep_index.h"
#include "db/sweep/sweep_kind.h"
#include "record/deletes/delete_guard.h"
#include <stdlib.h>

enum { JUDGE, LOOK, INDEX, FIND, REMOVE, COMPLETE };
enum { REMOVE_EDGES = LINK_LOCK_STMTS + 1, REMOVE_NODES, REMOVE_ROWS };
enum { TRIES = 5, LOCKED_TRIES = 3 };

struct sweep_work {
    struct sweep_req *req;
    struct pg_array ids; /* of the batch */
    struct str last;     /* of them; in the arena */
    int tries;           /* of REMOVE */
};

static struct sweep_work *sweep_work_of(struct call *c)
{
    return c->data;
}

static const struct sweep_kind_sql *sweep_sql(struct call *c)
{
    return sweep_kind_sql_of(sweep_work_of(c)->req->kind);
}

/* $1 .. $3 of every statement. */
static void sweep_add_scope(struct call *c)
{
    const struct scope *scope = sweep_work_of(c)->req->scope;

    call_add_text(c, scope->token);
    call_add_text(c, scope->tenant);
    call_add_text(c, scope->microservice_id);
}

/* --- judging --- */

static void sweep_check_share(struct call *c)
{
    c->state = JUDGE;
    call_stmt(c, sweep_sql(c)->judge, false);
    sweep_add_scope(c);
    call_send(c);
}

/* The last step: nothing more is to be deleted. */
static void sweep_complete(struct call *c)
{
    c->state = COMPLETE;
    call_stmt(c, sweep_sql(c)->complete, false);
    sweep_add_scope(c);
    call_send(c);
}

static void sweep_fenced(struct call *c)
{
    struct err err;

    err_set(&err, ERR_FENCED, "another owner has taken over the service");
    call_end(c, &err);
}

static void sweep_judged(struct call *c)
{
    struct sweep_req *req = sweep_work_of(c)->req;
    const struct pg_result *r = c->pg.results[0];

    if (call_int(r, 0, 0) == 0) {
        sweep_fenced(c);
        return;
    }
    req->judged = true;
    req->deleted = req->deleted_before = (uint64_t)call_int(r, 0, 1);
    req->items = (uint64_t)call_int(r, 0, 2);
    req->missing = (uint64_t)call_int(r, 0, 3);
    req->refused =
        delete_guard_refuses(req->missing, req->items, req->max_percent);
    req->more = req->missing > 0 && !req->refused;
    if (!req->more) {
        sweep_complete(c);
        return;
    }
    c->state = LOOK;
    sweep_index_look(c);
    call_send(c);
}

static void sweep_looked(struct call *c)
{
    if (!sweep_index_wanted(c->pg.results[0])) {
        call_end(c, NULL);
        return;
    }
    c->state = INDEX;
    c->pg.timeout_ms = SWEEP_INDEX_MS;
    sweep_index_build(c);
    call_send(c);
}

/* --- a batch --- */

static void sweep_find(struct call *c)
{
    struct sweep_req *req = sweep_work_of(c)->req;
    struct str after = buf_view(&req->after);

    c->state = FIND;
    call_stmt(c, sweep_sql(c)->find, false);
    sweep_add_scope(c);
    call_add(c, (struct pg_param){.type = PG_TEXT,
                    .data = after.len > 0 ? after.p : "",
                    .len = (int)after.len,
                    .binary = true});
    call_add_int(c, SWEEP_ITEMS);
    call_send(c);
}

static int sweep_keep_ids(struct call *c, const struct pg_result *r)
{
    struct sweep_work *w = sweep_work_of(c);
    size_t n = (size_t)pg_rows(r), bytes = 0;

    for (int i = 0; i < pg_rows(r); i++)
        bytes += pg_value(r, i, 0).len;
    if (array_init(&w->ids, &c->arena, PG_TEXT_ARRAY, 0, n, bytes) < 0)
        return ERR_NOMEM;
    for (int i = 0; i < pg_rows(r); i++)
        array_add(&w->ids, pg_value(r, i, 0));
    w->last = arena_dup(&c->arena, pg_value(r, pg_rows(r) - 1, 0));
    return w->last.p == NULL ? ERR_NOMEM : 0;
}

/* $4: the ids; n: their nodes. Empty without the token. */
#define NODES                                                               \
    "WITH " SWEEP_FENCE ", n AS MATERIALIZED (SELECT m.name, k.node_id"     \
    " FROM f, @.microservices m, unnest($4) u (id)"                         \
    " CROSS JOIN LATERAL " NODES_OF_ITEM("$2", "m.name", "u.id") " k WHERE" \
                                                                 " m.id = $3)"

static const char edges_sql[] = NODES
    ", edges AS MATERIALIZED (SELECT e.id, NULL AS source"
    "  FROM n CROSS JOIN LATERAL ("
    "  SELECT id FROM @.knowledge_graph_edges WHERE tenant_id = $2"
    "   AND source_node_id = n.node_id AND " EDGE_IS_OURS "   OFFSET 0) e"
    " UNION ALL SELECT e.id, e.source FROM n CROSS JOIN LATERAL ("
    "  SELECT id, source_node_id, CASE WHEN " EDGE_IS_COMPUTED
    "    THEN source_node_id END AS source FROM @.knowledge_graph_edges"
    "   WHERE tenant_id = $2 AND target_node_id = n.node_id AND " EDGE_IS_OURS
    "   OFFSET 0) e"
    " JOIN @.knowledge_graph_nodes s ON s.node_id = e.source_node_id"
    " WHERE s.tenant_id = $2 AND starts_with(s.node_id, 'content:')"
    "  AND s.node_type IN (SELECT name FROM @.microservices"
    "   WHERE tenant_id = $2)),"
    "lost AS MATERIALIZED (SELECT source FROM edges WHERE source IS NOT NULL"
    "  AND source NOT IN (SELECT node_id FROM n))" NODE_ROOM
    " DELETE FROM @.knowledge_graph_edges WHERE id IN (SELECT id FROM edges)";

static const char nodes_sql[] = NODES
    ", gone AS (DELETE FROM @.knowledge_graph_nodes k USING n"
    " WHERE k.node_id = n.node_id AND k.tenant_id = $2"
    "  AND k.node_type = n.name AND k.properties @> '{\"batch_processed\":"
    " true}' AND NOT EXISTS (SELECT 1 FROM @.knowledge_graph_edges e"
    "   WHERE e.source_node_id = k.node_id)"
    "  AND NOT EXISTS (SELECT 1 FROM @.knowledge_graph_edges e"
    "   WHERE e.target_node_id = k.node_id) RETURNING 1)"
    " SELECT (SELECT count(*) FROM n) - (SELECT count(*) FROM gone)";

/* OFFSET 0: whatever the statistics say, rows by their keys. */
static const char rows_sql[] =
    "WITH " SWEEP_FENCE ", u AS MATERIALIZED ("
    " SELECT u.id AS content_id FROM f, unnest($4) u (id)),"
    "rows AS (DELETE FROM @.vector_embeddings v USING u CROSS JOIN LATERAL ("
    " SELECT id FROM @.vector_embeddings WHERE tenant_id = $2"
    "  AND content_id = u.content_id AND microservice_id || '' = $3"
    "  AND content_type || '' = 'microservice_data' OFFSET 0) e"
    " WHERE " STORE_SAME_ROW " RETURNING v.content_id),"
    "queue AS (DELETE FROM @.batch_sync_link_queue q USING u"
    " WHERE q.tenant_id = $2 AND q.microservice_id = $3"
    "  AND q.content_id = u.content_id),"
    "job AS (UPDATE @.batch_sync_link_jobs SET token = '' WHERE tenant_id = $2"
    "  AND EXISTS (SELECT 1 FROM u)),"
    "declared AS (DELETE FROM @.batch_sync_links l USING u"
    " WHERE l.tenant_id = $2 AND l.microservice_id = $3"
    "  AND l.content_id = u.content_id),"
    "waiting AS (UPDATE @.batch_sync_links l SET linked = false"
    " FROM u, @.microservices m WHERE m.id = $3 AND l.tenant_id = $2"
    "  AND l.target_service = m.name AND l.target_id = u.content_id"
    "  AND l.linked AND (l.microservice_id <> $3"
    "   OR l.content_id NOT IN (SELECT content_id FROM u))),"
    "marks AS (DELETE FROM @.batch_sync_seen s USING u"
    " WHERE s.tenant_id = $2 AND s.microservice_id = $3"
    "  AND s.content_id = u.content_id),"
    "told AS (DELETE FROM @.batch_sync_tombstones t USING u"
    " WHERE t.tenant_id = $2 AND t.microservice_id = $3"
    "  AND t.content_id = u.content_id)"
    "UPDATE @.batch_sync_service_runs SET counts = counts"
    " || jsonb_build_object('deleted', coalesce((counts->>'deleted')::int8, 0)"
    "  + (SELECT count(DISTINCT content_id) FROM rows))"
    " WHERE token = $1 RETURNING (counts->>'deleted')::int8";

static void sweep_add_part(struct call *c, const char *sql)
{
    call_stmt(c, sql, false);
    sweep_add_scope(c);
    call_add(c, array_param(&sweep_work_of(c)->ids));
}

static void sweep_remove_batch(struct call *c)
{
    c->state = REMOVE;
    link_lock_add(c, sweep_work_of(c)->req->scope->tenant, "5s");
    call_stmt(c, "SELECT set_config('jit', 'off', true)", false);
    sweep_add_part(c, edges_sql);
    sweep_add_part(c, nodes_sql);
    sweep_add_part(c, rows_sql);
    call_send(c);
}

static void sweep_found(struct call *c)
{
    const struct pg_result *r = c->pg.results[0];
    struct err err;

    if (pg_rows(r) == 0) {
        sweep_work_of(c)->req->more = false;
        sweep_complete(c);
    } else if (sweep_keep_ids(c, r) < 0) {
        err_set(&err, ERR_NOMEM, "no memory for a batch of ids");
        call_end(c, &err);
    } else {
        sweep_remove_batch(c);
    }
}

/* Only what is gone is left behind: a batch that failed is found again. */
static void sweep_removed(struct call *c)
{
    struct sweep_req *req = sweep_work_of(c)->req;

    if (pg_rows(c->pg.results[REMOVE_ROWS]) == 0) {
        sweep_fenced(c);
        return;
    }
    buf_reset(&req->after);
    buf_str(&req->after, sweep_work_of(c)->last);
    req->nodes_kept += (uint64_t)call_int(c->pg.results[REMOVE_NODES], 0, 0);
    req->deleted = (uint64_t)call_int(c->pg.results[REMOVE_ROWS], 0, 0);
    call_end(c, NULL);
}

/* The ledger knows of a batch, too, whose answer was lost. */
static void sweep_completed(struct call *c)
{
    const struct pg_result *r = c->pg.results[0];

    if (pg_rows(r) == 0) {
        sweep_fenced(c);
        return;
    }
    sweep_work_of(c)->req->deleted = (uint64_t)call_int(r, 0, 0);
    call_end(c, NULL);
}

/* --- the request --- */

static void sweep_step(struct call *c)
{
    switch (c->state) {
    case JUDGE:
        sweep_judged(c);
        break;
    case LOOK:
        sweep_looked(c);
        break;
    case INDEX:
        call_end(c, NULL);
        break;
    case FIND:
        sweep_found(c);
        break;
    case REMOVE:
        sweep_removed(c);
        break;
    default:
        sweep_completed(c);
    }
}

static bool sweep_is_locked(const char *sqlstate)
{
    return strcmp(sqlstate, "55P03") == 0;
}

static bool sweep_in_the_way(const char *sqlstate)
{
    return sweep_is_locked(sqlstate) || strcmp(sqlstate, "40P01") == 0 ||
           strcmp(sqlstate, "23503") == 0;
}

static void sweep_leave_the_rest(struct call *c)
{
    log_warn(NULL,
        "items that are to be deleted are left to the next run: what "
        "they are to be deleted from is locked: %s",
        c->pg.op.err.msg);
    sweep_work_of(c)->req->more = false;
    call_end(c, NULL);
}

static bool sweep_failed(struct call *c)
{
    if (c->state == INDEX) {
        log_warn(NULL,
            "graph nodes will be slow to delete: no index on the ends of "
            "knowledge_graph_edges: %s",
            c->pg.op.err.msg);
        call_end(c, NULL);
        return true;
    }
    if (c->state != REMOVE || !sweep_in_the_way(c->pg.sqlstate))
        return false;
    if (++sweep_work_of(c)->tries <
        (sweep_is_locked(c->pg.sqlstate) ? LOCKED_TRIES : TRIES))
        sweep_remove_batch(c);
    else if (sweep_is_locked(c->pg.sqlstate))
        sweep_leave_the_rest(c);
    else
        return false;
    return true;
}

void sweep_run(struct pg_pool *pool, struct loop *loop, struct sweep_req *req)
{
    struct call *c =
        call_new(pool, loop, &req->op, sweep_step, sizeof(struct sweep_work));

    sweep_work_of(c)->req = req;
    c->on_error = sweep_failed;
    if (!req->judged)
        sweep_check_share(c);
    else if (req->more)
        sweep_find(c);
    else
        sweep_complete(c); /* the call that did so before has failed */
}
