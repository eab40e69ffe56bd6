/*
 * What a provider answers is read without harm, whatever it is. The first
 * byte chooses how many vectors of how many dimensions were asked for, or a
 * refusal.
 */
#include "embed/embedder_answer.h"

#include <math.h>
#include <stdlib.h>

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
    struct embedder_refusal r = {
        .status = status, .body = body, .secret = STR("secret")};
    struct err err;

    if (embedder_refusal_read(&r, &err) >= 0 ||
        strstr(err.msg, "secret") != NULL)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
