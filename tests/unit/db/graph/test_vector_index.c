#include "unit/db/graph/graph_world.h"

#define INDEX "idx_vector_embeddings_embedding_hnsw"

static int ensure(struct world *w, struct store *s, struct index_req *req)
{
    struct vector_index index = {.store = s};

    *req = (struct index_req){.builds = true};
    op_init(&req->op, db_done);
    vector_index_ensure(&index, req);
    wait_op(w, &req->op);
    return req->op.err.code;
}

static void expect_ensured(struct world *w, bool built)
{
    struct index_req req = {.builds = true};

    if (ensure(w, &w->store, &req) < 0)
        fail_msg("%s", req.op.err.msg);
    assert_int_equal(req.built, built);
}

#define INDEXES                                                    \
    "SELECT coalesce(string_agg(c.relname || ' ' || i.indisvalid," \
    " ', ' ORDER BY c.relname), '') FROM pg_index i"               \
    " JOIN pg_class c ON c.oid = i.indexrelid"                     \
    " JOIN pg_am m ON m.oid = c.relam AND m.amname <> 'btree'"     \
    " WHERE i.indrelid = 'vector_embeddings'::regclass"

static void few_rows_need_no_index(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    expect_ensured(w, false);
    put_many(w, INDEX_ROWS_WORTH - 1, false);
    expect_ensured(w, false);
    assert_answer(w, INDEXES, "");
}

static void builds_it_once(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    put_many(w, INDEX_ROWS_WORTH, false);
    expect_ensured(w, true);
    expect_ensured(w, false);
    assert_answer(w, INDEXES, INDEX " true");
    assert_answer(w,
        "SELECT pg_get_indexdef('" INDEX "'::regclass) LIKE '%USING hnsw"
        " (embedding public.vector_cosine_ops) WITH (m=''16'',"
        " ef_construction=''64'')'",
        "t");
}

/* Rows enough for two workers to be worth it. */
enum { ENOUGH_FOR_WORKERS = 20000 };

/* The one of the table's settings that this is about. */
#define SETTING                           \
    "(SELECT o FROM unnest(reloptions) o" \
    " WHERE o LIKE 'parallel_workers=%')"

#define PARALLEL_WORKERS                              \
    "SELECT coalesce(" SETTING ", 'none') || ' ' ||"  \
    " (SELECT count(*) FROM batch_sync_index_builds)" \
    " FROM pg_class WHERE oid = 'vector_embeddings'::regclass"

/* The table says how many workers, as long as it is built. */
static void workers_are_asked_for_and_forgotten(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    put_many(w, ENOUGH_FOR_WORKERS, false);
    w->store.parallel_builds = true;
    sql(w,
        "CREATE TABLE noted (had text);"
        "CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql AS $$"
        " BEGIN IF current_schema() = '%1$s' THEN INSERT INTO noted"
        "  SELECT ('parallel_workers=2' = ANY (reloptions)) || ' '"
        "   || (SELECT parallel_workers"
        "   FROM batch_sync_index_builds) FROM pg_class"
        "   WHERE oid = 'vector_embeddings'::regclass; END IF; END $$;"
        "CREATE EVENT TRIGGER %1$s_note ON ddl_command_start"
        " WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION note()",
        w->db.schema);
    expect_ensured(w, true);
    sql(w, "DROP EVENT TRIGGER %s_note", w->db.schema);
    assert_answer(w, "SELECT had FROM noted", "true 2");
    assert_answer(w, PARALLEL_WORKERS, "none 0");
    assert_answer(w,
        "SELECT count(*) > 0 FROM pg_stats WHERE schemaname ="
        " current_schema() AND tablename = 'vector_embeddings'"
        " AND attname = 'tenant_id'",
        "t");
}

/* CVE-2026-3172: neither the table nor the session allows any, whatever the
 * table's size. */
static void an_old_pgvector_builds_without_workers(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    put_many(w, ENOUGH_FOR_WORKERS, false);
    w->store.parallel_builds = false;
    sql(w,
        "CREATE TABLE noted (had text);"
        "CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql AS $$"
        " BEGIN IF current_schema() = '%1$s' THEN INSERT INTO noted"
        "  SELECT coalesce(" SETTING ", 'none') || ' '"
        "   || current_setting('max_parallel_maintenance_workers')"
        "   FROM pg_class WHERE oid = 'vector_embeddings'::regclass; END IF;"
        " END $$;"
        "CREATE EVENT TRIGGER %1$s_note ON ddl_command_start"
        " WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION note()",
        w->db.schema);
    expect_ensured(w, true);
    sql(w, "DROP EVENT TRIGGER %s_note", w->db.schema);
    assert_answer(w, "SELECT had FROM noted", "none 0");
    assert_answer(w,
        "SELECT count(*) FROM pg_settings WHERE name ="
        " 'max_parallel_maintenance_workers' AND setting <> reset_val",
        "0");
}

static void knows_which_pgvector_is_safe(void **state)
{
    static const struct {
        const char *version;
        bool safe;
    } rows[] = {{"0.7.4", false}, {"0.8.0", false}, {"0.8.1", false},
        {"0.8.2", true}, {"0.8.4", true}, {"0.9.0", true}, {"1.0", true}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(
            store_version_builds_parallel(rows[i].version), rows[i].safe);
}

/* As where shared memory is small: it fails as long as there are workers. */
static void without_room_for_workers(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    put_many(w, ENOUGH_FOR_WORKERS, false);
    w->store.parallel_builds = true;
    sql(w,
        "CREATE FUNCTION crowded() RETURNS event_trigger LANGUAGE plpgsql AS $$"
        " BEGIN IF current_schema() = '%1$s' AND EXISTS (SELECT 1 FROM pg_class"
        "  WHERE oid = 'vector_embeddings'::regclass"
        "  AND 'parallel_workers=2' = ANY (reloptions)) THEN RAISE"
        " 'could not resize shared memory segment' USING ERRCODE = '53100';"
        " END IF; END $$;"
        "CREATE EVENT TRIGGER %1$s_crowded ON ddl_command_start"
        " WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION crowded()",
        w->db.schema);
    expect_ensured(w, true);
    sql(w, "DROP EVENT TRIGGER %s_crowded", w->db.schema);
    assert_answer(w, INDEXES, INDEX " true");
    assert_answer(w,
        "SELECT count(" SETTING ") FROM pg_class"
        " WHERE oid = 'vector_embeddings'::regclass",
        "0");
}

static void the_tables_own_setting_stays(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    put_many(w, ENOUGH_FOR_WORKERS, false);
    sql(w, "ALTER TABLE vector_embeddings SET (parallel_workers = 0)");
    expect_ensured(w, true);
    assert_answer(w,
        "SELECT " SETTING " FROM pg_class"
        " WHERE oid = 'vector_embeddings'::regclass",
        "parallel_workers=0");
}

/* As a builder leaves it that was killed after it, or before it. */
static void traces_of_a_dead_builder_are_removed(void **state)
{
    static const char traces[] =
        "ALTER TABLE vector_embeddings SET (parallel_workers = 2);"
        "INSERT INTO batch_sync_index_builds (index_name, parallel_workers)"
        " VALUES ('" INDEX "', 2)";
    struct world *w = *state;

    NEED_SERVER();
    put_many(w, 1500, false);
    sql(w, traces);
    expect_ensured(w, true);
    assert_answer(w, PARALLEL_WORKERS, "none 0");
    sql(w, traces);
    expect_ensured(w, false);
    assert_answer(w, PARALLEL_WORKERS, "none 0");
}

/* Somebody is at work on the table: linking goes on all the same. */
static void traces_are_left_when_they_are_locked(void **state)
{
    struct world *w = *state;
    struct pg_req hold = {
        .script = "BEGIN; LOCK TABLE vector_embeddings IN SHARE UPDATE"
                  " EXCLUSIVE MODE; SELECT pg_sleep(4); COMMIT"};

    NEED_SERVER();
    put_many(w, 1500, false);
    expect_ensured(w, true);
    sql(w, "INSERT INTO batch_sync_index_builds (index_name, parallel_workers)"
           " VALUES ('" INDEX "', 2)");
    op_init(&hold.op, db_done);
    pg_send(w->db.pool, &hold);
    db_sleep(&w->db, 200);
    expect_ensured(w, false);
    assert_true(op_pending(&hold.op));
    wait_op(w, &hold.op);
    pg_req_clear(&hold);
    assert_answer(w, "SELECT count(*) FROM batch_sync_index_builds", "1");
}

/* A role with little memory: as much as the rows need, for the building. */
static void memory_is_asked_for_and_given_back(void **state)
{
    struct world *w = *state;
    char url[DB_URL_BYTES], param[256];
    struct pg_pool *own = w->db.pool;
    struct store s;
    struct index_req req;

    NEED_SERVER();
    put_many(w, 1500, false);
    sql(w,
        "CREATE TABLE noted (had text);"
        "CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql AS $$"
        " BEGIN IF current_schema() = '%1$s' THEN INSERT INTO noted SELECT"
        "  current_setting('maintenance_work_mem') || ' ' ||"
        "  current_setting('statement_timeout'); END IF; END $$;"
        "CREATE EVENT TRIGGER %1$s_note ON ddl_command_start"
        " WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION note()",
        w->db.schema);
    snprintf(param, sizeof(param),
        "options=-csearch_path%%3D%s%%20-cmaintenance_work_mem%%3D1MB"
        "%%20-cstatement_timeout%%3D50s",
        w->db.schema);
    db_url(url, db_server(), param);
    db_open_pool(&w->db, url, 1);
    store_init(&s, w->db.pool, &w->db.loop);
    assert_int_equal(ensure(w, &s, &req), 0);
    assert_true(req.built);
    assert_answer(w,
        "SELECT current_setting('maintenance_work_mem') || ' ' ||"
        " current_setting('lock_timeout')",
        "1MB 0");
    db_close_pool(&w->db);
    w->db.pool = own;
    sql(w, "DROP EVENT TRIGGER %s_note", w->db.schema);
    assert_answer(w, "SELECT had FROM noted", "17901kB 0");
}

static void sizes(void **state)
{
    const int64_t mib = 1 << 20, gib = 1 << 30;

    assert_int_equal(vector_index_bytes(0, 256), 16 * mib);
    assert_int_equal(vector_index_bytes(100000, 256), 16 * mib + 100000 * 2048);
    /* a quarter of what can be cached, 2 GiB, and what it has */
    assert_int_equal(
        vector_index_memory(200 * mib, 64 * mib, 4 * gib), 200 * mib);
    assert_int_equal(vector_index_memory(9 * gib, 64 * mib, 4 * gib), gib);
    assert_int_equal(vector_index_memory(9 * gib, 64 * mib, 64 * gib), 2 * gib);
    assert_int_equal(vector_index_memory(9 * gib, 3 * gib, 4 * gib), 3 * gib);
    assert_int_equal(
        vector_index_memory(20 * mib, 64 * mib, 4 * gib), 64 * mib);
    assert_int_equal(vector_index_workers(31 * mib, 2), 0);
    assert_int_equal(vector_index_workers(32 * mib, 2), 2);
    assert_int_equal(vector_index_workers(32 * mib, 1), 1);
    assert_int_equal(vector_index_workers(600 * mib, 8), 4);
    assert_int_equal(vector_index_workers(9 * gib, 16), 8);
    assert_int_equal(vector_index_workers(9 * gib, 0), 0);
}

/* What is being built is told; what is not is not. */
static void progress_is_told(void **state)
{
    struct world *w = *state;
    struct index_req req = {.builds = true};
    struct vector_index index = {.store = &w->store};
    int64_t most_blocks = 0; /* there are none while it waits for others */
    bool told = false;

    NEED_SERVER();
    put_many(w, 20000, false);
    index_watch_init(&index.watch, w->db.pool, &w->db.loop);
    op_init(&req.op, db_done);
    vector_index_ensure(&index, &req);
    while (op_pending(&req.op)) {
        uv_run(&w->db.loop.uv, UV_RUN_ONCE);
        op_cancel(&index.watch.pause.op); /* looks all the time */
        told |= strncmp(index.watch.progress.phase, "building index", 14) == 0;
        if (index.watch.progress.blocks_total > most_blocks)
            most_blocks = index.watch.progress.blocks_total;
    }
    assert_int_equal(req.op.err.code, 0);
    assert_true(told);
    assert_int_equal(index.watch.progress.rows_total, 20000);
    assert_true(most_blocks > 0);
    index_watch_end(&index.watch);
    index_watch_end(&index.watch);
    assert_false(index.watch.progress.building);
    wait_op(w, &index.watch.pause.op);
    wait_op(w, &index.watch.look);
}

static void another_that_serves_is_enough(void **state)
{
    static const char *const others[] = {
        "hnsw (embedding", "ivfflat (embedding"};
    struct world *w = *state;

    NEED_SERVER();
    put_many(w, 1500, false);
    for (size_t i = 0; i < 2; i++) {
        sql(w,
            "SET client_min_messages = error;"
            "CREATE INDEX theirs ON vector_embeddings USING %s"
            " public.vector_cosine_ops)",
            others[i]);
        expect_ensured(w, false);
        assert_answer(w, INDEXES, "theirs true");
        sql(w, "DROP INDEX theirs");
    }
}

static void another_that_does_not_serve_is_not(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    put_many(w, 1500, false);
    sql(w, "CREATE INDEX other ON vector_embeddings USING hnsw"
           " (embedding public.vector_l2_ops);"
           "CREATE INDEX part ON vector_embeddings USING hnsw"
           " (embedding public.vector_cosine_ops) WHERE chunk_index > 0");
    expect_ensured(w, true);
    assert_answer(w, INDEXES, INDEX " true, other true, part true");
}

static void make_invalid(struct world *w, const char *index)
{
    sql(w,
        "UPDATE pg_index SET indisvalid = false"
        " WHERE indexrelid = '%s'::regclass",
        index);
}

static void what_was_left_invalid_is_built_anew(void **state)
{
    struct world *w = *state;
    const char *before;

    NEED_SERVER();
    put_many(w, 1500, false);
    expect_ensured(w, true);
    before = ask(w, "SELECT '" INDEX "'::regclass::oid");
    make_invalid(w, INDEX);
    expect_ensured(w, true);
    assert_answer(w, INDEXES, INDEX " true");
    assert_string_not_equal(
        ask(w, "SELECT '" INDEX "'::regclass::oid"), before);
}

static void others_are_never_dropped(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    put_many(w, 1500, false);
    sql(w, "CREATE INDEX theirs ON vector_embeddings USING hnsw"
           " (embedding public.vector_cosine_ops)");
    make_invalid(w, "theirs");
    expect_ensured(w, true);
    assert_answer(w, INDEXES, INDEX " true, theirs false");
}

/* Somebody holds the lock of a builder: what is invalid may become valid. */
static void waits_for_who_is_building(void **state)
{
    struct world *w = *state;
    struct index_req req = {.builds = true};
    struct vector_index index;
    const char *before;

    NEED_SERVER();
    put_many(w, 1500, false);
    expect_ensured(w, true);
    before = ask(w, "SELECT '" INDEX "'::regclass::oid");
    make_invalid(w, INDEX);
    {
        struct pg_req hold = {
            .script = "BEGIN; LOCK TABLE vector_embeddings IN SHARE UPDATE"
                      " EXCLUSIVE MODE; SELECT pg_sleep(0.5);"
                      "UPDATE pg_index SET indisvalid = true"
                      " WHERE indexrelid = '" INDEX "'::regclass; COMMIT"};

        op_init(&hold.op, db_done);
        pg_send(w->db.pool, &hold);
        db_sleep(&w->db, 200);
        index = (struct vector_index){.store = &w->store};
        op_init(&req.op, db_done);
        vector_index_ensure(&index, &req);
        expect_op(w, &req.op, 0);
        wait_op(w, &hold.op);
        assert_int_equal(hold.op.err.code, 0);
        pg_req_clear(&hold);
    }
    assert_false(req.built);
    assert_answer(w, "SELECT '" INDEX "'::regclass::oid", before);
}

static void two_at_once_end_with_one(void **state)
{
    struct world *w = *state;
    struct index_req a = {.builds = true}, b = a;
    struct vector_index index;

    NEED_SERVER();
    put_many(w, 3000, false);
    index = (struct vector_index){.store = &w->store};
    op_init(&a.op, db_done);
    op_init(&b.op, db_done);
    vector_index_ensure(&index, &a);
    vector_index_ensure(&index, &b);
    expect_op(w, &a.op, 0);
    expect_op(w, &b.op, 0);
    assert_answer(w, INDEXES, INDEX " true");
}

static void a_canceled_build_is_made_up_for(void **state)
{
    struct world *w = *state;
    struct vector_index index;
    struct index_req req = {.builds = true};

    NEED_SERVER();
    put_many(w, 20000, false);
    index = (struct vector_index){.store = &w->store};
    op_init(&req.op, db_done);
    vector_index_ensure(&index, &req);
    db_sleep(&w->db, 300);
    op_cancel(&req.op);
    wait_op(w, &req.op);
    assert_int_equal(req.op.err.code, ERR_CANCELED);
    assert_string_not_equal(ask(w, INDEXES), INDEX " true");
    expect_ensured(w, true);
    assert_answer(w, INDEXES, INDEX " true");
}

/* A role that may write all tables and owns none. */
static void as_plain_role(
    struct world *w, void (*test)(struct world *w, struct store *s))
{
    char url[DB_URL_BYTES], param[256];
    struct pg_pool *own = w->db.pool;
    struct store s;

    sql(w,
        "DO $$ BEGIN CREATE ROLE %1$s_plain;"
        " EXCEPTION WHEN duplicate_object THEN END $$;"
        "GRANT USAGE ON SCHEMA %1$s TO %1$s_plain;"
        "GRANT ALL ON ALL TABLES IN SCHEMA %1$s TO %1$s_plain",
        w->db.schema);
    snprintf(param, sizeof(param),
        "options=-crole%%3D%s_plain%%20-csearch_path"
        "%%3D%s",
        w->db.schema, w->db.schema);
    db_url(url, db_server(), param);
    db_open_pool(&w->db, url, 1);
    store_init(&s, w->db.pool, &w->db.loop);
    test(w, &s);
    db_close_pool(&w->db);
    w->db.pool = own;
    sql(w, "DROP OWNED BY %1$s_plain; DROP ROLE %1$s_plain", w->db.schema);
}

static void expect_small_is_read(struct world *w, struct store *s)
{
    struct index_req req = {.builds = true};

    assert_int_equal(ensure(w, s, &req), 0);
    assert_false(req.built);
}

static void expect_large_is_refused(struct world *w, struct store *s)
{
    struct index_req req = {.builds = true};
    char want[256];

    assert_int_equal(ensure(w, s, &req), ERR_CONFIG);
    assert_non_null(strstr(req.op.err.msg, "_plain may not build it"));
    snprintf(want, sizeof(want),
        "CREATE INDEX CONCURRENTLY " INDEX " ON %s.vector_embeddings USING hnsw"
        " (embedding public.vector_cosine_ops) WITH (m = 16,"
        " ef_construction = 64)",
        w->db.schema);
    assert_non_null(strstr(req.op.err.msg, want));
}

static void without_the_rights(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    put_many(w, INDEX_ROWS_FEW, false);
    as_plain_role(w, expect_small_is_read);
    sql(w, "DELETE FROM vector_embeddings");
    put_many(w, INDEX_ROWS_FEW + 1, false);
    as_plain_role(w, expect_large_is_refused);
    assert_answer(w, INDEXES, "");
}

static void too_many_dimensions(void **state)
{
    struct world *w = *state;
    struct index_req req = {.builds = true};

    NEED_SERVER();
    put_many(w, INDEX_ROWS_FEW + 1, false);
    sql(w, "UPDATE pg_attribute SET atttypmod = 2001 WHERE attname ="
           " 'embedding' AND attrelid = 'vector_embeddings'::regclass");
    assert_int_equal(ensure(w, &w->store, &req), ERR_CONFIG);
    assert_non_null(strstr(req.op.err.msg, "more than 2000 dimensions"));
    sql(w, "DELETE FROM vector_embeddings WHERE content_id = 'many-1'");
    assert_int_equal(ensure(w, &w->store, &req), 0);
    assert_answer(w, INDEXES, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(few_rows_need_no_index),
        TEST(builds_it_once),
        TEST(workers_are_asked_for_and_forgotten),
        TEST(an_old_pgvector_builds_without_workers),
        cmocka_unit_test(knows_which_pgvector_is_safe),
        TEST(without_room_for_workers),
        TEST(the_tables_own_setting_stays),
        TEST(traces_of_a_dead_builder_are_removed),
        TEST(traces_are_left_when_they_are_locked),
        TEST(memory_is_asked_for_and_given_back),
        cmocka_unit_test(sizes),
        TEST(progress_is_told),
        TEST(another_that_serves_is_enough),
        TEST(another_that_does_not_serve_is_not),
        TEST(what_was_left_invalid_is_built_anew),
        TEST(others_are_never_dropped),
        TEST(waits_for_who_is_building),
        TEST(two_at_once_end_with_one),
        TEST(a_canceled_build_is_made_up_for),
        TEST(without_the_rights),
        TEST(too_many_dimensions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
