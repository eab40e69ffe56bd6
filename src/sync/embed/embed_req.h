/* The port of sync/ports.h that embeds. */
#ifndef SYNC_EMBED_EMBED_REQ_H
#define SYNC_EMBED_EMBED_REQ_H

#include "base/io/trace_context.h"
#include "base/str.h"
#include "net/op.h"
#include <stdint.h>

/* What became of one text of an embed_req. */
enum embed_outcome {
    EMBED_OPEN, /* has no vector yet; the error, if any, may be others' */
    EMBED_GOOD, /* its vector is there and paid for */
    EMBED_BAD /* asked for alone, it got a vector that is none: err says why */
};

/*
 * Why a request to the provider brought no vectors: X(name). `size`: the
 * request as a whole is too large; `text`: one is refused for what it is;
 * `access`: the key, or a quota that waiting does not bring back; `failure`: a
 * 5xx, garbage, or no answer at all.
 */
#define EMBED_REFUSALS_MAP(X) \
    X(rate) X(size) X(length) X(text) X(access) X(settings) X(failure)

enum embed_refusal {
#define X(name) EMBED_REFUSED_##name,
    EMBED_REFUSALS_MAP(X)
#undef X
        EMBED_REFUSALS
};

/*
 * Vectors for texts, in as few requests to the provider as its limits allow.
 * A text whose vector is bad while others' are good is asked for once more,
 * alone. When some of the texts fail the whole request does, with the error of
 * the first; `outcomes` says what can be kept all the same.
 */
struct embed_req {
    struct op op;
    /* NULL, or called at most once, on the loop and before the callback: the
     * provider is through with it, only reading the answer is left. */
    void (*answered)(struct embed_req *req);
    const struct str *texts; /* n >= 1, none empty */
    size_t n;
    int dimensions;
    bool query;      /* they are searched with, not stored */
    const char *run; /* the run that pays for it, by its budget; NULL: none */
    char traceparent[TRACEPARENT_BYTES]; /* "": none is sent */
    float *vectors;    /* out: n * dimensions, row i belongs to texts[i] */
    uint8_t *outcomes; /* NULL, or n of enum embed_outcome. In: those that are
                          good are not asked for again. Out; after success the
                          vectors are all there, whatever this says. */
    /* Out, as far as the port knows. */
    int status;            /* of the last answer, as HTTP has it; 0: none */
    uint64_t sent;         /* texts in answered requests, repeats included */
    uint64_t tokens;       /* billed for them, as the provider tells */
    uint64_t tokens_guess; /* for the same: estimated */
    uint64_t refused[EMBED_REFUSALS]; /* requests that brought no vectors */
    /* Of ERR_TOO_LONG: which text, an index and one; 0: it is not told. And how
     * many times too long; 1: by an unknown factor, 0: that is not told. */
    size_t culprit;
    double over;
};

#endif
