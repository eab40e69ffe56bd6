/*
 * Rows are found by their key, on a table with few indexes and on one with
 * many, with statistics that are fresh, stale, and none: judged by what the
 * database has read, not by time.
 */
#include "unit/db/pg_world.h"

enum { STORED = 20000, ASKED = 500, READ_MOST = 20 * ASKED };

/* What tables that another program made have besides ours. */
static const char many_indexes[] =
    "CREATE INDEX ON vector_embeddings (tenant_id);"
    "CREATE INDEX ON vector_embeddings (content_id);"
    "CREATE INDEX ON vector_embeddings (microservice_id);"
    "CREATE INDEX ON vector_embeddings (content_type);"
    "CREATE INDEX ON vector_embeddings (tenant_id, microservice_id);"
    "CREATE INDEX ON vector_embeddings (tenant_id, content_type,"
    " microservice_id);";

/* Identifiers of the usual length: it decides which index seems cheaper. */
static const char rows_sql[] =
    "INSERT INTO vector_embeddings (id, tenant_id, microservice_id,"
    " content_id, content_type, content_text, updated_at, embed_hash,"
    " row_hash) SELECT gen_random_uuid()::text, 't1', m.id,"
    " 'item-number-' || g, 'microservice_data', repeat('text ', 50), now(),"
    " sha256('a'), sha256('b')"
    " FROM generate_series(%d, %d) g, microservices m;";

static void add_rows(struct world *w, int from, int to)
{
    char sql[1024];

    snprintf(sql, sizeof(sql), rows_sql, from, to);
    db_exec(&w->db, sql);
}

static int64_t rows_read(struct world *w)
{
    return strtoll(
        db_text(&w->db, "SELECT coalesce(sum(seq_tup_read), 0)"
                        " + (SELECT coalesce(sum(idx_tup_read), 0)"
                        "  FROM pg_stat_user_indexes"
                        "  WHERE relid = 'vector_embeddings'::regclass)"
                        " FROM pg_stat_user_tables"
                        " WHERE relid = 'vector_embeddings'::regclass"),
        NULL, 10);
}

/* The server counts late, but all of a statement at once. */
static int64_t settled(struct world *w)
{
    int64_t before, now = rows_read(w);

    do {
        before = now;
        db_sleep(&w->db, 1500);
        db_exec(&w->db, "SELECT 1"); /* lets each connection tell */
        now = rows_read(w);
    } while (now != before);
    return now;
}

static char names[ASKED][24];
static struct str ids[ASKED];

static void name_ids(void)
{
    for (int i = 0; i < ASKED; i++) {
        snprintf(
            names[i], sizeof(names[i]), "item-number-%d", STORED - ASKED + i);
        ids[i] = str_of(names[i]);
    }
}

static void look_up(struct world *w)
{
    struct lookup_req req = {
        .arena = &w->arena, .scope = &w->scope, .ids = ids, .n = ASKED};

    op_init(&req.op, db_done);
    store_lookup(&w->store, &req);
    expect_op(w, &req.op, 0);
    assert_int_equal(req.nrows, ASKED);
}

static void write_metadata(struct world *w)
{
    static struct store_row rows[ASKED];
    static struct store_trim trims[ASKED];
    struct store_req req = {.scope = &w->scope,
        .rows = rows,
        .nrows = ASKED,
        .trims = trims,
        .ntrims = ASKED,
        .dimensions = DIMENSIONS};

    for (int i = 0; i < ASKED; i++) {
        rows[i] = (struct store_row){.content_id = ids[i],
            .content_text = STR("text"),
            .metadata = STR("{\"n\":1}")};
        trims[i] = (struct store_trim){ids[i], 1};
    }
    op_init(&req.op, db_done);
    store_write(&w->store, &req);
    expect_op(w, &req.op, 0);
    assert_int_equal(req.written, ASKED);
}

static void expect_few_read(struct world *w)
{
    int64_t before = settled(w), read;

    name_ids();
    look_up(w);
    write_metadata(w);
    read = settled(w) - before;
    assert_in_range(read, 3 * ASKED, READ_MOST);
}

enum statistics { NONE, STALE, FRESH };

static void check(struct world *w, const char *indexes, enum statistics kind)
{
    int analyzed = kind == FRESH ? STORED : 60;

    db_exec(&w->db, "ALTER TABLE vector_embeddings"
                    " SET (autovacuum_enabled = false)");
    db_exec(&w->db, indexes);
    add_rows(w, 1, analyzed);
    if (kind != NONE)
        db_exec(&w->db, "ANALYZE vector_embeddings");
    if (analyzed < STORED)
        add_rows(w, analyzed + 1, STORED);
    expect_few_read(w);
}

#define PLAN_TEST(name, indexes, kind) \
    static void name(void **state)     \
    {                                  \
        NEED_SERVER();                 \
        check(*state, indexes, kind);  \
    }

PLAN_TEST(few_indexes_no_statistics, "SELECT 1", NONE)
PLAN_TEST(few_indexes_stale_statistics, "SELECT 1", STALE)
PLAN_TEST(few_indexes_fresh_statistics, "SELECT 1", FRESH)
PLAN_TEST(many_indexes_no_statistics, many_indexes, NONE)
PLAN_TEST(many_indexes_stale_statistics, many_indexes, STALE)
PLAN_TEST(many_indexes_fresh_statistics, many_indexes, FRESH)

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(few_indexes_no_statistics),
        TEST(few_indexes_stale_statistics),
        TEST(few_indexes_fresh_statistics),
        TEST(many_indexes_no_statistics),
        TEST(many_indexes_stale_statistics),
        TEST(many_indexes_fresh_statistics),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
