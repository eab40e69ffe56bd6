/*
 * Rows of items that nobody has seen go by COPY, where that can be, and by the
 * upsert where not. A column whose default is the text of the query tells which
 * way a row came.
 */
#include "unit/db/pg_world.h"
#include "unit/net/pg/pg_proxy.h"

enum { ROWS = 4, TEXT_BYTES = 1024 * 1024 };

static const float copied_vectors[ROWS][DIMENSIONS] = {
    {1, 0, 0}, {0.5f, -2, 0.25f}, {0, 0, 1e-8f}, {-1, 2, 3}};

/* A request of four rows: of three items, one of two pieces. */
struct sent {
    struct store_row rows[ROWS];
    struct store_req req;
};

static void sent_init(struct world *w, struct sent *s, bool fresh)
{
    static const char *const ids[ROWS] = {"c", "a", "a", "b"};
    static const char *const texts[ROWS] = {
        "sea", "first", "secret'; DROP TABLE x", "b\xc3\xa4"};

    for (int i = 0; i < ROWS; i++) {
        s->rows[i] = (struct store_row){.content_id = str_of(ids[i]),
            .content_text = str_of(texts[i]),
            .metadata = i % 2 == 0 ? STR("{}") : STR("{\"n\": 1}"),
            .chunk_index = i == 2,
            .vector = copied_vectors[i],
            .fresh = fresh};
        memset(s->rows[i].embed_hash, 1 + i, SHA256_BYTES);
        memset(s->rows[i].row_hash, 100 + i, SHA256_BYTES);
    }
    s->req = (struct store_req){.scope = &w->scope,
        .rows = s->rows,
        .nrows = ROWS,
        .dimensions = DIMENSIONS,
        .stored_at_ms = 1766448000123};
}

static void sent_begin(struct world *w, struct sent *s)
{
    op_init(&s->req.op, db_done);
    store_write(&w->store, &s->req);
}

static void sent_expect(struct world *w, struct sent *s, int code)
{
    sent_begin(w, s);
    expect_op(w, &s->req.op, code);
    if (code == 0)
        assert_int_equal(s->req.written, ROWS);
}

static const char *of(struct world *w, const char *sql)
{
    return db_text(&w->db, sql);
}

/* From now on each row says which query wrote it. */
static void watch(struct world *w)
{
    db_exec(&w->db, "ALTER TABLE vector_embeddings"
                    " ADD COLUMN how text DEFAULT current_query()");
}

#define COPIED                                                     \
    "SELECT count(*) FROM vector_embeddings WHERE how LIKE '%COPY" \
    " %' AND how NOT LIKE '%secret%' AND how NOT LIKE '%t1%'"
#define STORED "SELECT count(*) FROM vector_embeddings"
#define QUEUE                                                \
    "SELECT string_agg(content_id, ',' ORDER BY content_id)" \
    " FROM batch_sync_link_queue WHERE tenant_id = 't1'"

/* All that a reader sees of a row, and what later runs compare. */
#define CONTENTS                                                           \
    "SELECT md5(string_agg((to_jsonb(v) - '{id,how,created_at,updated_at," \
    "written_at}'::text[])::text, ',' ORDER BY content_id, chunk_index))"  \
    " FROM vector_embeddings v"

static void copies_what_the_upsert_writes(void **state)
{
    struct world *w = *state;
    struct sent s;
    const char *copied;

    NEED_SERVER();
    watch(w);
    w->store.queues_links = true;
    sent_init(w, &s, true);
    sent_expect(w, &s, 0);
    assert_string_equal(of(w, COPIED), "4");
    assert_string_equal(of(w, QUEUE), "a,b,c");
    assert_string_equal(
        of(w, STORED " WHERE created_at = updated_at AND updated_at ="
                     " written_at AND updated_at BETWEEN"
                     "  (now() AT TIME ZONE 'UTC') - interval '1 minute' AND"
                     "  (now() AT TIME ZONE 'UTC') + interval '1 s'"),
        "4");
    assert_string_equal(
        of(w, "SELECT count(DISTINCT id) FROM vector_embeddings WHERE"
              " id::uuid::text = id AND ('x' || replace(left(id, 13), '-', ''))"
              "::bit(48)::bigint = 1766448000123"
              " AND substr(id, 14) ~ '^-7...-[89ab]...-.{12}$'"),
        "4");
    copied = of(w, CONTENTS);
    db_exec(&w->db, "DELETE FROM vector_embeddings");
    sent_init(w, &s, false);
    sent_expect(w, &s, 0);
    assert_string_equal(of(w, COPIED), "0");
    assert_string_equal(of(w, CONTENTS), copied);
}

/* Between the look-up and the COPY. */
static void what_has_come_meanwhile_is_replaced(void **state)
{
    struct world *w = *state;
    struct sent s;

    NEED_SERVER();
    watch(w);
    w->store.queues_links = true;
    sent_init(w, &s, false);
    s.req.nrows = 1;
    sent_begin(w, &s);
    expect_op(w, &s.req.op, 0);
    sent_init(w, &s, true);
    s.rows[0].content_text = STR("new");
    sent_expect(w, &s, 0);
    assert_string_equal(of(w, STORED), "4");
    assert_string_equal(of(w, STORED " WHERE content_text = 'new'"), "1");
    assert_string_equal(of(w, COPIED), "0");
    assert_string_equal(of(w, QUEUE), "a,b,c");
    /* its place in the queue alone */
    db_exec(&w->db, "DELETE FROM vector_embeddings WHERE content_id <> 'c'");
    s.req.rows = s.rows + 1;
    s.req.nrows = ROWS - 1;
    sent_begin(w, &s);
    expect_op(w, &s.req.op, 0);
    assert_string_equal(of(w, STORED), "4");
    assert_string_equal(of(w, QUEUE), "a,b,c");
    assert_true(w->store.copies);
    /* and other rows are copied as before */
    db_exec(&w->db, "DELETE FROM vector_embeddings;"
                    " DELETE FROM batch_sync_link_queue");
    sent_init(w, &s, true);
    sent_expect(w, &s, 0);
    assert_string_equal(of(w, COPIED), "4");
}

/* 1 MiB a row: many pieces, of which the server refuses the first. */
static void a_large_copy_is_fed_to_its_end(void **state)
{
    struct world *w = *state;
    char *large = malloc(TEXT_BYTES + 1);
    struct sent s;

    NEED_SERVER();
    watch(w);
    memset(large, 'x', TEXT_BYTES);
    large[TEXT_BYTES] = '\0';
    sent_init(w, &s, true);
    for (int i = 0; i < ROWS; i++)
        s.rows[i].content_text = str_of(large);
    sent_expect(w, &s, 0);
    assert_string_equal(of(w, COPIED), "4");
    sent_expect(w, &s, 0);
    assert_string_equal(of(w, COPIED " AND length(content_text) = 1048576"),
        "4"); /* updated in place: the upsert sets no default */
    assert_string_equal(of(w, STORED), "4");
    free(large);
}

static void a_refused_row_is_told_by_the_upsert(void **state)
{
    static const struct {
        const char *check, *fault;
    } tables[] = {
        {"content_id <> 'b'",
            "23514 new row for relation \"vector_embeddings\" violates check "
            "constraint \"guard\""},
        /* the code that a fence might have; only its result counts */
        {"1 / (content_id <> 'b')::int = 1", "22012 division by zero"},
    };
    struct world *w = *state;
    struct sent s;
    char sql[256];

    NEED_SERVER();
    watch(w);
    for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
        snprintf(sql, sizeof(sql),
            "ALTER TABLE vector_embeddings DROP CONSTRAINT IF EXISTS guard,"
            " ADD CONSTRAINT guard CHECK (%s)",
            tables[i].check);
        db_exec(&w->db, sql);
        sent_init(w, &s, true);
        sent_expect(w, &s, ERR_DATA);
        assert_string_equal(s.req.fault, tables[i].fault);
        assert_string_equal(of(w, STORED), "0");
        assert_true(w->store.copies);
    }
}

static void the_fence_stands_before_a_copy(void **state)
{
    struct world *w = *state;
    struct sent s;

    NEED_SERVER();
    db_exec(&w->db, "UPDATE batch_sync_service_runs SET token = token || '-'");
    sent_init(w, &s, true);
    sent_expect(w, &s, ERR_FENCED);
    assert_string_equal(of(w, STORED), "0");
    assert_true(w->store.copies);
}

/* A token that somebody has made up is no text for a query. */
static void a_strange_token_stays_a_parameter(void **state)
{
    struct world *w = *state;
    struct sent s;

    NEED_SERVER();
    watch(w);
    db_exec(&w->db, "UPDATE batch_sync_service_runs SET token = 'it''s; --'"
                    " WHERE status = 'running'");
    w->scope.token = "it's; --";
    sent_init(w, &s, true);
    sent_expect(w, &s, 0);
    assert_string_equal(of(w, STORED), "4");
    assert_string_equal(of(w, COPIED), "0");
}

#define DROPPED_ROWS                                              \
    "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS" \
    " $$ BEGIN NEW.content_text := upper(NEW.content_text);"      \
    " RETURN NEW; END $$; CREATE TRIGGER touch BEFORE INSERT ON"  \
    " vector_embeddings FOR EACH ROW EXECUTE FUNCTION touch()"

#define SPLIT                                                                \
    "CREATE TABLE parted (LIKE vector_embeddings INCLUDING DEFAULTS)"        \
    " PARTITION BY LIST (tenant_id); CREATE TABLE p1 PARTITION OF parted"    \
    " FOR VALUES IN ('t1'); CREATE UNIQUE INDEX ON parted (tenant_id,"       \
    " microservice_id, content_id, chunk_index) WHERE content_type ="        \
    " 'microservice_data'; DROP TABLE vector_embeddings; ALTER TABLE parted" \
    " RENAME TO vector_embeddings"

/* What the table is, and whether its rows are copied. */
static void copies_where_that_is_the_same(void **state)
{
    static const struct {
        const char *sql;
        bool copied;
    } tables[] = {
        {"ALTER TABLE vector_embeddings ADD COLUMN extra int DEFAULT 7 NOT"
         " NULL, ADD COLUMN sum text GENERATED ALWAYS AS (content_id) STORED",
            true},
        {"ALTER TABLE vector_embeddings ALTER COLUMN content_id TYPE"
         " varchar(200)",
            true},
        {SPLIT, true},
        {DROPPED_ROWS, false},
        {"ALTER TABLE vector_embeddings ALTER COLUMN updated_at TYPE"
         " timestamptz",
            false},
        {"ALTER TABLE vector_embeddings ALTER COLUMN chunk_index TYPE bigint",
            false},
        {"ALTER TABLE vector_embeddings RENAME TO other; CREATE VIEW"
         " vector_embeddings AS SELECT * FROM other",
            false},
        {"ALTER TABLE vector_embeddings ENABLE ROW LEVEL SECURITY,"
         " FORCE ROW LEVEL SECURITY; CREATE POLICY everybody ON"
         " vector_embeddings",
            false},
    };

    (void)state;
    NEED_SERVER();
    for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
        struct world *w;
        struct sent s;

        world_setup(state);
        w = *state;
        db_exec(&w->db, tables[i].sql);
        if (strstr(tables[i].sql, "VIEW") == NULL)
            watch(w);
        open_service(w, NULL);
        /* superusers are above row security, and see it nowhere */
        if (strstr(tables[i].sql, "SECURITY") == NULL &&
            w->store.copies != tables[i].copied)
            fail_msg("%s", tables[i].sql);
        sent_init(w, &s, true);
        sent_expect(w, &s, 0);
        assert_string_equal(of(w, STORED), "4");
        if (tables[i].copied)
            assert_string_equal(of(w, COPIED), "4");
        world_teardown(state);
    }
}

/* The table has changed since it was asked what it is. */
static void a_trigger_that_comes_later_is_seen(void **state)
{
    struct world *w = *state;
    struct sent s;

    NEED_SERVER();
    db_exec(&w->db, DROPPED_ROWS);
    assert_true(w->store.copies);
    sent_init(w, &s, true);
    sent_expect(w, &s, 0);
    assert_false(w->store.copies);
    assert_string_equal(of(w, STORED " WHERE content_text = 'SEA'"), "1");
    assert_string_equal(
        of(w, "SELECT count(*) FROM batch_sync_trigger_hashes"), "4");
}

/* The right to write into the queue may be of another shape than COPY's. */
static void a_copy_that_is_refused_is_not_tried_again(void **state)
{
    struct world *w = *state;
    struct sent s;

    NEED_SERVER();
    w->store.queues_links = true;
    db_exec(&w->db, "ALTER TABLE batch_sync_link_queue RENAME TO queue;"
                    " CREATE VIEW batch_sync_link_queue AS TABLE queue");
    sent_init(w, &s, true);
    sent_expect(w, &s, 0);
    assert_false(w->store.copies);
    assert_string_equal(of(w, STORED), "4");
    assert_string_equal(of(w, "SELECT count(*) FROM queue"), "3");
    open_service(w, NULL);
    assert_true(w->store.copies);
}

/* Some poolers know no COPY, and break the connection. */
static void copies_are_given_up_that_cost_connections(void **state)
{
    struct world *w = *state;
    struct pg_pool *direct;
    char url[DB_URL_BYTES];
    struct proxy proxy;
    struct sent s;

    NEED_SERVER();
    direct = w->db.pool;
    proxy_open(&proxy, &w->db, url);
    db_open_pool(&w->db, url, 1);
    w->store.pool = w->db.pool;
    open_service(w, NULL);
    proxy.cuts_copies = true;
    sent_init(w, &s, true);
    sent_expect(w, &s, ERR_UNAVAILABLE);
    sent_expect(w, &s, ERR_UNAVAILABLE);
    sent_expect(w, &s, 0);
    assert_string_equal(of(w, STORED), "4");
    db_close_pool(&w->db);
    w->db.pool = w->store.pool = direct;
    proxy_close(&proxy);
}

/* While the COPY waits for another transaction's row of the same key. */
static void a_copy_is_canceled(void **state)
{
    struct pg_req lock = {
        .script = "BEGIN; INSERT INTO vector_embeddings (id, tenant_id,"
                  " microservice_id, content_type, content_id, content_text,"
                  " updated_at) SELECT 'x', 't1', id, 'microservice_data', 'a',"
                  " '', now() FROM microservices;"
                  " SELECT pg_sleep(0.5); ROLLBACK"};
    struct world *w = *state;
    struct sent s;

    NEED_SERVER();
    op_init(&lock.op, db_done);
    pg_send(w->db.pool, &lock);
    sent_init(w, &s, true);
    sent_begin(w, &s);
    db_sleep(&w->db, 200);
    op_cancel(&s.req.op);
    expect_op(w, &s.req.op, ERR_CANCELED);
    expect_op(w, &lock.op, 0);
    pg_req_clear(&lock);
    assert_string_equal(of(w, STORED), "0");
    sent_expect(w, &s, 0);
    assert_string_equal(of(w, STORED), "4");
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(copies_what_the_upsert_writes),
        TEST(what_has_come_meanwhile_is_replaced),
        TEST(a_large_copy_is_fed_to_its_end),
        TEST(a_refused_row_is_told_by_the_upsert),
        TEST(the_fence_stands_before_a_copy),
        TEST(a_strange_token_stays_a_parameter),
        cmocka_unit_test(copies_where_that_is_the_same),
        TEST(a_trigger_that_comes_later_is_seen),
        TEST(a_copy_that_is_refused_is_not_tried_again),
        TEST(copies_are_given_up_that_cost_connections),
        TEST(a_copy_is_canceled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
