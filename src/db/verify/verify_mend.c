/*
 * Happy path: a transaction each. Failures: the transaction's, with nothing
 * changed. On cancel: as db/call.h has it.
 */
#include "db/verify/verify_mend.h"

#include "db/graph/graph_node.h"
#include "db/store/store_impl.h"

#define NODE_CONTENT_IDS NODE_ITEMS("$1", "n.node_type", "n.node_id")

/* Neither runs nor their look-ups miss it: updated_at is no longer written_at,
 * and what was repaired before does not count. */
static const char mark_sql[] =
    "WITH done AS (UPDATE @.vector_embeddings SET repairs = 0, updated_at ="
    "  greatest(now() AT TIME ZONE 'UTC', written_at + interval '1 ms')"
    " WHERE tenant_id = $1 AND microservice_id = $2 AND id = ANY ($3)"
    "  AND written_at IS NOT NULL RETURNING 1) SELECT count(*) FROM done";

static const char queue_sql[] =
    "WITH done AS (INSERT INTO @.batch_sync_link_queue (tenant_id,"
    "  microservice_id, content_id) SELECT DISTINCT $1, $2, id"
    " FROM unnest($3) u (id) WHERE EXISTS (SELECT FROM @.vector_embeddings v"
    "  WHERE v.tenant_id = $1 AND v.microservice_id || '' = $2"
    "   AND v.content_id = u.id AND v.content_type || '' = 'microservice_data')"
    " ORDER BY id ON CONFLICT DO NOTHING RETURNING 1)"
    " SELECT count(*) FROM done";

static const char links_sql[] =
    "WITH done AS (UPDATE @.batch_sync_links SET pending = true"
    " WHERE tenant_id = $1 AND microservice_id = $2 AND content_id = ANY ($3)"
    "  AND wanted AND NOT pending RETURNING 1) SELECT count(*) FROM done";

/* Behind the last piece, or another row of the same piece, of which the one
 * that a scan takes stays. While the item has the embed_hash that was read, its
 * last piece is the one that it was then. */
static const char rows_sql[] =
    "WITH done AS (DELETE FROM @.vector_embeddings v"
    " USING unnest($3, $4) u (id, hash)"
    " WHERE v.tenant_id = $1 AND v.microservice_id = $2 AND v.id = u.id"
    "  AND EXISTS (SELECT FROM @.vector_embeddings o WHERE o.tenant_id = $1"
    "   AND o.microservice_id || '' = $2 AND o.content_id = v.content_id"
    "   AND o.content_type || '' = 'microservice_data' AND o.id <> v.id"
    "   AND (o.chunk_index = 0 AND v.chunk_index > 0"
    "     AND (o.embed_hash IS DISTINCT FROM v.embed_hash"
    "      OR '\\x' || encode(v.embed_hash, 'hex') = u.hash)"
    "    OR o.chunk_index = v.chunk_index AND (o.updated_at > v.updated_at"
    "     OR o.updated_at = v.updated_at AND o.id < v.id)))"
    " RETURNING 1) SELECT count(*) FROM done";

/* Of ours, and an end of it is still not there. */
static const char loose_sql[] =
    "WITH done AS (DELETE FROM @.knowledge_graph_edges e"
    " WHERE e.tenant_id = $1 AND e.id = ANY ($3) AND $2 IS NULL"
    "  AND " EDGE_IS_OURS " AND (NOT EXISTS (SELECT"
    "    FROM @.knowledge_graph_nodes n WHERE n.node_id = e.source_node_id)"
    "   OR NOT EXISTS (SELECT FROM @.knowledge_graph_nodes n"
    "    WHERE n.node_id = e.target_node_id))"
    " RETURNING 1) SELECT count(*) FROM done";

/* Edges of others keep their node. What was linked to one that goes is linked
 * again: there is room for another neighbour. */
static const char nodes_sql[] =
    "WITH empty AS MATERIALIZED (SELECT n.node_id"
    "  FROM @.knowledge_graph_nodes n"
    "  JOIN @.microservices m ON m.tenant_id = $1 AND m.name = n.node_type"
    "  WHERE n.tenant_id = $1 AND n.node_id = ANY ($3) AND $2 IS NULL"
    "   AND NOT EXISTS (SELECT FROM @.vector_embeddings v"
    "    WHERE v.tenant_id = $1 AND v.microservice_id || '' = m.id"
    "     AND v.content_id = ANY (" NODE_CONTENT_IDS ")"
    "     AND v.content_type || '' = 'microservice_data')"
    "   AND NOT EXISTS (SELECT FROM @.knowledge_graph_edges e"
    "    WHERE e.tenant_id = $1 AND (e.source_node_id = n.node_id"
    "      OR e.target_node_id = n.node_id) AND NOT " EDGE_IS_OURS ")"
    "  FOR UPDATE OF n),"
    "edges AS (DELETE FROM @.knowledge_graph_edges e USING empty n"
    "  WHERE e.tenant_id = $1 AND (e.source_node_id = n.node_id"
    "   OR e.target_node_id = n.node_id) RETURNING e.source_node_id),"
    "queued AS (INSERT INTO @.batch_sync_link_queue (tenant_id,"
    "  microservice_id, content_id) SELECT DISTINCT $1, m.id, v.content_id"
    "  FROM (SELECT DISTINCT source_node_id AS id FROM edges) e"
    "  JOIN @.knowledge_graph_nodes n ON n.node_id = e.id"
    "  JOIN @.microservices m ON m.tenant_id = $1 AND m.name = n.node_type"
    "  CROSS JOIN LATERAL (SELECT content_id FROM @.vector_embeddings"
    "   WHERE tenant_id = $1 AND microservice_id || '' = m.id"
    "    AND content_id = ANY (" NODE_CONTENT_IDS ") AND chunk_index = 0"
    "    AND content_type || '' = 'microservice_data'"
    "   ORDER BY length(content_id) DESC LIMIT 1) v"
    "  ORDER BY 2, 3 ON CONFLICT DO NOTHING),"
    "done AS (DELETE FROM @.knowledge_graph_nodes n USING empty d"
    "  WHERE n.node_id = d.node_id AND (SELECT count(*) FROM edges) >= 0"
    "  RETURNING 1) SELECT count(*) FROM done";

static const char *const steps[MEND_STEPS] = {[MEND_STEP_QUEUE] = queue_sql,
    [MEND_STEP_LINKS] = links_sql,
    [MEND_STEP_MARK] = mark_sql,
    [MEND_STEP_ROWS] = rows_sql,
    [MEND_STEP_NODES] = nodes_sql,
    [MEND_STEP_LOOSE] = loose_sql};

static int verify_mend_array(
    struct call *c, struct pg_array *array, const struct str *ids, size_t n)
{
    size_t bytes = 0;

    for (size_t i = 0; i < n; i++)
        bytes += ids[i].len;
    if (array_init(array, &c->arena, PG_TEXT_ARRAY, 0, n, bytes) < 0) {
        store_fail(c, ERR_NOMEM, "no memory to mend rows");
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++)
        array_add(array, ids[i]);
    return 0;
}

static void verify_mend_send(struct call *c)
{
    const struct verify_mend_req *req = store_work(c)->req;
    struct pg_array ids, hashes;

    if (verify_mend_array(c, &ids, req->ids, req->n) < 0 ||
        (req->hashes != NULL &&
            verify_mend_array(c, &hashes, req->hashes, req->n) < 0))
        return;
    call_stmt(c,
        "SELECT set_config('lock_timeout', '5s', true),"
        " set_config('enable_seqscan', 'off', true)",
        false);
    call_stmt(c, steps[req->step], false);
    call_add_text(c, req->tenant);
    call_add_text(c, req->microservice_id);
    call_add(c, array_param(&ids));
    if (req->hashes != NULL)
        call_add(c, array_param(&hashes));
    call_send(c);
}

static void verify_mend_take(struct call *c)
{
    struct verify_mend_req *req = store_work(c)->req;

    req->changed = (uint64_t)call_int(c->pg.results[1], 0, 0);
    call_end(c, NULL);
}

void verify_mend(struct store *store, struct verify_mend_req *req)
{
    store_start(store, &req->op, req, verify_mend_send, verify_mend_take);
}

/* --- vectors: reading ----------------------------------------------------- */

static const char read_sql[] =
    "SELECT v.id, v.content_text, i.text, i.n, v.embed_hash, v.vector_hash,"
    "  i.before, i.title"
    " FROM @.vector_embeddings v CROSS JOIN LATERAL ("
    "  SELECT string_agg(o.content_text, '' ORDER BY o.chunk_index) AS text,"
    "   count(*) AS n, min(o.content_text) FILTER (WHERE o.chunk_index ="
    "    v.chunk_index - 1) AS before, min(o.title) FILTER (WHERE"
    "    o.chunk_index = 0) AS title"
    "  FROM (SELECT *, " STORE_TITLE " AS title"
    "   FROM @.vector_embeddings) o WHERE o.tenant_id = $1"
    "   AND o.microservice_id || '' = v.microservice_id"
    "   AND o.content_id = v.content_id AND o.embed_hash = v.embed_hash"
    "   AND o.content_type || '' = 'microservice_data') i"
    " WHERE v.tenant_id = $1 AND v.id = ANY ($2) AND v.embed_hash IS NOT NULL"
    "  AND (v.vector_hash IS NULL OR substr(v.vector_hash, 1, 8) ="
    "   substr(sha256(convert_to(v.content_text, 'UTF8')), 1, 8))";

static void verify_broken_send(struct call *c)
{
    const struct verify_broken_req *req = store_work(c)->req;
    struct pg_array ids;

    if (verify_mend_array(c, &ids, req->ids, req->n) < 0)
        return;
    call_stmt(c, read_sql, true);
    call_add_text(c, req->tenant);
    call_add(c, array_param(&ids));
    call_send(c);
}

static void verify_broken_take(struct call *c)
{
    struct verify_broken_req *req = store_work(c)->req;
    const struct pg_result *r = c->pg.results[0];
    struct arena *a = req->arena;

    req->nrows = (size_t)pg_rows(r);
    req->rows = arena_calloc(a, req->nrows, sizeof(*req->rows));
    if (req->rows == NULL) {
        store_fail(c, ERR_NOMEM, "no memory to mend rows");
        return;
    }
    for (int i = 0; i < pg_rows(r); i++)
        req->rows[i] =
            (struct verify_broken){.id = arena_dup(a, pg_value(r, i, 0)),
                .text = arena_dup(a, pg_value(r, i, 1)),
                .item = arena_dup(a, pg_value(r, i, 2)),
                .pieces = (size_t)call_int_binary(r, i, 3),
                .hash = arena_dup(a, pg_value(r, i, 4)),
                .vector_hash = arena_dup(a, pg_value(r, i, 5)),
                .before = arena_dup(a, pg_value(r, i, 6)),
                .title = arena_dup(a, pg_value(r, i, 7))};
    call_end(c, NULL);
}

void verify_read_broken(struct store *store, struct verify_broken_req *req)
{
    store_start(store, &req->op, req, verify_broken_send, verify_broken_take);
}
