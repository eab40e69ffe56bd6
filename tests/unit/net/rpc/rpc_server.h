/*
 * A small gRPC server for tests, in its own thread: every method of every
 * service is answered by one function of the test's. Included by one test
 * program each, hence the static functions.
 */
#ifndef TESTS_NET_RPC_RPC_SERVER_H
#define TESTS_NET_RPC_RPC_SERVER_H

#include "base/str.h"
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/support/time.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

/* What came; all borrowed while the handler runs. */
struct rpc_seen {
    struct str method;
    struct str request;
    const grpc_metadata_array *metadata;
};

/* What goes back; zeroed before the handler: OK and an empty message. */
struct rpc_reply {
    int status;
    const char *text; /* of a status that is not OK */
    struct str body;  /* copied; may be the request */
    bool no_message;  /* OK, but nothing with it */
    bool hang;        /* no reply until the caller gives up */
};

/* Runs on the server's thread. */
typedef void (*rpc_handler)(
    void *arg, const struct rpc_seen *seen, struct rpc_reply *reply);

struct rpc_server {
    grpc_server *server;
    grpc_completion_queue *queue;
    uv_thread_t thread;
    rpc_handler handler;
    void *arg;
    bool stopping; /* the thread's own */
    char target[64];
};

enum served_state { SERVED_WAITING, SERVED_READING, SERVED_ENDING };

struct served {
    enum served_state state;
    grpc_call *call;
    grpc_call_details details;
    grpc_metadata_array metadata;
    grpc_byte_buffer *request;
    int cancelled;
};

static inline struct str rpc_slice_view(const grpc_slice *slice)
{
    return (struct str){
        (const char *)GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice)};
}

/* The value of a header; {NULL, 0} when it did not come. */
static inline struct str rpc_seen_header(
    const struct rpc_seen *seen, const char *key)
{
    for (size_t i = 0; i < seen->metadata->count; i++) {
        const grpc_metadata *m = &seen->metadata->metadata[i];

        if (str_eq(rpc_slice_view(&m->key), str_of(key)))
            return rpc_slice_view(&m->value);
    }
    return (struct str){NULL, 0};
}

static void rpc_server_wait(struct rpc_server *s)
{
    struct served *served = calloc(1, sizeof(*served));

    if (served == NULL)
        abort();
    grpc_call_details_init(&served->details);
    grpc_metadata_array_init(&served->metadata);
    grpc_server_request_call(s->server, &served->call, &served->details,
        &served->metadata, s->queue, s->queue, served);
}

static void rpc_server_forget(struct served *served)
{
    grpc_call_details_destroy(&served->details);
    grpc_metadata_array_destroy(&served->metadata);
    grpc_byte_buffer_destroy(served->request);
    if (served->call != NULL)
        grpc_call_unref(served->call);
    free(served);
}

static void rpc_server_read(struct served *served)
{
    grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};

    served->state = SERVED_READING;
    op.data.recv_message.recv_message = &served->request;
    grpc_call_start_batch(served->call, &op, 1, served, NULL);
}

/* A reply's batch takes the close as well, or the call never ends. */
static void rpc_server_reply(struct served *served, struct rpc_reply *reply)
{
    grpc_slice text =
        grpc_slice_from_copied_string(reply->text != NULL ? reply->text : "");
    grpc_slice body =
        grpc_slice_from_copied_buffer(reply->body.p, reply->body.len);
    grpc_byte_buffer *message = grpc_raw_byte_buffer_create(&body, 1);
    grpc_op ops[4] = {{.op = GRPC_OP_RECV_CLOSE_ON_SERVER}};
    size_t n = 1;

    ops[0].data.recv_close_on_server.cancelled = &served->cancelled;
    if (!reply->hang) {
        ops[n++].op = GRPC_OP_SEND_INITIAL_METADATA;
        if (reply->status == GRPC_STATUS_OK && !reply->no_message) {
            ops[n].op = GRPC_OP_SEND_MESSAGE;
            ops[n++].data.send_message.send_message = message;
        }
        ops[n].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
        ops[n].data.send_status_from_server.status =
            (grpc_status_code)reply->status;
        ops[n++].data.send_status_from_server.status_details = &text;
    }
    served->state = SERVED_ENDING;
    grpc_call_start_batch(served->call, ops, n, served, NULL);
    grpc_byte_buffer_destroy(message);
    grpc_slice_unref(body);
    grpc_slice_unref(text);
}

static void rpc_server_answer(struct rpc_server *s, struct served *served)
{
    struct rpc_reply reply = {.status = GRPC_STATUS_OK};
    struct rpc_seen seen = {.metadata = &served->metadata};
    grpc_byte_buffer_reader reader;
    grpc_slice body = grpc_empty_slice();

    if (served->request != NULL &&
        grpc_byte_buffer_reader_init(&reader, served->request)) {
        body = grpc_byte_buffer_reader_readall(&reader);
        grpc_byte_buffer_reader_destroy(&reader);
    }
    seen.method = rpc_slice_view(&served->details.method);
    seen.request = rpc_slice_view(&body);
    s->handler(s->arg, &seen, &reply);
    rpc_server_reply(served, &reply);
    grpc_slice_unref(body);
}

static void rpc_server_step(
    struct rpc_server *s, struct served *served, int success)
{
    if (!success || s->stopping || served->state == SERVED_ENDING) {
        rpc_server_forget(served);
        return;
    }
    if (served->state == SERVED_WAITING) {
        rpc_server_wait(s);
        rpc_server_read(served);
        return;
    }
    rpc_server_answer(s, served);
}

static void rpc_server_main(void *arg)
{
    struct rpc_server *s = arg;

    for (;;) {
        grpc_event event = grpc_completion_queue_next(
            s->queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);

        if (event.type == GRPC_QUEUE_SHUTDOWN)
            return;
        if (event.tag == s) {
            s->stopping = true;
            grpc_completion_queue_shutdown(s->queue);
        } else {
            rpc_server_step(s, event.tag, event.success);
        }
    }
}

/* Before anything of the library is made; each start comes with a stop. */
static inline void rpc_server_prepare(void)
{
    setenv("GRPC_DNS_RESOLVER", "native", 0);
    setenv("GRPC_VERBOSITY", "NONE", 0);
    setenv("no_grpc_proxy", "127.0.0.1,localhost", 1);
    grpc_init();
}

/* After prepare; takes the credentials over. */
static inline void rpc_server_listen(struct rpc_server *s, int port,
    grpc_server_credentials *credentials, rpc_handler handler, void *arg)
{
    grpc_arg size = {.type = GRPC_ARG_INTEGER,
        .key = (char *)(uintptr_t)GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH};
    grpc_channel_args args = {1, &size};

    *s = (struct rpc_server){.handler = handler, .arg = arg};
    size.value.integer = -1;
    s->server = grpc_server_create(&args, NULL);
    s->queue = grpc_completion_queue_create_for_next(NULL);
    grpc_server_register_completion_queue(s->server, s->queue, NULL);
    snprintf(s->target, sizeof(s->target), "127.0.0.1:%d", port);
    port = grpc_server_add_http2_port(s->server, s->target, credentials);
    if (port <= 0)
        abort();
    snprintf(s->target, sizeof(s->target), "127.0.0.1:%d", port);
    grpc_server_credentials_release(credentials);
    grpc_server_start(s->server);
    rpc_server_wait(s);
    uv_thread_create(&s->thread, rpc_server_main, s);
}

/* Listens on a free port of 127.0.0.1 (0), or again on the given one. */
static inline void rpc_server_start(
    struct rpc_server *s, int port, rpc_handler handler, void *arg)
{
    rpc_server_prepare();
    rpc_server_listen(
        s, port, grpc_insecure_server_credentials_create(), handler, arg);
}

/* Drops what hangs and waits for the thread. */
static inline void rpc_server_stop(struct rpc_server *s)
{
    grpc_server_shutdown_and_notify(s->server, s->queue, s);
    grpc_server_cancel_all_calls(s->server);
    uv_thread_join(&s->thread);
    grpc_server_destroy(s->server);
    grpc_completion_queue_destroy(s->queue);
    grpc_shutdown();
}

#endif
