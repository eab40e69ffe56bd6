#include "db/verify/verify_graph.h"

#include "db/graph/graph_node.h"
#include "db/store/store_impl.h"
#include "db/verify/verify_kinds.h"
#include <stdio.h>

enum { SIZED_BYTES = 256 };

void verify_graph_set(struct call *c, const struct store *s, bool exact)
{
    const char *sql =
        exact ? "SELECT set_config('enable_indexscan', 'off', true),"
                " set_config('jit', 'off', true)"
        : s->iterative_scan
            ? "SELECT set_config('hnsw.iterative_scan', 'strict_order', true),"
              " set_config('ivfflat.iterative_scan', 'relaxed_order', true),"
              " set_config('enable_seqscan', 'off', true),"
              " set_config('jit', 'off', true)"
            : "SELECT set_config('enable_seqscan', 'off', true),"
              " set_config('jit', 'off', true)";

    call_stmt(c, sql, false);
}

/* Macros without arguments keep a statement's lines where they are. */
#define ITEM_NODE NODE_OF_ITEM("$1", "$14", "o.content_id")
#define NEAR_NODE NODE_OF_ITEM("$1", "m.name", "d.content_id")
#define NEAR_SHORT NODE_SHORT("d.content_id")
#define NEAR_LONG NODE_LONG("$1", "m.name", "d.content_id")
#define TARGET_ITEMS NODE_ITEMS("$1", "k.node_type", "k.node_id")
#define LINK_TARGET NODE_OF_ITEM("$1", "l.target_service", "l.target_id")
#define LINK_SHORT NODE_SHORT("l.target_id")

/* Of a row d: is its vector what was written? %s: pgvector's schema. */
#define INTACT                                                              \
    "(d.vector_hash IS NULL OR substr(sha256(%s.vector_send(d.embedding))," \
    "  1, 8) IN (substr(d.vector_hash, 9), substr(coalesce("                \
    "   (SELECT t.vector_hash FROM @.batch_sync_trigger_hashes t"           \
    "    WHERE t.tenant_id = $1 AND t.row_id = d.id), d.vector_hash), 9)))"

/* Of a row d: does it wait to be linked since it was written? One that was
 * queued later is to be mended: what leads to it is as it was, whoever has
 * queued it, and is found in whichever order items come. */
#define QUEUED                                                \
    "EXISTS (SELECT FROM @.batch_sync_link_queue q"           \
    " WHERE q.tenant_id = $1 AND q.content_id = d.content_id" \
    "  AND q.microservice_id = d.microservice_id"             \
    "  AND q.queued_at <= d.written AT TIME ZONE 'UTC' + interval '2 ms')"

/*
 *   items   the first pieces, with their nodes
 *   out     the computed edges from them
 *   moved   those whose weight, two digits, is not the similarity. Both vectors
 *           have to be what was written: a broken one is reported itself
 *   sparse  items that could have more edges, and when they were linked at the
 *           latest: their node and edges are from then. What they have lost
 *           since without anyone's fault (NODE_ROOM) counts as theirs
 *   ten     their nearest rows
 *   crowded broken vectors are among those, which say nothing of who is near:
 *           the nearest rows but for them, of so many as may crowd together
 *   near    what they would be linked with now, be it without a node: linking
 *           makes one. What was stored after they had been linked adds an edge
 *           on its own side only.
 *   lost    links that schemas declare, made once, whose edge is gone, with its
 *           nodes perhaps: those are made again, and nobody else would look
 */
static const char items_sql[] =
    ",items AS MATERIALIZED (SELECT o.id, o.content_id, o.written_at,"
    "   o.vector_bad IS NULL AND o.norm BETWEEN 1e-6 AND 1e6 AS good,"
    "   v.embedding, " ITEM_NODE " AS node,"
    "   EXISTS (SELECT FROM @.batch_sync_link_queue q WHERE q.tenant_id = $1"
    "    AND q.microservice_id = $2 AND q.content_id = o.content_id) AS queued"
    "  FROM judged o JOIN @.vector_embeddings v ON v.id = o.id"
    "   AND v.tenant_id = $1 WHERE o.chunk_index = 0 AND o.copy = 1),"
    "out AS MATERIALIZED (SELECT i.id, e.* FROM items i CROSS JOIN LATERAL"
    "  (SELECT target_node_id AS target, edge_type, weight::float8 AS weight,"
    "    properties->>'linked_at' AS linked FROM @.knowledge_graph_edges"
    "   WHERE tenant_id = $1 AND source_node_id = i.node"
    "    AND " EDGE_IS_COMPUTED " OFFSET 0) e),";

/* %s: pgvector's schema: operator, digest. */
static const char moved_sql[] =
    "moved AS MATERIALIZED (SELECT i.id, i.content_id, o.target"
    "  FROM out o JOIN items i ON i.id = o.id AND i.good AND NOT i.queued"
    "  JOIN @.knowledge_graph_nodes k ON k.node_id = o.target"
    "  JOIN @.microservices m ON m.tenant_id = $1 AND m.name = k.node_type"
    "  CROSS JOIN LATERAL (SELECT id, content_id, microservice_id,"
    "    vector_hash, embedding, coalesce(written_at, updated_at) AS written"
    "   FROM @.vector_embeddings"
    "   WHERE tenant_id = $1 AND microservice_id || '' = m.id"
    "    AND content_id = ANY (" TARGET_ITEMS ") AND chunk_index = 0"
    "    AND content_type || '' = 'microservice_data'"
    "   ORDER BY length(content_id) DESC LIMIT 1) d"
    "  CROSS JOIN LATERAL (SELECT CASE WHEN %s.vector_dims(d.embedding) = $5"
    "    THEN 1 - (d.embedding OPERATOR(%s.<=>) i.embedding) END"
    "    AS similarity) s"
    "  WHERE (abs(o.weight - s.similarity) > 0.006 OR s.similarity < 0.6999"
    "    OR (o.edge_type = 'related') <> (s.similarity < 0.85)"
    "     AND abs(s.similarity - 0.85) > 0.0001)"
    "   AND NOT " QUEUED " AND " INTACT "),";

/* Of what was stored when s was linked. The last but one %s:
 * verify_graph_sized(). */
#define NEIGHBOURS                                                     \
    "SELECT v.id, v.microservice_id, v.content_id, v.embedding,"       \
    " v.vector_hash, coalesce(v.written_at, v.updated_at) AS written," \
    " v.embedding OPERATOR(%s.<=>) s.embedding AS distance"            \
    " FROM @.vector_embeddings v WHERE v.tenant_id = $1"               \
    " AND v.content_type = 'microservice_data' AND v.chunk_index = 0"  \
    " AND v.microservice_id IS NOT NULL AND v.id <> s.id"              \
    " AND coalesce(v.written_at, v.updated_at) <= s.linked %s"         \
    " ORDER BY v.embedding OPERATOR(%s.<=>) s.embedding"

/* %s: pgvector's schema. */
static const char ten_sql[] =
    "sparse AS MATERIALIZED (SELECT i.*, e.n + e.room AS n,"
    "   greatest(k.created_at, i.written_at, e.linked) AS linked FROM items i"
    "  JOIN @.knowledge_graph_nodes k ON k.node_id = i.node"
    "  CROSS JOIN LATERAL (SELECT count(*) AS n, max(o.linked::timestamptz"
    "    AT TIME ZONE 'UTC') AS linked, coalesce((k.properties"
    "     ->> 'lost_neighbours')::int, 0) AS room FROM out o"
    "    WHERE o.id = i.id) e"
    "  WHERE i.good AND NOT i.queued AND e.n + e.room < 10),"
    "ten AS MATERIALIZED (SELECT s.id AS near_to, d.id, d.microservice_id,"
    "   d.content_id, d.written, d.distance, " INTACT " AS intact,"
    "   %s.vector_norm(d.embedding) AS norm"
    "  FROM sparse s CROSS JOIN LATERAL (" NEIGHBOURS " LIMIT 10) d),";

/* The same. */
static const char crowded_sql[] =
    "crowded AS MATERIALIZED (SELECT s.id AS near_to, d.*"
    "  FROM sparse s CROSS JOIN LATERAL (SELECT d.id, d.microservice_id,"
    "    d.content_id, d.written, d.distance,"
    "    %s.vector_norm(d.embedding) AS norm"
    "   FROM (" NEIGHBOURS " LIMIT 1000) d WHERE " INTACT
    "   ORDER BY d.distance LIMIT 10) d"
    "  WHERE s.id IN (SELECT near_to FROM ten WHERE NOT intact)),"
    "neighbours AS MATERIALIZED (SELECT near_to, id, microservice_id,"
    "   content_id, written, distance, norm FROM ten t WHERE NOT EXISTS"
    "    (SELECT FROM ten b WHERE b.near_to = t.near_to AND NOT b.intact)"
    "  UNION ALL SELECT near_to, id, microservice_id, content_id, written,"
    "   distance, norm FROM crowded),";

static const char near_sql[] =
    "near AS MATERIALIZED (SELECT s.id, s.content_id, f.target FROM sparse s"
    "  CROSS JOIN LATERAL (SELECT k.target"
    "   FROM neighbours d JOIN @.microservices m ON m.id = d.microservice_id"
    "   CROSS JOIN LATERAL (SELECT coalesce(" NEAR_NODE ", CASE WHEN NOT EXISTS"
    "     (SELECT FROM @.knowledge_graph_nodes WHERE node_id = " NEAR_LONG ")"
    "     THEN " NEAR_SHORT " END) AS target OFFSET 0) k"
    "   WHERE d.near_to = s.id AND d.distance <= 2"
    "    AND 1 - d.distance > 0.7001"
    "    AND NOT " QUEUED "    AND d.norm BETWEEN 1e-6 AND 1e6"
    "    AND NOT EXISTS (SELECT FROM out o WHERE o.id = s.id"
    "     AND o.target = k.target) ORDER BY d.distance"
    "   LIMIT 10 - s.n) f"
    "  WHERE octet_length($1 || s.node || f.target) <= 2600),";

static const char lost_sql[] =
    "lost AS MATERIALIZED (SELECT i.content_id, l.target FROM (SELECT"
    "    DISTINCT o.content_id, " ITEM_NODE " AS node FROM judged o) i"
    "  CROSS JOIN LATERAL (SELECT l.link_type, " LINK_TARGET " AS node,"
    "    " LINK_SHORT " AS target FROM @.batch_sync_links l"
    "   WHERE l.tenant_id = $1 AND l.microservice_id = $2"
    "    AND l.content_id = i.content_id"
    "    AND l.wanted AND l.linked AND NOT l.pending OFFSET 0) l"
    "  WHERE octet_length($1 || coalesce(i.node || l.node, '') || l.link_type)"
    "    <= 2600"
    "   AND NOT EXISTS (SELECT FROM @.knowledge_graph_edges e"
    "    WHERE e.tenant_id = $1 AND e.source_node_id = i.node"
    "     AND e.target_node_id = l.node AND e.edge_type = l.link_type"
    "     AND (e.properties ->> 'method') = 'declared'))";

/* Where another item has the long id, there can be no node. */
static const char found_sql[] =
    " UNION ALL SELECT $15, id, content_id, 0, 1, NULL" VERIFY_NOTHING
    "  FROM items i WHERE node IS NULL AND NOT queued"
    "   AND NOT EXISTS (SELECT FROM @.knowledge_graph_nodes"
    "    WHERE node_id = " NODE_LONG("$1", "$14",
        "i.content_id") ")"
                        " UNION ALL SELECT $16, id, content_id, 0, 1, "
                        "target" VERIFY_NOTHING
                        "  FROM near WHERE target IS NOT NULL"
                        " UNION ALL SELECT $17, id, content_id, 0, 1, "
                        "target" VERIFY_NOTHING "  FROM moved"
                        " UNION ALL SELECT $18, NULL, content_id, 0, 1, "
                        "target" VERIFY_NOTHING "  FROM lost";

/* Where the column takes vectors of any size, the operator must not meet two
 * sizes. */
static const char *verify_graph_sized(
    char *text, size_t len, const char *schema, bool sized)
{
    text[0] = '\0';
    if (!sized)
        snprintf(text, len, "AND %s.vector_dims(v.embedding) = $5", schema);
    return text;
}

void verify_graph_write_items(
    struct buf *sql, const char *schema, bool is_sized)
{
    char text[SIZED_BYTES];
    const char *sized =
        verify_graph_sized(text, sizeof(text), schema, is_sized);

    buf_puts(sql, items_sql);
    buf_printf(sql, moved_sql, schema, schema, schema);
    buf_printf(sql, ten_sql, schema, schema, schema, sized, schema);
    buf_printf(sql, crowded_sql, schema, schema, sized, schema, schema);
    buf_puts(sql, near_sql);
    buf_puts(sql, lost_sql);
}

void verify_graph_write_found(struct buf *sql)
{
    buf_puts(sql, found_sql);
}

void verify_graph_add(struct call *c, const char *service)
{
    call_add_text(c, service);
    call_add_int(c, VERIFY_ROW_WITHOUT_NODE);
    call_add_int(c, VERIFY_EDGE_MISSING);
    call_add_int(c, VERIFY_EDGE_OUTDATED);
    call_add_int(c, VERIFY_LINK_WITHOUT_EDGE);
}
