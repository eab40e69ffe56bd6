/*
 * A RouteResponse is a list of fields. All but envelope_json are unpacked by
 * the generated code, which copies them.
 */
#include "source/coordinator_answer.h"

#include "coordinator.pb-c.h"

enum { ENVELOPE_FIELD = 3 };

/* How a field's bytes are laid out, by its tag. */
enum wire { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

enum { VARINT_BYTES = 10, SEVEN_BITS = 0x7f, MORE = 0x80 };

static bool coordinator_answer_take_varint(struct str *rest, uint64_t *value)
{
    *value = 0;
    for (unsigned i = 0; i < VARINT_BYTES && i < rest->len; i++) {
        unsigned char byte = (unsigned char)rest->p[i];

        *value |= (uint64_t)(byte & SEVEN_BITS) << (7 * i);
        if (byte & MORE)
            continue;
        rest->p += i + 1;
        rest->len -= i + 1;
        return true;
    }
    return false;
}

static bool coordinator_answer_take_bytes(
    struct str *rest, uint64_t n, struct str *value)
{
    if (n > rest->len)
        return false;
    *value = (struct str){rest->p, (size_t)n};
    rest->p += n;
    rest->len -= (size_t)n;
    return true;
}

/* The next field's number, and its bytes where it has a length. */
static bool coordinator_answer_take_field(
    struct str *rest, uint64_t *number, struct str *value)
{
    uint64_t tag, n;

    if (!coordinator_answer_take_varint(rest, &tag))
        return false;
    *number = tag >> 3;
    switch (tag & 7) {
    case WIRE_VARINT:
        return coordinator_answer_take_varint(rest, &n);
    case WIRE_64:
        return coordinator_answer_take_bytes(rest, 8, value);
    case WIRE_32:
        return coordinator_answer_take_bytes(rest, 4, value);
    case WIRE_BYTES:
        return coordinator_answer_take_varint(rest, &n) &&
               coordinator_answer_take_bytes(rest, n, value);
    default:
        return false;
    }
}

/* Splits the message; of a repeated field the last one counts. False: it is
 * broken. */
static bool coordinator_answer_split_message(
    struct str message, struct str *json, struct buf *others)
{
    *json = (struct str){NULL, 0};
    while (message.len > 0) {
        const char *begin = message.p;
        struct str value = {NULL, 0};
        uint64_t number;

        if (!coordinator_answer_take_field(&message, &number, &value))
            return false;
        if (number == ENVELOPE_FIELD && value.p != NULL)
            *json = value;
        else
            buf_add(others, begin, (size_t)(message.p - begin));
    }
    return true;
}

struct answer_memory {
    struct arena *arena; /* borrowed */
    bool full;
};

static void *answer_alloc(void *data, size_t size)
{
    struct answer_memory *m = data;
    void *p = arena_alloc(m->arena, size);

    if (p == NULL)
        m->full = true;
    return p;
}

static void answer_free(void *data, void *p)
{
}

static int coordinator_answer_copy_fields(
    const Rag__V1__RouteResponse *answer, struct page_req *req)
{
    struct envelope_field *fields;
    size_t n = answer->n_normalized_fields;

    if (n == 0)
        return 0;
    fields = arena_calloc(req->arena, n, sizeof(*fields));
    if (fields == NULL)
        return ERR_TOO_LARGE;
    for (size_t i = 0; i < n; i++) {
        fields[i].name = str_of(answer->normalized_fields[i]->key);
        fields[i].value = str_of(answer->normalized_fields[i]->value);
    }
    req->envelope.fields = fields;
    req->envelope.nfields = n;
    return 0;
}

static int coordinator_answer_unpack_others(struct str bytes,
    size_t message_bytes, struct page_req *req, struct err *err)
{
    struct answer_memory memory = {req->arena, false};
    ProtobufCAllocator allocator = {answer_alloc, answer_free, &memory};
    Rag__V1__RouteResponse *answer = rag__v1__route_response__unpack(
        &allocator, bytes.len, (const uint8_t *)bytes.p);

    if (answer == NULL && !memory.full)
        return err_set(err, ERR_PROTOCOL, "the answer is not a RouteResponse");
    if (answer == NULL || coordinator_answer_copy_fields(answer, req) < 0)
        return err_set(err, ERR_TOO_LARGE,
            "the answer of %zu bytes does not fit into the page's memory",
            message_bytes);
    return 0;
}

int coordinator_answer_read(
    struct buf *bytes, struct page_req *req, struct err *err)
{
    struct str message = buf_view(bytes);
    struct buf others;
    int rc = ERR_PROTOCOL;

    if (arena_adopt(req->arena, buf_take(bytes), message.len) < 0)
        return err_set(err, ERR_TOO_LARGE,
            "the answer of %zu bytes does not fit into the page's memory",
            message.len);
    buf_init(&others, message.len + 1);
    if (!coordinator_answer_split_message(
            message, &req->envelope.json, &others))
        err_set(err, ERR_PROTOCOL, "the answer is not a RouteResponse");
    else if (others.error != 0)
        rc = err_set(err, ERR_NOMEM, "no memory for the answer");
    else
        rc = coordinator_answer_unpack_others(
            buf_view(&others), message.len, req, err);
    buf_free(&others);
    return rc;
}
