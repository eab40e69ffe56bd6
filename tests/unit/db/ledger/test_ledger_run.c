/* Beginning and joining runs, where several come at once. */
#include "unit/db/pg_world.h"

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
        .embedding = {"builtin", "m", DIMENSIONS},
        .limit = 10};
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
    struct run_begin_req params = test_params;
    struct run_join_req found;
    struct run_begin_req begun;
    struct pg_pool *pool;
    struct err err;

    NEED_SERVER();
    lose_the_lease(w);
    assert_int_equal(
        pg_pool_init(&pool, &w->db.loop, w->db.url, 1, 0, &err), 0);
    w->ledger.pool = pool; /* of one connection: one after another */
    params.embedding.model = "another";
    begun = params;
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

static const int64_t fire_ms = 1795448318000;

static struct run_begin_req of_fire(int64_t ms)
{
    struct run_begin_req params = test_params;

    params.spec.trigger = "schedule";
    params.spec.fire_ms = ms;
    return params;
}

static void other_owner(struct world *w, struct ledger *l)
{
    ledger_init(l, w->db.pool, w->db.pool, &w->db.loop, 30, 300);
}

static const char statuses[] =
    "SELECT string_agg(concat_ws(' ', status, resumed, (extract(epoch"
    " FROM fire_at) * 1000)::int8 - 1795448318000), ', ' ORDER BY started_at)"
    " FROM batch_sync_runs";

/* The one that took it was lost, and nobody has looked for its run yet. */
static void a_late_fire_resumes_the_run_of_that_fire(void **state)
{
    struct world *w = *state;
    struct run_begin_req params = of_fire(fire_ms);
    struct ledger other;
    char id[ID_BYTES];

    NEED_SERVER();
    run_succeeds(w, &w->ledger);
    run_begin(w, &w->ledger, &params, 0);
    memcpy(id, w->run.run_id, sizeof(id));
    lose_the_lease(w);
    other_owner(w, &other);
    run_begin(w, &other, &params, 0);
    assert_string_equal(w->run.run_id, id);
    assert_string_equal(ask(w, statuses), "success 0, running 1 0");
    run_succeeds(w, &other);
    run_begin(w, &other, &params, ERR_ALREADY_RUNNING);
    db_sleep(&w->db, 10);
}

/* Its own, which asked for something else, or any other. */
static void a_fire_that_was_taken_abandons_nothing(void **state)
{
    struct world *w = *state;
    struct run_begin_req params = of_fire(fire_ms), next = of_fire(fire_ms + 1);

    NEED_SERVER();
    run_succeeds(w, &w->ledger);
    run_begin(w, &w->ledger, &params, 0);
    lose_the_lease(w);
    params.embedding.model = next.embedding.model = "another";
    run_begin(w, &w->ledger, &params, ERR_ALREADY_RUNNING);
    assert_string_equal(ask(w, statuses), "success 0, interrupted 0 0");
    run_begin(w, &w->ledger, &next, 0);
    assert_string_equal(
        ask(w, statuses), "success 0, abandoned 0 0, running 0 1");
    lose_the_lease(w);
    run_begin(w, &w->ledger, &params, ERR_ALREADY_RUNNING);
    assert_string_equal(
        ask(w, statuses), "success 0, abandoned 0 0, interrupted 0 1");
}

/* The answer of the try before was lost. */
static void a_fire_begins_once_whose_answer_was_lost(void **state)
{
    struct world *w = *state;
    struct run_begin_req params = of_fire(fire_ms);
    char id[ID_BYTES];

    NEED_SERVER();
    run_succeeds(w, &w->ledger);
    run_begin(w, &w->ledger, &params, 0);
    memcpy(id, w->run.run_id, sizeof(id));
    run_begin(w, &w->ledger, &params, 0);
    assert_string_equal(w->run.run_id, id);
    run_succeeds(w, &w->ledger);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(joining_leaves_what_was_just_begun),
        TEST(joins_its_own_run_after_a_lost_answer),
        TEST(a_late_fire_resumes_the_run_of_that_fire),
        TEST(a_fire_that_was_taken_abandons_nothing),
        TEST(a_fire_begins_once_whose_answer_was_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
