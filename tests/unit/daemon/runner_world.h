/*
 * The runner over ports that answer at once, out of nothing: one service with
 * one empty page. Fetches can be held, a run's begin made to fail. Clients
 * trigger runs and remember what they were told.
 */
#ifndef TESTS_DAEMON_RUNNER_WORLD_H
#define TESTS_DAEMON_RUNNER_WORLD_H

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
    bool hold;                 /* fetches wait for release() */
    struct page_req *held;     /* the one that does */
    int begin_code;            /* what run_begin ends with */
    size_t claimed, nservices; /* of the run */
    int begun_runs;
    const char *said;         /* the tenant that the run was begun with */
    struct client clients[2]; /* not the stack's: a test may fail */
    struct timer_req late;    /* the second client's trigger */
    int late_turns;           /* of the loop, before it comes */
    bool late_armed;          /* by the end of the first run */
};

/* The ports */

static inline void end(struct world *w, struct op *op, int code)
{
    struct err err;

    err_set(&err, code, "the port says no");
    op_begin(op, &w->loop.ready, NULL);
    op_finish(op, code == 0 ? NULL : &err);
}

static inline void list_services(void *world, struct services_req *req)
{
    static const char *names[] = {"demo-devlab"};

    req->names = names;
    req->n = 1;
    req->source = "env";
    end(world, &req->op, 0);
}

static inline void answer(struct page_req *req, const struct err *err)
{
    req->envelope.json = STR("{\"data\":{\"items\":[]}}");
    op_finish(&req->op, err);
}

static inline void cancel_fetch(struct op *op)
{
    struct world *w = container_of(op->queue, struct world, loop.ready);

    w->held = NULL;
    op_finish(op, NULL);
}

static inline void fetch_page(void *world, struct page_req *req)
{
    struct world *w = world;

    op_begin(&req->op, &w->loop.ready, cancel_fetch);
    if (w->hold)
        w->held = req;
    else
        answer(req, NULL);
}

/* Answers what is held, if it has not been canceled. */
static inline void release(struct world *w)
{
    struct page_req *req = w->held;

    w->hold = false;
    w->held = NULL;
    if (req != NULL)
        answer(req, NULL);
}

static inline void embed(void *world, struct embed_req *req)
{
    fail_msg("nothing is to be embedded");
}

static inline void lookup(void *world, struct lookup_req *req)
{
    fail_msg("nothing is to be looked up");
}

static inline void store(void *world, struct store_req *req)
{
    fail_msg("nothing is to be stored");
}

static inline void open_store(void *world, struct store_open_req *req)
{
    end(world, &req->op, 0);
}

static inline void run_begin(void *world, struct run_begin_req *req)
{
    struct world *w = world;

    snprintf(req->run_id, ID_BYTES, "run-%d", ++w->begun_runs);
    w->said = req->spec.tenant;
    w->claimed = 0;
    w->nservices = req->spec.nservices;
    end(w, &req->op, w->begin_code);
}

static inline void service_begin(void *world, struct service_begin_req *req)
{
    struct world *w = world;

    req->claim = w->claimed < w->nservices ? CLAIM_SERVICE : CLAIM_DONE;
    req->position = w->claimed++;
    snprintf(req->token, ID_BYTES, "token");
    req->first_page = 1;
    req->limit = 10;
    end(world, &req->op, 0);
}

static inline void checkpoint(void *world, struct checkpoint_req *req)
{
    end(world, &req->op, 0);
}

static inline void service_end(void *world, struct service_end_req *req)
{
    end(world, &req->op, 0);
}

static inline void service_release(void *world, const char *token)
{
}

/* Knows how the run has ended, and nothing of its services. */
static inline void run_end(void *world, struct run_end_req *req)
{
    req->services =
        arena_calloc(req->arena, req->nservices, sizeof(*req->services));
    req->ended = arena_calloc(req->arena, req->nservices, sizeof(bool));
    req->status = req->mode == RUN_END_LEAVE    ? RUN_INTERRUPTED
                  : req->mode == RUN_END_CANCEL ? RUN_CANCELED
                                                : RUN_SUCCESS;
    end(world, &req->op, 0);
}

static inline void timer(void *world, struct timer_req *req, uint64_t delay_ms)
{
    loop_timer(&((struct world *)world)->loop, req, delay_ms);
}

static inline uint64_t now_ms(void *world)
{
    return loop_now_ms(&((struct world *)world)->loop);
}

static inline int64_t wall_ms(void *world)
{
    return loop_wall_ms();
}

static inline uint64_t random_number(void *world)
{
    return 4;
}

static inline void late_turn(struct world *w);

static inline void event(void *world, const struct run_event *event)
{
    struct world *w = world;

    runner_event(w->runner, event);
    if (event->kind == EVENT_RUN_END && w->late_armed)
        late_turn(w);
}

static inline void wire(struct world *w)
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
        .service_release = service_release,
        .run_end = run_end,
        .timer = timer,
        .now_ms = now_ms,
        .wall_ms = wall_ms,
        .random = random_number,
        .event = event,
    };
}

static inline void configure(struct world *w)
{
    snprintf(w->tenant, sizeof(w->tenant), "default");
    w->config.coordinator.enabled = true;
    w->config.embedding.max_tokens = 8191;
    w->config.sync = (struct config_sync){.enabled = true,
        .parallel = 1,
        .tenant = w->tenant,
        .limit = 1000,
        .chunk_size = 50,
        .workers = 5,
        .max_pages = 10,
        .tries = 2,
        .retry_base_ms = 1};
}

static inline int setup(void **state)
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

static inline int teardown(void **state)
{
    struct world *w = *state;
    struct err err;

    if (runner_is_running(w->runner)) { /* a test has failed */
        runner_cancel(w->runner);
        release(w);
        loop_run(&w->loop);
    }
    runner_free(w->runner);
    trigger_req_clear(&w->clients[0].req);
    trigger_req_clear(&w->clients[1].req);
    schema_set_free(&w->schemas);
    assert_int_equal(loop_close(&w->loop, &err), 0);
    free(w);
    return 0;
}

/* Clients */

static inline void on_begun(struct trigger_req *req)
{
    struct client *c = container_of(req, struct client, req);

    c->begun++;
    snprintf(c->id_at_begun, ID_BYTES, "%s", req->run_id);
}

static inline void on_end(struct op *op)
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

static inline void trigger(struct world *w, struct client *c)
{
    trigger_req_clear(&c->req);
    *c = (struct client){.req = {.begun = on_begun}};
    op_init(&c->req.op, on_end);
    runner_trigger(w->runner,
        &(struct run_spec){.trigger = "http", .kind = "batch"}, &c->req);
    assert_int_equal(c->ended, 0); /* never from inside */
}

/* Turns the loop until a fetch is held; all else has happened then. */
static inline void wait_held(struct world *w)
{
    for (int i = 0; i < 100 && w->held == NULL; i++)
        uv_run(&w->loop.uv, UV_RUN_NOWAIT);
    assert_non_null(w->held);
}

static inline void expect_end(const struct client *c, int code)
{
    assert_int_equal(c->ended, 1);
    assert_int_equal(c->req.op.err.code, code);
}

#endif
