/*
 * Happy path: one statement, which answers with the finished document. The
 * store is asked first where pgvector is, for the digests of vectors.
 * Failures: those of the transaction; ERR_NOT_FOUND where nothing is known of
 * the item. On cancel: as db/call.h has it.
 */
#include "db/read/item_facts.h"

#include "db/graph/graph_node.h"
#include "db/read/history_impl.h"
#include "db/store/store_impl.h"
#include "db/store/vector_hash.h"

enum { SQL_BYTES = 16 * 1024, JSON_BYTES = 64 * 1024 * 1024 };

/* clang-format off */

/* The tables' own times have no zone; they are UTC. */
#define ISO_UTC(column)                                                   \
    "to_char(" column ", 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"

/* The run under way when the item was last written. */
#define ITEM_RUN                                                          \
    "(SELECT json_build_object('id', r.id, 'provider', r.provider,"       \
    "  'model', r.model, 'dimensions', r.dimensions,"                     \
    "  'startedAt', " ISO("r.started_at") ", 'page', NULL)"               \
    " FROM @.batch_sync_runs r WHERE r.tenant_id = $1"                    \
    "  AND r.started_at <= coalesce(v.written, v.updated)"                \
    "   AT TIME ZONE 'UTC' ORDER BY r.started_at DESC LIMIT 1)"

/* Of node n: a short node_id ends with the content id, a long one as well. */
#define NODE_CONTENT_ID                                                   \
    "CASE WHEN starts_with(n.node_id, 'content:' || $1 || ':'"            \
    "   || n.node_type || ':') THEN substr(n.node_id, length('content:'"  \
    "   || $1 || ':' || n.node_type || ':') + 1)"                         \
    " ELSE substr(n.node_id, length('content:') + 1) END"

#define ITEM_LETTER                                                       \
    "(SELECT json_build_object('digest', encode(digest, 'hex'),"          \
    "  'reason', reason, 'model', model, 'firstSeen', " ISO("first_seen") \
    ", 'lastSeen', " ISO("last_seen") ", 'times', times,"                 \
    "  'refused', refused, 'fingerprint', encode(recipe, 'hex')) FROM @.batch_sync_dead_letters"                \
    " WHERE tenant_id = $1 AND service = $2 AND content_id = $3"          \
    "  AND resolved_at IS NULL ORDER BY last_seen DESC LIMIT 1)"

/* An edge says what it should when a new one between the same two would. The
 * margin is what rounding to hundredths leaves. */
#define EDGE_HOLDS                                                        \
    "CASE WHEN e.edge_type NOT IN ('related', 'strongly_related')"        \
    "  OR t.similarity IS NULL THEN NULL"                                 \
    " ELSE t.similarity > 0.6999 AND abs(e.weight - t.similarity) < 0.006 END"

/* What the item's edges lead to, and what leads to it. */
static const char neighbours_sql[] =
    "(SELECT coalesce(json_agg(json_build_object('nodeId', e.node_id,"
    "   'service', e.node_type, 'contentId', e.content_id, 'title', t.title,"
    "   'type', e.edge_type, 'weight', e.weight,"
    "   'similarity', round(t.similarity, 4), 'holds', " EDGE_HOLDS ")"
    "   ORDER BY e.weight DESC NULLS LAST, e.node_id), '[]') FROM ("
    "  SELECT DISTINCT ON (n.node_id) n.node_id, n.node_type,"
    "    " NODE_CONTENT_ID " AS content_id, x.edge_type, x.weight"
    "  FROM (SELECT source_node_id AS here, target_node_id AS there,"
    "     edge_type, weight FROM @.knowledge_graph_edges"
    "     WHERE tenant_id = $1 AND source_node_id = ANY (v.nodes)"
    "    UNION ALL SELECT target_node_id, source_node_id, edge_type,"
    "     weight FROM @.knowledge_graph_edges"
    "     WHERE tenant_id = $1 AND target_node_id = ANY (v.nodes)"
    "     LIMIT $4) x"
    "  JOIN @.knowledge_graph_nodes n ON n.node_id = x.there"
    "   AND n.tenant_id = $1 WHERE n.node_id <> ALL (v.nodes)"
    "  ORDER BY n.node_id, x.weight DESC NULLS LAST) e"
    " LEFT JOIN LATERAL (SELECT o.metadata->>'title' AS title, CASE WHEN"
    "   e.edge_type IN ('related', 'strongly_related') THEN"
    "   (1 - (o.embedding OPERATOR(%s.<=>) v.vector))::numeric"
    "  END AS similarity"
    "  FROM @.vector_embeddings o WHERE o.tenant_id = $1"
    "   AND o.content_id = e.content_id AND o.chunk_index = 0"
    "   AND o.content_type || '' = 'microservice_data'"
    "   AND o.microservice_id || '' = (SELECT id FROM @.microservices"
    "    WHERE tenant_id = $1 AND name = e.node_type) LIMIT 1) t ON true)";

static const char facts_sql[] =
    "SELECT json_build_object('tenantId', $1, 'service', $2,"
    "  'contentId', $3, 'stored', v.n > 0, 'metadata', v.metadata,"
    "  'createdAt', " ISO_UTC("v.created") ","
    "  'updatedAt', " ISO_UTC("v.updated") ","
    "  'writtenAt', " ISO_UTC("v.written") ", 'pieces', v.pieces,"
    "  'run', " ITEM_RUN ", 'deadLetter', v.letter,"
    "  'queued', EXISTS (SELECT FROM @.batch_sync_link_queue q"
    "   WHERE q.tenant_id = $1 AND q.content_id = $3"
    "    AND q.microservice_id = v.microservice_id),"
    "  'nodeId', v.nodes[1], 'neighbours', ";

static const char items_sql[] =
    ")"
    " FROM (SELECT array_remove(ARRAY[" NODE_OF_ITEM("$1", "$2", "$3")
    "    ], NULL) AS nodes, count(*) AS n, " ITEM_LETTER "::json AS letter,"
    "  min(microservice_id) AS microservice_id,"
    "  (array_agg(metadata ORDER BY chunk_index))[1] AS metadata,"
    "  (array_agg(embedding ORDER BY chunk_index))[1] AS vector,"
    "  min(created_at) AS created, max(updated_at) AS updated,"
    "  max(written_at) AS written,"
    "  coalesce(json_agg(json_build_object('chunkIndex', chunk_index,"
    "   'text', content_text, 'hasVector', embedding IS NOT NULL,"
    "   'dimensions', %s.vector_dims(embedding),"
    "   'norm', %s.vector_norm(embedding),"
    "   'embedHash', encode(embed_hash, 'hex'),"
    "   'rowHash', encode(row_hash, 'hex'),"
    "   'vectorHash', encode(vector_hash, 'hex'),"
    "   'textIntact', substr(now, 1, 8) = substr(vector_hash, 1, 8)"
    "    OR coalesce(substr(now, 1, 8) = substr(by_trigger, 1, 8), false),"
    "   'vectorIntact', substr(now, 9) = substr(vector_hash, 9)"
    "    OR coalesce(substr(now, 9) = substr(by_trigger, 9), false),"
    "   'updatedAt', " ISO_UTC("updated_at") ","
    "   'writtenAt', " ISO_UTC("written_at") ","
    "   'repairs', coalesce(repairs, 0)) ORDER BY chunk_index), '[]') AS pieces"
    "  FROM (SELECT w.*, t.vector_hash AS by_trigger, ";

static const char rows_sql[] =
    " AS now FROM @.vector_embeddings w"
    "   LEFT JOIN @.batch_sync_trigger_hashes t"
    "    ON t.tenant_id = $1 AND t.row_id = w.id"
    "   WHERE w.tenant_id = $1 AND content_id = $3"
    "    AND content_type || '' = 'microservice_data'"
    "    AND microservice_id || '' = (SELECT id FROM @.microservices"
    "     WHERE tenant_id = $1 AND name = $2)) rows) v"
    " WHERE v.n > 0 OR v.letter IS NOT NULL OR $5";

/* clang-format on */

static struct str item_facts_sql(struct call *c)
{
    const char *schema = store_work(c)->store->vector_schema;
    struct buf sql;
    struct str text;

    buf_init(&sql, SQL_BYTES);
    buf_puts(&sql, facts_sql);
    buf_printf(&sql, neighbours_sql, schema);
    buf_printf(&sql, items_sql, schema, schema);
    vector_hash_write_sql(&sql, schema, "w");
    buf_puts(&sql, rows_sql);
    text = arena_dup(&c->arena, buf_view(&sql));
    buf_free(&sql);
    return text;
}

static void item_facts_send(struct call *c)
{
    const struct history_req *req = store_work(c)->req;
    struct str sql = item_facts_sql(c);

    if (sql.p == NULL) {
        store_fail(c, ERR_NOMEM, "no memory to look at an item");
        return;
    }
    call_stmt(c, sql.p, false);
    call_add_text(c, req->tenant);
    call_add_text(c, req->stored);
    call_add_text(c, req->id);
    call_add_int(c, ITEM_NEIGHBOURS);
    call_add_bool(c, req->always);
    call_send(c);
}

static void item_facts_take(struct call *c)
{
    struct history_req *req = store_work(c)->req;
    const struct pg_result *r = c->pg.results[0];
    struct err err = {.code = 0};

    if (pg_rows(r) == 0)
        err_set(&err, ERR_NOT_FOUND, "there is no item %s", req->id);
    else
        buf_str(&req->json, pg_value(r, 0, 0));
    if (req->json.error != 0)
        err_set(&err, req->json.error, "the item is too large to be shown");
    call_end(c, &err);
}

void item_facts(struct store *store, struct history_req *req)
{
    buf_init(&req->json, JSON_BYTES);
    store_start(store, &req->op, req, item_facts_send, item_facts_take);
}
