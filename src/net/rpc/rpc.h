/*
 * Unary gRPC calls over the C core. One bridge thread sits in
 * grpc_completion_queue_next() and wakes the loop; everything else, every
 * callback included, runs on the loop's thread.
 */
#ifndef NET_RPC_RPC_H
#define NET_RPC_RPC_H

#include "base/buf.h"
#include "net/loop.h"

struct rpc_channel;

struct rpc_metadata {
    const char *key;  /* lower case; borrowed until the callback */
    struct str value; /* borrowed until the callback */
};

struct rpc_options {
    const char *target; /* host:port; borrowed during init */
    bool use_tls;
    const char *root_pem;  /* NULL: the system's roots */
    int max_message_bytes; /* to receive and to send */
};

struct rpc_req {
    /*
     * err by status: UNAVAILABLE -> ERR_UNAVAILABLE, DEADLINE_EXCEEDED ->
     * ERR_TIMEOUT, RESOURCE_EXHAUSTED -> ERR_TOO_LARGE when it speaks of the
     * message's size, else ERR_BUSY; ABORTED, INTERNAL -> ERR_SOURCE;
     * UNAUTHENTICATED, PERMISSION_DENIED -> ERR_AUTH; NOT_FOUND ->
     * ERR_NOT_FOUND; all others -> ERR_INVALID (not tried again). Message:
     * the status name and the first line of its text. OK without a message
     * is ERR_PROTOCOL.
     */
    struct op op;

    /* In; all borrowed until the callback. */
    const char *method; /* "/rag.v1.CoordinatorService/Route" */
    struct str request;
    const struct rpc_metadata *metadata;
    size_t nmetadata;
    int timeout_ms; /* the deadline; > 0 */

    /* Out. */
    int status;        /* gRPC status code */
    struct buf answer; /* owned: rpc_req_clear() */

    struct rpc_call *call; /* the channel's */
};

/*
 * Connects with the first call, and again by itself. Pending calls keep the
 * loop running; a channel without any does not, but it has to be closed
 * before loop_close(). Sets GRPC_DNS_RESOLVER and GRPC_VERBOSITY unless they
 * are set, so the first channel comes before other threads.
 */
int rpc_channel_init(struct rpc_channel **c, struct loop *loop,
    const struct rpc_options *options, struct err *err);

/*
 * Cancels what is pending; frees itself on the loop, bridge joined. Requests
 * still get their callbacks, with ERR_CANCELED.
 */
void rpc_channel_close(struct rpc_channel *c);

/* ERR_INVALID for a header that HTTP/2 does not allow, ERR_CANCELED on a
 * channel that is closing. */
void rpc_call(struct rpc_channel *c, struct rpc_req *req);

/* Frees the answer; needed after every callback, harmless before the first. */
void rpc_req_clear(struct rpc_req *req);

#endif
