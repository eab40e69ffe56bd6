/*
 * A loop, a server and a channel between them, for one test. Included by one
 * test program each.
 */
#ifndef TESTS_NET_RPC_RPC_WORLD_H
#define TESTS_NET_RPC_RPC_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/rpc/rpc.h"
#include "unit/net/rpc/rpc_server.h"

enum { MESSAGE_BYTES = 1 << 16 };

#define METHOD "/test.Service/Method"

struct call {
    struct rpc_req rpc;
    int called;
    struct call *cancels; /* the callback cancels this one */
};

struct world {
    struct loop loop;
    struct rpc_server server;
    struct rpc_channel *channel;
    uv_mutex_t lock;        /* over the rest */
    struct rpc_reply reply; /* what the server says; unless echo */
    bool echo;
    char seen_method[64], seen_header[64];
    uv_sem_t arrived; /* a call has reached the handler */
};

static void on_done(struct op *op)
{
    struct call *call = container_of(op, struct call, rpc.op);

    call->called++;
    if (call->cancels != NULL)
        op_cancel(&call->cancels->rpc.op);
}

static void copy(char *to, size_t size, struct str from)
{
    snprintf(to, size, "%.*s", STR_ARG(from));
}

static void handle(
    void *arg, const struct rpc_seen *seen, struct rpc_reply *reply)
{
    struct world *w = arg;

    uv_mutex_lock(&w->lock);
    copy(w->seen_method, sizeof(w->seen_method), seen->method);
    copy(w->seen_header, sizeof(w->seen_header),
        rpc_seen_header(seen, "x-test"));
    if (w->echo)
        reply->body = seen->request;
    else
        *reply = w->reply;
    uv_mutex_unlock(&w->lock);
    uv_sem_post(&w->arrived);
}

static void open_channel(struct world *w, const char *target)
{
    struct rpc_options options = {
        .target = target, .max_message_bytes = MESSAGE_BYTES};
    struct err err;

    assert_int_equal(
        rpc_channel_init(&w->channel, &w->loop, &options, &err), 0);
}

static inline int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct err err;

    assert_non_null(w);
    w->echo = true;
    uv_mutex_init(&w->lock);
    uv_sem_init(&w->arrived, 0);
    assert_int_equal(loop_init(&w->loop, &err), 0);
    rpc_server_start(&w->server, 0, handle, w);
    open_channel(w, w->server.target);
    *state = w;
    return 0;
}

/* Every test ends with a loop that has nothing left. */
static inline int teardown(void **state)
{
    struct world *w = *state;
    struct err err;

    if (w->channel != NULL)
        rpc_channel_close(w->channel);
    loop_run(&w->loop);
    assert_int_equal(loop_close(&w->loop, &err), 0);
    rpc_server_stop(&w->server);
    uv_sem_destroy(&w->arrived);
    uv_mutex_destroy(&w->lock);
    free(w);
    return 0;
}

static inline void start(struct world *w, struct call *call, struct str request)
{
    op_init(&call->rpc.op, on_done);
    call->called = 0;
    call->rpc.method = METHOD;
    call->rpc.request = request;
    if (call->rpc.timeout_ms == 0)
        call->rpc.timeout_ms = 20000;
    rpc_call(w->channel, &call->rpc);
}

/* One call from start to end; rpc_req_clear() is the test's. */
static inline void run(struct world *w, struct call *call, struct str request)
{
    start(w, call, request);
    assert_int_equal(call->called, 0);
    loop_run(&w->loop);
    assert_int_equal(call->called, 1);
}

/* What the server says from now on. */
static inline void says(struct world *w, struct rpc_reply reply)
{
    uv_mutex_lock(&w->lock);
    w->echo = false;
    w->reply = reply;
    uv_mutex_unlock(&w->lock);
}

static inline void replies(struct world *w, int status, const char *text)
{
    says(w, (struct rpc_reply){.status = status, .text = text});
}

static inline void hangs(struct world *w)
{
    says(w, (struct rpc_reply){.hang = true});
}

#define RPC_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
