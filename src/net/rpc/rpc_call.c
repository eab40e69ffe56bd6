/*
 * One gRPC call: the request as slices, the batch, what came of it.
 *
 * Happy path: rpc_call_new(), rpc_call_start(), a completion, outcome, free.
 * Failures, cancel and close: see rpc.c; a call that has been started is only
 * ever freed after its completion.
 */
#include "net/rpc/rpc_impl.h"

#include "net/rpc/rpc_status.h"

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/support/time.h>
#include <stdlib.h>

static grpc_slice rpc_call_copied(struct str s)
{
    return grpc_slice_from_copied_buffer(s.p, s.len);
}

/* Everything is copied: the library may hold on to it past the callback. */
struct rpc_call *rpc_call_new(struct rpc_req *req)
{
    struct rpc_call *call = calloc(1, sizeof(*call));
    grpc_slice body = rpc_call_copied(req->request);

    if (call == NULL)
        abort();
    call->req = req;
    call->headers = calloc(req->nmetadata + 1, sizeof(*call->headers));
    if (call->headers == NULL)
        abort();
    for (size_t i = 0; i < req->nmetadata; i++) {
        call->headers[i].key = rpc_call_copied(str_of(req->metadata[i].key));
        call->headers[i].value = rpc_call_copied(req->metadata[i].value);
    }
    call->request = grpc_raw_byte_buffer_create(&body, 1);
    grpc_slice_unref(body);
    grpc_metadata_array_init(&call->initial);
    grpc_metadata_array_init(&call->trailing);
    call->details = grpc_empty_slice();
    return call;
}

static grpc_call *make_call(grpc_channel *channel, grpc_completion_queue *queue,
    const struct rpc_req *req)
{
    gpr_timespec deadline = gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
        gpr_time_from_millis(req->timeout_ms, GPR_TIMESPAN));
    grpc_slice method = rpc_call_copied(str_of(req->method));
    grpc_call *call = grpc_channel_create_call(channel, NULL,
        GRPC_PROPAGATE_DEFAULTS, queue, method, NULL, deadline, NULL);

    grpc_slice_unref(method);
    return call;
}

/* One batch for the whole call, so one completion: its tag is the call. */
static grpc_call_error rpc_call_start_batch(struct rpc_call *call)
{
    grpc_op ops[6] = {
        {.op = GRPC_OP_SEND_INITIAL_METADATA},
        {.op = GRPC_OP_SEND_MESSAGE},
        {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT},
        {.op = GRPC_OP_RECV_INITIAL_METADATA},
        {.op = GRPC_OP_RECV_MESSAGE},
        {.op = GRPC_OP_RECV_STATUS_ON_CLIENT},
    };

    ops[0].data.send_initial_metadata.count = call->req->nmetadata;
    ops[0].data.send_initial_metadata.metadata = call->headers;
    ops[1].data.send_message.send_message = call->request;
    ops[3].data.recv_initial_metadata.recv_initial_metadata = &call->initial;
    ops[4].data.recv_message.recv_message = &call->answer;
    ops[5].data.recv_status_on_client.trailing_metadata = &call->trailing;
    ops[5].data.recv_status_on_client.status = &call->status;
    ops[5].data.recv_status_on_client.status_details = &call->details;
    return grpc_call_start_batch(call->call, ops, 6, call, NULL);
}

int rpc_call_start(struct rpc_call *call, grpc_channel *channel,
    grpc_completion_queue *queue, struct err *err)
{
    grpc_call_error rc;

    call->call = make_call(channel, queue, call->req);
    rc = rpc_call_start_batch(call);
    if (rc == GRPC_CALL_OK)
        return 0;
    return err_set(err, ERR_INVALID, "cannot start the call: %s",
        grpc_call_error_to_string(rc));
}

static bool rpc_call_is_compressed(const grpc_byte_buffer *b)
{
    return b->type == GRPC_BB_RAW &&
           b->data.raw.compression != GRPC_COMPRESS_NONE;
}

static int rpc_call_copy_answer(
    grpc_byte_buffer *from, struct buf *to, struct err *err)
{
    grpc_byte_buffer_reader reader;
    grpc_slice slice;

    if (from == NULL)
        return err_set(err, ERR_PROTOCOL, "status OK without a message");
    if (rpc_call_is_compressed(from))
        return err_set(err, ERR_PROTOCOL,
            "the answer is compressed, which was not asked for");
    if (!grpc_byte_buffer_reader_init(&reader, from))
        return err_set(err, ERR_PROTOCOL, "the message cannot be read");
    buf_reserve(to, grpc_byte_buffer_length(from));
    while (grpc_byte_buffer_reader_next(&reader, &slice)) {
        buf_add(to, GRPC_SLICE_START_PTR(slice), GRPC_SLICE_LENGTH(slice));
        grpc_slice_unref(slice);
    }
    grpc_byte_buffer_reader_destroy(&reader);
    if (to->error != 0)
        return err_set(err, to->error, "the answer: %s", err_name(to->error));
    return 0;
}

/* By pointer: the bytes of a short slice are inside of it. */
static struct str rpc_call_slice_view(const grpc_slice *slice)
{
    return (struct str){
        (const char *)GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice)};
}

void rpc_call_outcome(struct rpc_call *call)
{
    err_clear(&call->err);
    if (call->status != GRPC_STATUS_OK)
        rpc_status_err(
            (int)call->status, rpc_call_slice_view(&call->details), &call->err);
    else
        rpc_call_copy_answer(call->answer, &call->bytes, &call->err);
    grpc_byte_buffer_destroy(call->answer);
    call->answer = NULL;
}

void rpc_call_free(struct rpc_call *call)
{
    for (size_t i = 0; i < call->req->nmetadata; i++) {
        grpc_slice_unref(call->headers[i].key);
        grpc_slice_unref(call->headers[i].value);
    }
    free(call->headers);
    grpc_metadata_array_destroy(&call->initial);
    grpc_metadata_array_destroy(&call->trailing);
    grpc_byte_buffer_destroy(call->request);
    grpc_byte_buffer_destroy(call->answer);
    grpc_slice_unref(call->details);
    if (call->call != NULL)
        grpc_call_unref(call->call);
    free(call);
}
