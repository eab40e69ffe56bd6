#include "unit/db/pg_world.h"

#include "db/search/search.h"

/* A row whose texts follow its name; hashes are one byte repeated. */
struct piece {
    const char *id;
    int chunk_index;
    const char *text;
    uint8_t hash;
    bool keep; /* its vector */
};

static const float vectors[3][DIMENSIONS] = {
    {1, 0, 0}, {0.5f, -2, 0.25f}, {0, 0, 1e-8f}};

static void fill_row(struct store_row *row, const struct piece *p, size_t i)
{
    *row = (struct store_row){.content_id = str_of(p->id),
        .content_text = str_of(p->text),
        .metadata = STR("{\"title\":\"T\",\"n\":1}"),
        .chunk_index = p->chunk_index,
        .vector = p->keep ? NULL : vectors[i % 3]};
    memset(row->embed_hash, p->hash, SHA256_BYTES);
    memset(row->row_hash, p->hash + 1, SHA256_BYTES);
}

static void store_all(struct world *w, const struct piece *pieces, size_t n,
    const struct store_trim *trims, size_t ntrims, int code)
{
    struct store_row *rows = calloc(n + 1, sizeof(rows[0]));
    struct store_req req = {.scope = &w->scope,
        .rows = rows,
        .nrows = n,
        .trims = trims,
        .ntrims = ntrims,
        .dimensions = DIMENSIONS,
        .stored_at_ms = 1766448000123};

    for (size_t i = 0; i < n; i++)
        fill_row(&rows[i], &pieces[i], i);
    op_init(&req.op, db_done);
    store_write(&w->store, &req);
    wait_op(w, &req.op);
    free(rows);
    if (req.op.err.code != code)
        fail_msg("%s: %s", err_name(req.op.err.code), req.op.err.msg);
    if (code == 0)
        assert_int_equal(req.written, n);
}

static const char *ask(struct world *w, const char *sql)
{
    return db_text(&w->db, sql);
}

#define ROWS                                                       \
    "SELECT string_agg(content_id || '/' || chunk_index || ' ' ||" \
    " content_text || ' ' || embedding::text || ' '"               \
    " || left(encode(embed_hash, 'hex'), 2), '; '"                 \
    " ORDER BY content_id, chunk_index)"                           \
    " FROM vector_embeddings"

static const struct piece three[] = {
    {"b", 0, "bee", 1}, {"a", 1, "second", 1}, {"a", 0, "first", 1}};
static const char three_rows[] =
    "a/0 first [0,0,1e-08] 01; a/1 second [0.5,-2,0.25] 01; b/0 bee [1,0,0] 01";

static void stores_rows(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    store_all(w, three, 3, NULL, 0, 0);
    assert_string_equal(ask(w, ROWS), three_rows);
    assert_string_equal(
        ask(w, "SELECT metadata::text FROM vector_embeddings LIMIT 1"),
        "{\"n\": 1, \"title\": \"T\", "
        "\"_stored_at\": \"2025-12-23T00:00:00.123Z\"}");
    assert_string_equal(
        ask(w, "SELECT count(*) FROM vector_embeddings WHERE tenant_id = 't1'"
               " AND content_type = 'microservice_data'"
               " AND created_at = updated_at AND updated_at BETWEEN"
               "  (now() AT TIME ZONE 'UTC') - interval '1 minute' AND"
               "  (now() AT TIME ZONE 'UTC') + interval '1 s'"),
        "3");
}

/* UUIDs of version 7: new rows are neighbours in the index of their ids. */
static void ids_begin_with_their_time(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    store_all(w, three, 3, NULL, 0, 0);
    assert_string_equal(
        ask(w,
            "SELECT count(DISTINCT id) FROM vector_embeddings WHERE"
            " id::uuid::text = id AND ('x' || replace(left(id, 13), '-', ''))"
            "::bit(48)::bigint = 1766448000123"
            " AND substr(id, 14) ~ '^-7...-[89ab]...-.{12}$'"),
        "3");
}

static void storing_twice_gives_the_same_rows(void **state)
{
    struct world *w = *state;
    const char *ids;

    NEED_SERVER();
    store_all(w, three, 3, NULL, 0, 0);
    ids = ask(w, "SELECT string_agg(id, ',' ORDER BY id)"
                 " FROM vector_embeddings");
    store_all(w, three, 3, NULL, 0, 0);
    assert_string_equal(ask(w, ROWS), three_rows);
    assert_string_equal(ask(w, "SELECT string_agg(id, ',' ORDER BY id)"
                               " FROM vector_embeddings"),
        ids);
}

static void a_changed_text_replaces_all(void **state)
{
    struct world *w = *state;
    struct piece changed = {"b", 0, "other", 7};

    NEED_SERVER();
    store_all(w, three, 3, NULL, 0, 0);
    store_all(w, &changed, 1, NULL, 0, 0);
    assert_string_equal(
        ask(w, ROWS " WHERE content_id = 'b'"), "b/0 other [1,0,0] 07");
}

static void metadata_alone_keeps_the_vector(void **state)
{
    struct world *w = *state;
    struct piece mixed[] = {{"b", 0, "bee ", 9, true}, {"c", 0, "sea", 9}};

    NEED_SERVER();
    store_all(w, three, 3, NULL, 0, 0);
    db_exec(&w->db, "UPDATE vector_embeddings SET metadata = '{}',"
                    " updated_at = '2000-01-01'");
    store_all(w, mixed, 2, NULL, 0, 0);
    assert_string_equal(
        ask(w, ROWS " WHERE content_id = 'b'"), "b/0 bee  [1,0,0] 09");
    assert_string_equal(
        ask(w, "SELECT metadata->>'title' || (updated_at > '2001-01-01')"
               " FROM vector_embeddings WHERE content_id = 'b'"),
        "Ttrue");
    assert_string_equal(ask(w, "SELECT metadata FROM vector_embeddings"
                               " WHERE content_id = 'a' LIMIT 1"),
        "{}");
}

static void a_row_that_is_gone_is_an_error(void **state)
{
    struct world *w = *state;
    struct piece gone = {"z", 0, "zed", 9, true};

    NEED_SERVER();
    store_all(w, &gone, 1, NULL, 0, ERR_DATABASE);
    assert_string_equal(ask(w, "SELECT count(*) FROM vector_embeddings"), "0");
}

static void trims_stale_pieces(void **state)
{
    struct world *w = *state;
    struct piece old[] = {{"a", 0, "0", 1}, {"a", 1, "1", 1}, {"a", 2, "2", 1},
        {"b", 0, "0", 1}, {"b", 1, "1", 1}};
    struct piece new = {"a", 0, "short", 2};
    struct store_trim trims[] = {{STR("a"), 1}, {STR("x"), 0}};

    NEED_SERVER();
    store_all(w, old, 5, NULL, 0, 0);
    store_all(w, &new, 1, trims, 2, 0);
    assert_string_equal(
        ask(w, "SELECT string_agg(content_id || chunk_index, ' '"
               " ORDER BY content_id, chunk_index) FROM vector_embeddings"),
        "a0 b0 b1");
    store_all(w, NULL, 0, &(struct store_trim){STR("b"), 1}, 1, 0);
    assert_string_equal(ask(w, "SELECT count(*) FROM vector_embeddings"), "2");
}

static void writes_nothing_without_its_token(void **state)
{
    struct world *w = *state;
    struct piece mixed[] = {{"a", 0, "ay", 9, true}, {"c", 0, "sea", 9}};
    struct store_trim trim = {STR("b"), 0};

    NEED_SERVER();
    store_all(w, three, 3, NULL, 0, 0);
    w->scope.token = "another";
    store_all(w, mixed, 2, &trim, 1, ERR_FENCED);
    assert_string_equal(ask(w, ROWS), three_rows);
}

static void leaves_other_rows_alone(void **state)
{
    struct world *w = *state;
    struct store_trim trim = {STR("a"), 0};

    NEED_SERVER();
    store_all(w, three, 3, NULL, 0, 0);
    db_exec(&w->db,
        "INSERT INTO vector_embeddings (id, tenant_id, microservice_id,"
        " content_id, content_type, content_text, updated_at)"
        " SELECT 'x1', tenant_id, microservice_id, 'a', 'document', 'theirs',"
        " now() FROM vector_embeddings LIMIT 1;"
        "INSERT INTO vector_embeddings (id, tenant_id, content_id,"
        " content_type, content_text, updated_at) VALUES ('x2', 't1', 'a',"
        " 'microservice_data', 'nobodys', now())");
    store_all(w, three, 1, &trim, 1, 0);
    assert_string_equal(ask(w, "SELECT string_agg(id, ' ' ORDER BY id)"
                               " FROM vector_embeddings WHERE id LIKE 'x%'"),
        "x1 x2");
}

static void a_refused_value_undoes_the_chunk(void **state)
{
    struct world *w = *state;
    struct piece bad[] = {{"a", 0, "fine", 1}, {"b", 0, "not \xff utf-8", 1}};
    struct piece wrong = {"a", -1, "index", 1};

    NEED_SERVER();
    store_all(w, bad, 2, NULL, 0, ERR_DATA);
    store_all(w, &wrong, 1, NULL, 0, ERR_DATA);
    assert_string_equal(ask(w, "SELECT count(*) FROM vector_embeddings"), "0");
}

static const char *fault_of(struct world *w, const struct piece *p)
{
    static char fault[ERR_MSG_BYTES];
    struct store_row row;
    struct store_req req = {
        .scope = &w->scope, .rows = &row, .nrows = 1, .dimensions = DIMENSIONS};

    fill_row(&row, p, 0);
    op_init(&req.op, db_done);
    store_write(&w->store, &req);
    db_wait(&w->db, &req.op);
    snprintf(fault, sizeof(fault), "%s", req.fault);
    return fault;
}

/* Whichever row it is that shows it. */
static void a_fault_of_the_table_has_the_same_words(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    db_exec(&w->db, "CREATE UNIQUE INDEX one_text ON vector_embeddings"
                    " (tenant_id, content_text)");
    store_all(w, three, 3, NULL, 0, 0);
    for (int i = 0; i < 3; i++) {
        struct piece other = {"z", 0, three[i].text, 1};

        assert_string_equal(fault_of(w, &other),
            "23505 duplicate key value violates unique constraint "
            "\"one_text\"");
    }
    assert_string_equal(fault_of(w, &three[0]), "");
}

static void stores_empty_metadata(void **state)
{
    struct world *w = *state;
    struct store_row row;
    struct store_req req = {.rows = &row, .nrows = 1, .dimensions = DIMENSIONS};

    NEED_SERVER();
    req.scope = &w->scope;
    fill_row(&row, &three[0], 0);
    row.metadata = STR("{}");
    op_init(&req.op, db_done);
    store_write(&w->store, &req);
    expect_op(w, &req.op, 0);
    assert_string_equal(ask(w, "SELECT metadata::text FROM vector_embeddings"),
        "{\"_stored_at\": \"1970-01-01T00:00:00.000Z\"}");
}

static void cancels_a_write_that_waits(void **state)
{
    struct world *w = *state;
    struct store_row row;
    struct store_req req = {.rows = &row, .nrows = 1, .dimensions = DIMENSIONS};
    struct pg_req lock = {
        .script = "BEGIN; LOCK TABLE vector_embeddings IN EXCLUSIVE MODE;"
                  " SELECT pg_sleep(1); COMMIT"};

    NEED_SERVER();
    req.scope = &w->scope;
    fill_row(&row, &three[0], 0);
    op_init(&lock.op, db_done);
    pg_send(w->db.pool, &lock);
    db_sleep(&w->db, 100);
    op_init(&req.op, db_done);
    store_write(&w->store, &req);
    db_sleep(&w->db, 100);
    op_cancel(&req.op);
    expect_op(w, &req.op, ERR_CANCELED);
    assert_true(op_pending(&lock.op));
    expect_op(w, &lock.op, 0);
    pg_req_clear(&lock);
    assert_string_equal(ask(w, "SELECT count(*) FROM vector_embeddings"), "0");
}

/* A takeover waits for the chunk that is under way, and then fences. */
static void a_new_token_waits_for_the_chunk(void **state)
{
    struct world *w = *state;
    struct pg_req hold = {.script =
                              "BEGIN; SELECT 1 FROM batch_sync_service_runs"
                              " FOR KEY SHARE; SELECT pg_sleep(0.5); COMMIT"};
    char before[ID_BYTES];
    uint64_t start;

    NEED_SERVER();
    start = loop_now_ms(&w->db.loop);
    memcpy(before, w->service.token, sizeof(before));
    op_init(&hold.op, db_done);
    pg_send(w->db.pool, &hold);
    db_sleep(&w->db, 100);
    service_begin(w, &w->ledger, 0, 0);
    assert_true(loop_now_ms(&w->db.loop) - start >= 400);
    expect_op(w, &hold.op, 0);
    pg_req_clear(&hold);
    store_all(w, three, 3, NULL, 0, 0);
    w->scope.token = before;
    store_all(w, three, 3, NULL, 0, ERR_FENCED);
}

static void look_up(
    struct world *w, struct lookup_req *req, const struct str *ids, size_t n)
{
    *req = (struct lookup_req){
        .arena = &w->arena, .scope = &w->scope, .ids = ids, .n = n};
    op_init(&req->op, db_done);
    store_lookup(&w->store, req);
    expect_op(w, &req->op, 0);
}

static void looks_up_hashes(void **state)
{
    struct world *w = *state;
    struct str ids[] = {STR("none"), STR("b"), STR("a")};
    struct lookup_req req;

    NEED_SERVER();
    store_all(w, three, 3, NULL, 0, 0);
    db_exec(&w->db, "UPDATE vector_embeddings SET embed_hash = NULL"
                    " WHERE chunk_index = 1; UPDATE vector_embeddings"
                    " SET row_hash = NULL WHERE content_id = 'a'");
    look_up(w, &req, ids, 3);
    assert_int_equal(req.nrows, 3);
    assert_int_equal(req.rows[0].item, 1);
    assert_true(req.rows[0].hashed);
    assert_int_equal(req.rows[0].embed_hash[31], 1);
    assert_int_equal(req.rows[0].row_hash[0], 2);
    assert_int_equal(req.rows[1].item, 2);
    assert_int_equal(req.rows[1].chunk_index, 0);
    assert_true(req.rows[1].hashed);
    assert_int_equal(req.rows[1].row_hash[0], 0);
    assert_int_equal(req.rows[2].chunk_index, 1);
    assert_false(req.rows[2].hashed);
}

static void looks_up_nothing(void **state)
{
    struct world *w = *state;
    struct lookup_req req;

    NEED_SERVER();
    look_up(w, &req, NULL, 0);
    assert_int_equal(req.nrows, 0);
}

static void looks_up_a_large_page(void **state)
{
    enum { N = 5000 };
    struct world *w = *state;
    static struct str ids[N];
    static char names[N][16];
    struct lookup_req req;

    NEED_SERVER();
    db_exec(&w->db,
        "INSERT INTO vector_embeddings (id, tenant_id, microservice_id,"
        " content_id, content_type, content_text, updated_at, embed_hash,"
        " row_hash) SELECT g::text, 't1', m.id, 'item-' || g,"
        " 'microservice_data', '', now(), sha256('a'), sha256('b')"
        " FROM generate_series(1, 20000) g, microservices m");
    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof(names[i]), "item-%d", 17001 + i);
        ids[i] = str_of(names[i]);
    }
    look_up(w, &req, ids, N);
    assert_int_equal(req.nrows, 3000);
    assert_int_equal(req.rows[2999].item, 2999);
}

static void opens_once(void **state)
{
    struct world *w = *state;
    char id[256];
    const char *before;

    NEED_SERVER();
    memcpy(id, w->opened.microservice_id, sizeof(id));
    assert_string_equal(
        ask(w, "SELECT concat_ws('|', tenant_id, name, service_id,"
               " display_name, description, version, is_active)"
               " FROM microservices"),
        "t1|backend-a|backend-a-t1|Backend A|Data from backend-a|1.0.0|t");
    assert_string_equal(
        ask(w, "SELECT concat_ws('|', id, name) FROM tenants"), "t1|t1");
    before = ask(w, "SELECT xmin::text || xmax || ctid FROM microservices");
    open_service(w, NULL);
    assert_string_equal(w->opened.microservice_id, id);
    assert_string_equal(
        ask(w, "SELECT xmin::text || xmax || ctid FROM microservices"), before);
    open_service(w, "2.0.0");
    assert_string_equal(w->opened.microservice_id, id);
    assert_string_equal(ask(w, "SELECT version FROM microservices"), "2.0.0");
}

/* Two that open the same service at once agree on its id. */
static void opening_at_once_agrees(void **state)
{
    struct world *w = *state;
    struct store_open_req reqs[8];

    NEED_SERVER();
    for (int i = 0; i < 8; i++) {
        reqs[i] = (struct store_open_req){.tenant = "t2", .service = "new_one"};
        op_init(&reqs[i].op, db_done);
        store_open(&w->store, &reqs[i]);
    }
    for (int i = 0; i < 8; i++) {
        expect_op(w, &reqs[i].op, 0);
        assert_string_equal(reqs[i].microservice_id, reqs[0].microservice_id);
    }
    assert_string_equal(
        ask(w, "SELECT string_agg(display_name, ',') FROM microservices"
               " WHERE tenant_id = 't2'"),
        "New One");
}

static void search(struct world *w, struct search_vector_req *req,
    const char *service, const float *vector)
{
    static struct search_filter filter;

    filter = (struct search_filter){.tenant = "t1", .service = service};
    *req = (struct search_vector_req){.arena = &w->arena,
        .filter = &filter,
        .vector = vector,
        .dimensions = DIMENSIONS,
        .limit = 2};
    op_init(&req->op, db_done);
    search_vectors(&w->store, req);
    expect_op(w, &req->op, 0);
}

static void finds_the_nearest(void **state)
{
    struct world *w = *state;
    struct search_vector_req req;

    NEED_SERVER();
    store_all(w, three, 3, NULL, 0, 0);
    search(w, &req, NULL, vectors[0]);
    assert_int_equal(req.nhits, 2);
    assert_memory_equal(req.hits[0].content_id.p, "b", 2);
    assert_memory_equal(req.hits[0].service.p, "backend-a", 10);
    assert_memory_equal(req.hits[0].title.p, "T", 2);
    assert_memory_equal(req.hits[0].preview.p, "bee", 4);
    assert_true(req.hits[0].similarity > 0.999);
    assert_int_equal(req.hits[1].chunk_index, 1);
    assert_true(req.hits[1].similarity > 0.2 && req.hits[1].similarity < 0.3);
    search(w, &req, "backend-a", vectors[2]);
    assert_int_equal(req.nhits, 2);
    search(w, &req, "unknown", vectors[2]);
    assert_int_equal(req.nhits, 0);
}

static void searches_through_an_index(void **state)
{
    struct world *w = *state;
    struct search_vector_req req;

    NEED_SERVER();
    store_all(w, three, 3, NULL, 0, 0);
    db_exec(&w->db, "CREATE INDEX ON vector_embeddings USING hnsw"
                    " (embedding public.vector_cosine_ops)");
    search(w, &req, NULL, vectors[0]);
    assert_int_equal(req.nhits, 2);
    assert_memory_equal(req.hits[0].content_id.p, "b", 2);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(stores_rows),
        TEST(ids_begin_with_their_time),
        TEST(storing_twice_gives_the_same_rows),
        TEST(a_changed_text_replaces_all),
        TEST(metadata_alone_keeps_the_vector),
        TEST(a_row_that_is_gone_is_an_error),
        TEST(trims_stale_pieces),
        TEST(writes_nothing_without_its_token),
        TEST(leaves_other_rows_alone),
        TEST(a_refused_value_undoes_the_chunk),
        TEST(a_fault_of_the_table_has_the_same_words),
        TEST(stores_empty_metadata),
        TEST(cancels_a_write_that_waits),
        TEST(a_new_token_waits_for_the_chunk),
        TEST(looks_up_hashes),
        TEST(looks_up_nothing),
        TEST(looks_up_a_large_page),
        TEST(opens_once),
        TEST(opening_at_once_agrees),
        TEST(finds_the_nearest),
        TEST(searches_through_an_index),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
