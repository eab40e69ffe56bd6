#include "adapters/embedder_answer.h"

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
    return ROOM_BYTES + n * (ENTRY_BYTES + (size_t)dimensions * NUMBER_BYTES);
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

/* n entries, none twice, each in range: so none is missing either. */
static int read_entries(struct placing *p, yyjson_val *root, struct err *err)
{
    yyjson_val *data = yyjson_obj_get(root, "data");
    yyjson_val *entry;
    size_t i, count;

    if (!yyjson_is_arr(data))
        return err_set(err, ERR_PROTOCOL, "the answer has no list `data`");
    if (yyjson_arr_size(data) != p->n)
        return err_set(err, ERR_PROTOCOL, "%zu vectors for %zu texts",
            yyjson_arr_size(data), p->n);
    yyjson_arr_foreach(data, i, count, entry)
    {
        if (read_entry(p, entry, err) < 0)
            return err->code;
    }
    return 0;
}

int embedder_answer_read(
    struct str body, size_t n, int dimensions, float *vectors, struct err *err)
{
    struct placing p = {.vectors = vectors, .n = n, .dimensions = dimensions};
    yyjson_read_err fault;
    yyjson_doc *doc;
    int rc;

    err_clear(err);
    doc = yyjson_read_opts((char *)(uintptr_t)body.p, body.len,
        YYJSON_READ_ALLOW_INF_AND_NAN, NULL, &fault);
    if (doc == NULL)
        return err_set(err, ERR_PROTOCOL, "the answer is not JSON: %s",
            body.len == 0 ? "it is empty" : fault.msg);
    p.filled = calloc(n, 1);
    if (p.filled == NULL)
        rc = err_set(err, ERR_NOMEM, "no memory for %zu vectors", n);
    else
        rc = read_entries(&p, yyjson_doc_get_root(doc), err);
    free(p.filled);
    yyjson_doc_free(doc);
    return rc;
}
