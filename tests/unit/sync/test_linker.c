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
    struct link_req *req;  /* under way */
    struct find_req *find; /* under way */
    size_t unknown[3];     /* items without a node, that can be found */
    uint64_t batch_ms;     /* what a batch takes, and finding */
    uint64_t index_ms;     /* and the next batch's index, on top */
    bool indexed;          /* there is an index; else it has to be built */
    uint64_t waited_ms;    /* in timers */
    size_t queued[3];
    char calls[MAX_CALLS]; /* a letter a batch: its tenant */
    size_t limits[MAX_CALLS];
    int ncalls;
    int fail_code, fail_count; /* the next batches end like that */
    int refuse;                /* the next batches cannot start */
    int events, retries;
    int counts; /* batches that were to count the queue */
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
    w->clock_ms += w->batch_ms;
    if (w->fail_count > 0) {
        w->fail_count--;
        err_set(&err, w->fail_code, "failed as told");
    } else if (!w->indexed && !req->builds) {
        req->later = true;
    } else if (req->op.err.code == 0) {
        w->indexed = true;
        w->clock_ms += req->index_ms = w->index_ms;
        w->index_ms = 0;
        req->taken = *queued < req->limit ? *queued : req->limit;
        *queued -= req->taken;
        req->method = LINK_INDEX;
    }
    w->counts += req->counts;
    req->counted = err.code == 0 && req->counts;
    if (req->counted)
        req->queued = w->queued[0] + w->queued[1] + w->queued[2];
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

static void link_items(void *world, struct link_req *req)
{
    struct world *w = world;
    struct err err;

    assert_null(w->req); /* one at a time */
    if (w->refuse > 0) {
        w->refuse--;
        err_set(&err, ERR_UNAVAILABLE, "refused");
        op_fail(&req->op, &w->ready, &err);
        return;
    }
    w->calls[w->ncalls] = req->tenant[0];
    w->limits[w->ncalls++] = req->limit;
    req->taken = 0;
    w->req = req;
    op_begin(&req->op, &w->ready, cancel_batch);
}

static void end_find(struct world *w)
{
    struct find_req *req = w->find;
    size_t *unknown = &w->unknown[req->tenant[0] - 'a'];
    struct err err = {.code = 0};

    w->find = NULL;
    w->clock_ms += w->batch_ms;
    if (w->fail_count > 0) {
        w->fail_count--;
        err_set(&err, w->fail_code, "failed as told");
    } else if (req->op.err.code == 0) {
        assert_int_equal(req->content_id != NULL, req->microservice_id != NULL);
        free(req->microservice_id);
        free(req->content_id);
        req->microservice_id = strdup("m");
        req->content_id = strdup("c");
        req->seen = *unknown < req->limit ? *unknown : req->limit;
        *unknown -= req->queued = req->seen;
        w->queued[req->tenant[0] - 'a'] += req->queued;
    }
    op_finish(&req->op, &err);
}

static void cancel_find(struct op *op)
{
    end_find(world_of_queue(op));
}

static void find_items(void *world, struct find_req *req)
{
    struct world *w = world;

    assert_null(w->req);
    assert_null(w->find);
    w->limits[w->ncalls] = req->limit;
    w->calls[w->ncalls++] = (char)(req->tenant[0] - 'a' + 'A');
    w->find = req;
    op_begin(&req->op, &w->ready, cancel_find);
}

static void cancel_timer(struct op *op)
{
    list_remove(&container_of(op, struct timer_req, op)->link);
    op_finish(op, NULL);
}

static void timer(void *world, struct timer_req *req, uint64_t delay_ms)
{
    struct world *w = world;

    op_begin(&req->op, &w->ready, cancel_timer);
    req->due_ms = w->clock_ms + delay_ms;
    list_push(&w->timers, &req->link);
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
    if (w->find != NULL) {
        end_find(w);
        return true;
    }
    node = list_pop(&w->timers);
    if (node != NULL) {
        struct timer_req *t = container_of(node, struct timer_req, link);

        w->waited_ms += t->due_ms - w->clock_ms;
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
        .batch = 100, .find = 1000, .retries = {3, 1000}};
    struct world *w = calloc(1, sizeof(*w));

    op_queue_init(&w->ready, wake);
    list_init(&w->timers);
    w->ports = (struct ports){.world = w,
        .queue = &w->ready,
        .link = link_items,
        .find = find_items,
        .timer = timer,
        .now_ms = now_ms,
        .random = no_random,
        .event = event};
    w->indexed = true;
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
    assert_null(w->linker.find.content_id);
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

static void a_batch_that_cannot_start_is_a_failure(void **state)
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
        w->unknown[0] = after % 2 ? 2500 : 0;
        linker_share(&w->linker, after % 4 == 0);
        linker_find(&w->linker, "a");
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

/* 10 batches of 200 ms: as long as a run is at work it has three quarters. */
static void keeps_to_its_share(void **state)
{
    struct world *w = *state;

    w->queued[0] = 1000;
    w->batch_ms = 200;
    linker_share(&w->linker, true);
    linker_kick(&w->linker, "a");
    run(w);
    assert_int_equal(w->ncalls, 11);
    assert_int_equal(w->waited_ms, 10 * 3 * (200 + 1));
}

static void has_all_of_it_without_a_run(void **state)
{
    struct world *w = *state;

    w->queued[0] = 1000;
    w->batch_ms = 200;
    linker_kick(&w->linker, "a");
    run(w);
    assert_int_equal(w->waited_ms, 0);
    assert_int_equal(w->clock_ms, 11 * 200);
}

static void building_an_index_is_not_its_share(void **state)
{
    struct world *w = *state;

    w->queued[0] = 150;
    w->batch_ms = 10;
    w->index_ms = 600000;
    w->indexed = false;
    linker_kick(&w->linker, "a");
    linker_share(&w->linker, true); /* it is being built already */
    run(w);
    assert_string_equal(w->calls, "aa");
    assert_int_equal(w->waited_ms, 3 * (10 + 1));
}

static void a_rest_ends_with_the_run(void **state)
{
    struct world *w = *state;

    w->queued[0] = 150;
    w->batch_ms = 1000;
    linker_share(&w->linker, true);
    linker_kick(&w->linker, "a");
    step(w);
    step(w);
    assert_int_equal(w->linker.state, LINKER_WAIT);
    linker_share(&w->linker, false);
    run(w);
    assert_int_equal(w->queued[0], 0);
    assert_int_equal(w->waited_ms, 0);
}

/* The wait before the next try is for the database's sake, not the run's. */
static void a_wait_for_the_next_try_does_not(void **state)
{
    struct world *w = *state;

    w->queued[0] = 50;
    w->fail_code = ERR_UNAVAILABLE;
    w->fail_count = 1;
    linker_share(&w->linker, true);
    linker_kick(&w->linker, "a");
    step(w);
    step(w);
    assert_int_equal(w->linker.state, LINKER_WAIT);
    linker_share(&w->linker, false);
    run(w);
    assert_int_equal(w->queued[0], 0);
    assert_true(w->waited_ms > 0);
}

static void no_index_is_built_while_a_run_is_at_work(void **state)
{
    struct world *w = *state;

    w->queued[0] = 50;
    w->indexed = false;
    linker_share(&w->linker, true);
    linker_kick(&w->linker, "a");
    step(w);
    step(w);
    assert_int_equal(w->linker.state, LINKER_WAIT);
    assert_int_equal(w->queued[0], 50);
    assert_false(w->indexed);
    linker_share(&w->linker, false);
    run(w);
    assert_true(w->indexed);
    assert_int_equal(w->queued[0], 0);
    assert_string_equal(w->calls, "aa");
}

static void finds_all_before_it_links(void **state)
{
    struct world *w = *state;

    w->unknown[0] = 2150;
    linker_find(&w->linker, "a");
    run(w);
    assert_memory_equal(w->calls, "AAAaaaaa", 8);
    assert_int_equal(w->unknown[0], 0);
    assert_int_equal(w->queued[0], 0);
    assert_int_equal(w->linker.linked, 2150);
    linker_kick(&w->linker, "a");
    run(w);
    assert_int_equal(w->calls[w->ncalls - 1], 'a');
}

static void finding_keeps_to_the_share(void **state)
{
    struct world *w = *state;

    w->unknown[0] = 2000;
    w->batch_ms = 40;
    linker_share(&w->linker, true);
    linker_find(&w->linker, "a");
    for (int i = 0; i < 3; i++)
        step(w); /* found, called back, and rested */
    assert_string_equal(w->calls, "A");
    assert_int_equal(w->waited_ms, 3 * (40 + 1));
}

static void finding_is_asked_for_while_another_is_at_work(void **state)
{
    struct world *w = *state;

    w->unknown[1] = 10;
    linker_kick(&w->linker, "a");
    linker_kick(&w->linker, "b");
    linker_find(&w->linker, "b");
    run(w);
    assert_string_equal(w->calls, "aBb");
}

static void finding_is_tried_again_and_then_given_up(void **state)
{
    struct world *w = *state;

    w->unknown[0] = w->queued[0] = 20;
    w->fail_code = ERR_UNAVAILABLE;
    w->fail_count = 2;
    linker_find(&w->linker, "a");
    run(w);
    assert_string_equal(w->calls, "AAAa");
    assert_int_equal(w->linker.linked, 40);
    w->unknown[0] = w->queued[0] = 20;
    w->fail_count = 3;
    linker_find(&w->linker, "a");
    run(w);
    assert_string_equal(w->calls, "AAAaAAA");
    assert_int_equal(w->unknown[0], 20);
    assert_int_equal(w->queued[0], 20);
}

/* The steps of a batch: its end, its callback, and the wait after it. */
static void one_batch(struct world *w)
{
    int calls = w->ncalls;

    while (w->ncalls == calls && step(w))
        continue;
}

static void knows_how_many_wait(void **state)
{
    struct world *w = *state;
    struct linker *l = &w->linker;

    assert_false(l->counted);
    w->queued[0] = 250;
    linker_kick(l, "a");
    one_batch(w);
    assert_true(l->counted);
    assert_int_equal(l->queued, 150);
    w->queued[0] += 30; /* seen with the next count only */
    one_batch(w);
    assert_int_equal(l->queued, 50);
    assert_int_equal(w->counts, 1);
    run(w);
    assert_int_equal(l->queued, 0);
    w->queued[0] = w->queued[1] = 110;
    linker_kick(l, "a");
    linker_kick(l, "b");
    one_batch(w);
    assert_int_equal(l->queued, 120);
    run(w);
    assert_int_equal(l->queued, 0);
    assert_int_equal(w->counts, 3); /* once a turn */
}

static void counts_again_while_it_is_at_work(void **state)
{
    struct world *w = *state;

    w->queued[0] = 650;
    w->batch_ms = LINKER_COUNT_MS / 2;
    linker_kick(&w->linker, "a");
    run(w);
    assert_string_equal(w->calls, "aaaaaaa");
    assert_int_equal(w->counts, 3); /* the first, fourth and seventh */
    assert_int_equal(w->linker.queued, 0);
}

static void what_was_given_up_still_waits(void **state)
{
    struct world *w = *state;

    w->queued[0] = 250;
    linker_kick(&w->linker, "a");
    one_batch(w);
    w->fail_code = ERR_CONFIG;
    w->fail_count = 1;
    run(w);
    assert_int_equal(w->queued[0], 150);
    assert_int_equal(w->linker.queued, 150);
}

static void counts_while_there_has_to_be_an_index_first(void **state)
{
    struct world *w = *state;

    w->queued[0] = 50;
    w->indexed = false;
    linker_share(&w->linker, true);
    linker_kick(&w->linker, "a");
    step(w);
    step(w);
    assert_int_equal(w->linker.queued, 50);
    linker_share(&w->linker, false);
    run(w);
    assert_int_equal(w->linker.queued, 0);
}

static void says_how_it_goes_on(void **state)
{
    struct world *w = *state;
    const struct linker_progress *p = &w->linker.progress;

    assert_int_equal(p->method, LINK_NONE);
    w->clock_ms = 5000;
    w->queued[0] = 250;
    w->batch_ms = 999;
    linker_kick(&w->linker, "a");
    while (p->done[LINK_INDEX] < 200)
        assert_true(step(w));
    assert_int_equal(p->method, LINK_INDEX);
    assert_int_equal(p->per_second, 200 * 1000 / 1999);
    run(w);
    assert_int_equal(p->method, LINK_NONE);
    assert_int_equal(p->done[LINK_INDEX], 250);
    assert_int_equal(p->done[LINK_EXACT], 0);
    assert_string_equal(link_method_name(LINK_EXACT), "exact");
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
        TEST(a_batch_that_cannot_start_is_a_failure),
        TEST(without_a_port_there_is_nothing_to_do),
        TEST(stops_a_batch),
        TEST(stops_at_any_time),
        TEST(waiting_can_be_canceled),
        TEST(keeps_to_its_share),
        TEST(has_all_of_it_without_a_run),
        TEST(building_an_index_is_not_its_share),
        TEST(a_rest_ends_with_the_run),
        TEST(a_wait_for_the_next_try_does_not),
        TEST(no_index_is_built_while_a_run_is_at_work),
        TEST(finds_all_before_it_links),
        TEST(finding_keeps_to_the_share),
        TEST(finding_is_asked_for_while_another_is_at_work),
        TEST(finding_is_tried_again_and_then_given_up),
        TEST(knows_how_many_wait),
        TEST(counts_again_while_it_is_at_work),
        TEST(what_was_given_up_still_waits),
        TEST(counts_while_there_has_to_be_an_index_first),
        TEST(says_how_it_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
