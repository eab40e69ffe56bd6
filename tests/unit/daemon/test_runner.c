/* Triggers and runs, over the ports of runner_world.h. */
#include "unit/daemon/runner_world.h"

static void a_trigger_gets_an_id_and_then_a_result(void **state)
{
    struct world *w = *state;
    struct client *c = &w->clients[0];

    w->hold = true;
    trigger(w, c);
    assert_string_equal(c->req.run_id, "");
    assert_true(runner_is_running(w->runner));
    wait_held(w);
    assert_int_equal(c->begun, 1);
    assert_string_equal(c->id_at_begun, "run-1");
    assert_int_equal(c->ended, 0);
    release(w);
    loop_run(&w->loop);
    expect_end(c, 0);
    assert_int_equal(c->status, RUN_SUCCESS);
    assert_int_equal(c->nservices, 1);
    assert_string_equal(c->service, "demo-devlab");
    assert_int_equal(c->begun, 1);
    assert_false(runner_is_running(w->runner));
}

static void the_last_run_is_remembered(void **state)
{
    struct world *w = *state;
    const struct last_run *last = runner_last(w->runner);
    struct client *c = &w->clients[0];
    int64_t before = loop_wall_ms();

    assert_string_equal(last->run_id, "");
    w->hold = true;
    trigger(w, c);
    wait_held(w);
    assert_string_equal(last->run_id, "run-1");
    assert_int_equal(last->ended_ms, 0);
    release(w);
    loop_run(&w->loop);
    assert_string_equal(last->trigger, "http");
    assert_int_equal(last->status, RUN_SUCCESS);
    assert_true(before <= last->began_ms);
    assert_true(last->began_ms <= last->ended_ms);
    assert_true(last->ended_ms <= loop_wall_ms());
}

static void what_a_trigger_says_is_copied(void **state)
{
    struct world *w = *state;
    struct client *c = &w->clients[0];
    char name[] = "demo-devlab", tenant[] = "acme", since[] = "2026-01-01";
    const char *names[] = {name};

    op_init(&c->req.op, on_end);
    runner_trigger(w->runner,
        &(struct run_spec){.trigger = "http",
            .kind = "incremental",
            .tenant = tenant,
            .since = since,
            .services = names,
            .nservices = 1},
        &c->req);
    memset(name, 'x', sizeof(name) - 1);
    memset(tenant, 'x', sizeof(tenant) - 1);
    memset(since, 'x', sizeof(since) - 1);
    names[0] = NULL;
    loop_run(&w->loop);
    expect_end(c, 0);
    assert_string_equal(c->service, "demo-devlab");
}

static void the_configured_tenant_is_the_usual_one(void **state)
{
    struct world *w = *state;
    struct client *c = &w->clients[0];

    w->hold = true;
    trigger(w, c);
    wait_held(w);
    assert_string_equal(w->said, w->config.sync.tenant);
    release(w);
    loop_run(&w->loop);
    expect_end(c, 0);
}

static void a_second_trigger_meets_the_first(void **state)
{
    struct world *w = *state;
    struct client *first = &w->clients[0];
    struct client *second = &w->clients[1];

    w->hold = true;
    trigger(w, first);
    trigger(w, second);
    wait_held(w);
    expect_end(second, ERR_ALREADY_RUNNING);
    assert_int_equal(second->begun, 0);
    assert_string_equal(second->req.run_id, "");
    assert_null(second->req.result);
    release(w);
    loop_run(&w->loop);
    expect_end(first, 0);
    assert_string_equal(first->req.run_id, "run-1");
    assert_int_equal(w->begun_runs, 1);
}

static void one_run_follows_another(void **state)
{
    struct world *w = *state;
    struct client *c = &w->clients[0];
    char id[ID_BYTES];

    for (int i = 1; i <= 5; i++) {
        trigger(w, c);
        loop_run(&w->loop);
        expect_end(c, 0);
        snprintf(id, sizeof(id), "run-%d", i);
        assert_string_equal(c->req.run_id, id);
        assert_string_equal(runner_last(w->runner)->run_id, id);
    }
}

static void nothing_runs_when_syncs_are_disabled(void **state)
{
    struct world *w = *state;
    struct client *c = &w->clients[0];

    w->config.sync.enabled = false;
    w->config.coordinator.enabled = false;
    trigger(w, c);
    loop_run(&w->loop);
    expect_end(c, ERR_DISABLED);
    assert_string_equal(c->req.op.err.msg, "disabled");
    assert_null(c->req.result);
    assert_int_equal(w->begun_runs, 0);
}

static void nothing_runs_without_a_coordinator(void **state)
{
    struct world *w = *state;
    struct client *c = &w->clients[0];

    w->config.coordinator.enabled = false;
    assert_string_equal(runner_disabled(&w->config), "coordinator_disabled");
    trigger(w, c);
    loop_run(&w->loop);
    expect_end(c, ERR_DISABLED);
    assert_string_equal(c->req.op.err.msg, "coordinator_disabled");
    w->config.coordinator.enabled = true;
    assert_null(runner_disabled(&w->config));
}

static void a_run_elsewhere_is_already_running(void **state)
{
    struct world *w = *state;
    struct client *c = &w->clients[0];

    w->begin_code = ERR_ALREADY_RUNNING;
    trigger(w, c);
    loop_run(&w->loop);
    expect_end(c, ERR_ALREADY_RUNNING);
    assert_int_equal(c->begun, 0);
    assert_string_equal(c->req.run_id, "");
    assert_null(c->req.result);
    assert_false(runner_is_running(w->runner));
    w->begin_code = 0;
    trigger(w, c);
    loop_run(&w->loop);
    expect_end(c, 0);
}

static void a_refused_run_is_not_the_last_one(void **state)
{
    struct world *w = *state;
    struct last_run before;
    struct client *c = &w->clients[0];

    trigger(w, c);
    loop_run(&w->loop);
    before = *runner_last(w->runner);
    w->begin_code = ERR_ALREADY_RUNNING;
    trigger(w, c);
    loop_run(&w->loop);
    expect_end(c, ERR_ALREADY_RUNNING);
    assert_string_equal(runner_last(w->runner)->run_id, before.run_id);
    assert_int_equal(runner_last(w->runner)->status, before.status);
    assert_int_equal(runner_last(w->runner)->ended_ms, before.ended_ms);
}

static void a_run_that_cannot_begin_says_why(void **state)
{
    struct world *w = *state;
    struct client *c = &w->clients[0];

    w->begin_code = ERR_AUTH;
    trigger(w, c);
    loop_run(&w->loop);
    expect_end(c, ERR_AUTH);
    assert_non_null(strstr(c->req.op.err.msg, "the port says no"));
}

static void draining_refuses_and_ends_the_run(void **state)
{
    struct world *w = *state;
    struct client *first = &w->clients[0];
    struct client *second = &w->clients[1];

    w->hold = true;
    trigger(w, first);
    wait_held(w);
    runner_drain(w->runner);
    trigger(w, second);
    for (int i = 0; i < 10; i++)
        uv_run(&w->loop.uv, UV_RUN_NOWAIT);
    expect_end(second, ERR_CANCELED);
    release(w);
    loop_run(&w->loop);
    expect_end(first, 0);
    assert_int_equal(first->status, RUN_INTERRUPTED);
}

static void canceling_gives_up_what_is_in_flight(void **state)
{
    struct world *w = *state;
    struct client *c = &w->clients[0];

    w->hold = true;
    trigger(w, c);
    wait_held(w);
    runner_cancel(w->runner);
    loop_run(&w->loop);
    assert_int_equal(c->ended, 1);
    assert_non_null(c->req.result);
    assert_int_equal(c->status, RUN_INTERRUPTED);
}

static void without_a_run_draining_and_canceling_do_nothing(void **state)
{
    struct world *w = *state;
    struct client *c = &w->clients[0];

    runner_drain(w->runner);
    runner_cancel(w->runner);
    runner_cancel(w->runner);
    trigger(w, c);
    loop_run(&w->loop);
    expect_end(c, ERR_CANCELED);
}

static void a_run_is_canceled_by_its_id(void **state)
{
    struct world *w = *state;
    struct client *c = &w->clients[0];

    assert_false(runner_cancel_run(w->runner, "run-1"));
    assert_false(runner_cancel_run(w->runner, ""));
    w->hold = true;
    trigger(w, c);
    wait_held(w);
    assert_false(runner_cancel_run(w->runner, "run-2"));
    assert_true(runner_cancel_run(w->runner, "run-1"));
    assert_true(runner_cancel_run(w->runner, "run-1"));
    release(w);
    loop_run(&w->loop);
    expect_end(c, 0);
    assert_int_equal(c->status, RUN_CANCELED);
    assert_false(runner_cancel_run(w->runner, "run-1"));
    trigger(w, c); /* others may run */
    loop_run(&w->loop);
    expect_end(c, 0);
}

static void a_run_that_has_no_id_yet_cannot_be_named(void **state)
{
    struct world *w = *state;
    struct client *c = &w->clients[0];

    trigger(w, c);
    assert_false(runner_cancel_run(w->runner, ""));
    loop_run(&w->loop);
    expect_end(c, 0);
    assert_int_equal(c->status, RUN_SUCCESS);
}

static void a_client_that_goes_away_does_not_stop_the_run(void **state)
{
    struct world *w = *state;
    struct client *c = &w->clients[0];

    w->hold = true;
    trigger(w, c);
    wait_held(w);
    op_cancel(&c->req.op);
    for (int i = 0; i < 10; i++)
        uv_run(&w->loop.uv, UV_RUN_NOWAIT);
    assert_int_equal(c->ended, 0);
    release(w);
    loop_run(&w->loop);
    assert_int_equal(c->ended, 1);
    assert_int_equal(c->status, RUN_SUCCESS);
}

/*
 * A trigger that comes when a run has ended, but perhaps before its client has
 * been called back with the result.
 */
static void late_fires(struct op *op)
{
    struct world *w = container_of(op, struct world, late.op);

    if (w->late_turns-- > 0)
        late_turn(w);
    else
        trigger(w, &w->clients[1]);
}

static void late_turn(struct world *w)
{
    w->late_armed = false;
    op_init(&w->late.op, late_fires);
    loop_timer(&w->loop, &w->late, 0);
}

static void a_result_outlives_the_next_trigger(void **state)
{
    struct world *w = *state;
    struct client *c = &w->clients[0];

    for (int turns = 0; turns < 4; turns++) {
        w->late_turns = turns;
        w->late_armed = true;
        trigger(w, c);
        loop_run(&w->loop);
        expect_end(c, 0);
        assert_int_equal(c->nservices, 1);
        assert_string_equal(c->service, "demo-devlab");
        assert_int_equal(w->clients[1].ended, 1);
    }
}

/* The loop may look after others between a run's end and its callback. */
static void a_run_may_begin_before_the_last_one_is_told(void **state)
{
    struct world *w = *state;
    struct client *first = &w->clients[0], *second = &w->clients[1];

    trigger(w, first);
    while (runner_is_running(w->runner))
        assert_true(op_queue_run_one(&w->loop.ready));
    assert_int_equal(first->ended, 0);
    trigger(w, second);
    assert_true(runner_is_running(w->runner));
    loop_run(&w->loop);
    expect_end(first, 0);
    expect_end(second, 0);
    assert_string_equal(first->service, "demo-devlab");
    assert_string_not_equal(first->req.run_id, second->req.run_id);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_trigger_gets_an_id_and_then_a_result),
        TEST(the_last_run_is_remembered),
        TEST(what_a_trigger_says_is_copied),
        TEST(the_configured_tenant_is_the_usual_one),
        TEST(a_run_may_begin_before_the_last_one_is_told),
        TEST(a_second_trigger_meets_the_first),
        TEST(one_run_follows_another),
        TEST(nothing_runs_when_syncs_are_disabled),
        TEST(nothing_runs_without_a_coordinator),
        TEST(a_run_elsewhere_is_already_running),
        TEST(a_refused_run_is_not_the_last_one),
        TEST(a_run_that_cannot_begin_says_why),
        TEST(draining_refuses_and_ends_the_run),
        TEST(canceling_gives_up_what_is_in_flight),
        TEST(without_a_run_draining_and_canceling_do_nothing),
        TEST(a_run_is_canceled_by_its_id),
        TEST(a_run_that_has_no_id_yet_cannot_be_named),
        TEST(a_client_that_goes_away_does_not_stop_the_run),
        TEST(a_result_outlives_the_next_trigger),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
