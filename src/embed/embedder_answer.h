/* What an OpenAI-compatible provider answers, understood; pure. */
#ifndef EMBED_EMBEDDER_ANSWER_H
#define EMBED_EMBEDDER_ANSWER_H

#include "base/buf.h"
#include "base/err.h"
#include <stdint.h>

/*
 * Reads {"data":[{"index","embedding"}]} into vectors[n * dimensions], row i
 * from the entry with index i; an embedding is an array of numbers or base64
 * of little-endian float32. Every row must come once, with all dimensions,
 * finite and not all zero; else ERR_PROTOCOL, and the rows are undefined.
 * What stands in `body` is undefined afterwards.
 */
int embedder_answer_read(struct buf *body, size_t n, int dimensions,
    float *vectors, struct err *err);

/* An answer whose HTTP status is not 2xx. */
struct embedder_refusal {
    int status;
    uint32_t retry_after_ms;
    struct str body;
    struct str secret; /* never shown, even when the body holds it */
};

/* Sets *err (embedder.h has the table) and returns its code. */
int embedder_refusal_read(const struct embedder_refusal *r, struct err *err);

/* Bytes that no sound answer exceeds. */
size_t embedder_answer_cap(size_t n, int dimensions);

#endif
