/*
 * Unary gRPC calls, brought to the loop.
 *
 * Happy path: rpc_call() copies the request into slices and starts one batch
 * that sends it and waits for answer and status. The bridge thread takes the
 * batch's completion from the completion queue, copies the answer, which may be
 * large, out of the library's blocks, hangs the call on a list under the lock
 * and wakes the loop; on_wake() takes the whole list, and each call finishes
 * its request. The bridge touches nothing but the call and that list: no
 * request, no callback.
 *
 * Failures: all of them arrive as the status of a batch that completed,
 * deadline and refused connection included. The batch's own success flag means
 * nothing (it is set for a cancelled call too) and is ignored. The library
 * does not retry; the caller decides about that.
 *
 * Cancel: tells the library; the batch then completes soon, by itself.
 *
 * Close: cancels every pending call. When the last one has come back, the
 * channel is destroyed and the queue shut down, which ends the bridge; its last
 * wake-up makes the loop join it (at once, it has nothing left to do) and
 * close the async handle, in whose close callback the channel is freed.
 */
#include "net/rpc/rpc_impl.h"

#include <assert.h>
#include <grpc/grpc_security.h>
#include <grpc/support/time.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>

enum {
    /*
     * Short enough that a peer that comes back is noticed within the tries of
     * one page.
     */
    RECONNECT_FIRST_MS = 200,
    RECONNECT_MAX_MS = 5000,
    CONNECT_TIMEOUT_MS = 10000,
    /* Pings go out during calls only, at most two without data in between:
     * few enough for servers that limit them. */
    KEEPALIVE_TIME_MS = 60000,
    KEEPALIVE_TIMEOUT_MS = 20000,
    READ_BYTES = 256 * 1024, /* at once: a page has some hundred KiB */
    /* A status may carry a stack trace of 64 KiB, each of its bytes escaped. */
    METADATA_BYTES = 256 * 1024
};

struct rpc_channel {
    struct loop *loop;            /* borrowed; outlives the channel */
    grpc_channel *channel;        /* owned */
    grpc_completion_queue *queue; /* owned */
    struct list pending;          /* of struct rpc_call.pending */
    int max_message_bytes;
    bool closing;
    uv_async_t wake; /* keeps the loop up while calls are pending */
    uv_thread_t bridge;
    uv_mutex_t lock;       /* over the two below */
    struct list completed; /* of struct rpc_call.completed */
    bool bridge_ended;
};

/* --- a call's end ------------------------------------------------------ */

static void rpc_call_end(struct rpc_call *call)
{
    struct rpc_req *req = call->req;
    struct err err = call->err;

    req->status = (int)call->status;
    req->answer = call->bytes;
    list_remove(&call->pending);
    rpc_call_free(call);
    req->call = NULL;
    op_finish(&req->op, &err);
}

/* --- the bridge -------------------------------------------------------- */

/* A large answer came in thousands of blocks, on the library's own threads,
 * whose heaps nothing else would use again. */
static void rpc_take(struct rpc_channel *c, struct rpc_call *call)
{
    enum { LARGE_BYTES = 4 * 1024 * 1024 };

    uv_mutex_lock(&c->lock); /* the other end of rpc_publish() */
    uv_mutex_unlock(&c->lock);
    rpc_call_outcome(call);
    if (call->bytes.len > LARGE_BYTES)
        malloc_trim(0);
}

/* The list is in the order of completion; `call` NULL: no more will come. */
static void rpc_hand_over(struct rpc_channel *c, struct rpc_call *call)
{
    bool was_empty;

    uv_mutex_lock(&c->lock);
    was_empty = list_empty(&c->completed);
    if (call != NULL)
        list_push(&c->completed, &call->completed);
    else
        c->bridge_ended = true;
    uv_mutex_unlock(&c->lock);
    if (was_empty || call == NULL)
        uv_async_send(&c->wake);
}

static void rpc_bridge_main(void *arg)
{
    struct rpc_channel *c = arg;

    for (;;) {
        grpc_event event = grpc_completion_queue_next(
            c->queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);

        if (event.type == GRPC_QUEUE_SHUTDOWN)
            break;
        if (event.type != GRPC_OP_COMPLETE)
            continue;
        rpc_take(c, event.tag);
        rpc_hand_over(c, event.tag);
    }
    rpc_hand_over(c, NULL);
}

static void on_rpc_closed(uv_handle_t *handle)
{
    struct rpc_channel *c = container_of(handle, struct rpc_channel, wake);

    uv_mutex_destroy(&c->lock);
    free(c);
    grpc_shutdown();
}

static void rpc_bridge_join(struct rpc_channel *c)
{
    uv_thread_join(&c->bridge);
    grpc_completion_queue_destroy(c->queue);
    uv_close((uv_handle_t *)&c->wake, on_rpc_closed);
}

/* Nothing is pending: the queue is empty, so its shutdown ends the bridge. */
static void rpc_bridge_stop(struct rpc_channel *c)
{
    grpc_channel_destroy(c->channel);
    grpc_completion_queue_shutdown(c->queue);
}

static void rpc_free_when_closed(struct rpc_channel *c)
{
    if (!list_empty(&c->pending))
        return;
    if (c->closing)
        rpc_bridge_stop(c);
    else
        uv_unref((uv_handle_t *)&c->wake);
}

/* Wake-ups coalesce, so each takes the whole list; dispatch needs no lock. */
static void on_rpc_wake(uv_async_t *wake)
{
    struct rpc_channel *c = container_of(wake, struct rpc_channel, wake);
    struct list now;
    struct list *node;
    bool ended;

    list_init(&now);
    uv_mutex_lock(&c->lock);
    list_splice(&now, &c->completed);
    ended = c->bridge_ended;
    uv_mutex_unlock(&c->lock);
    if (ended) {
        rpc_bridge_join(c);
        return;
    }
    if (list_empty(&now))
        return;
    while ((node = list_pop(&now)) != NULL)
        rpc_call_end(container_of(node, struct rpc_call, completed));
    rpc_free_when_closed(c);
}

/* --- the channel ------------------------------------------------------- */

/*
 * c-ares, the library's other resolver, leaks a little at shutdown; and the
 * library's log lines on standard error say nothing that a status does not.
 * Variables that are set already are left alone.
 */
static void rpc_set_environment(void)
{
    setenv("GRPC_DNS_RESOLVER", "native", 0);
    setenv("GRPC_VERBOSITY", "NONE", 0);
}

/* Threads inherit the mask: signals stay with the loop's thread. */
static void rpc_block_signals(sigset_t *before)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, before);
}

static grpc_arg rpc_int_arg(const char *key, int value)
{
    grpc_arg arg = {.type = GRPC_ARG_INTEGER, .key = (char *)(uintptr_t)key};

    arg.value.integer = value;
    return arg;
}

/* The library notices bad roots late, and then reports "empty address list". */
static int rpc_make_credentials(grpc_channel_credentials **credentials,
    const struct rpc_options *o, struct err *err)
{
    if (!o->use_tls) {
        *credentials = grpc_insecure_credentials_create();
        return 0;
    }
    if (o->root_pem != NULL &&
        strstr(o->root_pem, "-----BEGIN CERTIFICATE-----") == NULL)
        return err_set(
            err, ERR_CONFIG, "the root certificate is not in PEM format");
    *credentials = grpc_ssl_credentials_create(o->root_pem, NULL, NULL, NULL);
    if (*credentials == NULL)
        return err_set(err, ERR_CONFIG, "found no root certificates for TLS");
    return 0;
}

static int rpc_channel_open(
    struct rpc_channel *c, const struct rpc_options *o, struct err *err)
{
    grpc_arg args[] = {
        rpc_int_arg(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, o->max_message_bytes),
        rpc_int_arg(GRPC_ARG_MAX_SEND_MESSAGE_LENGTH, o->max_message_bytes),
        rpc_int_arg(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, RECONNECT_FIRST_MS),
        rpc_int_arg(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, RECONNECT_MAX_MS),
        rpc_int_arg(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, CONNECT_TIMEOUT_MS),
        rpc_int_arg(GRPC_ARG_KEEPALIVE_TIME_MS, KEEPALIVE_TIME_MS),
        rpc_int_arg(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, KEEPALIVE_TIMEOUT_MS),
        rpc_int_arg(GRPC_ARG_ENABLE_RETRIES, 0),
        /* A small compressed answer could fill the memory: none is asked for,
         * and one that comes all the same stays as it is. */
        rpc_int_arg(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET,
            1 << GRPC_COMPRESS_NONE),
        rpc_int_arg(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0),
        rpc_int_arg(GRPC_ARG_TCP_READ_CHUNK_SIZE, READ_BYTES),
        rpc_int_arg(GRPC_ARG_MAX_METADATA_SIZE, METADATA_BYTES),
        rpc_int_arg("grpc.absolute_max_metadata_size", METADATA_BYTES),
    };
    grpc_channel_args list = {sizeof(args) / sizeof(args[0]), args};
    grpc_channel_credentials *credentials = NULL;
    int rc = rpc_make_credentials(&credentials, o, err);

    if (rc < 0)
        return rc;
    c->max_message_bytes = o->max_message_bytes;
    c->channel = grpc_channel_create(o->target, credentials, &list);
    grpc_channel_credentials_release(credentials);
    return 0;
}

static int rpc_bridge_start(struct rpc_channel *c, struct err *err)
{
    int rc;

    c->queue = grpc_completion_queue_create_for_next(NULL);
    rc = uv_thread_create(&c->bridge, rpc_bridge_main, c);
    if (rc < 0)
        return err_set(
            err, ERR_INTERNAL, "cannot start a thread: %s", uv_strerror(rc));
    return 0;
}

/* Undoes what a failed start has done; no bridge runs. */
static void rpc_abandon(struct rpc_channel *c)
{
    if (c->queue != NULL) {
        grpc_completion_queue_shutdown(c->queue);
        grpc_completion_queue_destroy(c->queue);
    }
    if (c->channel != NULL)
        grpc_channel_destroy(c->channel);
    uv_close((uv_handle_t *)&c->wake, on_rpc_closed);
}

static int rpc_channel_start(
    struct rpc_channel *c, const struct rpc_options *options, struct err *err)
{
    int rc = rpc_channel_open(c, options, err);

    if (rc == 0)
        rc = rpc_bridge_start(c, err);
    if (rc < 0)
        rpc_abandon(c);
    return rc;
}

static struct rpc_channel *rpc_channel_new(struct loop *loop, struct err *err)
{
    struct rpc_channel *c = calloc(1, sizeof(*c));
    int rc;

    if (c == NULL)
        abort();
    rc = uv_async_init(&loop->uv, &c->wake, on_rpc_wake);
    if (rc < 0) {
        err_set(err, ERR_INTERNAL, "uv_async_init: %s", uv_strerror(rc));
        free(c);
        return NULL;
    }
    uv_unref((uv_handle_t *)&c->wake);
    if (uv_mutex_init(&c->lock) != 0)
        abort();
    c->loop = loop;
    list_init(&c->pending);
    list_init(&c->completed);
    return c;
}

int rpc_channel_init(struct rpc_channel **out, struct loop *loop,
    const struct rpc_options *options, struct err *err)
{
    struct rpc_channel *c = rpc_channel_new(loop, err);
    sigset_t before;
    int rc;

    if (c == NULL)
        return ERR_INTERNAL;
    rpc_set_environment();
    rpc_block_signals(&before);
    grpc_init();
    rc = rpc_channel_start(c, options, err);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc < 0)
        return rc;
    *out = c;
    return 0;
}

void rpc_channel_close(struct rpc_channel *c)
{
    assert(!c->closing);
    c->closing = true;
    uv_ref((uv_handle_t *)&c->wake);
    list_for_each (node, &c->pending)
        op_cancel(&container_of(node, struct rpc_call, pending)->req->op);
    rpc_free_when_closed(c);
}

/* --- a call's beginning ------------------------------------------------ */

static void rpc_call_cancel(struct op *op)
{
    struct rpc_req *req = container_of(op, struct rpc_req, op);

    grpc_call_cancel(req->call->call, NULL);
}

/* From here on the bridge may touch the call. Our lock orders that,
 * independently of the library's own synchronization. */
static void rpc_publish(struct rpc_channel *c, struct rpc_call *call)
{
    uv_mutex_lock(&c->lock);
    list_init(&call->pending);
    list_init(&call->completed);
    uv_mutex_unlock(&c->lock);
}

void rpc_call(struct rpc_channel *c, struct rpc_req *req)
{
    struct rpc_call *call;
    struct err err;

    assert(req->timeout_ms > 0);
    buf_init(&req->answer, (size_t)c->max_message_bytes);
    if (c->closing) {
        err_set(&err, ERR_CANCELED, "the channel is closing");
        op_fail(&req->op, &c->loop->ready, &err);
        return;
    }
    call = rpc_call_new(req);
    buf_init(&call->bytes, (size_t)c->max_message_bytes);
    rpc_publish(c, call);
    if (rpc_call_start(call, c->channel, c->queue, &err) < 0) {
        rpc_call_free(call);
        op_fail(&req->op, &c->loop->ready, &err);
        return;
    }
    req->call = call;
    list_push(&c->pending, &call->pending);
    uv_ref((uv_handle_t *)&c->wake);
    op_begin(&req->op, &c->loop->ready, rpc_call_cancel);
}

void rpc_req_clear(struct rpc_req *req)
{
    buf_free(&req->answer);
}
