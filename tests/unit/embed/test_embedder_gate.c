/* Budgets on the embedder's side: a gate that the test opens and shuts. */
#define _GNU_SOURCE
#include "embed/embedder.h"

#include "unit/net/http/http_stub.h"
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { DIMENSIONS = 4, TEXTS = 3, BILLED = 7 };

struct world {
    struct loop loop;
    struct http_client *http;
    struct embedder *embedder;
    struct config_embedding config;
    struct stub stub;
    char url[64];
    int status, refuse_at;
    struct embed_req req;
    uint8_t outcomes[TEXTS];
    float vectors[TEXTS * DIMENSIONS];
    int called;
    /* The gate. */
    struct embed_hold *waiting; /* NULL: nobody asks */
    bool shut;                  /* it lets them wait */
    int asked, settled;
    uint64_t tokens, billed; /* of all that asked; of all that was settled */
};

/* One vector for each of the texts that it has. */
static bool answer(void *arg, struct stub_request *r)
{
    struct world *w = arg;
    char body[1024] = "{\"data\":[", *at = body + strlen(body);
    int n = (strstr(r->body, "one") != NULL) +
            (strstr(r->body, "two") != NULL) + (strstr(r->body, "six") != NULL);

    for (int i = 0; i < n; i++)
        at += sprintf(at, "%s{\"index\":%d,\"embedding\":[1,0,0,0]}",
            i > 0 ? "," : "", i);
    sprintf(at, "],\"usage\":{\"prompt_tokens\":%d}}", BILLED);
    return stub_answer(r->fd, w->status, "", body, strlen(body));
}

static void let_go(struct world *w, int code)
{
    struct embed_hold *hold = w->waiting;
    struct err err = {0};

    w->waiting = NULL;
    if (code != 0)
        err_set(&err, code, "no room");
    hold->held = code == 0; /* also for one that was canceled in the line */
    op_finish(&hold->op, &err);
}

static void gate_ask(void *arg, struct embed_hold *hold)
{
    struct world *w = arg;

    assert_null(w->waiting);
    assert_string_equal(hold->run, "run-1");
    op_begin(&hold->op, &w->loop.ready, NULL);
    hold->held = false;
    w->waiting = hold;
    w->asked++;
    w->tokens += hold->tokens;
    if (!w->shut)
        let_go(w, w->asked == w->refuse_at ? ERR_BUDGET : 0);
}

static void gate_settle(void *arg, struct embed_hold *hold, uint64_t billed)
{
    struct world *w = arg;

    assert_true(hold->held); /* each success once, a failure never */
    hold->held = false;
    w->settled++;
    w->billed += billed;
}

static void world_open(struct world *w)
{
    struct err err;

    memset(w, 0, sizeof(*w));
    setenv("no_proxy", "*", 1);
    w->status = 200;
    assert_int_equal(loop_init(&w->loop, &err), 0);
    assert_int_equal(http_client_init(&w->http, &w->loop, 2, &err), 0);
    stub_start(&w->stub, answer, w);
    snprintf(w->url, sizeof(w->url), "http://127.0.0.1:%d/v1", w->stub.port);
    w->config = (struct config_embedding){.api_url = w->url,
        .api_key = "sk-1",
        .model = "m",
        .dimensions = DIMENSIONS,
        .encoding = ENCODING_FLOAT,
        .timeout_s = 5};
    w->embedder = embedder_new(&w->loop, w->http, &w->config);
    embedder_watch_costs(w->embedder,
        &(struct embed_gate){.arg = w, .ask = gate_ask, .settle = gate_settle});
}

static void world_close(struct world *w)
{
    struct err err;

    http_client_close(w->http);
    loop_run(&w->loop);
    embedder_free(w->embedder);
    assert_int_equal(loop_close(&w->loop, &err), 0);
    stub_stop(&w->stub);
}

static void on_embedded(struct op *op)
{
    container_of(op, struct world, req.op)->called++;
}

static void submit(struct world *w, const char *run)
{
    static const struct str texts[TEXTS] = {{"one", 3}, {"two", 3}, {"six", 3}};

    op_init(&w->req.op, on_embedded);
    w->called = 0;
    w->req.run = run;
    w->req.texts = texts;
    w->req.n = TEXTS;
    w->req.dimensions = DIMENSIONS;
    w->req.vectors = w->vectors;
    w->req.outcomes = w->outcomes;
    embedder_send(w->embedder, &w->req);
}

/* What is ready has been called back; requests on the wire are not waited for.
 */
static void run_ready(struct world *w)
{
    while (op_queue_run_one(&w->loop.ready))
        ;
}

static void embed(struct world *w, int code, int requests)
{
    submit(w, "run-1");
    loop_run(&w->loop);
    assert_int_equal(w->called, 1);
    assert_string_equal(err_name(w->req.op.err.code), err_name(code));
    assert_int_equal(w->stub.nrequests, requests);
}

static void nothing_is_sent_before_it_is_admitted(void **state)
{
    struct world w;

    world_open(&w);
    w.shut = true;
    submit(&w, "run-1");
    run_ready(&w);
    uv_run(&w.loop.uv, UV_RUN_NOWAIT);
    assert_int_equal(w.stub.nconnections, 0);
    assert_true(w.tokens >= TEXTS);
    let_go(&w, 0);
    loop_run(&w.loop);
    assert_int_equal(w.req.op.err.code, 0);
    assert_int_equal(w.stub.nrequests, 1);
    assert_int_equal(w.settled, 1);
    assert_int_equal(w.billed, BILLED);
    world_close(&w);
}

static void what_is_refused_is_not_sent(void **state)
{
    struct world w;

    world_open(&w);
    w.refuse_at = 1;
    embed(&w, ERR_BUDGET, 0);
    assert_int_equal(w.settled, 0);
    assert_int_equal(w.req.sent, 0);
    world_close(&w);
}

static void each_request_of_a_call_is_admitted(void **state)
{
    struct world w;

    world_open(&w);
    w.config.limits.inputs = 1;
    w.refuse_at = 3;
    embed(&w, ERR_BUDGET, 2);
    assert_int_equal(w.asked, 3);
    assert_int_equal(w.settled, 2);
    assert_int_equal(w.billed, 2 * BILLED);
    /* What came before it is not lost. */
    assert_int_equal(w.outcomes[0], EMBED_GOOD);
    assert_int_equal(w.outcomes[1], EMBED_GOOD);
    assert_int_equal(w.outcomes[2], EMBED_OPEN);
    world_close(&w);
}

static void a_refusal_of_the_provider_costs_nothing(void **state)
{
    struct world w;

    world_open(&w);
    w.status = 401;
    embed(&w, ERR_AUTH, 1);
    assert_int_equal(w.settled, 1);
    assert_int_equal(w.billed, 0);
    world_close(&w);
}

/* Once while it waits, once between being let go and hearing of it. */
static void what_is_canceled_at_the_gate_is_not_sent(void **state)
{
    for (int late = 0; late < 2; late++) {
        struct world w;

        world_open(&w);
        w.shut = true;
        submit(&w, "run-1");
        if (late)
            let_go(&w, 0);
        op_cancel(&w.req.op);
        if (!late)
            let_go(&w, 0);
        loop_run(&w.loop);
        assert_int_equal(w.called, 1);
        assert_string_equal(
            err_name(w.req.op.err.code), err_name(ERR_CANCELED));
        assert_int_equal(w.stub.nrequests, 0);
        assert_int_equal(w.settled, 1); /* it was held, and is given back */
        assert_int_equal(w.billed, 0);
        world_close(&w);
    }
}

static void what_no_run_asks_for_passes_by(void **state)
{
    struct world w;

    world_open(&w);
    w.shut = true;
    submit(&w, NULL);
    loop_run(&w.loop);
    assert_int_equal(w.req.op.err.code, 0);
    assert_int_equal(w.asked, 0);
    assert_int_equal(w.settled, 0);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_sent_before_it_is_admitted),
        cmocka_unit_test(what_is_refused_is_not_sent),
        cmocka_unit_test(each_request_of_a_call_is_admitted),
        cmocka_unit_test(a_refusal_of_the_provider_costs_nothing),
        cmocka_unit_test(what_is_canceled_at_the_gate_is_not_sent),
        cmocka_unit_test(what_no_run_asks_for_passes_by),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
