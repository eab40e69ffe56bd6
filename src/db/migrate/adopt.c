#include "db/migrate/adopt.h"

#include <inttypes.h>
#include <stdlib.h>

enum { SQL_BYTES = 16 * 1024 };

/*
 * Which service each microservice_data row belongs to, and which of several
 * rows with the same key is the newest (place 1). A row without a service
 * belongs to the service of its tenant that its metadata names; that service
 * is created unless another one has its service_id. Rows whose service remains
 * unknown are left alone.
 */
#define PLACED                                                            \
    "WITH named AS (SELECT DISTINCT tenant_id,"                           \
    "  metadata->>'_source_service' AS name FROM vector_embeddings"       \
    "  WHERE content_type = 'microservice_data'"                          \
    "  AND microservice_id IS NULL"                                       \
    "  AND jsonb_typeof(metadata->'_source_service') = 'string'"          \
    "  AND metadata->>'_source_service' <> ''),"                          \
    "fresh AS (SELECT tenant_id, name, name || '-' || tenant_id AS key"   \
    "  FROM named n WHERE NOT EXISTS (SELECT FROM microservices m"        \
    "   WHERE m.tenant_id = n.tenant_id AND m.name = n.name"              \
    "    OR m.service_id = n.name || '-' || n.tenant_id)),"               \
    "services AS (SELECT tenant_id, name, id FROM microservices"          \
    "  UNION ALL SELECT tenant_id, name, key FROM fresh),"                \
    "ours AS (SELECT v.id, v.tenant_id, v.content_id,"                    \
    "  coalesce(v.chunk_index, 0) AS piece, v.updated_at, v.created_at,"  \
    "  v.microservice_id IS NULL OR v.chunk_index IS NULL AS incomplete," \
    "  v.embedding IS NOT NULL AND v.content_text <> '' AS usable,"       \
    "  CASE WHEN v.content_id IS NOT NULL"                                \
    "   THEN coalesce(v.microservice_id, s.id) END AS service"            \
    "  FROM vector_embeddings v LEFT JOIN services s"                     \
    "   ON v.microservice_id IS NULL AND s.tenant_id = v.tenant_id"       \
    "   AND s.name = v.metadata->>'_source_service'"                      \
    "  WHERE v.content_type = 'microservice_data'),"                      \
    "placed AS (SELECT *, CASE WHEN service IS NULL THEN 1 ELSE"          \
    "  row_number() OVER (PARTITION BY tenant_id, service, content_id,"   \
    "   piece ORDER BY updated_at DESC NULLS LAST,"                       \
    "   created_at DESC NULLS LAST, id DESC) END AS place FROM ours)"

/* Edges of our two types, the newest of each pair first, then the strongest. */
#define RANKED_EDGES                                                         \
    "SELECT id, row_number() OVER (PARTITION BY tenant_id,"                  \
    " source_node_id, target_node_id ORDER BY updated_at DESC NULLS LAST,"   \
    " weight DESC NULLS LAST, created_at DESC NULLS LAST, id DESC) AS place" \
    " FROM knowledge_graph_edges"                                            \
    " WHERE edge_type IN ('related', 'strongly_related')"

/* Those that would stand in the way of a unique index over declared edges
 * (schema/sql/0029_links.sql). */
#define SPARE_EDGES                                                      \
    "SELECT row_number() OVER (PARTITION BY tenant_id, source_node_id,"  \
    "  target_node_id, edge_type ORDER BY created_at DESC, id DESC) > 1" \
    " OR octet_length(tenant_id || source_node_id || target_node_id"     \
    "  || edge_type) > 2600 AS spare FROM knowledge_graph_edges"         \
    " WHERE (properties ->> 'method') = 'declared'"

/*
 * Tables whose rows would be deleted or changed together with a row of this
 * one.
 */
#define DRAGS                                                          \
    "SELECT string_agg(conrelid::regclass::text, ', ') AS who"         \
    " FROM pg_constraint WHERE contype = 'f' AND confdeltype IN ('c'," \
    " 'n', 'd') AND confrelid = "
#define VECTOR_DRAGS DRAGS "'vector_embeddings'::regclass"
#define EDGE_DRAGS DRAGS "'knowledge_graph_edges'::regclass"

struct adopt_tables adopt_tables(const char *tables)
{
    return (struct adopt_tables){
        .vectors = strstr(tables, "vector_embeddings") != NULL,
        .edges = strstr(tables, "knowledge_graph_edges") != NULL,
    };
}

void adopt_write_path(struct buf *script, const char *schema)
{
    buf_printf(script, " SET LOCAL search_path = %s;", schema);
    buf_puts(script,
        " SELECT set_config('search_path', current_setting('search_path')"
        "  || ', ' || quote_ident(n.nspname), true)"
        " FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace"
        " WHERE e.extname = 'vector' AND to_regtype('vector') IS NULL;");
}

/* --- the plan --- */

enum plan_column {
    P_ROWS,
    P_OURS,
    P_SERVICES,
    P_DOUBLES,
    P_PLACED,
    P_UNPLACED,
    P_USABLE,
    P_VECTOR_DRAGS,
    P_ITEM_INDEX, /* the name of the index on (tenant_id, content_id) */
    P_HNSW,
    P_TRIGGERS,
    P_INDEXES,
    P_EDGES, /* the first of the edges' */
    P_EDGE_DOUBLES,
    P_EDGE_DRAGS,
    P_TARGET_INDEX,
    P_EDGE_SPARES
};

static const char plan_vectors_sql[] = PLACED
    ", whole AS (SELECT count(*) AS rows FROM placed"
    "  WHERE place = 1 AND service IS NOT NULL"
    "  GROUP BY tenant_id, service, content_id"
    "  HAVING bool_and(usable) AND max(piece) = count(*) - 1)"
    "SELECT (SELECT count(*) FROM vector_embeddings), count(*),"
    " (SELECT count(*) FROM fresh), count(*) FILTER (WHERE place > 1),"
    " count(*) FILTER (WHERE place = 1 AND incomplete"
    "  AND service IS NOT NULL),"
    " count(*) FILTER (WHERE service IS NULL),"
    " coalesce((SELECT sum(rows) FROM whole), 0),"
    " (" VECTOR_DRAGS "),"
    " (SELECT min(indexrelid::regclass::text) FROM pg_index"
    "  WHERE indrelid = 'vector_embeddings'::regclass AND indisvalid"
    "  AND indpred IS NULL AND pg_get_indexdef(indexrelid)"
    "   LIKE '% USING btree (tenant_id, content_id)'),"
    " (SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = indexrelid"
    "  JOIN pg_am a ON a.oid = c.relam AND a.amname = 'hnsw'"
    "  WHERE indrelid = 'vector_embeddings'::regclass),"
    " (SELECT string_agg(tgname, ', ' ORDER BY tgname) FROM pg_trigger"
    "  WHERE tgrelid = 'vector_embeddings'::regclass AND NOT tgisinternal),"
    " (SELECT count(*) FROM pg_index"
    "  WHERE indrelid = 'vector_embeddings'::regclass)"
    " FROM placed";

static const char plan_edges_sql[] =
    "SELECT count(*), (SELECT count(*) FROM (" RANKED_EDGES ") r"
    " WHERE place > 1), (" EDGE_DRAGS "),"
    " (SELECT min(indexrelid::regclass::text) FROM pg_index"
    "  WHERE indrelid = 'knowledge_graph_edges'::regclass AND indisvalid"
    "  AND indpred IS NULL AND pg_get_indexdef(indexrelid)"
    "   LIKE '% USING btree (tenant_id, target_node_id)'),"
    " (SELECT count(*) FROM (" SPARE_EDGES ") s WHERE spare)"
    " FROM knowledge_graph_edges";

void adopt_ask_plan(struct call *c, struct adopt_tables tables)
{
    struct buf sql;
    struct str text;

    buf_init(&sql, SQL_BYTES);
    buf_puts(&sql,
        "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;"
        " SET LOCAL statement_timeout = 0;");
    adopt_write_path(&sql, pg_pool_schema(c->pool));
    buf_printf(&sql, " SELECT * FROM (%s) v, (%s) e; COMMIT",
        tables.vectors ? plan_vectors_sql : "SELECT 0,0,0,0,0,0,0,'','',0,'',0",
        tables.edges ? plan_edges_sql : "SELECT 0,0,'','',0");
    text = arena_dup(&c->arena, buf_view(&sql));
    if (sql.error != 0 || text.p == NULL)
        abort();
    buf_free(&sql);
    c->pg.timeout_ms = ADOPT_MS;
    call_send_script(c, text.p);
}

/* A line of the report, unless the count is 0. */
static void adopt_count_line(struct buf *report, const struct pg_result *r,
    int column, const char *name, const char *text)
{
    int64_t n = call_int(r, 0, column);

    if (n > 0)
        buf_printf(report, "%s: %" PRId64 " %s\n", name, n, text);
}

static void adopt_index_line(
    struct buf *report, const struct pg_result *r, int column, const char *name)
{
    struct str there = pg_value(r, 0, column);

    if (there.len > 0)
        buf_printf(report, "index %s: there as %s\n", name, there.p);
    else
        buf_printf(report, "index %s: would be created\n", name);
}

/* Would removing duplicates change other tables? */
static int adopt_judge_drags(const struct pg_result *r, int doubles, int drags,
    const char *name, struct buf *report, struct err *err)
{
    const char *who = pg_value(r, 0, drags).p;

    if (call_int(r, 0, doubles) == 0 || who[0] == '\0')
        return 0;
    buf_printf(report,
        "obstacle: %s: removing duplicates would also change %s through ON "
        "DELETE; change that to NO ACTION first\n",
        name, who);
    return err_set(err, ERR_CONFIG,
        "duplicates in %s cannot be removed without changing %s through ON "
        "DELETE; nothing was changed",
        name, who);
}

static void adopt_plan_vectors(const struct pg_result *r, struct buf *report)
{
    static const char name[] = "vector_embeddings";

    buf_printf(report,
        "%s: %" PRId64 " rows; %" PRId64
        " are microservice_data, and only those are touched\n",
        name, call_int(r, 0, P_ROWS), call_int(r, 0, P_OURS));
    adopt_count_line(report, r, P_SERVICES, "microservices",
        "would be created, for rows that name them but refer to none");
    adopt_count_line(report, r, P_DOUBLES, name,
        "duplicates would be removed; the newest of each is kept");
    adopt_count_line(report, r, P_PLACED, name,
        "rows would be assigned to the microservice named by their "
        "_source_service");
    adopt_count_line(report, r, P_UNPLACED, name,
        "rows name no microservice and would be left unchanged");
    adopt_count_line(report, r, P_USABLE, name,
        "rows have a vector that --assume-model would keep");
    if (pg_value(r, 0, P_TRIGGERS).len > 0)
        buf_printf(report, "%s: triggers that may fire: %s\n", name,
            pg_value(r, 0, P_TRIGGERS).p);
    buf_printf(report,
        "%s: columns embed_hash, row_hash, written_at, vector_hash and repairs "
        "would be added\n",
        name);
    buf_puts(report, "index vector_embeddings_item_key: would be created\n");
    adopt_index_line(report, r, P_ITEM_INDEX, "on (tenant_id, content_id)");
    buf_printf(report,
        "%s: %" PRId64 " indexes are there and stay, %" PRId64
        " of them over vectors (hnsw)\n",
        name, call_int(r, 0, P_INDEXES), call_int(r, 0, P_HNSW));
}

static void adopt_plan_edges(const struct pg_result *r, struct buf *report)
{
    static const char name[] = "knowledge_graph_edges";

    adopt_count_line(report, r, P_EDGE_DOUBLES, name,
        "duplicates (related, strongly_related) would be removed; the newest "
        "of each is kept");
    adopt_count_line(report, r, P_EDGE_SPARES, name,
        "edges would stay, but no longer say that they are declared, which the "
        "newest of those with the same ends and type does");
    buf_puts(report,
        "index knowledge_graph_edges_related_key: would be created\n"
        "index knowledge_graph_edges_declared_key: would be created\n");
    adopt_index_line(
        report, r, P_TARGET_INDEX, "on (tenant_id, target_node_id)");
}

/* A rough estimate for a current server: all rows are read and sorted, and
 * a rewritten row is added to every index again. */
static int64_t adopt_estimate_seconds(const struct pg_result *r)
{
    int64_t rows = call_int(r, 0, P_ROWS) + call_int(r, 0, P_EDGES);
    int64_t row_ms = call_int(r, 0, P_HNSW) > 0 ? 6 : 1;

    return 1 + rows / 50000 + call_int(r, 0, P_PLACED) * row_ms / 1000;
}

int adopt_report_plan(const struct pg_result *r, struct adopt_tables tables,
    struct buf *report, struct err *err)
{
    int rc;

    if (tables.vectors)
        adopt_plan_vectors(r, report);
    if (tables.edges)
        adopt_plan_edges(r, report);
    buf_printf(report,
        "locks: for about %" PRId64
        " s other programs can read these tables but wait to write, and at "
        "the end wait to read, too\n",
        adopt_estimate_seconds(r));
    rc = adopt_judge_drags(
        r, P_DOUBLES, P_VECTOR_DRAGS, "vector_embeddings", report, err);
    if (rc == 0)
        rc = adopt_judge_drags(r, P_EDGE_DOUBLES, P_EDGE_DRAGS,
            "knowledge_graph_edges", report, err);
    return rc;
}

/* --- the steps --- */

/* Records the row count of the step before under a name of ADOPT_COUNTS. */
static void adopt_add_count(struct buf *script, const char *name)
{
    buf_printf(script,
        " GET DIAGNOSTICS n = ROW_COUNT;"
        " PERFORM set_config('batchsync.%s', n::text, true);",
        name);
}

/*
 * Fails, and so undoes everything, if the deleted rows have taken rows of
 * other tables with them.
 */
static void adopt_add_drag_check(
    struct buf *script, const char *table, const char *drags)
{
    buf_printf(script,
        " IF n > 0 AND (%s) IS NOT NULL THEN"
        " RAISE EXCEPTION 'duplicates in %s cannot be removed without changing"
        " tables that refer to it with ON DELETE (%%): change that to NO ACTION"
        " first', (%s); END IF;",
        drags, table, drags);
}

/* The display name as the store makes it: "my-service" is "My Service". */
static const char services_sql[] = PLACED
    " INSERT INTO microservices (id, tenant_id, name, service_id,"
    " display_name, description, version, is_active, settings, metadata,"
    " created_at, updated_at)"
    " SELECT gen_random_uuid()::text, tenant_id, name, key,"
    "  (SELECT string_agg(upper(left(w, 1)) || substr(w, 2), ' ' ORDER BY at)"
    "   FROM regexp_split_to_table(name, '[-_ ]') WITH ORDINALITY"
    "    AS u (w, at)),"
    "  'Data from ' || name, '1.0.0', true, '{}', '{}',"
    "  now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC' FROM fresh"
    " ON CONFLICT DO NOTHING;";

/* The key of a partitioned table may be more than the id, by which rows are
 * told apart from here on. */
static const char unique_ids_sql[] =
    " IF (SELECT relkind FROM pg_class"
    "   WHERE oid = 'vector_embeddings'::regclass) = 'p'"
    "  AND EXISTS (SELECT FROM vector_embeddings GROUP BY id"
    "   HAVING count(*) > 1)"
    " THEN RAISE EXCEPTION 'several rows of vector_embeddings have the same id:"
    " give each an id of its own first'; END IF;";

static const char doubles_sql[] =
    PLACED " DELETE FROM vector_embeddings WHERE id IN"
           " (SELECT id FROM placed WHERE place > 1);";

static const char place_sql[] =
    PLACED " UPDATE vector_embeddings v SET microservice_id = p.service,"
           " chunk_index = p.piece FROM placed p WHERE v.id = p.id"
           " AND p.incomplete AND p.service IS NOT NULL;";

static const char unplaced_sql[] =
    " PERFORM set_config('batchsync.unplaced', (SELECT count(*)::text"
    "  FROM vector_embeddings WHERE content_type = 'microservice_data'"
    "  AND (microservice_id IS NULL OR content_id IS NULL)), true);";

static void adopt_add_vectors(struct buf *script)
{
    buf_puts(script, "LOCK TABLE microservices, vector_embeddings"
                     " IN SHARE ROW EXCLUSIVE MODE;"
                     "DO $adopt$ DECLARE n bigint; BEGIN ");
    buf_puts(script, unique_ids_sql);
    buf_puts(script, services_sql);
    adopt_add_count(script, "services");
    buf_puts(script, doubles_sql);
    adopt_add_count(script, "doubles");
    adopt_add_drag_check(script, "vector_embeddings", VECTOR_DRAGS);
    buf_puts(script, place_sql);
    adopt_add_count(script, "placed");
    buf_puts(script, unplaced_sql);
    buf_puts(script, " END $adopt$;\n");
}

static void adopt_add_edges(struct buf *script)
{
    buf_puts(script,
        "LOCK TABLE knowledge_graph_edges IN SHARE ROW EXCLUSIVE MODE;"
        "DO $adopt$ DECLARE n bigint; BEGIN"
        " DELETE FROM knowledge_graph_edges WHERE id IN"
        " (SELECT id FROM (" RANKED_EDGES ") r WHERE place > 1);");
    adopt_add_count(script, "edges");
    adopt_add_drag_check(script, "knowledge_graph_edges", EDGE_DRAGS);
    buf_puts(script, " END $adopt$;\n");
}

/* Deferred constraint checks would keep the tables from being altered. */
void adopt_write_steps(struct buf *script, struct adopt_tables tables)
{
    buf_puts(script, "SET LOCAL lock_timeout = '60s';"
                     "SET CONSTRAINTS ALL IMMEDIATE;\n");
    if (tables.vectors)
        adopt_add_vectors(script);
    if (tables.edges)
        adopt_add_edges(script);
}

void adopt_report(const struct pg_result *r, int first, struct buf *report)
{
    static const char vectors[] = "vector_embeddings";

    if (pg_rows(r) == 0)
        return;
    adopt_count_line(report, r, first, "microservices", "created");
    adopt_count_line(report, r, first + 1, vectors,
        "duplicates removed; the newest of each was kept");
    adopt_count_line(report, r, first + 2, vectors,
        "rows were assigned to the microservice named by their "
        "_source_service");
    adopt_count_line(report, r, first + 3, vectors,
        "rows name no microservice and were left unchanged");
    adopt_count_line(report, r, first + 4, "knowledge_graph_edges",
        "duplicates removed; the newest of each was kept");
}
