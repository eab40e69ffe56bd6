/* What an OpenAI-compatible provider answers, understood; pure. */
#ifndef EMBED_EMBEDDER_ANSWER_H
#define EMBED_EMBEDDER_ANSWER_H

#include "base/buf.h"
#include "base/err.h"
#include <stdint.h>

/* What an answer with status 2xx held. */
struct embedder_answer {
    /* In. */
    size_t n;
    int dimensions;
    float *vectors; /* n * dimensions; borrowed */
    bool *good;     /* n; borrowed; out: is row i there, and sound? */
    /* Out. */
    size_t nbad;      /* rows that are not */
    struct err fault; /* of the first of them */
    size_t strange;   /* rows of another length than `dimensions` */
    size_t length;    /* that of the first of these */
    bool ordered;     /* no entry had an index: rows are as they came */
    uint64_t tokens;  /* usage.prompt_tokens; 0: not told */
};

/*
 * Reads {"data":[{"index","embedding"}]}, row i from the entry with index i; an
 * embedding is an array of numbers or base64 of little-endian float32. An index
 * is a whole number in any spelling. It may be missing where protobuf leaves
 * out a 0: from the entry of that index alone; or from all entries, which are
 * then taken as they come (`ordered`: to be proven). Each row must come once.
 *
 * Returns 0 when the answer is one, even if single vectors are bad: missing, of
 * another length, not finite, all zero, or with a norm outside 1e-6 .. 1e6.
 * Else ERR_PROTOCOL. What stands in `body` is undefined afterwards.
 */
int embedder_answer_read(
    struct buf *body, struct embedder_answer *a, struct err *err);

/* An answer whose HTTP status is not 2xx. */
struct embedder_refusal {
    int status;
    uint32_t retry_after_ms;
    int max_wait_s; /* a longer wait is ERR_LATER; 0: none is too long */
    struct str body;
    struct str secret; /* never shown, even when the body holds it */
};

/* Sets *err (embedder.h has the table) and returns its code. */
int embedder_refusal_read(const struct embedder_refusal *r, struct err *err);

/* Bytes that no sound answer exceeds. */
size_t embedder_answer_cap(size_t n, int dimensions);

#endif
