#include "unit/base/check.h"

#include "sync/linker.h"
#include <stdlib.h>

/*
 * A queue of items for each of three tenants, "a", "b" and "c", with a clock
 * that jumps to whatever is due. A batch fails as told.
 */
enum { MAX_CALLS = 256 };

struct world {
    struct ports ports;
    struct op_queue ready;
    struct list timers;
    uint64_t clock_ms;
    struct link_req *req; /* under way */
    size_t queued[3];
    char calls[MAX_CALLS]; /* a letter a batch: its tenant */
    size_t limits[MAX_CALLS];
    int ncalls;
    int fail_code, fail_count; /* the next batches end like that */
    int refuse;                /* the next submits are refused */
    int events, retries;
    struct linker linker;
    struct op idle;
    int idles;
};

static void wake(struct op_queue *q)
{
}

static void end_batch(struct world *w)
{
    struct link_req *req = w->req;
    size_t *queued = &w->queued[req->tenant[0] - 'a'];
    struct err err = {.code = 0};

    w->req = NULL;
    if (w->fail_count > 0) {
        w->fail_count--;
        err_set(&err, w->fail_code, "failed as told");
    } else if (req->op.err.code == 0) {
        req->taken = *queued < req->limit ? *queued : req->limit;
        *queued -= req->taken;
    }
    op_finish(&req->op, &err);
}

static struct world *world_of_queue(struct op *op)
{
    return container_of(op->queue, struct world, ready);
}

static void cancel_batch(struct op *op)
{
    end_batch(world_of_queue(op));
}

static int link_items(void *world, struct link_req *req)
{
    struct world *w = world;

    assert_null(w->req); /* one at a time */
    if (w->refuse > 0) {
        w->refuse--;
        return err_set(&req->op.err, ERR_UNAVAILABLE, "refused");
    }
    w->calls[w->ncalls] = req->tenant[0];
    w->limits[w->ncalls++] = req->limit;
    req->taken = 0;
    w->req = req;
    op_begin(&req->op, &w->ready, cancel_batch);
    return 0;
}

static void cancel_timer(struct op *op)
{
    list_remove(&container_of(op, struct timer_req, op)->link);
    op_finish(op, NULL);
}

static int timer(void *world, struct timer_req *req, uint64_t delay_ms)
{
    struct world *w = world;

    op_begin(&req->op, &w->ready, cancel_timer);
    req->due_ms = w->clock_ms + delay_ms;
    list_push(&w->timers, &req->link);
    return 0;
}

static uint64_t now_ms(void *world)
{
    return ((struct world *)world)->clock_ms;
}

static uint64_t no_random(void *world)
{
    return 0x7fffffff;
}

static void event(void *world, const struct run_event *e)
{
    struct world *w = world;

    assert_int_equal(e->call, CALL_LINK);
    w->events += e->kind == EVENT_CALL;
    w->retries += e->kind == EVENT_RETRY;
}

/* Does one thing; false when there is nothing left to do. */
static bool step(struct world *w)
{
    struct list *node;

    if (op_queue_run_one(&w->ready))
        return true;
    if (w->req != NULL) {
        end_batch(w);
        return true;
    }
    node = list_pop(&w->timers);
    if (node != NULL) {
        struct timer_req *t = container_of(node, struct timer_req, link);

        w->clock_ms = t->due_ms;
        op_finish(&t->op, NULL);
    }
    return node != NULL;
}

static void run(struct world *w)
{
    while (step(w))
        continue;
}

static void on_idle(struct op *op)
{
    struct world *w = container_of(op, struct world, idle);

    if (op->err.code == 0)
        assert_int_equal(w->linker.state, LINKER_IDLE);
    w->idles++;
}

static void await(struct world *w)
{
    op_init(&w->idle, on_idle);
    linker_when_idle(&w->linker, &w->idle);
}

static int setup(void **state)
{
    static const struct linker_options options = {
        .batch = 100, .tries = 3, .retry_base_ms = 1000};
    struct world *w = calloc(1, sizeof(*w));

    op_queue_init(&w->ready, wake);
    list_init(&w->timers);
    w->ports = (struct ports){.world = w,
        .queue = &w->ready,
        .link = link_items,
        .timer = timer,
        .now_ms = now_ms,
        .random = no_random,
        .event = event};
    linker_init(&w->linker, &w->ports, &options);
    *state = w;
    return 0;
}

/* Whatever happened, nothing is left. */
static int teardown(void **state)
{
    struct world *w = *state;

    run(w);
    assert_int_equal(w->linker.state, LINKER_IDLE);
    assert_true(list_empty(&w->linker.tenants));
    assert_true(list_empty(&w->linker.waiting));
    free(w);
    return 0;
}

static void empties_the_queue(void **state)
{
    struct world *w = *state;

    w->queued[0] = 250;
    linker_kick(&w->linker, "a");
    await(w);
    run(w);
    assert_string_equal(w->calls, "aaa");
    assert_int_equal(w->queued[0], 0);
    assert_int_equal(w->linker.linked, 250);
    assert_int_equal(w->events, 3);
    assert_int_equal(w->idles, 1);
}

static void a_full_last_batch_is_followed_by_an_empty_one(void **state)
{
    struct world *w = *state;

    w->queued[0] = 100;
    linker_kick(&w->linker, "a");
    run(w);
    assert_string_equal(w->calls, "aa");
}

static void idle_without_a_kick(void **state)
{
    struct world *w = *state;

    await(w);
    assert_int_equal(w->idles, 0); /* never at once */
    run(w);
    assert_int_equal(w->idles, 1);
    assert_int_equal(w->ncalls, 0);
}

static void rests_between_batches(void **state)
{
    struct world *w = *state;

    w->queued[0] = 150;
    linker_kick(&w->linker, "a");
    step(w); /* the batch ends */
    step(w); /* and is called back */
    assert_int_equal(w->linker.state, LINKER_WAIT);
    assert_int_equal(w->ncalls, 1);
}

static void tenants_take_turns(void **state)
{
    struct world *w = *state;

    w->queued[0] = 150;
    w->queued[2] = 20;
    linker_kick(&w->linker, "a");
    linker_kick(&w->linker, "c");
    linker_kick(&w->linker, "b");
    linker_kick(&w->linker, "c"); /* is in line already */
    await(w);
    run(w);
    assert_string_equal(w->calls, "aacb");
    assert_int_equal(w->idles, 1);
}

static void a_kick_for_the_one_at_work_is_not_lost(void **state)
{
    struct world *w = *state;

    linker_kick(&w->linker, "a");
    linker_kick(&w->linker, "a");
    linker_kick(&w->linker, "a");
    run(w);
    assert_string_equal(w->calls, "aa");
}

static void passing_failures_are_tried_again(void **state)
{
    struct world *w = *state;

    w->queued[0] = 50;
    w->fail_code = ERR_UNAVAILABLE;
    w->fail_count = 2;
    linker_kick(&w->linker, "a");
    await(w);
    run(w);
    assert_string_equal(w->calls, "aaa");
    assert_int_equal(w->queued[0], 0);
    assert_int_equal(w->retries, 2);
    assert_int_equal(w->linker.failure.code, 0);
    assert_true(w->clock_ms > 0);
}

static void gives_up_after_its_tries(void **state)
{
    struct world *w = *state;

    w->queued[0] = w->queued[1] = 50;
    w->fail_code = ERR_UNAVAILABLE;
    w->fail_count = 3;
    linker_kick(&w->linker, "a");
    linker_kick(&w->linker, "b"); /* is not given up */
    await(w);
    run(w);
    assert_string_equal(w->calls, "aaab");
    assert_int_equal(w->queued[0], 50);
    assert_int_equal(w->queued[1], 0);
    assert_int_equal(w->idles, 1);
    linker_kick(&w->linker, "a");
    run(w);
    assert_int_equal(w->queued[0], 0);
}

static void lasting_failures_are_not_tried_again(void **state)
{
    struct world *w = *state;

    w->queued[0] = 50;
    w->fail_code = ERR_CONFIG;
    w->fail_count = 1;
    linker_kick(&w->linker, "a");
    run(w);
    assert_string_equal(w->calls, "a");
    assert_int_equal(w->linker.failure.code, ERR_CONFIG);
    assert_int_equal(w->queued[0], 50);
}

static void fresh_tries_for_every_batch(void **state)
{
    struct world *w = *state;

    w->fail_code = ERR_UNAVAILABLE;
    for (int i = 0; i < 3; i++) {
        w->queued[0] = 50;
        w->fail_count = 2;
        linker_kick(&w->linker, "a");
        run(w);
        assert_int_equal(w->queued[0], 0);
    }
}

static void what_takes_too_long_is_halved(void **state)
{
    struct world *w = *state;

    w->queued[0] = 60;
    w->fail_code = ERR_TIMEOUT;
    w->fail_count = 2;
    linker_kick(&w->linker, "a");
    run(w);
    assert_int_equal(w->limits[1], 50);
    assert_int_equal(w->limits[2], 25);
    assert_int_equal(w->limits[3], 25);
    assert_int_equal(w->queued[0], 0);
    linker_kick(&w->linker, "a");
    run(w);
    assert_int_equal(w->limits[w->ncalls - 1], 100);
}

static void a_refused_submit_is_a_failure(void **state)
{
    struct world *w = *state;

    w->queued[0] = 5;
    w->refuse = 1;
    linker_kick(&w->linker, "a");
    assert_int_equal(w->linker.state, LINKER_BATCH);
    run(w);
    assert_int_equal(w->queued[0], 0);
}

static void without_a_port_there_is_nothing_to_do(void **state)
{
    struct world *w = *state;

    w->ports.link = NULL;
    linker_kick(&w->linker, "a");
    await(w);
    run(w);
    assert_int_equal(w->idles, 1);
}

static void stops_a_batch(void **state)
{
    struct world *w = *state;

    w->queued[0] = 500;
    linker_kick(&w->linker, "a");
    linker_kick(&w->linker, "b");
    await(w);
    linker_stop(&w->linker);
    assert_int_equal(w->idles, 0); /* never at once */
    run(w);
    assert_int_equal(w->idles, 1);
    assert_string_equal(w->calls, "a");
    assert_int_equal(w->queued[0], 500);
    linker_stop(&w->linker);
    linker_kick(&w->linker, "a");
    run(w);
    assert_string_equal(w->calls, "a");
}

/* Stopped after any number of steps, it becomes idle and holds nothing. */
static void stops_at_any_time(void **state)
{
    for (int after = 0; after < 40; after++) {
        void *inner;
        struct world *w;

        setup(&inner);
        w = inner;
        w->queued[0] = w->queued[1] = 250;
        w->fail_code = ERR_UNAVAILABLE;
        w->fail_count = after % 3;
        linker_kick(&w->linker, "a");
        linker_kick(&w->linker, "b");
        await(w);
        for (int i = 0; i < after && step(w); i++)
            continue;
        linker_stop(&w->linker);
        run(w);
        assert_int_equal(w->idles, 1);
        teardown(&inner);
    }
}

static void waiting_can_be_canceled(void **state)
{
    struct world *w = *state;

    w->queued[0] = 150;
    linker_kick(&w->linker, "a");
    await(w);
    op_cancel(&w->idle);
    assert_true(list_empty(&w->linker.waiting));
    run(w);
    assert_int_equal(w->idle.err.code, ERR_CANCELED);
    assert_int_equal(w->idles, 1);
    assert_int_equal(w->queued[0], 0); /* linking went on */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(empties_the_queue),
        TEST(a_full_last_batch_is_followed_by_an_empty_one),
        TEST(idle_without_a_kick),
        TEST(rests_between_batches),
        TEST(tenants_take_turns),
        TEST(a_kick_for_the_one_at_work_is_not_lost),
        TEST(passing_failures_are_tried_again),
        TEST(gives_up_after_its_tries),
        TEST(lasting_failures_are_not_tried_again),
        TEST(fresh_tries_for_every_batch),
        TEST(what_takes_too_long_is_halved),
        TEST(a_refused_submit_is_a_failure),
        TEST(without_a_port_there_is_nothing_to_do),
        TEST(stops_a_batch),
        TEST(stops_at_any_time),
        TEST(waiting_can_be_canceled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
