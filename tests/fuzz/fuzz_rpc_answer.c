/*
 * A gRPC answer. The first byte says whether the rest is the text of that
 * status, or a message: unpacked by us it means what the generated code makes
 * of it, and its envelope can be read.
 */
#include "fuzz.h"

#include "coordinator.pb-c.h"
#include "net/rpc/rpc_status.h"
#include "source/coordinator_answer.h"

enum { ARENA_BYTES = 1 << 20, MOST_BYTES = 1 << 16, STATUSES = 0x40 };

static const char schema_text[] =
    "{\"service_name\":\"backend\",\"data_structure\":{\"id\":\"string\"}}";

static void check_status(int status, struct str text)
{
    struct err err;
    int rc = rpc_status_err(status, text, &err);

    require(rc == err.code && strchr(err.msg, '\n') == NULL);
    check_err(&err);
}

/* Either of them may be the stricter one in what a broken message is; what
 * both accept has the same fields. */
static void check_same(const struct page_req *req, struct str text)
{
    Rag__V1__RouteResponse *answer = rag__v1__route_response__unpack(
        NULL, text.len, (const uint8_t *)text.p);

    if (answer == NULL)
        return;
    require(str_eq(req->envelope.json, str_of(answer->envelope_json)) ||
            strlen(answer->envelope_json) < req->envelope.json.len);
    require(req->envelope.nfields == answer->n_normalized_fields);
    for (size_t i = 0; i < req->envelope.nfields; i++) {
        const struct envelope_field *f = &req->envelope.fields[i];

        require(str_eq(f->name, str_of(answer->normalized_fields[i]->key)));
        require(str_eq(f->value, str_of(answer->normalized_fields[i]->value)));
    }
    rag__v1__route_response__free_unpacked(answer, NULL);
}

static void read_envelope(struct arena *a, const struct envelope *envelope)
{
    struct schema *schema;
    struct page_view view;
    struct buf problems;
    struct err err = {.code = 0};

    buf_init(&problems, 4096);
    require(schema_parse(a, "target-service.json", STR(schema_text), &schema,
                &problems) == 0);
    if (envelope_read(envelope, "target", schema, a, &view, &err) < 0)
        check_err(&err);
    buf_free(&problems);
}

static void check_message(struct str text)
{
    struct arena a;
    struct buf bytes;
    struct page_req req = {.arena = &a};
    struct err err = {.code = 0};

    arena_init(&a, ARENA_BYTES);
    buf_init(&bytes, MOST_BYTES);
    buf_str(&bytes, text);
    if (coordinator_answer_read(&bytes, &req, &err) == 0) {
        check_same(&req, text);
        read_envelope(&a, &req.envelope);
    } else {
        check_err(&err);
        require(err.code == ERR_PROTOCOL || err.code == ERR_TOO_LARGE);
    }
    buf_free(&bytes);
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data + 1, size - 1};

    if (size < 2 || size > MOST_BYTES)
        return 0;
    if (data[0] < STATUSES)
        check_status(1 + data[0] % 20, text);
    else
        check_message(text);
    return 0;
}
