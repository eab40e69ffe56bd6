#include "route.h"

#include "coordinator.pb-c.h"
#include "corpus.h"
#include "util.h"
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc_security.h>
#include <grpc/support/time.h>
#include <string.h>

typedef Rag__V1__RouteRequest__MetadataEntry Entry;

void route_open(struct route_client *c, const char *target)
{
    grpc_arg most = {.type = GRPC_ARG_INTEGER,
        .key = (char *)GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH,
        .value.integer = -1};
    grpc_channel_args args = {1, &most};
    grpc_channel_credentials *plain = grpc_insecure_credentials_create();

    grpc_init();
    c->queue = grpc_completion_queue_create_for_pluck(NULL);
    c->channel = grpc_channel_create(target, plain, &args);
    grpc_channel_credentials_release(plain);
}

void route_close(struct route_client *c)
{
    grpc_channel_destroy(c->channel);
    grpc_completion_queue_shutdown(c->queue);
    grpc_completion_queue_destroy(c->queue);
    grpc_shutdown();
}

static Entry entry(const char *key, const char *value)
{
    Entry e = RAG__V1__ROUTE_REQUEST__METADATA_ENTRY__INIT;

    e.key = (char *)(uintptr_t)key;
    e.value = (char *)(uintptr_t)value;
    return e;
}

static grpc_byte_buffer *packed_request(unsigned page, unsigned limit)
{
    Rag__V1__RouteRequest m = RAG__V1__ROUTE_REQUEST__INIT;
    char page_text[16], limit_text[16];
    uint8_t bytes[512];
    Entry entries[3];
    Entry *list[3] = {&entries[0], &entries[1], &entries[2]};
    grpc_byte_buffer *out;
    grpc_slice slice;

    snprintf(page_text, sizeof(page_text), "%u", page);
    snprintf(limit_text, sizeof(limit_text), "%u", limit);
    entries[0] = entry("target_service", BENCH_SERVICE);
    entries[1] = entry("page", page_text);
    entries[2] = entry("limit", limit_text);
    m.metadata = list;
    m.n_metadata = 3;
    slice = grpc_slice_from_copied_buffer(
        (char *)bytes, rag__v1__route_request__pack(&m, bytes));
    out = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return out;
}

static uint8_t *bytes_of(grpc_byte_buffer *answer, size_t *len)
{
    grpc_byte_buffer_reader reader;
    grpc_slice slice;
    uint8_t *out = must(malloc(grpc_byte_buffer_length(answer) + 1));

    *len = 0;
    grpc_byte_buffer_reader_init(&reader, answer);
    while (grpc_byte_buffer_reader_next(&reader, &slice)) {
        memcpy(
            out + *len, GRPC_SLICE_START_PTR(slice), GRPC_SLICE_LENGTH(slice));
        *len += GRPC_SLICE_LENGTH(slice);
        grpc_slice_unref(slice);
    }
    grpc_byte_buffer_reader_destroy(&reader);
    return out;
}

static void run(struct route_client *c, grpc_call *call, const grpc_op *ops,
    size_t n, const grpc_status_code *status, const grpc_slice *details)
{
    gpr_timespec for_ever = gpr_inf_future(GPR_CLOCK_REALTIME);

    if (grpc_call_start_batch(call, ops, n, call, NULL) != GRPC_CALL_OK)
        die("the call for a page does not start");
    grpc_completion_queue_pluck(c->queue, call, for_ever, NULL);
    if (*status != GRPC_STATUS_OK)
        die("coordinator: status %d: %.*s", (int)*status,
            (int)GRPC_SLICE_LENGTH(*details), GRPC_SLICE_START_PTR(*details));
}

uint8_t *route_page(
    struct route_client *c, unsigned page, unsigned limit, size_t *len)
{
    gpr_timespec deadline = gpr_time_add(
        gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_seconds(30, GPR_TIMESPAN));
    grpc_slice method =
        grpc_slice_from_static_string("/rag.v1.CoordinatorService/Route");
    grpc_byte_buffer *request = packed_request(page, limit), *answer = NULL;
    grpc_metadata_array initial, trailing;
    grpc_slice details = grpc_empty_slice();
    grpc_status_code status;
    grpc_op ops[6] = {{.op = GRPC_OP_SEND_INITIAL_METADATA},
        {.op = GRPC_OP_SEND_MESSAGE}, {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT},
        {.op = GRPC_OP_RECV_INITIAL_METADATA}, {.op = GRPC_OP_RECV_MESSAGE},
        {.op = GRPC_OP_RECV_STATUS_ON_CLIENT}};
    grpc_call *call = grpc_channel_create_call(c->channel, NULL,
        GRPC_PROPAGATE_DEFAULTS, c->queue, method, NULL, deadline, NULL);
    uint8_t *out;

    grpc_metadata_array_init(&initial);
    grpc_metadata_array_init(&trailing);
    ops[1].data.send_message.send_message = request;
    ops[3].data.recv_initial_metadata.recv_initial_metadata = &initial;
    ops[4].data.recv_message.recv_message = &answer;
    ops[5].data.recv_status_on_client.trailing_metadata = &trailing;
    ops[5].data.recv_status_on_client.status = &status;
    ops[5].data.recv_status_on_client.status_details = &details;
    run(c, call, ops, 6, &status, &details);
    out = bytes_of(answer, len);
    grpc_byte_buffer_destroy(request);
    grpc_byte_buffer_destroy(answer);
    grpc_metadata_array_destroy(&initial);
    grpc_metadata_array_destroy(&trailing);
    grpc_slice_unref(details);
    grpc_call_unref(call);
    return out;
}
