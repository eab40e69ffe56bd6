#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "net/loop.h"

enum { TIMERS = 5 };

struct world {
    struct loop loop;
    struct timer_req timers[TIMERS];
    int order[2 * TIMERS]; /* indexes into timers, as they were called */
    int n;
    int signum;
    bool again; /* each callback starts its timer once more */
};

/* One world at a time: callbacks know only their request. */
static struct world w;

static void on_timer(struct op *op)
{
    struct timer_req *t = container_of(op, struct timer_req, op);

    w.order[w.n++] = (int)(t - w.timers);
    if (!w.again)
        return;
    w.again = false;
    op_init(op, on_timer);
    loop_timer(&w.loop, t, 0);
}

static int setup(void **state)
{
    struct err err;

    w = (struct world){.n = 0};
    for (int i = 0; i < TIMERS; i++)
        op_init(&w.timers[i].op, on_timer);
    return loop_init(&w.loop, &err);
}

static int teardown(void **state)
{
    struct err err;

    return loop_close(&w.loop, &err);
}

static void ends_when_nothing_is_pending(void **state)
{
    loop_run(&w.loop);
    assert_int_equal(w.n, 0);
}

static void soonest_timer_first(void **state)
{
    static const uint64_t delays[TIMERS] = {30, 10, 20, 5, 15};
    static const int expected[TIMERS] = {3, 1, 4, 2, 0};

    for (int i = 0; i < TIMERS; i++)
        loop_timer(&w.loop, &w.timers[i], delays[i]);
    loop_run(&w.loop);
    assert_int_equal(w.n, TIMERS);
    assert_memory_equal(w.order, expected, sizeof(expected));
}

static void equal_delays_in_order(void **state)
{
    for (int i = 0; i < TIMERS; i++)
        loop_timer(&w.loop, &w.timers[i], 10);
    loop_run(&w.loop);
    for (int i = 0; i < TIMERS; i++)
        assert_int_equal(w.order[i], i);
}

static void a_timer_waits_its_time(void **state)
{
    uint64_t before = loop_now_ms(&w.loop);

    loop_timer(&w.loop, &w.timers[0], 50);
    loop_run(&w.loop);
    assert_true(loop_now_ms(&w.loop) - before >= 50);
}

static void no_delay_is_a_later_turn(void **state)
{
    w.again = true;
    loop_timer(&w.loop, &w.timers[0], 0);
    assert_int_equal(w.n, 0);
    assert_true(op_pending(&w.timers[0].op));
    loop_run(&w.loop);
    assert_int_equal(w.n, 2);
}

static void a_canceled_timer_ends_at_once(void **state)
{
    uint64_t before = loop_now_ms(&w.loop);

    loop_timer(&w.loop, &w.timers[0], 60000);
    loop_timer(&w.loop, &w.timers[1], 1);
    op_cancel(&w.timers[0].op);
    op_cancel(&w.timers[0].op);
    assert_int_equal(w.n, 0);
    loop_run(&w.loop);
    assert_int_equal(w.n, 2);
    assert_int_equal(w.timers[0].op.err.code, ERR_CANCELED);
    assert_int_equal(w.timers[1].op.err.code, 0);
    assert_true(loop_now_ms(&w.loop) - before < 30000);
}

static void a_finished_timer_is_not_canceled(void **state)
{
    loop_timer(&w.loop, &w.timers[0], 0);
    op_cancel(&w.timers[0].op);
    loop_run(&w.loop);
    assert_int_equal(w.n, 1);
    assert_int_equal(w.timers[0].op.err.code, 0);
}

/* The loop does not sit out the time of a timer that nobody waits for. */
static void a_canceled_timer_does_not_hold_the_loop(void **state)
{
    uint64_t before = loop_now_ms(&w.loop);

    loop_timer(&w.loop, &w.timers[0], 2000);
    op_cancel(&w.timers[0].op);
    loop_run(&w.loop);
    assert_int_equal(w.n, 1);
    assert_true(loop_now_ms(&w.loop) - before < 1000);
}

static void cancel_the_next(struct op *op)
{
    on_timer(op);
    op_cancel(&w.timers[1].op);
}

static void a_callback_may_cancel_the_next_timer(void **state)
{
    op_init(&w.timers[0].op, cancel_the_next);
    loop_timer(&w.loop, &w.timers[0], 5);
    loop_timer(&w.loop, &w.timers[1], 2000);
    loop_run(&w.loop);
    assert_int_equal(w.n, 2);
    assert_int_equal(w.timers[1].op.err.code, ERR_CANCELED);
}

static void the_wall_clock_is_the_system_s(void **state)
{
    int64_t ms = loop_wall_ms();
    int64_t s = (int64_t)time(NULL);

    assert_true(ms / 1000 - s >= -1 && ms / 1000 - s <= 1);
}

static void on_signal(void *arg, int signum)
{
    assert_ptr_equal(arg, &w);
    w.signum = signum;
    op_cancel(&w.timers[0].op);
}

static void a_signal_calls_back_on_the_loop(void **state)
{
    struct err err;

    assert_int_equal(loop_watch_signals(&w.loop, on_signal, &w, &err), 0);
    loop_timer(&w.loop, &w.timers[0], 2000);
    raise(SIGTERM);
    assert_int_equal(w.signum, 0);
    loop_run(&w.loop);
    assert_int_equal(w.signum, SIGTERM);
}

static void watching_does_not_keep_the_loop_running(void **state)
{
    struct err err;

    assert_int_equal(loop_watch_signals(&w.loop, on_signal, &w, &err), 0);
    loop_run(&w.loop);
    assert_int_equal(w.signum, 0);
}

static uint64_t cpu_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void burn_12_ms(struct op *op)
{
    uint64_t until = cpu_us() + 12000;

    while (cpu_us() < until)
        continue;
}

static uint64_t turns_over_10_ms(const struct loop_turns *turns)
{
    uint64_t n = 0;

    for (int i = 0; i <= LOOP_BUCKETS; i++)
        if (i == LOOP_BUCKETS || loop_bucket_us[i] > 10000)
            n += turns->counts[i];
    return n;
}

static void turns_know_what_they_used(void **state)
{
    op_init(&w.timers[0].op, burn_12_ms);
    loop_timer(&w.loop, &w.timers[0], 0);
    loop_timer(&w.loop, &w.timers[1], 5);
    loop_run(&w.loop);
    assert_int_equal(turns_over_10_ms(&w.loop.turns), 1);
    assert_true(w.loop.turns.most_us >= 12000);
    assert_true(w.loop.turns.sum_us >= w.loop.turns.most_us);
}

static void waiting_is_not_using(void **state)
{
    loop_timer(&w.loop, &w.timers[0], 200);
    loop_run(&w.loop);
    assert_true(w.loop.turns.most_us < 200000);
}

static void quantiles_of_turns(void **state)
{
    struct loop_turns turns = {.most_us = 0};

    assert_int_equal(loop_turns_quantile_us(&turns, 0.99), 0);
    turns.most_us = 123456;
    turns.counts[0] = 98;
    turns.counts[3] = 1;
    turns.counts[LOOP_BUCKETS] = 1;
    assert_int_equal(loop_turns_quantile_us(&turns, 0.5), 100);
    assert_int_equal(loop_turns_quantile_us(&turns, 0.99), 1000);
    assert_int_equal(loop_turns_quantile_us(&turns, 1), 123456);
    turns.most_us = 700; /* less than its bucket's bound */
    assert_int_equal(loop_turns_quantile_us(&turns, 0.99), 700);
}

/* The list of handles goes to standard error; tests are quiet. */
static int close_quietly(struct err *err)
{
    int saved = dup(2), null = open("/dev/null", O_WRONLY);
    int rc;

    dup2(null, 2);
    rc = loop_close(&w.loop, err);
    dup2(saved, 2);
    close(saved);
    close(null);
    return rc;
}

static void a_forgotten_handle_is_told(void **state)
{
    uv_timer_t forgotten;
    struct err err;

    uv_timer_init(&w.loop.uv, &forgotten);
    assert_int_equal(close_quietly(&err), ERR_INTERNAL);
    assert_non_null(strstr(err.msg, "open handles"));
    uv_close((uv_handle_t *)&forgotten, NULL);
    uv_run(&w.loop.uv, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w.loop.uv), 0);
}

static void runs_until_a_request_has_ended(void **state)
{
    struct op never;

    loop_timer(&w.loop, &w.timers[0], 5);
    loop_timer(&w.loop, &w.timers[1], 60 * 1000);
    assert_true(loop_run_until(&w.loop, &w.timers[0].op));
    assert_int_equal(w.n, 1);
    assert_true(op_pending(&w.timers[1].op));
    op_cancel(&w.timers[1].op);
    op_init(&never, NULL);
    op_begin(&never, &w.loop.ready, NULL);
    assert_false(loop_run_until(&w.loop, &never));
    assert_int_equal(w.n, 2);
}

#define LOOP_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(ends_when_nothing_is_pending),
        LOOP_TEST(runs_until_a_request_has_ended),
        LOOP_TEST(soonest_timer_first),
        LOOP_TEST(equal_delays_in_order),
        LOOP_TEST(a_timer_waits_its_time),
        LOOP_TEST(no_delay_is_a_later_turn),
        LOOP_TEST(a_canceled_timer_ends_at_once),
        LOOP_TEST(a_canceled_timer_does_not_hold_the_loop),
        LOOP_TEST(a_finished_timer_is_not_canceled),
        LOOP_TEST(a_callback_may_cancel_the_next_timer),
        LOOP_TEST(the_wall_clock_is_the_system_s),
        LOOP_TEST(a_signal_calls_back_on_the_loop),
        LOOP_TEST(watching_does_not_keep_the_loop_running),
        LOOP_TEST(turns_know_what_they_used),
        LOOP_TEST(waiting_is_not_using),
        LOOP_TEST(quantiles_of_turns),
        cmocka_unit_test_setup(a_forgotten_handle_is_told, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
