/*
 * The OpenAI-compatible embedder.
 *
 * Happy path: embedder_send() writes the request's JSON and hands one POST to
 * the HTTP client, where it may wait in line for a connection. Its callback
 * tells the caller that the provider has answered; a turn later, when the next
 * request is on its way, the vectors are read into the caller's array and the
 * request ends.
 *
 * Failures: transport errors come as the HTTP client has them, answers other
 * than 2xx and answers that are not what was asked for get their codes in
 * embedder_refusal.c and embedder_answer.c; one that is longer than any should
 * be goes by its status. Nothing is repeated here.
 *
 * On cancel: the POST is canceled, its callback ends the request.
 *
 * On close: nothing to do; whoever stops the program cancels its requests or
 * closes the HTTP client, and frees the embedder after the last callback.
 */
#include "embed/embedder.h"

#include "embed/embedder_answer.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { HEADERS = 4, ESCAPED_BYTES = 6 /* \u0000 */, AROUND_BYTES = 256 };

struct embedder {
    struct loop *loop;                     /* borrowed */
    struct http_client *http;              /* borrowed */
    const struct config_embedding *config; /* borrowed */
    char *url;                             /* owned */
    char *authorization;                   /* owned; NULL without a key */
    struct http_header headers[HEADERS];
    size_t nheaders;
    size_t pending; /* calls */
};

/* A request from embedder_send() to op_finish(). */
struct embed_call {
    struct embedder *embedder; /* borrowed */
    struct embed_req *req;     /* borrowed */
    struct list anchor;        /* of req->op.link, for its cancel */
    struct buf body;           /* owned */
    struct http_req http;
    struct timer_req reading; /* a iteration of the loop */
};

static void *embedder_must(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

static char *embedder_join(const char *a, const char *b)
{
    size_t size = strlen(a) + strlen(b) + 1;
    char *z = embedder_must(malloc(size));

    snprintf(z, size, "%s%s", a, b);
    return z;
}

static void embedder_add_header(
    struct embedder *e, const char *name, const char *value)
{
    assert(e->nheaders < HEADERS);
    e->headers[e->nheaders++] = (struct http_header){name, value};
}

struct embedder *embedder_new(struct loop *loop, struct http_client *http,
    const struct config_embedding *config)
{
    struct embedder *e = embedder_must(calloc(1, sizeof(*e)));

    e->loop = loop;
    e->http = http;
    e->config = config;
    e->url = embedder_join(config->api_url, "/embeddings");
    embedder_add_header(e, "Content-Type", "application/json");
    embedder_add_header(e, "Accept", "application/json");
    embedder_add_header(e, "User-Agent", "batchsync");
    if (config->api_key != NULL) {
        e->authorization = embedder_join("Bearer ", config->api_key);
        embedder_add_header(e, "Authorization", e->authorization);
    }
    return e;
}

void embedder_free(struct embedder *e)
{
    if (e == NULL)
        return;
    assert(e->pending == 0);
    free(e->url);
    free(e->authorization);
    free(e);
}

static size_t body_cap(const struct embedder *e, const struct embed_req *req)
{
    size_t cap = AROUND_BYTES + ESCAPED_BYTES * strlen(e->config->model);

    for (size_t i = 0; i < req->n; i++)
        cap += ESCAPED_BYTES * req->texts[i].len + sizeof("\"\",");
    return cap;
}

static void write_body(struct embed_call *call)
{
    const struct config_embedding *config = call->embedder->config;
    const struct embed_req *req = call->req;
    struct buf *b = &call->body;

    buf_init(b, body_cap(call->embedder, req));
    buf_puts(b, "{\"model\":");
    buf_json_str(b, str_of(config->model));
    buf_puts(b, ",\"input\":[");
    for (size_t i = 0; i < req->n; i++) {
        if (i > 0)
            buf_char(b, ',');
        buf_json_str(b, text_trim(req->texts[i]));
    }
    buf_char(b, ']');
    if (config->send_dimensions)
        buf_printf(b, ",\"dimensions\":%d", req->dimensions);
    buf_printf(b, ",\"encoding_format\":\"%s\"}",
        config->encoding == ENCODING_BASE64 ? "base64" : "float");
}

static void read_refusal(
    const struct embed_call *call, struct str body, struct err *err)
{
    embedder_refusal_read(
        &(struct embedder_refusal){.status = call->http.status,
            .retry_after_ms = call->http.retry_after_ms,
            .body = body,
            .secret = str_of(call->embedder->config->api_key)},
        err);
}

static bool is_good(const struct http_req *http)
{
    return http->status >= 200 && http->status < 300;
}

/* What an answer means its status says, however long it is: that it is too
 * long is all there is to read of it then. */
static void embedder_read_answer(struct embed_call *call, struct err *err)
{
    struct http_req *http = &call->http;
    const struct embed_req *req = call->req;
    bool good = is_good(http);

    *err = http->op.err;
    if (err->code == ERR_TOO_LARGE && good)
        err->code = ERR_PROTOCOL;
    else if (err->code == ERR_TOO_LARGE)
        read_refusal(call, str_of(http->op.err.msg), err);
    else if (err->code == 0 && good)
        embedder_answer_read(
            &http->answer, req->n, req->dimensions, req->vectors, err);
    else if (err->code == 0)
        read_refusal(call, buf_view(&http->answer), err);
}

static void call_free(struct embed_call *call)
{
    http_req_clear(&call->http);
    buf_free(&call->body);
    free(call);
}

static void embedder_call_end(struct embed_call *call)
{
    struct embed_req *req = call->req;
    struct err err;

    embedder_read_answer(call, &err);
    call->embedder->pending--;
    list_remove(&req->op.link);
    call_free(call);
    op_finish(&req->op, &err);
}

static void on_reading(struct op *op)
{
    embedder_call_end(container_of(op, struct embed_call, reading.op));
}

static void on_embedder_answer(struct op *op)
{
    struct embed_call *call = container_of(op, struct embed_call, http.op);

    if (op->err.code != 0 || !is_good(&call->http)) {
        embedder_call_end(call);
        return;
    }
    if (call->req->answered != NULL)
        call->req->answered(call->req);
    op_init(&call->reading.op, on_reading);
    loop_timer(call->embedder->loop, &call->reading, 0);
}

static void embed_cancel(struct op *op)
{
    struct embed_call *call =
        container_of(op->link.next, struct embed_call, anchor);

    op_cancel(&call->http.op);
}

static void set_http(struct embed_call *call)
{
    struct embedder *e = call->embedder;
    const struct embed_req *req = call->req;
    struct http_req *http = &call->http;

    op_init(&http->op, on_embedder_answer);
    http->method = "POST";
    http->url = e->url;
    http->headers = e->headers;
    http->nheaders = e->nheaders;
    http->body = buf_view(&call->body);
    http->timeout_ms = e->config->timeout_s * 1000;
    http->max_answer_bytes = embedder_answer_cap(req->n, req->dimensions);
}

/* Cannot go on: the callback never comes. */
static int embedder_fail(struct embed_call *call, int code, const char *what)
{
    struct embed_req *req = call->req;

    call_free(call);
    return err_set(&req->op.err, code, "%s", what);
}

int embedder_send(struct embedder *e, struct embed_req *req)
{
    struct embed_call *call = embedder_must(calloc(1, sizeof(*call)));

    call->embedder = e;
    call->req = req;
    list_init(&call->anchor);
    write_body(call);
    if (call->body.error != 0)
        return embedder_fail(call, call->body.error, "no memory for the texts");
    set_http(call);
    if (http_send(e->http, &call->http) < 0)
        return embedder_fail(call, ERR_CANCELED, "the HTTP client is closed");
    op_begin(&req->op, &e->loop->ready, embed_cancel);
    list_push(&call->anchor, &req->op.link);
    e->pending++;
    return 0;
}
