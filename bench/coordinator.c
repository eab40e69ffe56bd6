/*
 * A coordinator that costs next to nothing: every page of its services is
 * rendered before the first call, and a call sends a ready slice.
 *
 *   bench_coordinator PORT ITEMS LIMIT REVISION
 *                     [ITEM_BYTES [SERVICES [LATENCY_MS]]]
 *
 * Prints "ready BYTES", the size of an item, when it listens. One service is
 * `bench-items`; of several each has its share of the items, and the numbers
 * from 0 for names: `bench-items-0`.
 * One thread takes completions. A call is two of them: `asked`, with the
 * request, and `answered`; then it starts over as the next call's. With a
 * latency it waits in between, behind those that were asked before it.
 */
#include "coordinator.pb-c.h"
#include "corpus.h"
#include "util.h"
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <signal.h>
#include <string.h>

enum { CALLS = 16 /* that may be in flight */ };

struct call {
    grpc_call *call;
    grpc_metadata_array headers;
    grpc_byte_buffer *request, *answer;
    gpr_timespec deadline;
    int canceled;
    gpr_timespec due; /* of one that waits */
    enum { ASKED, ANSWERED } state;
};

static grpc_server *server;
static grpc_completion_queue *queue;
static void *method;
static unsigned items, limit, revision, npages; /* of each service */
static unsigned services = 1, latency_ms;
static size_t item_size = ITEM_BYTES; /* that is asked for */
static size_t all_bytes;              /* of all items */
static struct call *waiting[CALLS];   /* a ring: the first due is the oldest */
static size_t oldest, nwaiting;
static grpc_slice *pages; /* services x (npages + an empty one) */

static void put(char **at, const char *text)
{
    size_t len = strlen(text);

    memcpy(*at, text, len);
    *at += len;
}

static char *envelope(unsigned first, unsigned n)
{
    size_t room = item_size + ITEM_ROOM;
    char *out = must(malloc((size_t)n * room + 256)), *at = out;
    size_t len;

    put(&at, "{\"success\":true,\"data\":{\"items\":[");
    for (unsigned i = 0; i < n; i++) {
        if (i > 0)
            put(&at, ",");
        len = item_json(at, first + i, revision, item_size);
        all_bytes += len;
        at += len;
    }
    sprintf(at, "],\"total\":%u}}", items);
    return out;
}

static void service_name(unsigned service, char out[64])
{
    if (services == 1)
        strcpy(out, BENCH_SERVICE);
    else
        sprintf(out, BENCH_SERVICE "-%u", service);
}

static grpc_slice page(unsigned service, unsigned number)
{
    Rag__V1__RouteResponse m = RAG__V1__ROUTE_RESPONSE__INIT;
    Rag__V1__RouteResponse__NormalizedFieldsEntry by =
        RAG__V1__ROUTE_RESPONSE__NORMALIZED_FIELDS_ENTRY__INIT;
    Rag__V1__RouteResponse__NormalizedFieldsEntry *fields[] = {&by};
    char name[64], *names[] = {name};
    unsigned first = number * limit, left = first < items ? items - first : 0;
    grpc_slice slice;

    service_name(service, name);
    by.key = (char *)"successful_service";
    by.value = name;
    m.target_services = names;
    m.n_target_services = 1;
    m.normalized_fields = fields;
    m.n_normalized_fields = 1;
    m.envelope_json =
        envelope(service * items + first, left < limit ? left : limit);
    slice = grpc_slice_malloc(rag__v1__route_response__get_packed_size(&m));
    rag__v1__route_response__pack(&m, GRPC_SLICE_START_PTR(slice));
    free(m.envelope_json);
    return slice;
}

static void ask(struct call *c)
{
    memset(c, 0, sizeof(*c));
    grpc_metadata_array_init(&c->headers);
    c->state = ASKED;
    if (grpc_server_request_registered_call(server, method, &c->call,
            &c->deadline, &c->headers, &c->request, queue, queue,
            c) != GRPC_CALL_OK)
        die("no call can be asked for");
}

static const char *field(const Rag__V1__RouteRequest *m, const char *key)
{
    for (size_t i = 0; i < m->n_metadata; i++) {
        if (strcmp(m->metadata[i]->key, key) == 0)
            return m->metadata[i]->value;
    }
    return "";
}

/* The page that is asked for; NULL for one that is not served. */
static const grpc_slice *page_of(const Rag__V1__RouteRequest *m)
{
    const char *service = field(m, "target_service");
    unsigned number = (unsigned)strtoul(field(m, "page"), NULL, 10), which = 0;

    if (services > 1 && sscanf(service, BENCH_SERVICE "-%u", &which) != 1)
        return NULL;
    if (strtoul(field(m, "limit"), NULL, 10) != limit || number == 0 ||
        which >= services)
        return NULL;
    number = number <= npages ? number - 1 : npages;
    return &pages[which * (npages + 1) + number];
}

static const grpc_slice *find(grpc_byte_buffer *request)
{
    grpc_byte_buffer_reader reader;
    grpc_slice bytes;
    Rag__V1__RouteRequest *m;
    const grpc_slice *found = NULL;

    if (request == NULL || !grpc_byte_buffer_reader_init(&reader, request))
        return NULL;
    bytes = grpc_byte_buffer_reader_readall(&reader);
    m = rag__v1__route_request__unpack(
        NULL, GRPC_SLICE_LENGTH(bytes), GRPC_SLICE_START_PTR(bytes));
    if (m != NULL) {
        found = page_of(m);
        rag__v1__route_request__free_unpacked(m, NULL);
    }
    grpc_slice_unref(bytes);
    grpc_byte_buffer_reader_destroy(&reader);
    return found;
}

static void answer(struct call *c)
{
    const grpc_slice *found = find(c->request);
    grpc_slice none = grpc_empty_slice();
    grpc_op ops[4] = {{.op = GRPC_OP_SEND_INITIAL_METADATA},
        {.op = GRPC_OP_SEND_MESSAGE}, {.op = GRPC_OP_SEND_STATUS_FROM_SERVER},
        {.op = GRPC_OP_RECV_CLOSE_ON_SERVER}};

    c->answer =
        grpc_raw_byte_buffer_create((grpc_slice *)(found ? found : &none), 1);
    ops[1].data.send_message.send_message = c->answer;
    ops[2].data.send_status_from_server.status =
        found ? GRPC_STATUS_OK : GRPC_STATUS_INVALID_ARGUMENT;
    ops[3].data.recv_close_on_server.cancelled = &c->canceled;
    c->state = ANSWERED;
    if (grpc_call_start_batch(c->call, ops, 4, c, NULL) != GRPC_CALL_OK)
        die("an answer does not start");
}

static void wait_turn(struct call *c)
{
    c->due = gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
        gpr_time_from_millis(latency_ms, GPR_TIMESPAN));
    waiting[(oldest + nwaiting++) % CALLS] = c;
}

static gpr_timespec next_due(void)
{
    return nwaiting > 0 ? waiting[oldest]->due
                        : gpr_inf_future(GPR_CLOCK_MONOTONIC);
}

static void answer_due(void)
{
    while (nwaiting > 0 &&
           gpr_time_cmp(next_due(), gpr_now(GPR_CLOCK_MONOTONIC)) <= 0) {
        answer(waiting[oldest]);
        oldest = (oldest + 1) % CALLS;
        nwaiting--;
    }
}

static void forget(struct call *c)
{
    grpc_metadata_array_destroy(&c->headers);
    grpc_byte_buffer_destroy(c->request);
    grpc_byte_buffer_destroy(c->answer);
    grpc_call_unref(c->call);
}

static void step(struct call *c, int success)
{
    if (c->state == ASKED && success && latency_ms > 0) {
        wait_turn(c);
    } else if (c->state == ASKED && success) {
        answer(c);
    } else if (c->state == ANSWERED) {
        forget(c);
        ask(c);
    }
}

static void render_pages(void)
{
    npages = (items + limit - 1) / limit;
    pages = must(calloc((size_t)services * (npages + 1), sizeof(*pages)));
    for (unsigned k = 0; k < services; k++) {
        for (unsigned i = 0; i <= npages; i++)
            pages[k * (npages + 1) + i] = page(k, i);
    }
}

static void serve(const char *port)
{
    grpc_server_credentials *plain = grpc_insecure_server_credentials_create();
    grpc_arg most = {.type = GRPC_ARG_INTEGER,
        .key = (char *)GRPC_ARG_MAX_SEND_MESSAGE_LENGTH,
        .value.integer = -1};
    grpc_channel_args args = {1, &most};
    char address[64];

    snprintf(address, sizeof(address), "127.0.0.1:%s", port);
    server = grpc_server_create(&args, NULL);
    queue = grpc_completion_queue_create_for_next(NULL);
    grpc_server_register_completion_queue(server, queue, NULL);
    method =
        grpc_server_register_method(server, "/rag.v1.CoordinatorService/Route",
            NULL, GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER, 0);
    if (!grpc_server_add_http2_port(server, address, plain))
        die("cannot listen on %s", address);
    grpc_server_credentials_release(plain);
    grpc_server_start(server);
}

int main(int argc, char **argv)
{
    static struct call calls[CALLS];

    if (argc < 5 || argc > 8)
        die("usage: bench_coordinator PORT ITEMS LIMIT REVISION"
            " [ITEM_BYTES [SERVICES [LATENCY_MS]]]");
    limit = number_of(argv[3]);
    revision = number_of(argv[4]);
    if (argc > 5)
        item_size = number_of(argv[5]);
    if (argc > 6)
        services = number_of(argv[6]);
    if (argc > 7)
        latency_ms = number_of(argv[7]);
    items = number_of(argv[2]) / services;
    grpc_init();
    render_pages();
    serve(argv[1]);
    for (size_t i = 0; i < CALLS; i++)
        ask(&calls[i]);
    printf("ready %zu\n", all_bytes / ((size_t)items * services));
    fflush(stdout);
    for (;;) {
        grpc_event e = grpc_completion_queue_next(queue, next_due(), NULL);

        if (e.type == GRPC_OP_COMPLETE)
            step(e.tag, e.success);
        answer_due();
    }
}
