#include "unit/db/migrate/adopt_world.h"

#define IDS                                                             \
    "SELECT coalesce(string_agg(id || ':' || coalesce("                 \
    " (SELECT name FROM microservices m WHERE m.id = microservice_id)," \
    " '-'), ' ' ORDER BY id), '') FROM vector_embeddings"

/* Both what it would do and what it does. */
static void plan_and_adopt(struct legacy *l, const char *would, const char *did)
{
    const char *before = db_text(&l->db, IDS);

    adopt(l, MIGRATE_DRY_RUN, 0);
    expect_report(l, would);
    assert_false(l->req.ready);
    expect_sql(l, IDS, before);
    adopt(l, MIGRATE_APPLY, 0);
    expect_report(l, did);
    assert_true(l->req.ready);
    adopt(l, MIGRATE_APPLY, 0);
    assert_string_equal(l->req.report.data, "nothing to do\n");
}

/* Later update, then later creation, then the greater id. */
static void the_newest_stays(void **state)
{
    struct legacy *l = *state;

    NEED_SERVER();
    db_exec(&l->db,
        LEGACY_ROW("a1", "'m1'", "a", "0", "2024-01-02", "2024-01-01", FROM_SVC)
            LEGACY_ROW("a2", "'m1'", "a", "0", "2024-01-01", "2024-01-09",
                FROM_SVC) LEGACY_ROW("b1", "'m1'", "b", "0", "2024-01-01",
                "2024-01-02", FROM_SVC) LEGACY_ROW("b2", "'m1'", "b", "0",
                "2024-01-01", "2024-01-01", FROM_SVC) LEGACY_ROW("c1", "'m1'",
                "c", "0", "2024-01-01", "2024-01-01", FROM_SVC) LEGACY_ROW("c2",
                "'m1'", "c", "0", "2024-01-01", "2024-01-01", FROM_SVC)
                LEGACY_ROW("c3", "'m1'", "c", "1", "2024-01-01", "2024-01-01",
                    FROM_SVC));
    plan_and_adopt(l, "vector_embeddings: 3 duplicates would be removed",
        "vector_embeddings: 3 duplicates removed");
    expect_sql(l, IDS, "a1:svc b1:svc c2:svc c3:svc");
}

/* Rows of an item with and without its microservice are the same item's. */
static void rows_without_a_service_get_theirs(void **state)
{
    struct legacy *l = *state;

    NEED_SERVER();
    db_exec(&l->db,
        LEGACY_ROW("a1", "NULL", "a", "0", "2024-01-02", "2024-01-01", FROM_SVC)
            LEGACY_ROW("a2", "'m1'", "a", "0", "2024-01-01", "2024-01-01",
                FROM_SVC) LEGACY_ROW("b1", "NULL", "b", "NULL", "2024-01-01",
                "2024-01-01", "'{\"_source_service\": \"new_one-b\"}'"));
    plan_and_adopt(l, "vector_embeddings: 2 rows would be assigned",
        "vector_embeddings: 2 rows were assigned");
    expect_sql(l, IDS, "a1:svc b1:new_one-b");
    expect_sql(l,
        "SELECT concat_ws('|', tenant_id, service_id, display_name,"
        " description, version, is_active) FROM microservices"
        " WHERE name = 'new_one-b'",
        "t1|new_one-b-t1|New One B|Data from new_one-b|1.0.0|t");
    expect_sql(l,
        "SELECT chunk_index FROM vector_embeddings"
        " WHERE content_id = 'b'",
        "0");
}

static void rows_of_nobody_stay(void **state)
{
    struct legacy *l = *state;

    NEED_SERVER();
    db_exec(&l->db,
        "INSERT INTO microservices (id, tenant_id, name, service_id)"
        " VALUES ('m9', 't2', 'other', 'taken-t1');" LEGACY_ROW(
            "a1", "NULL", "a", "0", "2024-01-02", "2024-01-01", "'{}'")
            LEGACY_ROW("a2", "NULL", "a", "0", "2024-01-02", "2024-01-01",
                "NULL") LEGACY_ROW("a3", "NULL", "a", "0", "2024-01-02",
                "2024-01-01", "'{\"_source_service\": \"taken\"}'")
                LEGACY_ROW("a4", "NULL", "a", "0", "2024-01-02", "2024-01-01",
                    "'{\"_source_service\": {\"a\": 1}}'"));
    plan_and_adopt(l, "4 rows name no microservice and would be left",
        "4 rows name no microservice and were left");
    expect_sql(l, IDS, "a1:- a2:- a3:- a4:-");
    expect_sql(l, "SELECT count(*) FROM microservices", "2");
}

static void double_edges_of_ours_go(void **state)
{
    struct legacy *l = *state;

    NEED_SERVER();
    db_exec(&l->db,
        "INSERT INTO knowledge_graph_edges VALUES"
        " ('1', 't1', 'a', 'b', 'related', 0.8, NULL, '2024-01-02'),"
        " ('2', 't1', 'a', 'b', 'strongly_related', 0.9, NULL, '2024-01-02'),"
        " ('3', 't1', 'a', 'b', 'related', 1, NULL, '2024-01-01'),"
        " ('4', 't1', 'b', 'a', 'related', 0.8, NULL, '2024-01-01'),"
        " ('5', 't1', 'a', 'b', 'requires', 0.8, NULL, '2024-01-01'),"
        " ('6', 't1', 'a', 'b', 'requires', 0.8, NULL, '2024-01-01')");
    plan_and_adopt(l, "knowledge_graph_edges: 2 duplicates (related",
        "knowledge_graph_edges: 2 duplicates removed");
    expect_sql(l,
        "SELECT string_agg(id, ' ' ORDER BY id)"
        " FROM knowledge_graph_edges",
        "2 4 5 6");
}

/* An index that is there by another name is not made again. */
static void indexes_are_not_doubled(void **state)
{
    struct legacy *l = *state;

    NEED_SERVER();
    db_exec(&l->db,
        "CREATE INDEX theirs ON vector_embeddings (tenant_id, content_id)");
    plan_and_adopt(
        l, "index on (tenant_id, content_id): there as theirs", "applied");
    expect_sql(l,
        "SELECT string_agg(indexname, ' ' ORDER BY indexname)"
        " FROM pg_indexes WHERE schemaname = current_schema()"
        " AND tablename = 'vector_embeddings'",
        "theirs vector_embeddings_item_key vector_embeddings_pkey");
}

/* One of the tables, however common its name, and none of the others. */
/* Our time is compared with theirs. */
static void times_keep_their_type(void **state)
{
    struct legacy *l = *state;

    NEED_SERVER();
    db_exec(&l->db, "ALTER TABLE vector_embeddings"
                    " ALTER updated_at TYPE timestamptz(2)");
    adopt(l, MIGRATE_APPLY, 0);
    expect_sql(l,
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = 'vector_embeddings'::regclass"
        " AND attname = 'written_at'",
        "timestamp(2) with time zone");
}

static void missing_tables_are_made(void **state)
{
    struct legacy *l = *state;

    NEED_SERVER();
    db_exec(&l->db, "DROP TABLE vector_embeddings, microservices,"
                    " knowledge_graph_nodes, knowledge_graph_edges");
    adopt(l, MIGRATE_DRY_RUN, 0);
    expect_report(l, "locks: ");
    adopt(l, MIGRATE_APPLY, 0);
    expect_sql(l, "SELECT count(*) FROM tenants", "2");
    expect_sql(l, "SELECT count(*) FROM vector_embeddings", "0");
}

static void without_being_asked_to_it_refuses(void **state)
{
    struct legacy *l = *state;
    struct migrate_req req;

    NEED_SERVER();
    for (enum migrate_mode mode = MIGRATE_APPLY; mode <= MIGRATE_CHECK;
         mode++) {
        assert_int_equal(migrate(&l->db, &req, mode, DIMENSIONS), ERR_CONFIG);
        assert_non_null(
            strstr(req.op.err.msg, "`batchsync migrate --dry-run`"));
        buf_free(&req.report);
    }
}

/* A lock that somebody else does not give up: nothing happens, and it says
 * so. */
static void a_failure_undoes_all(void **state)
{
    struct legacy *l = *state;

    NEED_SERVER();
    db_exec(&l->db,
        LEGACY_ROW("a1", "'m1'", "a", "0", "2024-01-02", "2024-01-01", FROM_SVC)
            LEGACY_ROW("a2", "NULL", "a", "0", "2024-01-01", "2024-01-09",
                FROM_SVC) "CREATE TABLE batch_sync_runs (id text)");
    adopt(l, MIGRATE_APPLY, ERR_DATABASE);
    expect_sql(l, IDS, "a1:svc a2:-");
    assert_false(l->req.ready);
}

static void obstacle(
    struct legacy *l, const char *change, const char *text, const char *undo)
{
    db_exec(&l->db, change);
    for (enum migrate_mode mode = MIGRATE_APPLY; mode <= MIGRATE_DRY_RUN;
         mode++) {
        adopt(l, mode, ERR_CONFIG);
        expect_report(l, text);
    }
    db_exec(&l->db, undo);
}

static void obstacles_are_named(void **state)
{
    struct legacy *l = *state;

    NEED_SERVER();
    obstacle(l, "ALTER TABLE vector_embeddings RENAME content_id TO item",
        "obstacle: vector_embeddings has no column content_id\n",
        "ALTER TABLE vector_embeddings RENAME item TO content_id");
    obstacle(l,
        "ALTER TABLE tenants ADD plan text NOT NULL DEFAULT '';"
        "ALTER TABLE tenants ALTER plan DROP DEFAULT",
        "obstacle: tenants.plan is NOT NULL without a default",
        "ALTER TABLE tenants DROP plan");
    obstacle(l, "ALTER TABLE vector_embeddings ADD embed_hash text",
        "vector_embeddings.embed_hash is text, but must be bytea",
        "ALTER TABLE vector_embeddings DROP embed_hash");
    obstacle(l,
        "ALTER TABLE vector_embeddings ALTER embedding"
        " TYPE public.vector",
        "vector_embeddings.embedding has no size: ALTER TABLE",
        "ALTER TABLE vector_embeddings ALTER embedding"
        " TYPE public.vector(3)");
    obstacle(l,
        "ALTER TABLE knowledge_graph_nodes"
        " DROP CONSTRAINT knowledge_graph_nodes_node_id_key",
        "knowledge_graph_nodes has no unique key: ALTER TABLE "
        "knowledge_graph_nodes ADD UNIQUE (node_id);",
        "ALTER TABLE knowledge_graph_nodes ADD UNIQUE (node_id)");
    obstacle(l, "ALTER TABLE knowledge_graph_nodes RENAME TO n",
        "knowledge_graph_nodes is missing, but knowledge_graph_edges refers to "
        "it",
        "ALTER TABLE n RENAME TO knowledge_graph_nodes");
    obstacle(l,
        "ALTER TABLE knowledge_graph_edges RENAME TO e;"
        "CREATE VIEW knowledge_graph_edges AS SELECT * FROM e",
        "knowledge_graph_edges is not an ordinary table",
        "DROP VIEW knowledge_graph_edges;"
        "ALTER TABLE e RENAME TO knowledge_graph_edges");
    adopt(l, MIGRATE_APPLY, 0);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, legacy_setup, legacy_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_newest_stays),
        TEST(rows_without_a_service_get_theirs),
        TEST(rows_of_nobody_stay),
        TEST(double_edges_of_ours_go),
        TEST(indexes_are_not_doubled),
        TEST(times_keep_their_type),
        TEST(missing_tables_are_made),
        TEST(without_being_asked_to_it_refuses),
        TEST(a_failure_undoes_all),
        TEST(obstacles_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
