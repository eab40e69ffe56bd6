#include "embed/embedder_answer.h"

#include "base/crypto.h"
#include "base/json.h"
#include <endian.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

enum {
    NUMBER_BYTES = 48, /* a number on an indented line of its own */
    ENTRY_BYTES = 512, /* what stands around a vector */
    ROOM_BYTES = 64 * 1024
};

size_t embedder_answer_cap(size_t n, int dimensions)
{
    return YYJSON_PADDING_SIZE + ROOM_BYTES +
           n * (ENTRY_BYTES + (size_t)dimensions * NUMBER_BYTES);
}

static int read_numbers(yyjson_val *array, size_t index, int dimensions,
    float *row, struct err *err)
{
    size_t i, count;
    yyjson_val *v;

    if (yyjson_arr_size(array) != (size_t)dimensions)
        return err_set(err, ERR_PROTOCOL,
            "the vector of index %zu has %zu dimensions instead of %d", index,
            yyjson_arr_size(array), dimensions);
    yyjson_arr_foreach(array, i, count, v)
    {
        double x = yyjson_is_num(v) ? yyjson_get_num(v) : NAN;

        row[i] = fabs(x) <= FLT_MAX ? (float)x : NAN;
    }
    return 0;
}

static int read_base64(
    struct str text, size_t index, int dimensions, float *row, struct err *err)
{
    size_t size = (size_t)dimensions * sizeof(float);
    long len = base64_decode(text, row, size);

    if (len == ERR_INVALID)
        return err_set(
            err, ERR_PROTOCOL, "the vector of index %zu is not base64", index);
    if (len < 0 || (size_t)len != size)
        return err_set(err, ERR_PROTOCOL,
            "the vector of index %zu has %s dimensions than %d", index,
            len < 0 ? "more" : "fewer", dimensions);
    for (int i = 0; i < dimensions; i++) {
        uint32_t bits;

        memcpy(&bits, &row[i], sizeof(bits));
        bits = le32toh(bits);
        memcpy(&row[i], &bits, sizeof(bits));
    }
    return 0;
}

/* By their bits: a loop without branches is twice as fast. */
static int check_vector(
    const float *row, size_t index, int dimensions, struct err *err)
{
    const uint32_t exponent = 0x7F800000, sign = 0x80000000;
    bool finite = true;
    uint32_t any = 0, bits;

    for (int i = 0; i < dimensions; i++) {
        memcpy(&bits, &row[i], sizeof(bits));
        finite &= (bits & exponent) != exponent;
        any |= bits;
    }
    if (!finite)
        return err_set(err, ERR_PROTOCOL,
            "the vector of index %zu holds something that is no number", index);
    if ((any & ~sign) == 0)
        return err_set(
            err, ERR_PROTOCOL, "the vector of index %zu is all zeroes", index);
    return 0;
}

/* Where the answer goes, and which rows have been filled. */
struct placing {
    float *vectors;  /* borrowed */
    uint8_t *filled; /* n flags; owned */
    size_t n;
    int dimensions;
};

static int read_entry(struct placing *p, yyjson_val *entry, struct err *err)
{
    yyjson_val *number = yyjson_obj_get(entry, "index");
    yyjson_val *vector = yyjson_obj_get(entry, "embedding");
    uint64_t index = yyjson_get_uint(number);
    float *row;
    int rc;

    if (!yyjson_is_uint(number) || index >= p->n)
        return err_set(err, ERR_PROTOCOL,
            "an entry whose index is not one of 0 .. %zu", p->n - 1);
    if (p->filled[index])
        return err_set(
            err, ERR_PROTOCOL, "index %zu comes twice", (size_t)index);
    p->filled[index] = 1;
    row = p->vectors + index * (size_t)p->dimensions;
    if (yyjson_is_str(vector))
        rc = read_base64(json_str(vector), index, p->dimensions, row, err);
    else if (yyjson_is_arr(vector))
        rc = read_numbers(vector, index, p->dimensions, row, err);
    else
        rc = err_set(
            err, ERR_PROTOCOL, "index %zu has no embedding", (size_t)index);
    return rc < 0 ? rc : check_vector(row, index, p->dimensions, err);
}

/*
 * The answer, a value at a time and in place, each as a document in the same
 * memory: a document of all numbers would take twice the answer's megabyte,
 * fresh from the system each time, which costs more than reading them does.
 */
struct reader {
    char *at, *end; /* what is left; borrowed, and padded behind */
    void *memory;   /* owned; hardly touched beyond what one value needs */
    size_t memory_bytes;
    yyjson_alc alc;
};

static const yyjson_read_flag flags = YYJSON_READ_INSITU |
                                      YYJSON_READ_STOP_WHEN_DONE |
                                      YYJSON_READ_ALLOW_INF_AND_NAN;

static int reader_init(struct reader *r, struct buf *body, struct err *err)
{
    static const char padding[YYJSON_PADDING_SIZE];
    size_t len = body->len;

    buf_add(body, padding, sizeof(padding));
    *r = (struct reader){.at = body->data,
        .end = body->data + len,
        .memory_bytes = yyjson_read_max_memory_usage(len, flags)};
    r->memory = body->error != 0 ? NULL : malloc(r->memory_bytes);
    if (r->memory == NULL)
        return err_set(
            err, ERR_NOMEM, "no memory for an answer of %zu bytes", len);
    return 0;
}

static void skip_space(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' ||
                                 *r->at == '\r' || *r->at == '\t'))
        r->at++;
}

/* Is this what comes next? Then it is behind us. */
static bool vectors_take(struct reader *r, char c)
{
    skip_space(r);
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

static int vectors_not_json(
    const struct reader *r, const char *why, struct err *err)
{
    return err_set(err, ERR_PROTOCOL, "the answer is not JSON: %s",
        r->at == r->end ? "it ends too soon" : why);
}

/* The next value, until the one after it is read; NULL: it is none. */
static yyjson_val *next(struct reader *r, struct err *err)
{
    yyjson_read_err fault = {.msg = "it ends too soon"};
    yyjson_doc *doc = NULL;

    skip_space(r);
    yyjson_alc_pool_init(&r->alc, r->memory, r->memory_bytes);
    if (r->at < r->end)
        doc = yyjson_read_opts(
            r->at, (size_t)(r->end - r->at), flags, &r->alc, &fault);
    if (doc == NULL) {
        vectors_not_json(r, fault.msg, err);
        return NULL;
    }
    r->at += yyjson_doc_get_read_size(doc);
    return yyjson_doc_get_root(doc);
}

/* n entries, none twice, each in range: so none is missing either. What is
 * wrong with one is told when their number is right. */
static int vectors_read_entries(
    struct reader *r, struct placing *p, struct err *err)
{
    struct err fault = {.code = 0};
    yyjson_val *entry;
    size_t n = 0;

    while (!vectors_take(r, ']')) {
        if (n > 0 && !vectors_take(r, ','))
            return vectors_not_json(r, "a list without commas", err);
        entry = next(r, err);
        if (entry == NULL)
            return err->code;
        if (++n <= p->n && fault.code == 0)
            read_entry(p, entry, &fault);
    }
    if (n != p->n)
        return err_set(err, ERR_PROTOCOL, "%zu vectors for %zu texts", n, p->n);
    *err = fault;
    return err->code;
}

/* The name of the next member, as far as it matters. */
static bool is_data(struct reader *r, bool *is, struct err *err)
{
    yyjson_val *name = next(r, err);

    if (name == NULL)
        return false;
    *is = yyjson_equals_str(name, "data");
    if (yyjson_is_str(name) && vectors_take(r, ':'))
        return true;
    vectors_not_json(r, "an object without names", err);
    return false;
}

/* All of it is read, so that an answer that was cut is none. */
static int read_members(struct reader *r, struct placing *p, struct err *err)
{
    bool found = false, data, first = true;

    for (; !vectors_take(r, '}'); first = false) {
        if (!first && !vectors_take(r, ','))
            return vectors_not_json(r, "an object without commas", err);
        if (!is_data(r, &data, err))
            return err->code;
        if (data && !found && vectors_take(r, '[')) {
            found = true;
            if (vectors_read_entries(r, p, err) < 0)
                return err->code;
        } else if (next(r, err) == NULL) {
            return err->code;
        }
    }
    skip_space(r);
    if (r->at < r->end)
        return vectors_not_json(r, "more than one value", err);
    if (!found)
        return err_set(err, ERR_PROTOCOL, "the answer has no list `data`");
    return 0;
}

static int read_root(struct reader *r, struct placing *p, struct err *err)
{
    if (vectors_take(r, '{'))
        return read_members(r, p, err);
    if (r->at == r->end)
        return err_set(
            err, ERR_PROTOCOL, "the answer is not JSON: it is empty");
    if (next(r, err) == NULL)
        return err->code;
    return err_set(err, ERR_PROTOCOL, "the answer has no list `data`");
}

int embedder_answer_read(
    struct buf *body, size_t n, int dimensions, float *vectors, struct err *err)
{
    struct placing p = {.vectors = vectors,
        .filled = calloc(n, 1),
        .n = n,
        .dimensions = dimensions};
    struct reader r;
    int rc;

    err_clear(err);
    rc = reader_init(&r, body, err);
    if (rc == 0 && p.filled == NULL)
        rc = err_set(err, ERR_NOMEM, "no memory for %zu vectors", n);
    if (rc == 0)
        rc = read_root(&r, &p, err);
    free(r.memory);
    free(p.filled);
    return rc;
}
