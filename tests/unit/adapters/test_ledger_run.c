/* Beginning and joining runs, where several come at once. */
#include "unit/adapters/pg_world.h"

static const char *ask(struct world *w, const char *sql)
{
    return db_text(&w->db, sql);
}

static void lose_the_lease(struct world *w)
{
    ledger_stop(&w->ledger);
    db_exec(&w->db, "UPDATE batch_sync_runs"
                    " SET expires_at = now() - interval '1 s'");
}

static void join(struct world *w, struct ledger *l, struct run_join_req *req)
{
    *req = (struct run_join_req){.arena = &w->arena,
        .tenant = "t1",
        .provider = "builtin",
        .model = "m",
        .limit = 10,
        .dimensions = DIMENSIONS};
    op_init(&req->op, db_done);
    ledger_run_join(l, req);
}

/*
 * The process looks for a run to go on with and finds one; before it has it, a
 * trigger begins another one.
 */
static void joining_leaves_what_was_just_begun(void **state)
{
    struct world *w = *state;
    struct run_params params = test_params;
    struct run_join_req found;
    struct run_begin_req begun = {.params = &params};
    struct pg_pool *pool;
    struct err err;

    NEED_SERVER();
    lose_the_lease(w);
    assert_int_equal(
        pg_pool_init(&pool, &w->db.loop, w->db.url, 1, 0, &err), 0);
    w->ledger.pool = pool; /* of one connection: one after another */
    params.model = "another";
    join(w, &w->ledger, &found);
    op_init(&begun.op, db_done);
    ledger_run_begin(&w->ledger, &begun);
    expect_op(w, &found.op, 0);
    expect_op(w, &begun.op, 0);
    assert_string_equal(found.run_id, "");
    assert_string_equal(
        ask(w, "SELECT string_agg(status, ' ' ORDER BY started_at)"
               " FROM batch_sync_runs"),
        "abandoned running");
    ledger_stop(&w->ledger);
    db_sleep(&w->db, 10);
    w->ledger.pool = w->db.pool;
    pg_pool_close(pool);
}

/* What has begun without our hearing of it is gone on with at once. */
static void joins_its_own_run_after_a_lost_answer(void **state)
{
    struct world *w = *state;
    struct run_join_req found;

    NEED_SERVER();
    run_succeeds(w, &w->ledger);
    run_begin(w, &w->ledger, &test_params, 0);
    join(w, &w->ledger, &found);
    expect_op(w, &found.op, 0);
    assert_string_equal(found.run_id, w->run.run_id);
    claim(w, &w->ledger, 0);
    assert_int_equal(w->service.claim, CLAIM_SERVICE);
    assert_string_equal(
        ask(w, "SELECT sum(resumed) FROM batch_sync_runs"), "0");
    run_succeeds(w, &w->ledger);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(joining_leaves_what_was_just_begun),
        TEST(joins_its_own_run_after_a_lost_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
