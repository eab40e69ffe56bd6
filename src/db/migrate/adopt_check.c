/*
 * What must be true of another program's tables before they are taken over, as
 * one query: one row per obstacle, saying what to do about it.
 */
#include "db/migrate/adopt.h"

#include <stdlib.h>

/*
 * The columns that batchsync reads or writes. Kinds: s text, j jsonb, i
 * integer, n number, t time, b boolean, v vector, h bytea; in upper case:
 * added when missing.
 */
#define COLUMNS                                                      \
    "('tenants', 'id s name s domain s settings j created_at t"      \
    " updated_at t'),"                                               \
    "('microservices', 'id s tenant_id s name s service_id s"        \
    " display_name s description s version s is_active b settings j" \
    " metadata j created_at t updated_at t'),"                       \
    "('vector_embeddings', 'id s tenant_id s microservice_id s"      \
    " content_id s content_type s embedding v content_text s"        \
    " chunk_index i metadata j embed_hash H row_hash H created_at t" \
    " updated_at t written_at T vector_hash H repairs I'),"          \
    "('knowledge_graph_nodes', 'id s tenant_id s node_id s"          \
    " node_type s properties j created_at t updated_at t'),"         \
    "('knowledge_graph_edges', 'id s tenant_id s source_node_id s"   \
    " target_node_id s edge_type s weight n created_at t"            \
    " updated_at t')"

/* What is unique among our rows (0001_core). */
#define ITEM_KEY "tenant_id, microservice_id, content_id, chunk_index"

static const char facts_sql[] =
    "WITH list (tab, cols) AS (VALUES " COLUMNS "),"
    "there AS (SELECT tab, cols, c.oid, c.relkind, c.relowner,"
    "  c.relnamespace FROM list JOIN pg_class c ON c.oid = to_regclass('@.' || "
    "tab)),"
    "wanted AS (SELECT t.tab, t.oid, w.word[1] AS col, w.word[2] AS kind"
    " FROM there t,"
    "  regexp_matches(t.cols, '(\\w+) (\\w)', 'g') AS w (word)),"
    "found AS (SELECT t.tab, a.attname AS col, a.attnotnull"
    "   AND NOT a.atthasdef AND a.attidentity = '' AS bare,"
    "  a.atttypmod, format_type(a.atttypid, a.atttypmod) AS type,"
    "  CASE WHEN y.typname = 'vector' THEN 'v' WHEN y.typname = 'jsonb'"
    "   THEN 'j' WHEN y.typname = 'bytea' THEN 'h' WHEN y.typname IN ('int4',"
    "   'int2') THEN 'i' WHEN y.typcategory = 'S' THEN 's'"
    "   WHEN y.typcategory = 'N' THEN 'n' WHEN y.typcategory = 'B' THEN 'b'"
    "   WHEN y.typname IN ('timestamp', 'timestamptz') THEN 't' END AS kind"
    " FROM there t JOIN pg_attribute a ON a.attrelid = t.oid"
    "  AND a.attnum > 0 AND NOT a.attisdropped"
    " JOIN pg_type y ON y.oid = a.atttypid),"
    /* The table of vectors, if it is partitioned, and all below it. */
    "parts AS (SELECT p.relid AS oid FROM there t, pg_partition_tree(t.oid) p"
    "  WHERE t.tab = 'vector_embeddings' AND t.relkind = 'p'),"
    "keys (tab, cols) AS (VALUES ('tenants', 'id'),"
    " ('microservices', 'id'), ('microservices', 'tenant_id, name'),"
    " ('knowledge_graph_nodes', 'node_id')) ";

/* Each returns rows with one column. */
static const char *const obstacles_sql[] = {
    "SELECT format('%s is not an ordinary table: only ordinary tables can be "
    "taken over', tab) FROM there WHERE relkind <> 'r'"
    " AND NOT (relkind = 'p' AND tab = 'vector_embeddings')",

    "SELECT format('%s is partitioned by %s: one item must be one row in all"
    " partitions, so that only columns of (" ITEM_KEY ") may be in its"
    " partition key', p.partrelid::regclass, pg_get_partkeydef(p.partrelid))"
    " FROM parts JOIN pg_partitioned_table p ON p.partrelid = parts.oid"
    " WHERE EXISTS (SELECT FROM unnest(p.partattrs) AS k (attnum)"
    "  LEFT JOIN pg_attribute a ON a.attrelid = p.partrelid"
    "   AND a.attnum = k.attnum AND k.attnum > 0"
    "  WHERE a.attname IS NULL OR a.attname <> ALL"
    "   (string_to_array('" ITEM_KEY "', ', ')))",

    "SELECT format('%s, a partition of vector_embeddings, is not an ordinary "
    "table: DETACH it first', parts.oid::regclass) FROM parts"
    " JOIN pg_class c ON c.oid = parts.oid WHERE c.relkind NOT IN ('r', 'p')",

    "SELECT format('%s belongs to %I: migrate as that role, or GRANT %2$I TO"
    " %I;', tab, pg_get_userbyid(relowner), current_user) FROM there"
    " WHERE NOT pg_has_role(current_user, relowner, 'USAGE')",

    "SELECT DISTINCT format('role %I may not create tables: GRANT CREATE ON"
    " SCHEMA %I TO %1$I;', current_user, n.nspname) FROM there JOIN"
    " pg_namespace n ON n.oid = relnamespace"
    " WHERE NOT has_schema_privilege(n.oid, 'CREATE')",

    "SELECT format('%s is missing, but %s refers to it: these tables cannot be "
    "taken over', need, tab) FROM there JOIN (VALUES ('microservices', "
    "'tenants'), ('vector_embeddings', 'microservices'), "
    "('knowledge_graph_nodes', 'tenants'), ('knowledge_graph_edges', "
    "'knowledge_graph_nodes')) AS d (tab, need) USING (tab) WHERE "
    "to_regclass('@.' || need) IS NULL",

    "SELECT format('%s has no column %s', tab, col) FROM wanted w"
    " WHERE kind = lower(kind) AND NOT EXISTS (SELECT FROM found f"
    "  WHERE f.tab = w.tab AND f.col = w.col)",

    "SELECT format('%s.%s is %s, but must be %s', tab, col, f.type, CASE "
    "lower(w.kind) WHEN 's' THEN 'text' WHEN 'j' THEN 'jsonb'  WHEN 'i' THEN "
    "'integer' WHEN 'n' THEN 'a number' WHEN 't' THEN  'timestamp' WHEN 'b' "
    "THEN 'boolean' WHEN 'v' THEN 'vector'  ELSE 'bytea' END) FROM wanted w "
    "JOIN found f USING (tab, col) WHERE f.kind IS DISTINCT FROM lower(w.kind) "
    " AND NOT (w.kind = 'n' AND f.kind = 'i')",

    "SELECT format('vector_embeddings.embedding has no size: ALTER TABLE"
    " vector_embeddings ALTER embedding TYPE vector(N);') FROM found"
    " WHERE tab = 'vector_embeddings' AND col = 'embedding' AND kind = 'v'"
    " AND atttypmod < 0",

    "SELECT format('%s.%s is NOT NULL without a default, and batchsync does "
    "not know it: ALTER TABLE %1$s ALTER %2$I SET DEFAULT ...;', tab, col) "
    "FROM found f WHERE bare AND NOT EXISTS (SELECT FROM wanted w  WHERE w.tab "
    "= f.tab AND w.col = f.col)",

    "SELECT format('%s has no unique key: ALTER TABLE %1$s ADD UNIQUE (%s);',"
    " k.tab, k.cols) FROM keys k JOIN there t USING (tab)"
    " WHERE NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = t.oid"
    "  AND indisunique AND indisvalid AND indimmediate AND indpred IS NULL"
    "  AND pg_get_indexdef(i.indexrelid)"
    "   LIKE '% USING btree (' || k.cols || ')%')",
};

enum { NOBSTACLES = sizeof(obstacles_sql) / sizeof(obstacles_sql[0]) };
enum { SHAPE_BYTES = 16 * 1024 };

void adopt_ask_shape(struct call *c)
{
    struct buf sql;
    struct str text;

    buf_init(&sql, SHAPE_BYTES);
    buf_puts(&sql, facts_sql);
    for (int i = 0; i < NOBSTACLES; i++)
        buf_printf(
            &sql, "%s(%s)", i > 0 ? " UNION ALL " : "", obstacles_sql[i]);
    text = arena_dup(&c->arena, buf_view(&sql));
    if (sql.error != 0 || text.p == NULL)
        abort();
    buf_free(&sql);
    call_stmt(c, text.p, false);
    call_send(c);
}

int adopt_check_result(
    const struct pg_result *r, struct buf *report, struct err *err)
{
    int n = pg_rows(r);

    for (int i = 0; i < n; i++)
        buf_printf(report, "obstacle: %s\n", pg_value(r, i, 0).p);
    if (n == 0)
        return 0;
    return err_set(err, ERR_CONFIG,
        "the existing tables cannot be taken over; nothing was changed: %s%s",
        pg_value(r, 0, 0).p, n > 1 ? "; and more, listed above" : "");
}

int adopt_refuse_lost(struct err *err)
{
    return err_set(err, ERR_CONFIG,
        "another program has dropped columns or the unique index that "
        "batchsync had added to vector_embeddings: review the plan with "
        "`batchsync migrate --dry-run`, then run `batchsync migrate "
        "--assume-model MODEL`, with the model that made the vectors");
}
