#include "db/migrate/migration.h"
#include "unit/db/pg_world.h"

static struct db db;
static struct migrate_req req;

static int setup(void **state)
{
    if (db_server() != NULL)
        db_open(&db, 2);
    return 0;
}

static int teardown(void **state)
{
    buf_free(&req.report);
    if (db_server() != NULL)
        db_close(&db);
    return 0;
}

static void expect_migrate(
    enum migrate_mode mode, int dimensions, int code, const char *text)
{
    buf_free(&req.report);
    if (migrate(&db, &req, mode, dimensions) != code)
        fail_msg("%s: %s", err_name(req.op.err.code), req.op.err.msg);
    text = text == NULL ? "" : text;
    if (code == 0)
        assert_string_equal(req.report.len == 0 ? "" : req.report.data, text);
    else if (strstr(req.op.err.msg, text) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", req.op.err.msg, text);
}

/* A line for each migration there is. */
static const char *all(const char *what)
{
    struct buf text;
    const char *copy;

    buf_init(&text, 4096);
    for (int i = 0; migrations[i].name != NULL; i++)
        buf_printf(&text, "%s: %s\n", migrations[i].name, what);
    copy = arena_dup(&db.arena, buf_view(&text)).p;
    buf_free(&text);
    return copy;
}

static const char *tables(void)
{
    return db_text(&db, "SELECT string_agg(tablename, ' ' ORDER BY tablename)"
                        " FROM pg_tables WHERE schemaname = current_schema()");
}

static void makes_the_tables(void **state)
{
    NEED_SERVER();
    expect_migrate(MIGRATE_APPLY, 5, 0, all("applied"));
    assert_non_null(strstr(tables(), "batch_sync_migrations"));
    assert_non_null(strstr(tables(), "vector_embeddings"));
    assert_string_equal(
        db_text(&db, "SELECT format_type(atttypid, atttypmod)"
                     " FROM pg_attribute WHERE attname = 'embedding'"
                     " AND attrelid = 'vector_embeddings'::regclass"),
        "public.vector(5)");
}

static void every_table_says_what_it_is(void **state)
{
    NEED_SERVER();
    expect_migrate(MIGRATE_APPLY, 5, 0, all("applied"));
    assert_string_equal(
        db_text(&db, "SELECT count(*) FROM pg_class"
                     " WHERE relnamespace = current_schema()::regnamespace"
                     " AND relkind = 'r'"
                     " AND obj_description(oid, 'pg_class') IS NULL"),
        "0");
}

/* Each index beyond these costs every chunk. */
static void keeps_the_indexes_lean(void **state)
{
    NEED_SERVER();
    expect_migrate(MIGRATE_APPLY, 5, 0, all("applied"));
    assert_string_equal(
        db_text(&db, "SELECT string_agg(indexname, ' ' ORDER BY indexname)"
                     " FROM pg_indexes WHERE schemaname = current_schema()"
                     " AND tablename = 'vector_embeddings'"),
        "idx_vector_embeddings_tenant_id_content_id "
        "vector_embeddings_item_key vector_embeddings_pkey");
}

/* A vector of 600 dimensions and the usual text. */
static void small_rows_stay_in_one_piece(void **state)
{
    NEED_SERVER();
    expect_migrate(MIGRATE_APPLY, 600, 0, all("applied"));
    db_exec(&db, "INSERT INTO tenants (id, name, updated_at)"
                 " VALUES ('t1', 't1', now());"
                 " INSERT INTO vector_embeddings (id, tenant_id, content_id,"
                 " content_type, content_text, embedding, updated_at)"
                 " SELECT 'a', 't1', 'a', 'x', repeat('text ', 200),"
                 " array_agg(random())::public.vector, now()"
                 " FROM generate_series(1, 600)");
    assert_string_equal(
        db_text(&db, "SELECT pg_column_size(content_text) || ' '"
                     " || pg_relation_size(reltoastrelid)"
                     " FROM vector_embeddings, pg_class"
                     " WHERE pg_class.oid = 'vector_embeddings'::regclass"),
        "1004 0");
}

static void a_second_time_is_nothing(void **state)
{
    NEED_SERVER();
    expect_migrate(MIGRATE_APPLY, 5, 0, all("applied"));
    expect_migrate(MIGRATE_APPLY, 5, 0, "nothing to do\n");
    expect_migrate(MIGRATE_CHECK, 5, 0, NULL);
    expect_migrate(MIGRATE_DRY_RUN, 5, 0, all("already applied"));
}

static void checks_and_dry_runs_change_nothing(void **state)
{
    NEED_SERVER();
    expect_migrate(
        MIGRATE_CHECK, 5, ERR_CONFIG, "migrations: run batchsync migrate");
    expect_migrate(MIGRATE_DRY_RUN, 5, 0, all("would be applied"));
    assert_string_equal(tables(), "");
}

static void applies_only_what_is_missing(void **state)
{
    NEED_SERVER();
    expect_migrate(MIGRATE_APPLY, 5, 0, all("applied"));
    db_exec(&db, "DROP TABLE batch_sync_service_runs, batch_sync_runs,"
                 " batch_sync_dead_letters; DELETE FROM batch_sync_migrations"
                 " WHERE name = '0002_ledger'");
    expect_migrate(MIGRATE_CHECK, 5, ERR_CONFIG, "lacks 1 migration:");
    expect_migrate(MIGRATE_APPLY, 5, 0, "0002_ledger: applied\n");
}

static void a_newer_version_is_mentioned(void **state)
{
    NEED_SERVER();
    expect_migrate(MIGRATE_APPLY, 5, 0, all("applied"));
    db_exec(&db, "INSERT INTO batch_sync_migrations VALUES ('9999_later')");
    expect_migrate(MIGRATE_APPLY, 5, 0,
        "9999_later: applied by a newer version\nnothing to do\n");
}

static void two_at_once_both_succeed(void **state)
{
    struct migrate_req reqs[2];

    NEED_SERVER();
    for (int i = 0; i < 2; i++) {
        reqs[i] = (struct migrate_req){.dimensions = 5};
        op_init(&reqs[i].op, db_done);
        migrate_run(db.pool, &db.loop, &reqs[i]);
    }
    for (int i = 0; i < 2; i++) {
        db_wait(&db, &reqs[i].op);
        assert_int_equal(reqs[i].op.err.code, 0);
        buf_free(&reqs[i].report);
    }
    expect_migrate(MIGRATE_CHECK, 5, 0, NULL);
}

/* The slower one must not work with vectors of the other's size. */
static void two_of_different_sizes_do_not(void **state)
{
    struct migrate_req reqs[2];

    NEED_SERVER();
    for (int i = 0; i < 2; i++) {
        reqs[i] = (struct migrate_req){.dimensions = 5 + i};
        op_init(&reqs[i].op, db_done);
        migrate_run(db.pool, &db.loop, &reqs[i]);
    }
    for (int i = 0; i < 2; i++) {
        db_wait(&db, &reqs[i].op);
        buf_free(&reqs[i].report);
    }
    assert_int_equal(reqs[0].op.err.code + reqs[1].op.err.code, ERR_CONFIG);
}

static void another_size_says_what_to_do(void **state)
{
    NEED_SERVER();
    expect_migrate(MIGRATE_APPLY, 5, 0, all("applied"));
    for (enum migrate_mode mode = MIGRATE_APPLY; mode <= MIGRATE_CHECK; mode++)
        expect_migrate(mode, 6, ERR_CONFIG,
            "has 5 dimensions, but EMBEDDING_DIMENSIONS is 6: set "
            "EMBEDDING_DIMENSIONS=5");
}

static void more_than_an_index_takes_is_a_warning(void **state)
{
    NEED_SERVER();
    expect_migrate(MIGRATE_APPLY, 5, 0, all("applied"));
    db_exec(&db, "ALTER TABLE vector_embeddings ALTER embedding"
                 " TYPE public.vector(2001)");
    expect_migrate(MIGRATE_APPLY, 2001, 0,
        "warning: 2001 dimensions exceed the limit of an HNSW index (2000): "
        "searches will read the whole table\nnothing to do\n");
}

static void refuses_tables_of_another_program(void **state)
{
    NEED_SERVER();
    db_exec(&db, "CREATE TABLE tenants (id text);"
                 "CREATE TABLE knowledge_graph_edges (id text)");
    for (enum migrate_mode mode = MIGRATE_APPLY; mode <= MIGRATE_CHECK; mode++)
        expect_migrate(mode, 5, ERR_CONFIG, "(tenants, knowledge_graph_edges)");
    assert_string_equal(tables(), "knowledge_graph_edges tenants");
}

static void a_failure_leaves_nothing_behind(void **state)
{
    NEED_SERVER();
    db_exec(&db, "CREATE TABLE batch_sync_runs (id int)");
    expect_migrate(MIGRATE_APPLY, 5, ERR_DATABASE, "already exists");
    assert_string_equal(tables(), "batch_sync_runs");
}

/* A script of one statement, with the test's name for each %1$s. */
static void exec_named(const char *format)
{
    char script[512];

    snprintf(script, sizeof(script), format, db.schema);
    db_exec(&db, script);
}

/* What a plain role without any rights gets to hear from a URL. */
static void expect_plain(const char *url, const char *text)
{
    struct pg_pool *mine = db.pool;
    struct err err;

    assert_int_equal(pg_pool_init(&db.pool, &db.loop, url, 1, 5000, &err), 0);
    expect_migrate(MIGRATE_APPLY, 5, ERR_CONFIG, text);
    pg_pool_close(db.pool);
    db.pool = mine;
    db_sleep(&db, 10);
}

static void names_the_grant_that_is_missing(void **state)
{
    char url[DB_URL_BYTES], param[256];

    NEED_SERVER();
    exec_named("CREATE ROLE %1$s_plain");
    exec_named("GRANT USAGE ON SCHEMA %1$s TO %1$s_plain");
    snprintf(param, sizeof(param),
        "options=-crole%%3D%s_plain%%20-csearch_path%%3D%s", db.schema,
        db.schema);
    db_url(url, db_server(), param);
    expect_plain(url, "GRANT CREATE ON SCHEMA");
    exec_named("DROP OWNED BY %1$s_plain");
    exec_named("DROP ROLE %1$s_plain");
}

static void names_who_may_create_the_extension(void **state)
{
    char url[DB_URL_BYTES], with_name[DB_URL_BYTES], param[256];

    NEED_SERVER();
    exec_named("CREATE ROLE %1$s_plain");
    exec_named("CREATE DATABASE %1$s OWNER %1$s_plain TEMPLATE template0");
    snprintf(param, sizeof(param), "dbname=%s", db.schema);
    db_url(with_name, db_server(), param);
    snprintf(param, sizeof(param), "options=-crole%%3D%s_plain", db.schema);
    db_url(url, with_name, param);
    expect_plain(url, "as a superuser, run in that database: "
                      "CREATE EXTENSION vector;");
    exec_named("DROP DATABASE %1$s WITH (FORCE)");
    exec_named("DROP ROLE %1$s_plain");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(makes_the_tables),
        TEST(every_table_says_what_it_is),
        TEST(keeps_the_indexes_lean),
        TEST(small_rows_stay_in_one_piece),
        TEST(a_second_time_is_nothing),
        TEST(checks_and_dry_runs_change_nothing),
        TEST(applies_only_what_is_missing),
        TEST(a_newer_version_is_mentioned),
        TEST(two_at_once_both_succeed),
        TEST(two_of_different_sizes_do_not),
        TEST(another_size_says_what_to_do),
        TEST(more_than_an_index_takes_is_a_warning),
        TEST(refuses_tables_of_another_program),
        TEST(a_failure_leaves_nothing_behind),
        TEST(names_the_grant_that_is_missing),
        TEST(names_who_may_create_the_extension),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
