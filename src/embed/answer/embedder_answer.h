/* What an OpenAI-compatible provider answers, understood; pure. */
#ifndef EMBED_EMBEDDER_ANSWER_H
#define EMBED_EMBEDDER_ANSWER_H

#include "base/buf.h"
#include "base/err.h"
#include "embed/answer/embed_words.h"
#include "embed/embed_caps.h"
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
    bool listed;      /* there was a list `data` */
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

/* An answer whose HTTP status is not 2xx, or that is an error all the same. */
struct embedder_refusal {
    int status;
    struct str body;
    struct embed_hidden hidden; /* what is not to be told */
    int64_t now_ms;             /* since 1970 */
    uint64_t retry_after_ms;    /* from the headers made for it; 0: none */
    uint64_t reset_ms;          /* from those of a rate limit; 0: none */
    int max_wait_s;      /* a longer wait is ERR_LATER; 0: none is too long */
    const char *address; /* that was asked, for messages; NULL: not told */
    struct str location; /* of a redirect */
    size_t n;            /* texts in the request */
    size_t tokens_alone; /* of the text, when it was the only one; else 0 */
    bool worked;         /* these settings have worked before */
    unsigned refusals;   /* since then, this one not counted */
};

/* Sets *err (embedder.h has the table) and returns its code. *excess: was the
 * request as a whole too large? */
int embedder_refusal_read(const struct embedder_refusal *r,
    struct embedder_excess *excess, struct err *err);

/* The same for words that have been read already. */
int embedder_refusal_judge(const struct embedder_refusal *r,
    const struct embed_words *w, struct embedder_excess *excess,
    struct err *err);

/* Bytes that no sound answer exceeds. */
size_t embedder_answer_cap(size_t n, int dimensions);

#endif
