/*
 * The OpenAI-compatible embedder.
 *
 * Happy path: embedder_send() cuts the texts into requests that the provider
 * takes, as a rule one. Its JSON is handed to the HTTP client, where it may
 * wait in line for a connection. Its callback tells the caller that the
 * provider has answered; an iteration of the loop later, when the next request
 * is on its way, the vectors are read (embed_reading.c) and copied to the
 * caller's array. Then comes the next one, until all texts have theirs.
 *
 *   ASK, as often as it takes -> ALONE, once for each bad vector -> end
 *    \-> PROVE, after the first answer without an index -/
 *
 * Failures: a vector that is bad among good ones is asked for once more, alone.
 * Answers without an index wait until their order is proven, by one call for
 * all. Transport errors are passed on from the HTTP client; answers other than
 * 2xx and malformed ones get their codes in embedder_refusal.c and
 * embedder_answer.c; an oversized answer is judged by its status. A request
 * refused as too large is cut, and so are all that follow. Every other failure
 * ends the call: vectors received so far stay in the caller's array, marked as
 * good. Nothing else is repeated here.
 *
 * On cancel: the POST is canceled, its callback ends the request; a call that
 * waits for another's proof ends at once.
 *
 * On close: nothing to do; the caller cancels its requests or closes the HTTP
 * client, and frees the embedder after the last callback.
 */
#include "embed/embedder_impl.h"

#include "record/item.h"
#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static void *embedder_must(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

struct embedder *embedder_new(struct loop *loop, struct http_client *http,
    const struct config_embedding *config)
{
    struct embedder *e = embedder_must(calloc(1, sizeof(*e)));

    e->loop = loop;
    e->http = http;
    e->config = config;
    list_init(&e->unordered);
    embed_form_init(&e->form, config);
    return e;
}

void embedder_free(struct embedder *e)
{
    if (e == NULL)
        return;
    assert(e->pending == 0);
    embed_form_free(&e->form);
    free(e);
}

/* One exchange */

void embed_post_clear(struct embed_post *post)
{
    http_req_clear(&post->http);
    buf_free(&post->body);
    free(post->places);
    free(post->vectors);
    free(post->good);
    *post = (struct embed_post){.n = 0};
}

void embed_post_open(struct embed_post *post, size_t most, int dimensions)
{
    embed_post_clear(post);
    post->places = embedder_must(calloc(most, sizeof(*post->places)));
    post->good = embedder_must(calloc(most, sizeof(*post->good)));
    post->vectors = malloc(most * (size_t)dimensions * sizeof(float));
}

void embed_post_add(struct embed_call *call, size_t place, size_t tokens)
{
    struct embed_post *post = &call->post;

    post->places[post->n++] = place;
    post->tokens += tokens;
}

static void on_embedder_answer(struct op *op);

static void embedder_set_http(struct embed_call *call)
{
    const struct embed_form *form = &call->embedder->form;
    struct http_req *http = &call->post.http;

    op_init(&http->op, on_embedder_answer);
    http->method = "POST";
    http->url = form->address.url;
    http->unix_socket = form->address.unix_socket;
    http->ca_file = call->embedder->config->ca_file;
    memcpy(call->post.headers, form->headers,
        form->nheaders * sizeof(form->headers[0]));
    http->headers = call->post.headers;
    http->nheaders = form->nheaders;
    if (call->req->traceparent[0] != '\0' &&
        !embed_form_has(form, "traceparent"))
        call->post.headers[http->nheaders++] =
            (struct http_header){"traceparent", call->req->traceparent};
    http->body = buf_view(&call->post.body);
    http->timeout_ms = call->embedder->config->timeout_s * 1000;
    http->max_answer_bytes =
        embedder_answer_cap(call->post.n, call->req->dimensions);
}

/* The life of a call */

/* Texts are bad for the reason that the call ends with, or not yet. */
static void embedder_keep_open(struct embed_call *call)
{
    for (size_t i = 0; i < call->req->n; i++)
        if (call->outcomes[i] == EMBED_BAD)
            call->outcomes[i] = EMBED_OPEN;
}

void embed_call_end(struct embed_call *call, const struct err *err)
{
    struct embedder *e = call->embedder;
    struct embed_req *req = call->req;
    bool proving = call->step == STEP_PROVE;

    if (err != &call->fault)
        embedder_keep_open(call);
    if (err != NULL && err->code == ERR_CONFIG)
        embed_note_wrong(e);
    e->pending--;
    list_remove(&req->op.link);
    list_remove(&call->line);
    embed_post_clear(&call->post);
    embed_post_clear(&call->held);
    if (call->outcomes != req->outcomes)
        free(call->outcomes);
    free(call->suspect);
    op_finish(&req->op, err);
    free(call);
    if (proving)
        embed_proof_ended(e);
}

static void embedder_call_fail(
    struct embed_call *call, int code, const char *what)
{
    struct err err;

    err_set(&err, code, "%s", what);
    embed_call_end(call, &err);
}

static void embedder_post_send(struct embed_call *call)
{
    embed_note_sent(call);
    http_send(call->embedder->http, &call->post.http);
}

/* A call that was canceled after it had been admitted, and before it could hear
 * of that, is not sent either: nobody wants what it would cost. */
static void on_embedder_admitted(struct op *op)
{
    struct embed_call *call = container_of(op, struct embed_call, post.hold.op);
    const struct embed_gate *gate = &call->embedder->gate;
    struct err err = op->err; /* the post is gone before the call has ended */

    if (err.code == 0)
        err = call->req->op.err;
    if (err.code == 0) {
        embedder_post_send(call);
        return;
    }
    if (call->post.hold.held)
        gate->settle(gate->arg, &call->post.hold, 0);
    embed_call_end(call, &err);
}

/* What a run asks for has to fit its budgets. */
static void embedder_ask_gate(struct embed_call *call)
{
    const struct embed_gate *gate = &call->embedder->gate;
    struct embed_hold *hold = &call->post.hold;

    if (gate->ask == NULL || call->req->run == NULL) {
        embedder_post_send(call);
        return;
    }
    hold->run = call->req->run;
    hold->tokens = embed_usage_most(call);
    op_init(&hold->op, on_embedder_admitted);
    gate->ask(gate->arg, hold);
}

static void embedder_settle(
    struct embed_call *call, const struct embedder_answer *a)
{
    const struct embed_gate *gate = &call->embedder->gate;

    if (call->post.hold.held)
        gate->settle(gate->arg, &call->post.hold, embed_usage_billed(call, a));
}

void embedder_watch_costs(struct embedder *e, const struct embed_gate *gate)
{
    e->gate = *gate;
}

/* Cannot fail on its own: what goes wrong ends the call. */
void embed_call_post(struct embed_call *call)
{
    int code =
        call->post.vectors == NULL ? ERR_NOMEM : embed_request_write(call);

    if (code < 0) {
        embedder_call_fail(call, code, "no memory for the texts");
        return;
    }
    embedder_set_http(call);
    embedder_ask_gate(call);
}

/* A configured limit, in estimated units, and a learnt one; 0: there is none.
 */
static size_t embedder_least_of(int limit, double ratio, size_t learnt)
{
    size_t least = limit > 0 ? (size_t)((double)limit / ratio) : SIZE_MAX;

    return learnt > 0 && learnt < least ? learnt : least;
}

/* As many texts without a vector as one request may carry, in order. */
static void embedder_choose_open(struct embed_call *call)
{
    const struct config_embedding_limits *limits =
        &call->embedder->config->limits;
    const struct embed_req *req = call->req;
    const struct embed_caps *caps = &call->embedder->caps;
    size_t inputs =
        embedder_least_of(limits->inputs, 1, embed_cap_room(&caps->inputs));
    size_t room = embedder_least_of(limits->tokens,
        embed_usage_ratio(&call->embedder->usage),
        embed_cap_room(&caps->tokens));
    struct embed_post *post = &call->post;

    for (size_t i = 0; i < req->n && post->n < inputs; i++) {
        size_t tokens;

        if (call->outcomes[i] != EMBED_OPEN || call->suspect[i])
            continue;
        tokens = text_tokens(req->texts[i]);
        if (post->n > 0 && tokens > room)
            break;
        room -= tokens < room ? tokens : room;
        embed_post_add(call, i, tokens);
    }
}

static void embedder_choose_suspect(struct embed_call *call)
{
    for (size_t i = 0; i < call->req->n && call->post.n == 0; i++)
        if (call->outcomes[i] == EMBED_OPEN && call->suspect[i])
            embed_post_add(call, i, text_tokens(call->req->texts[i]));
}

/* The next request, if there is anything left to ask for. */
void embed_call_next(struct embed_call *call)
{
    call->step = STEP_ASK;
    embed_caps_age(&call->embedder->caps, loop_now_ms(call->embedder->loop));
    embed_post_open(&call->post, call->req->n, call->req->dimensions);
    embedder_choose_open(call);
    if (call->post.n == 0) {
        call->step = STEP_ALONE;
        embedder_choose_suspect(call);
    }
    if (call->post.n > 0)
        embed_call_post(call);
    else
        embed_call_end(call, &call->fault);
}

/* What comes of an answer */

/* Vectors that came where they belong. */
void embedder_accept(struct embed_call *call, const struct embed_post *post)
{
    struct embed_req *req = call->req;
    size_t row = (size_t)req->dimensions;

    call->embedder->worked = true;
    call->embedder->refusals = 0;
    embed_note_passed(call, post);
    for (size_t i = 0; i < post->n; i++) {
        size_t place = post->places[i];

        if (post->good[i]) {
            memcpy(req->vectors + place * row, post->vectors + i * row,
                row * sizeof(float));
            call->outcomes[place] = EMBED_GOOD;
        } else {
            call->suspect[place] = true;
        }
    }
}

/* Asked for again, the text is still without a good vector. */
static void embedder_give_up_on(
    struct embed_call *call, const struct err *fault)
{
    call->outcomes[call->post.places[0]] = EMBED_BAD;
    if (call->fault.code == 0)
        call->fault = *fault;
}

void embed_call_answered(struct embed_call *call)
{
    const struct embedder_answer *a = &call->reading.answer;
    struct err err = {.code = 0};
    bool smaller = embed_reading_judge(call, &err);

    embedder_settle(call, a);
    if (call->req->op.err.code != 0) { /* canceled meanwhile */
        err = call->req->op.err;
        smaller = false;
    }
    if (err.code != 0)
        embed_count_refusal(call, smaller, err.code);
    if (call->step == STEP_PROVE) {
        embed_finish_proof(call, err.code != 0 ? &err : &a->fault);
    } else if (smaller) {
        embed_call_next(call);
    } else if (err.code != 0) {
        embed_call_end(call, &err);
    } else if (a->ordered) {
        embed_take_unordered(call);
    } else if (call->step == STEP_ALONE && a->nbad > 0) {
        embedder_give_up_on(call, &a->fault);
        embed_call_next(call);
    } else {
        embed_usage_add(call, a);
        embedder_accept(call, &call->post);
        embed_call_next(call);
    }
}

/* Is this the answer to the last of the texts? */
static bool embedder_is_last(const struct embed_call *call)
{
    size_t asked = 0, open = 0;

    for (size_t i = 0; i < call->req->n; i++)
        open += call->outcomes[i] == EMBED_OPEN;
    asked = call->step == STEP_PROVE ? 0 : call->post.n;
    return open == asked;
}

static void embedder_count_answer(struct embed_call *call)
{
    call->req->sent += call->post.n;
    call->req->tokens_guess += call->post.tokens;
}

static void on_embedder_answer(struct op *op)
{
    struct embed_call *call = container_of(op, struct embed_call, post.http.op);

    call->req->status = call->post.http.status;
    embed_reading_init(call);
    if (op->err.code != 0 || !embed_reading_is_good(&call->post.http)) {
        embed_call_answered(call);
        return;
    }
    embedder_count_answer(call);
    if (call->req->answered != NULL && !call->told && embedder_is_last(call)) {
        call->told = true;
        call->req->answered(call->req);
    }
    embed_reading_start(call);
}

static void embedder_embed_cancel(struct op *op)
{
    struct embed_call *call =
        container_of(op->link.next, struct embed_call, anchor);

    if (op_pending(&call->post.hold.op))
        op_cancel(&call->post.hold.op);
    else if (list_empty(&call->line))
        op_cancel(&call->post.http.op);
    else
        embed_call_end(call, NULL);
}

void embedder_send(struct embedder *e, struct embed_req *req)
{
    struct embed_call *call = embedder_must(calloc(1, sizeof(*call)));

    embed_forget_order(e);
    call->embedder = e;
    call->req = req;
    call->outcomes = req->outcomes != NULL ? req->outcomes
                                           : embedder_must(calloc(req->n, 1));
    call->suspect = embedder_must(calloc(req->n, sizeof(*call->suspect)));
    req->status = 0;
    req->sent = req->tokens = req->tokens_guess = req->culprit = 0;
    memset(req->refused, 0, sizeof(req->refused));
    req->over = 0;
    for (size_t i = 0; i < req->n; i++)
        if (call->outcomes[i] != EMBED_GOOD)
            call->outcomes[i] = EMBED_OPEN;
    list_init(&call->anchor);
    list_init(&call->line);
    op_begin(&req->op, &e->loop->ready, embedder_embed_cancel);
    list_push(&call->anchor, &req->op.link);
    e->pending++;
    embed_call_next(call);
}
