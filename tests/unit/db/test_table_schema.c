/* Which schema the tables are in, asked of a real server. */
#include "unit/db/pg_world.h"

#include "db/call.h"

static struct db db;

static int setup(void **state)
{
    if (db_server() != NULL)
        db_open(&db, 1);
    return 0;
}

static int teardown(void **state)
{
    if (db_server() != NULL)
        db_close(&db);
    return 0;
}

static void named(const char *sql)
{
    char script[512];

    snprintf(script, sizeof(script), sql, db.schema);
    db_exec(&db, script);
}

/* Names of several schemas begin with the test's, so that all are dropped. */
static void make(const char *suffix, bool holds)
{
    char script[512];

    snprintf(script, sizeof(script),
        "DROP SCHEMA IF EXISTS \"%1$s%2$s\" CASCADE;"
        "CREATE SCHEMA \"%1$s%2$s\"; %3$s",
        db.schema, suffix, holds ? "" : "SELECT 1");
    db_exec(&db, script);
    if (!holds)
        return;
    snprintf(script, sizeof(script),
        "CREATE TABLE \"%s%s\".vector_embeddings ()", db.schema, suffix);
    db_exec(&db, script);
}

static void drop(const char *suffix)
{
    char script[256];

    snprintf(script, sizeof(script), "DROP SCHEMA \"%s%s\" CASCADE", db.schema,
        suffix);
    db_exec(&db, script);
}

static void call_done(struct call *c)
{
    call_end(c, NULL);
}

/* Where a call looks that is given this parameter; "" and *err: nowhere. */
static const char *found(const char *param, struct err *err)
{
    static char schema[PG_SCHEMA_BYTES];
    char url[DB_URL_BYTES];
    struct pg_pool *pool;
    struct op op;
    struct call *c;

    db_url(url, db_server(), param);
    assert_int_equal(pg_pool_init(&pool, &db.loop, url, 1, 5000, err), 0);
    op_init(&op, db_done);
    c = call_new(pool, &db.loop, &op, call_done, 1);
    call_stmt(c, "SELECT 1", false);
    call_send(c);
    db_wait(&db, &op);
    *err = op.err;
    snprintf(schema, sizeof(schema), "%s", pg_pool_schema(pool));
    pg_pool_close(pool);
    return schema;
}

static void expect_found(const char *fmt, const char *want)
{
    char param[512], name[256];
    struct err err;
    const char *got;

    snprintf(param, sizeof(param), fmt, db.schema);
    snprintf(name, sizeof(name), want, db.schema);
    got = found(param, &err);
    if (err.code != 0 || strcmp(got, name) != 0)
        fail_msg("%s: %s, not %s: %s", param, got, name, err.msg);
}

static void expect_none(const char *fmt, const char *words)
{
    char param[512];
    struct err err;

    snprintf(param, sizeof(param), fmt, db.schema);
    assert_string_equal(found(param, &err), "");
    assert_int_equal(err.code, ERR_CONFIG);
    if (strstr(err.msg, words) == NULL)
        fail_msg("%s: %s", param, err.msg);
}

static void the_one_that_is_named(void **state)
{
    NEED_SERVER();
    make(" App", false);
    expect_found("schema=%s", "%s");
    expect_found("schema=%s%%20App", "\"%s App\"");
    expect_found("currentSchema=%s%%20App", "\"%s App\"");
    expect_none("schema=%s_none", "CREATE SCHEMA NAME AUTHORIZATION");
    drop(" App");
}

static void the_first_that_holds_the_table(void **state)
{
    NEED_SERVER();
    make("_b", true);
    expect_found("options=-csearch_path%%3D%1$s,%1$s_b", "%s_b");
    expect_found("search_path=%1$s,%1$s_b", "%s_b");
    expect_found("schema=%s", "%s");
    drop("_b");
}

static void else_the_first_that_may_be_created_in(void **state)
{
    NEED_SERVER();
    named("DROP TABLE IF EXISTS %s.vector_embeddings");
    expect_found("search_path=%1$s_none,%1$s,pg_temp", "%s");
    expect_none("search_path=%s_none", "no schema of the search_path");
}

static void two_are_one_too_many(void **state)
{
    NEED_SERVER();
    make("_a", true);
    make("_b", true);
    expect_none("search_path=%1$s_a,%1$s_b", "in several schemas");
    expect_found("schema=%s_b", "%s_b");
    drop("_a");
    drop("_b");
}

static void takes_the_place_of_the_mark(void **state)
{
    static const char *const rows[][3] = {
        {"SELECT 1", "a", "SELECT 1"},
        {"FROM @.t, @.u", "a", "FROM a.t, a.u"},
        {"'@.t'::regclass, @.t", "\"o'clock\"",
            "'\"o''clock\".t'::regclass, \"o'clock\".t"},
        {"@.t", "a", "a.t"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf out;

        buf_init(&out, 256);
        call_name_tables(&out, rows[i][0], rows[i][1]);
        assert_string_equal(out.data, rows[i][2]);
        buf_free(&out);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_one_that_is_named),
        TEST(the_first_that_holds_the_table),
        TEST(else_the_first_that_may_be_created_in),
        TEST(two_are_one_too_many),
        cmocka_unit_test(takes_the_place_of_the_mark),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
