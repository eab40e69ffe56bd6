/*
 * What a provider answers is read without harm, whatever it is. The first
 * byte chooses how many vectors of how many dimensions were asked for, or a
 * refusal.
 */
#include "fuzz.h"

#include "embed/answer/embedder_answer.h"
#include <math.h>

enum { MOST_TEXTS = 4, MOST_DIMENSIONS = 8, PADDING_BYTES = 64 };

static void read_vectors(struct str body, size_t n, int dimensions)
{
    size_t row = (size_t)dimensions;
    float *vectors = malloc(n * row * sizeof(float));
    bool good[MOST_TEXTS];
    struct embedder_answer a = {
        .n = n, .dimensions = dimensions, .vectors = vectors, .good = good};
    struct err err;
    struct buf b;

    buf_init(&b, body.len + PADDING_BYTES);
    buf_str(&b, body);
    if (embedder_answer_read(&b, &a, &err) == 0)
        for (size_t i = 0; i < n * row; i++)
            if (good[i / row] && !isfinite(vectors[i]))
                abort();
    buf_free(&b);
    free(vectors);
}

static void read_refusal(struct str body, int status)
{
    struct str text =
        STR("What a text says, in some length: \xC3\xA9t\xC3\xA9.");
    struct embedder_refusal r = {.status = status,
        .body = body,
        .hidden = {.secret = STR("secret"), .texts = &text, .ntexts = 1},
        .now_ms = 1700000000000,
        .n = 7,
        .address = "http://a/v1/embeddings"};
    struct embedder_excess excess;
    struct err err;

    if (embedder_refusal_read(&r, &excess, &err) >= 0 ||
        !utf8_valid(str_of(err.msg)) ||
        strstr(err.msg, "says, in some") != NULL ||
        strstr(err.msg, "secret") != NULL)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str body = {(const char *)data + 1, size - 1};

    if (size == 0)
        return 0;
    if (data[0] >= 0x80)
        read_refusal(body, 400 + data[0] % 32);
    else
        read_vectors(body, 1 + data[0] % MOST_TEXTS,
            1 + data[0] / MOST_TEXTS % MOST_DIMENSIONS);
    return 0;
}
