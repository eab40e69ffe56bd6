/* Looking for runs to take part in, over the ports of runner_world.h. */
#include "daemon/run_poller.h"
#include "unit/daemon/runner_world.h"

#include <string.h>

/* No trigger comes late here. */
static inline void late_turn(struct world *w)
{
}

/* What there is to be found, and how often somebody looked. */
static struct {
    struct run_poller *run_poller;
    struct runner_options options;
    int runs, looks, code;
    char model[16];
} it;

static void run_join(void *world, struct run_join_req *req)
{
    static const char *names[] = {"demo-devlab"};

    it.looks++;
    snprintf(it.model, sizeof(it.model), "%s", req->embedding.model);
    assert_int_equal(req->limit, 1000);
    assert_string_equal(req->tenant, "default");
    if (it.code == 0 && it.runs > 0) {
        it.runs--;
        snprintf(req->run_id, ID_BYTES, "run-9");
        req->spec = (struct run_spec){.run_id = req->run_id,
            .kind = "batch",
            .services = names,
            .nservices = 1};
    }
    end(world, &req->op, it.code);
}

/* A hundredth of the time. */
static void short_timer(void *world, struct timer_req *req, uint64_t delay_ms)
{
    timer(world, req, delay_ms / 100);
}

static int joiner_setup(void **state)
{
    struct world *w;

    setup(state);
    w = *state;
    w->ports.run_join = run_join;
    w->ports.timer = short_timer;
    w->nservices = 1;
    memset(&it, 0, sizeof(it));
    it.options = (struct runner_options){.loop = &w->loop,
        .ports = &w->ports,
        .config = &w->config,
        .embedding = {.provider = "builtin", .model = "m", .dimensions = 3}};
    return run_poller_init(&it.run_poller, &it.options, w->runner);
}

static int joiner_teardown(void **state)
{
    struct world *w = *state;

    run_poller_stop(it.run_poller);
    runner_drain(w->runner);
    release(w);
    loop_run(&w->loop);
    run_poller_free(it.run_poller);
    return teardown(state);
}

static void turn_until(struct world *w, int looks)
{
    while (it.looks < looks)
        uv_run(&w->loop.uv, UV_RUN_ONCE);
}

static void looks_at_once_and_again(void **state)
{
    struct world *w = *state;

    run_poller_start(it.run_poller);
    assert_int_equal(it.looks, 1);
    assert_string_equal(it.model, "m");
    turn_until(w, 3);
    assert_false(runner_is_running(w->runner));
}

static void takes_part_in_what_it_finds(void **state)
{
    struct world *w = *state;

    it.runs = 1;
    w->hold = true;
    run_poller_start(it.run_poller);
    wait_held(w);
    assert_true(runner_is_running(w->runner));
    assert_string_equal(runner_last(w->runner)->run_id, "run-9");
    assert_string_equal(runner_last(w->runner)->trigger, "replica");
    assert_int_equal(w->begun_runs, 0); /* none of its own */
    w->hold = false;
    release(w);
    turn_until(w, 2); /* and looks again when that has ended */
    assert_false(runner_is_running(w->runner));
}

static void does_not_look_while_a_run_is_at_work(void **state)
{
    struct world *w = *state;

    w->hold = true;
    trigger(w, &w->clients[0]);
    wait_held(w);
    run_poller_start(it.run_poller);
    for (int i = 0; i < 5; i++)
        uv_run(&w->loop.uv, UV_RUN_ONCE);
    assert_int_equal(it.looks, 0);
    w->hold = false;
    release(w);
    turn_until(w, 1);
}

static void does_not_look_when_disabled(void **state)
{
    struct world *w = *state;

    w->config.sync.enabled = false;
    run_poller_start(it.run_poller);
    for (int i = 0; i < 5; i++)
        uv_run(&w->loop.uv, UV_RUN_ONCE);
    assert_int_equal(it.looks, 0);
}

static void a_look_that_fails_is_repeated(void **state)
{
    struct world *w = *state;

    it.code = ERR_UNAVAILABLE;
    run_poller_start(it.run_poller);
    turn_until(w, 3);
    it.code = 0;
    turn_until(w, 4);
}

static void stops_while_looking(void **state)
{
    struct world *w = *state;

    it.runs = 1;
    run_poller_start(it.run_poller);
    run_poller_stop(it.run_poller);
    loop_run(&w->loop);
    assert_true(run_poller_is_idle(it.run_poller));
    assert_int_equal(it.looks, 1);
    assert_string_equal(runner_last(w->runner)->run_id, "");
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, joiner_setup, joiner_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(looks_at_once_and_again),
        TEST(takes_part_in_what_it_finds),
        TEST(does_not_look_while_a_run_is_at_work),
        TEST(does_not_look_when_disabled),
        TEST(a_look_that_fails_is_repeated),
        TEST(stops_while_looking),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
