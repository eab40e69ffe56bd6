/* What waits for the database is stored together, and told apart again. */
#include "unit/db/pg_world.h"

enum { REQUESTS = 10 };

static const float batch_vector[DIMENSIONS] = {1, 0, 0};

/* Requests of a row each, submitted one right after the other. */
struct line {
    struct store_row rows[REQUESTS];
    struct store_req reqs[REQUESTS];
    char ids[REQUESTS][16];
};

static void line_init(struct world *w, struct line *l)
{
    for (int i = 0; i < REQUESTS; i++) {
        snprintf(l->ids[i], sizeof(l->ids[i]), "item-%d", i);
        l->rows[i] = (struct store_row){.content_id = str_of(l->ids[i]),
            .content_text = str_of(l->ids[i]),
            .metadata = STR("{}"),
            .vector = batch_vector};
        l->reqs[i] = (struct store_req){.scope = &w->scope,
            .rows = &l->rows[i],
            .nrows = 1,
            .dimensions = DIMENSIONS,
            .stored_at_ms = 1766448000123};
    }
}

static void line_submit(struct world *w, struct line *l)
{
    for (int i = 0; i < REQUESTS; i++) {
        op_init(&l->reqs[i].op, db_done);
        store_write(&w->store, &l->reqs[i]);
    }
}

/* All end well but the one; -1: all do. */
static void line_wait(struct world *w, struct line *l, int bad, int code)
{
    for (int i = 0; i < REQUESTS; i++) {
        expect_op(w, &l->reqs[i].op, i == bad ? code : 0);
        if (i != bad)
            assert_int_equal(l->reqs[i].written, 1);
    }
}

static const char *answer(struct world *w, const char *sql)
{
    return db_text(&w->db, sql);
}

#define STORED "SELECT count(*) FROM vector_embeddings"
#define TRANSACTIONS "SELECT count(DISTINCT xmin::text) FROM vector_embeddings"

/* Two transactions begin at once, and the third takes the rest. */
static void what_waits_is_stored_together(void **state)
{
    struct world *w = *state;
    struct line l;

    NEED_SERVER();
    line_init(w, &l);
    line_submit(w, &l);
    line_wait(w, &l, -1, 0);
    assert_string_equal(answer(w, STORED), "10");
    assert_string_equal(answer(w, TRANSACTIONS), "3");
}

/* One begins at once, and one beside it as soon as so many wait. */
static void a_second_transaction_waits_for_its_worth(void **state)
{
    struct world *w = *state;
    struct line l;

    NEED_SERVER();
    w->store.second_rows = 5;
    line_init(w, &l);
    line_submit(w, &l);
    line_wait(w, &l, -1, 0);
    assert_string_equal(answer(w, STORED), "10");
    assert_string_equal(
        answer(w, "SELECT string_agg(n::text, ' ' ORDER BY n) FROM (SELECT"
                  " count(*) AS n FROM vector_embeddings GROUP BY xmin::text)"
                  " t"),
        "1 4 5");
    db_exec(&w->db, "TRUNCATE vector_embeddings");
    w->store.second_rows = REQUESTS;
    line_submit(w, &l);
    line_wait(w, &l, -1, 0);
    assert_string_equal(answer(w, STORED), "10");
    assert_string_equal(answer(w, TRANSACTIONS), "2");
}

static void a_transaction_has_a_bound(void **state)
{
    struct world *w = *state;
    struct line l;
    char *large = malloc(1500 * 1000 + 1);

    NEED_SERVER();
    line_init(w, &l);
    memset(large, 'x', 1500 * 1000);
    large[1500 * 1000] = '\0';
    for (int i = 0; i < REQUESTS; i++)
        l.rows[i].content_text = str_of(large);
    line_submit(w, &l);
    line_wait(w, &l, -1, 0);
    free(large);
    assert_string_equal(answer(w, STORED), "10");
    assert_string_equal(answer(w, TRANSACTIONS), "6"); /* 1, 1, 2, 2, 2, 2 */
}

/* The bad row is told of to its own request alone, and in its own words. */
static void a_refused_row_costs_its_request(void **state)
{
    static const struct {
        const char *sql, *fault;
    } tables[] = {
        {"CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
         " IF NEW.content_id = 'item-6' THEN RAISE 'no sixes'; END IF;"
         " RETURN NEW; END $$;"
         " CREATE TRIGGER guard BEFORE INSERT ON vector_embeddings"
         " FOR EACH ROW EXECUTE FUNCTION guard()",
            "P0001 no sixes"},
        {"CREATE OR REPLACE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql"
         " AS $$ BEGIN IF NEW.content_id = 'item-6' THEN RETURN NULL; END IF;"
         " RETURN NEW; END $$; TRUNCATE vector_embeddings",
            "left out"},
    };
    struct world *w = *state;
    struct line l;

    NEED_SERVER();
    for (size_t k = 0; k < sizeof(tables) / sizeof(*tables); k++) {
        db_exec(&w->db, tables[k].sql);
        line_init(w, &l);
        line_submit(w, &l);
        line_wait(w, &l, 6, ERR_DATA);
        assert_string_equal(l.reqs[6].fault, tables[k].fault);
        assert_string_equal(l.reqs[5].fault, "");
        assert_string_equal(answer(w, STORED), "9");
        assert_string_equal(
            answer(w, STORED " WHERE content_id = 'item-6'"), "0");
    }
}

static void the_fence_is_for_all(void **state)
{
    struct world *w = *state;
    struct line l;

    NEED_SERVER();
    db_exec(&w->db, "UPDATE batch_sync_service_runs SET token = token || '-'");
    line_init(w, &l);
    line_submit(w, &l);
    for (int i = 0; i < REQUESTS; i++)
        expect_op(w, &l.reqs[i].op, ERR_FENCED);
    assert_string_equal(answer(w, STORED), "0");
}

/* In line, under way with others, and all of them. */
static void canceled_requests_end(void **state)
{
    struct pg_req lock = {
        .script = "BEGIN; LOCK TABLE vector_embeddings IN EXCLUSIVE MODE;"
                  " SELECT pg_sleep(0.5); COMMIT"};
    struct world *w = *state;
    struct line l;

    NEED_SERVER();
    op_init(&lock.op, db_done);
    pg_send(w->db.pool, &lock);
    db_sleep(&w->db, 100);
    line_init(w, &l);
    line_submit(w, &l);
    op_cancel(&l.reqs[7].op);
    expect_op(w, &l.reqs[7].op, ERR_CANCELED);
    line_wait(w, &l, 7, ERR_CANCELED);
    expect_op(w, &lock.op, 0);
    pg_req_clear(&lock);
    assert_string_equal(answer(w, STORED), "9");
    line_submit(w, &l);
    for (int i = 0; i < REQUESTS; i++)
        op_cancel(&l.reqs[i].op);
    for (int i = 0; i < REQUESTS; i++)
        expect_op(w, &l.reqs[i].op, ERR_CANCELED);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_waits_is_stored_together),
        TEST(a_second_transaction_waits_for_its_worth),
        TEST(a_transaction_has_a_bound),
        TEST(a_refused_row_costs_its_request),
        TEST(the_fence_is_for_all),
        TEST(canceled_requests_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
