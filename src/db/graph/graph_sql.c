/*
 * Linking a batch: one statement, so that what it takes off the queue, what it
 * reads and what it writes are of one snapshot and one transaction.
 *
 *   taken   leaves the queue. A row that a chunk has just queued again is
 *           locked (skipped), or newer than the snapshot (not deleted): either
 *           way it stays for a batch that sees its new vector
 *   items   the taken ones that are still stored, with the nodes they have
 *   near    their edges as they should be
 *   ends    items and neighbours, each once, with the nodes they have
 *   brief, full_length
 *           nodes for those that have none (db/graph/graph_node.h). An id that
 *           another writer takes meanwhile comes back only if it is the same
 *           item's, so the loser of that race goes on to the full one
 *   named   the node of each end; NULL: others have both of its ids
 *   known   the edges that the items have so far
 *   inward  edges that lead to the items, measured anew; those whose source is
 *           not an item of ours are left alone
 *
 * The last three parts write edges, each row in at most one of them.
 *
 * ORDER BY has the bare operator, so that the vector index serves it; filters
 * are met by its iterative scan, and the threshold stays outside the LIMIT. A
 * NaN, the distance from a zero vector, is greater than any number. A vector
 * whose length float arithmetic cannot square says nothing, whoever stored it.
 */
#include "db/graph/graph.h"

#include "db/graph/declared/links.h"
#include "db/graph/graph_node.h"

#define UTC GRAPH_NOW
#define OURS EDGE_IS_COMPUTED

/* What an edge says, by a distance d. */
#define EDGE                                                  \
    "CASE WHEN 1 - d.distance > 0.85 THEN 'strongly_related'" \
    " ELSE 'related' END AS edge_type,"                       \
    " round(greatest(0, least(1, 1 - d.distance))::numeric, 2) AS weight"

/* %s: the schema of pgvector. */
#define SAYS_SOMETHING(vector) "%s.vector_norm(" vector ") BETWEEN 1e-6 AND 1e6"

/* Macros without arguments keep a statement's lines where they are. */
#define TAKEN_SAYS SAYS_SOMETHING("v.embedding")
#define NEIGHBOUR_SAYS SAYS_SOMETHING("d.embedding")
#define TAKEN_NODE NODE_OF_ITEM("$1", "m.name", "t.content_id")
#define SOURCE_ITEMS NODE_ITEMS("$1", "m.name", "s.node_id")
#define BY_INDEX EDGE_PROPERTIES("'index'")
#define BY_METHOD EDGE_PROPERTIES("$10::text")
#define TAKEN_WAKE LINKS_WAKE("taken")

/* OFFSET 0, and columns hidden in expressions, as in the store's look-up:
 * whatever the statistics say, a row by its key, not the table; and edges by
 * their target, not all of the tenant's in the index that has it last. %s: the
 * operator's schema. */
static const char items_sql[] =
    "WITH taken AS ("
    " DELETE FROM @.batch_sync_link_queue WHERE ctid = ANY (ARRAY("
    "  SELECT ctid FROM @.batch_sync_link_queue WHERE tenant_id = $1"
    "  ORDER BY microservice_id, content_id LIMIT $2 FOR UPDATE SKIP LOCKED))"
    " RETURNING microservice_id, content_id),"
    "items AS MATERIALIZED ("
    " SELECT v.id, CASE WHEN " TAKEN_SAYS
    "  THEN v.embedding END AS embedding, v.preview, m.name, t.content_id,"
    "  " TAKEN_NODE " AS node_id"
    " FROM taken t JOIN @.microservices m ON m.id = t.microservice_id"
    " CROSS JOIN LATERAL (SELECT id, embedding,"
    "   left(content_text, 200) AS preview FROM @.vector_embeddings"
    "  WHERE tenant_id = $1 AND microservice_id || '' = t.microservice_id"
    "   AND content_id = t.content_id AND chunk_index = 0"
    "   AND content_type || '' = 'microservice_data' OFFSET 0) v),";

/* %s: the operator's schema, three times. */
static const char near_sql[] =
    "near AS MATERIALIZED ("
    " SELECT i.id AS source, d.id AS target, m.name, d.content_id, d.preview,"
    "  " EDGE " FROM items i CROSS JOIN LATERAL ("
    "  SELECT v.id, v.microservice_id, v.content_id,"
    "   left(v.content_text, 200) AS preview,"
    "   v.embedding, v.embedding OPERATOR(%s.<=>) i.embedding AS distance"
    "  FROM @.vector_embeddings v WHERE v.tenant_id = $1"
    "   AND v.content_type = 'microservice_data' AND v.chunk_index = 0"
    "   AND v.microservice_id IS NOT NULL AND v.id <> i.id"
    "  ORDER BY v.embedding OPERATOR(%s.<=>) i.embedding LIMIT %d) d"
    " JOIN @.microservices m ON m.id = d.microservice_id"
    " WHERE i.embedding IS NOT NULL AND d.distance <= 2"
    "  AND 1 - d.distance > 0.70 AND " NEIGHBOUR_SAYS "),";

/* Of a row with a name (the service's) and a content_id. */
#define ITEM_NODE NODE_OF_ITEM("$1", "name", "content_id")
#define SHORT_ID NODE_SHORT("content_id")
#define LONG_ID NODE_LONG("$1", "name", "content_id")

#define NODE_PROPERTIES                                                   \
    "jsonb_build_object('source_service', name, 'batch_processed', true," \
    " 'content_preview', preview, 'created_at', " GRAPH_NOW_ISO           \
    ") AS properties"

static const char ends_sql[] =
    "ends AS MATERIALIZED ("
    " SELECT id, name, content_id, preview, node_id, " NODE_PROPERTIES
    " FROM (SELECT id, name, content_id, preview, node_id FROM items"
    "  UNION ALL SELECT id, name, content_id, preview, " ITEM_NODE
    "  FROM (SELECT DISTINCT ON (target) target AS id, name, content_id,"
    "   preview FROM near WHERE target NOT IN (SELECT id FROM items)"
    "   ORDER BY target) n) e),";

#define NEW_NODE                                                         \
    " INSERT INTO @.knowledge_graph_nodes AS k (id, tenant_id, node_id," \
    "  node_type, properties, created_at, updated_at)"                   \
    " SELECT gen_random_uuid()::text, $1, "

#define OR_ITS_OWN                                                          \
    " ON CONFLICT (node_id) DO UPDATE SET updated_at = excluded.updated_at" \
    " WHERE k.tenant_id = excluded.tenant_id"                               \
    "  AND k.node_type = excluded.node_type RETURNING node_id, node_type),"

/* A node that is there keeps what others put into it, and its created_at. */
static const char nodes_sql[] =
    "kept AS ("
    " UPDATE @.knowledge_graph_nodes k SET"
    "  properties = e.properties || " NODE_FULL
    "   || (e.properties - 'created_at'), updated_at = " UTC
    " FROM ends e WHERE k.node_id = e.node_id"
    "  AND e.id IN (SELECT id FROM items)"
    "  AND (" NODE_HAS_ROOM
    "   OR NOT k.properties @> (e.properties - 'created_at')) RETURNING 1),"
    "brief AS (" NEW_NODE SHORT_ID ", name, properties, " UTC ", " UTC
    " FROM (SELECT DISTINCT ON (content_id) content_id, name, properties"
    "  FROM ends WHERE node_id IS NULL ORDER BY content_id, name) e"
    " ORDER BY content_id" OR_ITS_OWN "full_length AS (" NEW_NODE LONG_ID
    ", name, properties, " UTC ", " UTC
    " FROM ends WHERE node_id IS NULL AND (" SHORT_ID ", name) NOT IN"
    "  (SELECT node_id, node_type FROM brief)"
    " ORDER BY content_id, name" OR_ITS_OWN "named AS MATERIALIZED ("
    " SELECT e.id, content_id, coalesce(e.node_id, b.node_id, f.node_id)"
    "  AS node_id FROM ends e"
    " LEFT JOIN brief b ON e.node_id IS NULL AND b.node_type = e.name"
    "  AND b.node_id = " SHORT_ID
    " LEFT JOIN full_length f ON e.node_id IS NULL AND f.node_type = e.name"
    "  AND f.node_id = " LONG_ID ")";

static const char wanted_sql[] =
    ",wanted AS MATERIALIZED ("
    " SELECT s.node_id AS source, t.node_id AS target, edge_type, weight"
    " FROM near JOIN named s ON s.id = near.source"
    " JOIN named t ON t.id = near.target"
    " WHERE s.node_id IS NOT NULL AND t.node_id IS NOT NULL),";

static const char known_sql[] =
    "known AS MATERIALIZED ("
    " SELECT o.id, i.node_id AS source, o.target_node_id AS target"
    " FROM items i CROSS JOIN LATERAL ("
    "  SELECT id, target_node_id FROM @.knowledge_graph_edges"
    "  WHERE tenant_id = $1 AND source_node_id = i.node_id AND " OURS
    "  OFFSET 0) o),";

/* %s: the operator's schema. */
static const char inward_sql[] =
    "inward AS MATERIALIZED ("
    " SELECT o.id, o.source_node_id AS source,"
    "  d.distance <= 2 AND 1 - d.distance > 0.70 AS holds,"
    "  " EDGE " FROM items i CROSS JOIN LATERAL ("
    "  SELECT id, source_node_id FROM @.knowledge_graph_edges"
    "  WHERE tenant_id = $1 AND target_node_id = i.node_id"
    "   AND edge_type || '' IN ('related', 'strongly_related') OFFSET 0) o"
    " JOIN @.knowledge_graph_nodes s ON s.node_id = o.source_node_id"
    " JOIN @.microservices m ON m.tenant_id = $1 AND m.name = s.node_type"
    " CROSS JOIN LATERAL (SELECT embedding OPERATOR(%s.<=>) i.embedding"
    "   AS distance FROM @.vector_embeddings"
    "  WHERE tenant_id = $1 AND microservice_id || '' = m.id"
    "   AND content_id = ANY (" SOURCE_ITEMS ")"
    "   AND chunk_index = 0 AND content_type || '' = 'microservice_data'"
    "  ORDER BY length(content_id) DESC LIMIT 1) d"
    " WHERE o.source_node_id NOT IN"
    "  (SELECT node_id FROM items WHERE node_id IS NOT NULL)),";

/* The index over edges takes keys of 2,704 bytes: longer ones are left out. */
#define FITS_THE_INDEX "octet_length($1 || source || target) <= 2600"

#define NEW_EDGE_ID EDGE_ID("source, target")

#define NEW_EDGES                                                      \
    " INSERT INTO @.knowledge_graph_edges AS k (id, tenant_id,"        \
    "  source_node_id, target_node_id, edge_type, weight, properties," \
    "  created_at, updated_at)"                                        \
    " SELECT " NEW_EDGE_ID ", $1, source, target, edge_type, weight,"

#define OR_THE_SAME_EDGE                                                       \
    " ON CONFLICT (tenant_id, source_node_id, target_node_id) WHERE " OURS     \
    " DO UPDATE SET edge_type = excluded.edge_type, weight = excluded.weight," \
    "  properties = k.properties || excluded.properties,"                      \
    "  updated_at = excluded.updated_at"                                       \
    " WHERE (k.edge_type, k.weight)"                                           \
    "  IS DISTINCT FROM (excluded.edge_type, excluded.weight) RETURNING 1)"

/* The source has not been linked anew: linked_at stays. */
#define MOVED                                                                \
    "moved AS ("                                                             \
    " UPDATE @.knowledge_graph_edges k SET edge_type = w.edge_type,"         \
    "  weight = w.weight, properties = k.properties"                         \
    "   || jsonb_build_object('method', 'index'),"                           \
    "  updated_at = " UTC " FROM inward w WHERE k.id = w.id AND w.holds"     \
    "  AND (k.edge_type, k.weight) IS DISTINCT FROM (w.edge_type, w.weight)" \
    " RETURNING 1),"                                                         \
    "lost AS MATERIALIZED (SELECT source FROM inward"                        \
    " WHERE holds IS NOT TRUE)" NODE_ROOM ","

static const char edges_sql[] =
    "edges AS (" NEW_EDGES "  " BY_INDEX ", " UTC ", " UTC
    " FROM wanted, " EDGE_IDS " WHERE " FITS_THE_INDEX
    " ORDER BY source, target" OR_THE_SAME_EDGE "," MOVED "gone AS ("
    " DELETE FROM @.knowledge_graph_edges k WHERE k.id IN ("
    "  SELECT e.id FROM known e WHERE NOT EXISTS (SELECT 1 FROM wanted n"
    "   WHERE n.source = e.source AND n.target = e.target)"
    "  UNION ALL SELECT w.id FROM inward w WHERE w.holds IS NOT TRUE)"
    " RETURNING 1)" TAKEN_WAKE "SELECT (SELECT count(*) FROM taken),"
    " (SELECT count(*) FROM edges) + (SELECT count(*) FROM moved)"
    "  + (SELECT count(*) FROM gone),"
    " (SELECT count(*) FROM named WHERE node_id IS NULL),"
    " (SELECT min(content_id) FROM named WHERE node_id IS NULL),"
    " (SELECT count(*) FROM looked)";

int graph_sql(struct buf *sql, const char *schema)
{
    buf_printf(sql, items_sql, schema);
    buf_printf(sql, near_sql, schema, schema, GRAPH_NEIGHBOURS, schema);
    buf_puts(sql, ends_sql);
    buf_puts(sql, nodes_sql);
    buf_puts(sql, wanted_sql);
    buf_puts(sql, known_sql);
    buf_printf(sql, inward_sql, schema);
    buf_puts(sql, edges_sql);
    return sql->error;
}

/* Of the items whose keys are $2 and $3, their places there i; %s: the
 * operator's schema. */
#define VECTORS_OF_KEYS                                                      \
    " FROM (SELECT u.*, m.name FROM unnest($2, $3) WITH ORDINALITY"          \
    "   u (microservice_id, content_id, i)"                                  \
    "  JOIN @.microservices m ON m.id = u.microservice_id) u"                \
    " CROSS JOIN LATERAL (SELECT id, CASE WHEN " TAKEN_SAYS                  \
    "   THEN embedding END AS embedding FROM @.vector_embeddings v"          \
    "  WHERE tenant_id = $1 AND v.microservice_id || '' = u.microservice_id" \
    "   AND v.content_id = u.content_id AND chunk_index = 0"                 \
    "   AND content_type || '' = 'microservice_data' OFFSET 0) v"

static const char search_sql[] =
    "WITH items AS MATERIALIZED (SELECT i, id, embedding" VECTORS_OF_KEYS ")"
    "SELECT i.i, n.microservice_id, n.content_id, 1 - n.distance"
    " FROM items i LEFT JOIN LATERAL (SELECT d.* FROM ("
    "   SELECT v.microservice_id, v.content_id, v.embedding,"
    "    v.embedding OPERATOR(%s.<=>) i.embedding AS distance"
    "   FROM @.vector_embeddings v WHERE v.tenant_id = $1"
    "    AND v.content_type = 'microservice_data' AND v.chunk_index = 0"
    "    AND v.microservice_id IS NOT NULL AND v.id <> i.id"
    "   ORDER BY v.embedding OPERATOR(%s.<=>) i.embedding LIMIT %d) d"
    "  JOIN @.microservices m ON m.id = d.microservice_id"
    "  WHERE i.embedding IS NOT NULL AND d.distance <= 2"
    "   AND 1 - d.distance > 0.70 AND " NEIGHBOUR_SAYS ") n ON true"
    " ORDER BY i.i, n.distance";

int graph_search_sql(struct buf *sql, const char *schema)
{
    buf_printf(
        sql, search_sql, schema, schema, schema, GRAPH_NEIGHBOURS, schema);
    return sql->error;
}

#define KEYS_NODE NODE_OF_ITEM("$1", "name", "u.content_id")

static const char inward_items_sql[] =
    "WITH items AS MATERIALIZED (SELECT embedding, " KEYS_NODE
    " AS node_id" VECTORS_OF_KEYS "),";

static const char inward_edges_sql[] =
    MOVED "gone AS ("
          " DELETE FROM @.knowledge_graph_edges k WHERE k.id IN ("
          "  SELECT w.id FROM inward w WHERE w.holds IS NOT TRUE) RETURNING 1)"
          "SELECT (SELECT count(*) FROM moved) + (SELECT count(*) FROM gone)";

int graph_inward_sql(struct buf *sql, const char *schema)
{
    buf_printf(sql, inward_items_sql, schema);
    buf_printf(sql, inward_sql, schema);
    buf_puts(sql, inward_edges_sql);
    return sql->error;
}

static const char named_items_sql[] =
    "WITH items AS MATERIALIZED ("
    " SELECT i AS id, v.preview, name, content_id, " ITEM_NODE " AS node_id"
    " FROM (SELECT u.*, m.name FROM unnest($2, $3) WITH ORDINALITY"
    "   u (microservice_id, content_id, i)"
    "  JOIN @.microservices m ON m.id = u.microservice_id) u"
    " CROSS JOIN LATERAL (SELECT left(content_text, 200) AS preview"
    "  FROM @.vector_embeddings e WHERE tenant_id = $1"
    "   AND e.microservice_id || '' = u.microservice_id"
    "   AND e.content_id = u.content_id AND chunk_index = 0"
    "   AND content_type || '' = 'microservice_data' OFFSET 0) v),";

static const char items_ends_sql[] =
    "ends AS MATERIALIZED ("
    " SELECT id, name, content_id, preview, node_id, " NODE_PROPERTIES
    " FROM items),";

void graph_add_nodes(struct buf *sql)
{
    buf_puts(sql, items_ends_sql);
    buf_puts(sql, nodes_sql);
}

int graph_name_sql(struct buf *sql)
{
    buf_puts(sql, named_items_sql);
    graph_add_nodes(sql);
    buf_puts(sql, " SELECT id, node_id, content_id FROM named ORDER BY id");
    return sql->error;
}

/* $2 .. $4: the queue's rows as they were read; $5: the sources, all of whose
 * edges are given; $6 .. $9: these; $10: how they were found. */
static const char written_sql[] =
    "WITH taken AS ("
    " DELETE FROM @.batch_sync_link_queue WHERE ctid = ANY (ARRAY("
    "  SELECT q.ctid FROM unnest($2, $3, $4) u (microservice_id, content_id, "
    "at)"
    "  CROSS JOIN LATERAL (SELECT ctid FROM @.batch_sync_link_queue q"
    "   WHERE tenant_id = $1 AND q.microservice_id = u.microservice_id"
    "    AND q.content_id = u.content_id"
    "    AND (extract(epoch FROM queued_at) * 1000000)::int8 = u.at::int8"
    "   OFFSET 0 FOR UPDATE) q))"
    " RETURNING microservice_id, content_id),"
    "wanted AS MATERIALIZED ("
    " SELECT source, target, CASE WHEN strong = 1 THEN 'strongly_related'"
    "  ELSE 'related' END AS edge_type,"
    "  round(hundredths / 100.0, 2) AS weight"
    " FROM unnest($6, $7, $8, $9) u (source, target, strong, hundredths)),"
    "gone AS ("
    " DELETE FROM @.knowledge_graph_edges WHERE id IN (SELECT e.id"
    "  FROM unnest($5) u (source) CROSS JOIN LATERAL ("
    "   SELECT id, target_node_id FROM @.knowledge_graph_edges"
    "   WHERE tenant_id = $1 AND source_node_id = u.source AND " OURS
    "   OFFSET 0) e"
    "  WHERE (u.source, e.target_node_id) NOT IN"
    "   (SELECT source, target FROM wanted)) RETURNING 1),"
    "edges AS (" NEW_EDGES "  p.properties, p.now, p.now"
    " FROM wanted, (SELECT " UTC " AS now,"
    "   " BY_METHOD " AS properties OFFSET 0) p, " EDGE_IDS
    " WHERE " FITS_THE_INDEX " ORDER BY source, target" OR_THE_SAME_EDGE ","
    "full_again AS (UPDATE @.knowledge_graph_nodes k SET properties ="
    "  " NODE_FULL " WHERE k.node_id = ANY ($5) AND " NODE_HAS_ROOM
    " RETURNING 1)" TAKEN_WAKE
    "SELECT (SELECT count(*) FROM taken), (SELECT count(*) FROM edges)"
    " + (SELECT count(*) FROM gone)";

const char *graph_write_sql(void)
{
    return written_sql;
}
