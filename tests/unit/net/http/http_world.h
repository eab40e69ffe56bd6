/* What the tests of the HTTP client stand on. */
#ifndef TESTS_NET_HTTP_HTTP_WORLD_H
#define TESTS_NET_HTTP_HTTP_WORLD_H

#include "net/http/http_client.h"

#include "unit/net/http/http_stub.h"
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { REQUESTS = 100 };

/* A loop, a client, a server, and requests that count their callbacks. */
struct world {
    struct loop loop;
    struct http_client *client;
    struct stub stub;
    char url[128];
    struct get {
        struct http_req req;
        struct world *world;
        int called;
    } gets[REQUESTS];
    int called;                    /* in all */
    int close_after;               /* callbacks before the client is closed */
    void (*then)(struct world *w); /* after the first callback; may be NULL */
};

static inline void world_open(struct world *w, stub_fn fn, int connections)
{
    struct err err;

    memset(w, 0, sizeof(*w));
    setenv("no_proxy", "*", 1);
    assert_int_equal(loop_init(&w->loop, &err), 0);
    assert_int_equal(
        http_client_init(&w->client, &w->loop, connections, &err), 0);
    stub_start(&w->stub, fn, w);
    snprintf(w->url, sizeof(w->url), "http://127.0.0.1:%d/x", w->stub.port);
}

/* Every test ends here: no handle is left. */
static inline void world_close(struct world *w)
{
    struct err err;

    if (w->client != NULL)
        http_client_close(w->client);
    loop_run(&w->loop);
    for (int i = 0; i < REQUESTS; i++)
        http_req_clear(&w->gets[i].req);
    assert_int_equal(loop_close(&w->loop, &err), 0);
    stub_stop(&w->stub);
}

static inline void on_get(struct op *op)
{
    struct get *get = container_of(op, struct get, req.op);
    struct world *w = get->world;

    get->called++;
    w->called++;
    if (w->called == 1 && w->then != NULL)
        w->then(w);
    if (w->called == w->close_after) {
        http_client_close(w->client);
        w->client = NULL;
    }
}

static inline struct get *get_init(struct world *w, int i)
{
    struct get *get = &w->gets[i];

    http_req_clear(&get->req);
    *get = (struct get){.world = w};
    op_init(&get->req.op, on_get);
    get->req.method = "GET";
    get->req.url = w->url;
    get->req.timeout_ms = 5000;
    get->req.max_answer_bytes = 1024;
    return get;
}

static inline struct http_req *send_one(struct world *w, int i)
{
    struct get *get = get_init(w, i);

    http_send(w->client, &get->req);
    return &get->req;
}

static inline struct http_req *fetch(struct world *w, int i)
{
    struct http_req *req = send_one(w, i);

    loop_run(&w->loop);
    assert_int_equal(w->gets[i].called, 1);
    return req;
}

static inline void assert_failed(
    const struct http_req *req, int code, const char *words)
{
    assert_string_equal(err_name(req->op.err.code), err_name(code));
    if (strstr(req->op.err.msg, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", req->op.err.msg, words);
}

static inline void assert_answered(
    const struct http_req *req, int status, const char *body)
{
    if (req->op.err.code != 0)
        fail_msg("%s", req->op.err.msg);
    assert_int_equal(req->status, status);
    assert_int_equal(req->answer.len, strlen(body));
    assert_memory_equal(
        body, req->answer.data == NULL ? "" : req->answer.data, strlen(body));
}

static inline bool say_hello(void *arg, struct stub_request *r)
{
    return stub_answer(r->fd, 200, "", "hello", 5);
}

static inline bool say_hello_slowly(void *arg, struct stub_request *r)
{
    stub_sleep_ms(100);
    return stub_answer(r->fd, 200, "", "hello", 5);
}

#endif
