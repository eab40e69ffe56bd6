#include "unit/db/migrate/adopt_world.h"

#include "db/migrate/backfill_hashes.h"

static const struct embedding_id id = {"openai", "m", DIMENSIONS};

static void assume(struct legacy *l, struct backfill_hashes_req *req,
    bool dry_run, uint64_t hashed)
{
    *req = (struct backfill_hashes_req){
        .id = &id, .max_tokens = 8191, .dry_run = dry_run};
    op_init(&req->op, db_done);
    backfill_hashes_run(l->db.pool, &l->db.loop, req);
    db_wait(&l->db, &req->op);
    if (req->op.err.code != 0)
        fail_msg("%s", req->op.err.msg);
    assert_int_equal(req->hashed, hashed);
}

/* Counted first, then done, then nothing is left but what cannot be done. */
static void expect_assumed(struct legacy *l, uint64_t hashed, uint64_t without)
{
    struct backfill_hashes_req req;

    assume(l, &req, true, hashed);
    assert_int_equal(req.without, without);
    assume(l, &req, false, hashed);
    assert_int_equal(req.without, without);
    assume(l, &req, false, 0);
    assert_int_equal(req.without, without);
}

static void expect_hash(
    struct legacy *l, const char *item, const char *text, size_t pieces)
{
    uint8_t hash[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1], sql[256];

    item_embed_hash(str_of(text), &id, pieces, CUT_ANYWHERE, NULL, hash);
    hex_encode(hash, sizeof(hash), hex);
    snprintf(sql, sizeof(sql),
        "SELECT string_agg(DISTINCT encode(embed_hash, 'hex'), ' ')"
        " FROM vector_embeddings WHERE content_id = '%s'",
        item);
    expect_sql(l, sql, hex);
}

static void hashes_what_is_whole(void **state)
{
    struct legacy *l = *state;

    NEED_SERVER();
    adopt(l, MIGRATE_APPLY, 0);
    db_exec(&l->db,
        LEGACY_ROW("a", "'m1'", "a", "0", "2024-01-02", "2024-01-01", "NULL")
            LEGACY_ROW("b0", "'m1'", "b", "0", "2024-01-02", "2024-01-01",
                "NULL") LEGACY_ROW("b1", "'m1'", "b", "1", "2024-01-02",
                "2024-01-01", "NULL") LEGACY_ROW("c0", "'m1'", "c", "0",
                "2024-01-02", "2024-01-01", "NULL") LEGACY_ROW("c2", "'m1'",
                "c", "2", "2024-01-02", "2024-01-01", "NULL") LEGACY_ROW("d0",
                "'m1'", "d", "0", "2024-01-02", "2024-01-01",
                "NULL") LEGACY_ROW("d1", "'m1'", "d", "1", "2024-01-02",
                "2024-01-01", "NULL")
                LEGACY_ROW("e", "NULL", "e", "0", "2024-01-02", "2024-01-01",
                    "NULL") "UPDATE vector_embeddings SET embedding = NULL "
                            "WHERE id = 'd1';"
                            "INSERT INTO vector_embeddings VALUES ('x', 't1', "
                            "'m1', 'a',"
                            " 'document', '[1,2,3]', 'text of a', 0)");
    expect_assumed(l, 3, 4);
    db_exec(&l->db, "DELETE FROM vector_embeddings WHERE id = 'x'"
                    " AND embed_hash IS NULL");
    expect_hash(l, "a", " text of a\n", 1);
    expect_hash(l, "b", "text of b0text of b1", 2);
    expect_sql(l, "SELECT count(embed_hash) FROM vector_embeddings", "3");
    expect_sql(l, "SELECT count(row_hash) FROM vector_embeddings", "0");
    expect_sql(l,
        "SELECT count(*) FROM vector_embeddings WHERE written_at = updated_at"
        " AND embed_hash IS NOT NULL AND vector_hash ="
        " substr(sha256(convert_to(content_text, 'UTF8')), 1, 8)"
        " || substr(sha256(public.vector_send(embedding)), 1, 8)",
        "3");
    expect_sql(l, "SELECT count(vector_hash) FROM vector_embeddings", "3");
}

/* Items whose pieces lie on both sides of a batch's end are whole all the
 * same; so are those of several services and tenants. */
static void goes_through_many_batches(void **state)
{
    struct legacy *l = *state;

    NEED_SERVER();
    adopt(l, MIGRATE_APPLY, 0);
    db_exec(&l->db,
        "INSERT INTO microservices (id, tenant_id, name, service_id)"
        " VALUES ('m0', 't1', 's0', 's0'), ('m2', 't2', 's2', 's2');"
        "INSERT INTO vector_embeddings (id, tenant_id, microservice_id,"
        " content_id, content_type, embedding, content_text, chunk_index,"
        " updated_at) SELECT concat_ws('-', m.id, i, p), m.tenant_id, m.id,"
        " 'item-' || i, 'microservice_data', '[1,2,3]', 'piece ' || p, p,"
        " now() FROM microservices m, generate_series(1, 500) i,"
        " generate_series(0, 6) p");
    expect_assumed(l, 3 * 500 * 7, 0);
    expect_hash(l, "item-143",
        "piece 0piece 1piece 2piece 3piece 4piece 5"
        "piece 6",
        7);
    expect_sql(
        l, "SELECT count(DISTINCT embed_hash) FROM vector_embeddings", "1");
}

/* Few rows of large texts are a batch; an item that fills one is passed. */
static void large_texts_are_batches_of_their_own(void **state)
{
    struct legacy *l = *state;
    struct backfill_hashes_req req;

    NEED_SERVER();
    adopt(l, MIGRATE_APPLY, 0);
    db_exec(&l->db,
        "INSERT INTO vector_embeddings (id, tenant_id, microservice_id,"
        " content_id, content_type, embedding, content_text, updated_at)"
        " SELECT i, 't1', 'm1', 'item-' || i, 'microservice_data', '[1,2,3]',"
        " repeat(i::text, CASE i WHEN 5 THEN 9 ELSE 3 END * 1024 * 1024),"
        " now() FROM generate_series(1, 9) i");
    assume(l, &req, false, 8);
    assert_int_equal(req.without, 1);
    expect_sql(
        l, "SELECT id FROM vector_embeddings WHERE embed_hash IS NULL", "5");
}

/* A text that is changed in between does not get the hash of the other. */
static void a_row_that_changes_is_left_alone(void **state)
{
    struct legacy *l = *state;
    struct backfill_hashes_req req = {.id = &id, .max_tokens = 8191};
    struct pg_req hold = {.script = "BEGIN; UPDATE vector_embeddings"
                                    " SET content_text = 'new' WHERE id = 'a';"
                                    " SELECT pg_sleep(0.7); COMMIT"};

    NEED_SERVER();
    adopt(l, MIGRATE_APPLY, 0);
    db_exec(&l->db, LEGACY_ROW("a", "'m1'", "a", "0", "2024-01-02",
                        "2024-01-01", "NULL") LEGACY_ROW("b", "'m1'", "b", "0",
                        "2024-01-02", "2024-01-01", "NULL"));
    op_init(&hold.op, db_done);
    pg_send(l->db.pool, &hold);
    db_sleep(&l->db, 200);
    op_init(&req.op, db_done);
    backfill_hashes_run(l->db.pool, &l->db.loop, &req);
    db_wait(&l->db, &req.op);
    db_wait(&l->db, &hold.op);
    pg_req_clear(&hold);
    assert_int_equal(req.op.err.code, 0);
    assert_int_equal(req.hashed, 1);
    assert_int_equal(req.without, 1);
    expect_sql(
        l, "SELECT id FROM vector_embeddings WHERE embed_hash IS NULL", "a");
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, legacy_setup, legacy_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hashes_what_is_whole),
        TEST(goes_through_many_batches),
        TEST(large_texts_are_batches_of_their_own),
        TEST(a_row_that_changes_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
