/*
 * Between rpc.c (the channel, its bridge, the life of calls) and rpc_call.c
 * (one call and what the library needs for it); private to them.
 */
#ifndef NET_RPC_RPC_IMPL_H
#define NET_RPC_RPC_IMPL_H

#include "net/rpc/rpc.h"
#include <grpc/grpc.h>

/* A request from rpc_call() to op_finish(). */
struct rpc_call {
    struct rpc_req *req; /* borrowed; its owner waits for us */
    grpc_call *call;     /* owned */
    struct list pending;
    struct list completed;
    grpc_metadata *headers;      /* owned, req->nmetadata of them */
    grpc_byte_buffer *request;   /* owned */
    grpc_byte_buffer *answer;    /* owned; NULL: none came */
    grpc_metadata_array initial; /* received, owned; not read */
    grpc_metadata_array trailing;
    grpc_status_code status;
    grpc_slice details; /* owned; the status's text */
    struct buf bytes;   /* the answer, owned until the request has it */
    struct err err;     /* what came of the call */
};

/* Copies the request; the lists are the caller's to begin. */
struct rpc_call *rpc_call_new(struct rpc_req *req);

/*
 * Starts it: one completion with the call as its tag will come. ERR_INVALID:
 * none will.
 */
int rpc_call_start(struct rpc_call *call, grpc_channel *channel,
    grpc_completion_queue *queue, struct err *err);

/* Of a completed call, on the bridge: fills in `bytes` and `err`, and frees
 * what the library holds of the answer. */
void rpc_call_outcome(struct rpc_call *call);

/* Frees what is left, the call itself included. */
void rpc_call_free(struct rpc_call *call);

#endif
