#include "embed/answer/embedder_answer.h"

#include "base/crypto.h"
#include "base/json.h"
#include <endian.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

static const double LEAST_NORM = 1e-6, MOST_NORM = 1e6;

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

static int answer_strange(
    struct embedder_answer *a, size_t length, struct err *err)
{
    if (a->strange++ == 0)
        a->length = length;
    return err_set(err, ERR_PROTOCOL,
        "a vector has %zu dimensions instead of %d", length, a->dimensions);
}

static int embedder_answer_read_numbers(
    struct embedder_answer *a, yyjson_val *array, float *row, struct err *err)
{
    size_t i, count;
    yyjson_val *v;

    if (yyjson_arr_size(array) != (size_t)a->dimensions)
        return answer_strange(a, yyjson_arr_size(array), err);
    yyjson_arr_foreach(array, i, count, v)
    {
        double x = yyjson_is_num(v) ? yyjson_get_num(v) : NAN;

        row[i] = fabs(x) <= FLT_MAX ? (float)x : NAN;
    }
    return 0;
}

/* The bytes that so much base64 stands for; white space in it is rare. */
static size_t embedder_answer_base64_bytes(struct str text)
{
    while (text.len > 0 && text.p[text.len - 1] == '=')
        text.len--;
    return text.len / 4 * 3 + text.len % 4 * 3 / 4;
}

static int embedder_answer_read_base64(
    struct embedder_answer *a, struct str text, float *row, struct err *err)
{
    size_t size = (size_t)a->dimensions * sizeof(float);
    long len = base64_decode(text, row, size);

    if (len == ERR_INVALID)
        return err_set(err, ERR_PROTOCOL, "a vector is not base64");
    if (len < 0 || (size_t)len != size)
        return answer_strange(
            a, embedder_answer_base64_bytes(text) / sizeof(float), err);
    for (int i = 0; i < a->dimensions; i++) {
        uint32_t bits;

        memcpy(&bits, &row[i], sizeof(bits));
        bits = le32toh(bits);
        memcpy(&row[i], &bits, sizeof(bits));
    }
    return 0;
}

/* By their bits: a loop without branches is twice as fast. */
static bool embedder_answer_is_finite(const float *row, int dimensions)
{
    const uint32_t exponent = 0x7F800000;
    bool finite = true;
    uint32_t bits;

    for (int i = 0; i < dimensions; i++) {
        memcpy(&bits, &row[i], sizeof(bits));
        finite &= (bits & exponent) != exponent;
    }
    return finite;
}

static int embedder_answer_check_vector(
    const float *row, int dimensions, struct err *err)
{
    double square = 0;

    if (!embedder_answer_is_finite(row, dimensions))
        return err_set(
            err, ERR_PROTOCOL, "a vector holds something that is not a number");
    for (int i = 0; i < dimensions; i++)
        square += (double)row[i] * (double)row[i];
    if (square == 0)
        return err_set(err, ERR_PROTOCOL, "a vector is all zeroes");
    if (square < LEAST_NORM * LEAST_NORM || square > MOST_NORM * MOST_NORM)
        return err_set(err, ERR_PROTOCOL,
            "a vector's length is %g, not within 1e-6 .. 1e6", sqrt(square));
    return 0;
}

/* Which rows have come, and which entries said which they are. */
struct placing {
    struct embedder_answer *answer; /* borrowed */
    bool *filled;                   /* n; owned */
    size_t entries, indexed;        /* so far */
};

/* The row that an entry belongs to. One without an index is row 0 when others
 * have one, as protobuf leaves out a 0; when none has, entries come in order.
 */
static int embedder_answer_place_entry(
    struct placing *p, yyjson_val *entry, size_t *row, struct err *err)
{
    yyjson_val *index = yyjson_obj_get(entry, "index");
    int64_t value = 0;

    *row = p->indexed > 0 ? 0 : p->entries;
    if (!yyjson_is_obj(entry))
        return err_set(err, ERR_PROTOCOL, "an entry is not an object");
    if (index != NULL && !yyjson_is_null(index)) {
        if (!json_int(index, &value) || value < 0 ||
            (uint64_t)value >= p->answer->n)
            return err_set(err, ERR_PROTOCOL,
                "an entry whose index is not one of 0 .. %zu",
                p->answer->n - 1);
        *row = (size_t)value;
        p->indexed++;
    }
    p->entries++;
    if (*row >= p->answer->n || p->filled[*row])
        return err_set(err, ERR_PROTOCOL,
            p->entries > p->answer->n ? "too many entries"
                                      : "index %zu comes twice",
            *row);
    p->filled[*row] = true;
    return 0;
}

static int embedder_answer_read_vector(
    struct embedder_answer *a, yyjson_val *entry, float *row, struct err *err)
{
    yyjson_val *vector = yyjson_obj_get(entry, "embedding");
    int rc;

    if (yyjson_is_str(vector))
        rc = embedder_answer_read_base64(a, json_str(vector), row, err);
    else if (yyjson_is_arr(vector))
        rc = embedder_answer_read_numbers(a, vector, row, err);
    else
        rc = err_set(err, ERR_PROTOCOL, "an entry has no embedding");
    return rc < 0 ? rc : embedder_answer_check_vector(row, a->dimensions, err);
}

/* A vector that is bad is the row's own fault; what is wrong with the places
 * is the answer's. */
static int embedder_answer_read_entry(
    struct placing *p, yyjson_val *entry, struct err *err)
{
    struct embedder_answer *a = p->answer;
    struct err fault = {.code = 0};
    size_t row;

    if (embedder_answer_place_entry(p, entry, &row, err) < 0)
        return err->code;
    embedder_answer_read_vector(
        a, entry, a->vectors + row * (size_t)a->dimensions, &fault);
    a->good[row] = fault.code == 0;
    if (fault.code != 0 && a->nbad++ == 0)
        a->fault = fault;
    return 0;
}

/* Entries without an index: none, the one of row 0, or all there are. */
static int embedder_answer_check_places(struct placing *p, struct err *err)
{
    struct embedder_answer *a = p->answer;
    size_t unnamed = a->n - p->indexed;

    a->ordered = p->indexed == 0 && a->n > 1;
    if (unnamed > 1 && p->indexed > 0)
        return err_set(err, ERR_PROTOCOL, "%zu of %zu entries have no index",
            unnamed, a->n);
    return 0;
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

static int embedder_answer_reader_init(
    struct reader *r, struct buf *body, struct err *err)
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

static void embedder_answer_skip_space(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' ||
                                 *r->at == '\r' || *r->at == '\t'))
        r->at++;
}

/* Is this what comes next? Then it is behind us. */
static bool embedder_answer_vectors_take(struct reader *r, char c)
{
    embedder_answer_skip_space(r);
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

static int embedder_answer_vectors_not_json(
    const struct reader *r, const char *why, struct err *err)
{
    return err_set(err, ERR_PROTOCOL, "the answer is not JSON: %s",
        r->at == r->end ? "it ends too soon" : why);
}

/* The next value, until the one after it is read; NULL: it is not one. */
static yyjson_val *embedder_answer_next(struct reader *r, struct err *err)
{
    yyjson_read_err fault = {.msg = "it ends too soon"};
    yyjson_doc *doc = NULL;

    embedder_answer_skip_space(r);
    yyjson_alc_pool_init(&r->alc, r->memory, r->memory_bytes);
    if (r->at < r->end)
        doc = yyjson_read_opts(
            r->at, (size_t)(r->end - r->at), flags, &r->alc, &fault);
    if (doc == NULL) {
        embedder_answer_vectors_not_json(r, fault.msg, err);
        return NULL;
    }
    r->at += yyjson_doc_get_read_size(doc);
    return yyjson_doc_get_root(doc);
}

/* n entries, none twice, each in range: so none is missing either. What is
 * wrong with one is told when their number is right. */
static int embedder_answer_vectors_read_entries(
    struct reader *r, struct placing *p, struct err *err)
{
    struct err fault = {.code = 0};
    size_t n = 0, wanted = p->answer->n;
    yyjson_val *entry;

    while (!embedder_answer_vectors_take(r, ']')) {
        if (n > 0 && !embedder_answer_vectors_take(r, ','))
            return embedder_answer_vectors_not_json(
                r, "a list without commas", err);
        entry = embedder_answer_next(r, err);
        if (entry == NULL)
            return err->code;
        if (++n <= wanted && fault.code == 0)
            embedder_answer_read_entry(p, entry, &fault);
    }
    if (n != wanted)
        return err_set(
            err, ERR_PROTOCOL, "%zu vectors for %zu texts", n, wanted);
    if (fault.code == 0)
        embedder_answer_check_places(p, &fault);
    *err = fault;
    return err->code;
}

/* The members of an answer that matter. */
enum answer_member { MEMBER_OTHER, MEMBER_DATA, MEMBER_USAGE };

static bool embedder_answer_read_name(
    struct reader *r, enum answer_member *member, struct err *err)
{
    yyjson_val *name = embedder_answer_next(r, err);

    if (name == NULL)
        return false;
    *member = yyjson_equals_str(name, "data")    ? MEMBER_DATA
              : yyjson_equals_str(name, "usage") ? MEMBER_USAGE
                                                 : MEMBER_OTHER;
    if (yyjson_is_str(name) && embedder_answer_vectors_take(r, ':'))
        return true;
    embedder_answer_vectors_not_json(r, "an object without names", err);
    return false;
}

static void embedder_answer_read_usage(
    struct embedder_answer *a, yyjson_val *usage)
{
    int64_t tokens = 0;

    if (!json_int(yyjson_obj_get(usage, "prompt_tokens"), &tokens))
        json_int(yyjson_obj_get(usage, "total_tokens"), &tokens);
    a->tokens = tokens > 0 ? (uint64_t)tokens : 0;
}

static int embedder_answer_read_member(
    struct reader *r, struct placing *p, bool *found, struct err *err)
{
    enum answer_member member;
    yyjson_val *value;

    if (!embedder_answer_read_name(r, &member, err))
        return err->code;
    if (member == MEMBER_DATA && !*found &&
        embedder_answer_vectors_take(r, '[')) {
        *found = p->answer->listed = true;
        return embedder_answer_vectors_read_entries(r, p, err);
    }
    value = embedder_answer_next(r, err);
    if (value != NULL && member == MEMBER_USAGE)
        embedder_answer_read_usage(p->answer, value);
    return value == NULL ? err->code : 0;
}

/* All of it is read, so that an answer that was cut is none. */
static int embedder_answer_read_members(
    struct reader *r, struct placing *p, struct err *err)
{
    bool found = false, first = true;

    for (; !embedder_answer_vectors_take(r, '}'); first = false) {
        if (!first && !embedder_answer_vectors_take(r, ','))
            return embedder_answer_vectors_not_json(
                r, "an object without commas", err);
        if (embedder_answer_read_member(r, p, &found, err) < 0)
            return err->code;
    }
    embedder_answer_skip_space(r);
    if (r->at < r->end)
        return embedder_answer_vectors_not_json(r, "more than one value", err);
    if (!found)
        return err_set(err, ERR_PROTOCOL, "the answer has no list `data`");
    return 0;
}

static int embedder_answer_read_root(
    struct reader *r, struct placing *p, struct err *err)
{
    if (embedder_answer_vectors_take(r, '{'))
        return embedder_answer_read_members(r, p, err);
    if (r->at == r->end)
        return err_set(
            err, ERR_PROTOCOL, "the answer is not JSON: it is empty");
    if (embedder_answer_next(r, err) == NULL)
        return err->code;
    return err_set(err, ERR_PROTOCOL, "the answer has no list `data`");
}

int embedder_answer_read(
    struct buf *body, struct embedder_answer *a, struct err *err)
{
    struct placing p = {.answer = a, .filled = calloc(a->n, sizeof(bool))};
    struct reader r;
    int rc;

    err_clear(err);
    err_clear(&a->fault);
    a->nbad = a->strange = a->length = 0;
    a->ordered = a->listed = false;
    a->tokens = 0;
    memset(a->good, 0, a->n * sizeof(*a->good));
    rc = embedder_answer_reader_init(&r, body, err);
    if (rc == 0 && p.filled == NULL)
        rc = err_set(err, ERR_NOMEM, "no memory for %zu vectors", a->n);
    if (rc == 0)
        rc = embedder_answer_read_root(&r, &p, err);
    free(r.memory);
    free(p.filled);
    return rc;
}
