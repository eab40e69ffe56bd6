/*
 * The runner over ports that answer at once, out of nothing: one service with
 * one empty page. Each of them can be held, or made to fail.
 */
#include "daemon/runner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* A trigger as a client's, with what it was told. */
struct client {
    struct trigger_req req;
    int begun, ended; /* times called */
    char id_at_begun[ID_BYTES];
    enum run_status status;
    size_t nservices;
    char service[64]; /* of the result's first */
};

struct world {
    struct loop loop;
    struct ports ports;
    struct schema_set schemas;
    struct config config;
    char tenant[16];
    struct runner *runner;
    bool hold;             /* fetches wait for release() */
    struct page_req *held; /* the one that does */
    int begin_code;        /* what run_begin ends with */
    int begun_runs;
    const char *said;         /* the tenant that the run was begun with */
    struct client clients[2]; /* not the stack's: a test may fail */
    struct timer_req late;    /* the second client's trigger */
    int late_turns;           /* of the loop, before it comes */
    bool late_armed;          /* by the end of the first run */
};

/* The ports */

static int end(struct world *w, struct op *op, int code)
{
    struct err err;

    err_set(&err, code, "the port says no");
    op_begin(op, &w->loop.ready, NULL);
    op_finish(op, code == 0 ? NULL : &err);
    return 0;
}

static int list_services(void *world, struct services_req *req)
{
    static const char *names[] = {"devlab-service"};

    req->names = names;
    req->n = 1;
    req->source = "env";
    return end(world, &req->op, 0);
}

static void answer(struct page_req *req, const struct err *err)
{
    req->envelope_json = STR("{\"data\":{\"items\":[]}}");
    op_finish(&req->op, err);
}

static void cancel_fetch(struct op *op)
{
    struct world *w = container_of(op->queue, struct world, loop.ready);

    w->held = NULL;
    op_finish(op, NULL);
}

static int fetch_page(void *world, struct page_req *req)
{
    struct world *w = world;

    op_begin(&req->op, &w->loop.ready, cancel_fetch);
    if (w->hold)
        w->held = req;
    else
        answer(req, NULL);
    return 0;
}

/* Answers what is held, if it has not been canceled. */
static void release(struct world *w)
{
    struct page_req *req = w->held;

    w->hold = false;
    w->held = NULL;
    if (req != NULL)
        answer(req, NULL);
}

static int embed(void *world, struct embed_req *req)
{
    fail_msg("nothing is to be embedded");
    return ERR_INTERNAL;
}

static int lookup(void *world, struct lookup_req *req)
{
    fail_msg("nothing is to be looked up");
    return ERR_INTERNAL;
}

static int store(void *world, struct store_req *req)
{
    fail_msg("nothing is to be stored");
    return ERR_INTERNAL;
}

static int open_store(void *world, struct store_open_req *req)
{
    return end(world, &req->op, 0);
}

static int run_begin(void *world, struct run_begin_req *req)
{
    struct world *w = world;

    snprintf(req->run_id, ID_BYTES, "run-%d", ++w->begun_runs);
    w->said = req->params->tenant;
    return end(w, &req->op, w->begin_code);
}

static int service_begin(void *world, struct service_begin_req *req)
{
    snprintf(req->token, ID_BYTES, "token");
    req->first_page = 1;
    return end(world, &req->op, 0);
}

static int checkpoint(void *world, struct checkpoint_req *req)
{
    return end(world, &req->op, 0);
}

static int service_end(void *world, struct service_end_req *req)
{
    return end(world, &req->op, 0);
}

static int run_end(void *world, struct run_end_req *req)
{
    return end(world, &req->op, 0);
}

static int timer(void *world, struct timer_req *req, uint64_t delay_ms)
{
    return loop_timer(&((struct world *)world)->loop, req, delay_ms);
}

static uint64_t now_ms(void *world)
{
    return loop_now_ms(&((struct world *)world)->loop);
}

static int64_t wall_ms(void *world)
{
    return loop_wall_ms();
}

static uint64_t random_number(void *world)
{
    return 4;
}

static void late_turn(struct world *w);

static void event(void *world, const struct run_event *event)
{
    struct world *w = world;

    runner_event(w->runner, event);
    if (event->kind == EVENT_RUN_END && w->late_armed)
        late_turn(w);
}

static void wire(struct world *w)
{
    w->ports = (struct ports){
        .world = w,
        .queue = &w->loop.ready,
        .list_services = list_services,
        .fetch_page = fetch_page,
        .embed = embed,
        .store_open = open_store,
        .lookup = lookup,
        .store = store,
        .run_begin = run_begin,
        .service_begin = service_begin,
        .checkpoint = checkpoint,
        .service_end = service_end,
        .run_end = run_end,
        .timer = timer,
        .now_ms = now_ms,
        .wall_ms = wall_ms,
        .random = random_number,
        .event = event,
    };
}

static void configure(struct world *w)
{
    snprintf(w->tenant, sizeof(w->tenant), "default");
    w->config.coordinator.enabled = true;
    w->config.embedding.max_tokens = 8191;
    w->config.sync = (struct config_sync){.enabled = true,
        .tenant = w->tenant,
        .limit = 1000,
        .chunk_size = 50,
        .workers = 5,
        .max_pages = 10,
        .tries = 2,
        .retry_base_ms = 1};
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct buf problems;
    struct err err;

    assert_int_equal(loop_init(&w->loop, &err), 0);
    buf_init(&problems, 1 << 16);
    if (schema_set_load(&w->schemas, SCHEMA_SERVICES, &problems) < 0)
        fail_msg("%s", problems.data);
    buf_free(&problems);
    configure(w);
    wire(w);
    assert_int_equal(
        runner_init(&w->runner, &(struct runner_options){.loop = &w->loop,
                                    .ports = &w->ports,
                                    .schemas = &w->schemas,
                                    .config = &w->config,
                                    .embedding = {.provider = "builtin",
                                        .model = "m",
                                        .dimensions = 3}}),
        0);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    struct err err;

    if (runner_is_running(w->runner)) { /* a test has failed */
        runner_cancel(w->runner);
        release(w);
        loop_run(&w->loop);
    }
    runner_free(w->runner);
    schema_set_free(&w->schemas);
    assert_int_equal(loop_close(&w->loop, &err), 0);
    free(w);
    return 0;
}

/* Clients */

static void on_begun(struct trigger_req *req)
{
    struct client *c = container_of(req, struct client, req);

    c->begun++;
    snprintf(c->id_at_begun, ID_BYTES, "%s", req->run_id);
}

static void on_end(struct op *op)
{
    struct client *c = container_of(op, struct client, req.op);
    const struct run_result *result = c->req.result;

    c->ended++;
    if (result == NULL)
        return;
    c->status = result->status;
    c->nservices = result->nservices;
    if (result->nservices > 0)
        snprintf(
            c->service, sizeof(c->service), "%s", result->services[0].service);
}

static void trigger(struct world *w, struct client *c)
{
    *c = (struct client){.req = {.begun = on_begun}};
    op_init(&c->req.op, on_end);
    assert_int_equal(
        runner_trigger(w->runner,
            &(struct trigger){.name = "http", .kind = "batch"}, &c->req),
        0);
    assert_int_equal(c->ended, 0); /* never from inside */
}

/* Turns the loop until a fetch is held; all else has happened then. */
static void wait_held(struct world *w)
{
    for (int i = 0; i < 100 && w->held == NULL; i++)
        uv_run(&w->loop.uv, UV_RUN_NOWAIT);
    assert_non_null(w->held);
}

static void expect_end(const struct client *c, int code)
{
    assert_int_equal(c->ended, 1);
    assert_int_equal(c->req.op.err.code, code);
}

/* Tests */

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
    assert_string_equal(c->service, "devlab-service");
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
    char name[] = "devlab-service", tenant[] = "acme", since[] = "2026-01-01";
    const char *names[] = {name};

    op_init(&c->req.op, on_end);
    runner_trigger(w->runner,
        &(struct trigger){.name = "http",
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
    assert_string_equal(c->service, "devlab-service");
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
    assert_int_equal(first->status, RUN_CANCELED);
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
    assert_int_equal(c->status, RUN_CANCELED);
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

static void a_run_is_stopped_by_its_id(void **state)
{
    struct world *w = *state;
    struct client *c = &w->clients[0];

    assert_false(runner_stop_run(w->runner, "run-1"));
    assert_false(runner_stop_run(w->runner, ""));
    w->hold = true;
    trigger(w, c);
    wait_held(w);
    assert_false(runner_stop_run(w->runner, "run-2"));
    assert_true(runner_stop_run(w->runner, "run-1"));
    assert_true(runner_stop_run(w->runner, "run-1"));
    release(w);
    loop_run(&w->loop);
    expect_end(c, 0);
    assert_int_equal(c->status, RUN_CANCELED);
    assert_false(runner_stop_run(w->runner, "run-1"));
    trigger(w, c); /* others may run */
    loop_run(&w->loop);
    expect_end(c, 0);
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
        assert_string_equal(c->service, "devlab-service");
        assert_int_equal(w->clients[1].ended, 1);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_trigger_gets_an_id_and_then_a_result),
        TEST(the_last_run_is_remembered),
        TEST(what_a_trigger_says_is_copied),
        TEST(the_configured_tenant_is_the_usual_one),
        TEST(a_second_trigger_meets_the_first),
        TEST(one_run_follows_another),
        TEST(nothing_runs_when_syncs_are_disabled),
        TEST(nothing_runs_without_a_coordinator),
        TEST(a_run_elsewhere_is_already_running),
        TEST(a_run_that_cannot_begin_says_why),
        TEST(draining_refuses_and_ends_the_run),
        TEST(canceling_gives_up_what_is_in_flight),
        TEST(without_a_run_draining_and_canceling_do_nothing),
        TEST(a_run_is_stopped_by_its_id),
        TEST(a_client_that_goes_away_does_not_stop_the_run),
        TEST(a_result_outlives_the_next_trigger),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
