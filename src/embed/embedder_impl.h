/*
 * Between embedder.c (the life of a call), embed_request.c (what is sent) and
 * embed_order.c (the proof of an order); nobody else includes this.
 */
#ifndef EMBED_EMBEDDER_IMPL_H
#define EMBED_EMBEDDER_IMPL_H

#include "embed/embed_address.h"
#include "embed/embedder.h"
#include "embed/embedder_answer.h"

enum { HEADERS = 36 };

/* What goes with each request: made once. */
struct embed_form {
    struct embed_address address;
    struct http_header headers[HEADERS];
    size_t nheaders;
    struct buf names; /* owned; the memory of headers */
};

/* What is known of the order of answers without an index. */
enum embed_order { ORDER_UNKNOWN, ORDER_PROVING, ORDER_PROVEN, ORDER_REFUTED };

struct embedder {
    struct loop *loop;                     /* borrowed */
    struct http_client *http;              /* borrowed */
    const struct config_embedding *config; /* borrowed */
    struct embed_form form;
    bool worked; /* there was a good answer */
    enum embed_order order;
    uint64_t proven_ms;    /* when it was, by loop_now_ms() */
    struct list unordered; /* of struct embed_call.line: wait for the proof */
    size_t pending;        /* calls */
};

/* What a POST is for. */
enum embed_step {
    STEP_ASK,   /* texts that have no vector yet */
    STEP_ALONE, /* one whose vector was bad */
    STEP_PROVE  /* two of those just asked for, the other way round */
};

/* One exchange with the provider. */
struct embed_post {
    size_t *places; /* n, in req->texts; owned */
    size_t n;
    float *vectors;  /* n * dimensions; owned: what came */
    bool *good;      /* n; owned */
    struct buf body; /* owned */
    struct http_req http;
};

/* A request from embedder_send() to op_finish(). */
struct embed_call {
    struct embedder *embedder; /* borrowed */
    struct embed_req *req;     /* borrowed */
    struct list anchor;        /* of req->op.link, for its cancel */
    struct list line;          /* in embedder->unordered */
    enum embed_step step;
    bool told;                    /* req->answered was called */
    uint8_t *outcomes;            /* n; owned, or the request's */
    bool *suspect;                /* n; owned: its vector was bad once */
    struct err fault;             /* of the first text that is bad for good */
    struct embed_post post, held; /* held: to be proven in order */
    size_t pair[2];               /* of held, the two that prove it */
    struct timer_req reading;     /* an iteration of the loop */
};

/* embed_request.c */
void embed_form_init(
    struct embed_form *form, const struct config_embedding *config);
void embed_form_free(struct embed_form *form);

/* Writes the JSON for the texts of call->post; ERR_TOO_LARGE, ERR_NOMEM. */
int embed_request_write(struct embed_call *call);

/* embed_order.c: two vectors that differ enough to tell an order by, as
 * places in the post; false: all are alike, their order does not matter. */
bool embed_order_choose(
    const struct embed_post *post, int dimensions, size_t pair[2]);

/* Is b the answer to the pair in the other order? */
bool embed_order_proven(const struct embed_post *post, int dimensions,
    const size_t pair[2], const float *swapped);

#endif
