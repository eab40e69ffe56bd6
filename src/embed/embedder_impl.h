/* What the files of the OpenAI-compatible embedder share; for them alone. */
#ifndef EMBED_EMBEDDER_IMPL_H
#define EMBED_EMBEDDER_IMPL_H

#include "embed/answer/embedder_answer.h"
#include "embed/embed_address.h"
#include "embed/embedder.h"
#include "sync/embed/embed_gate.h"

enum { HEADERS = 36 };

/* What goes with each request: made once. */
struct embed_form {
    struct embed_address address;
    struct http_header headers[HEADERS];
    size_t nheaders, nown; /* nown: the first ones, of EMBEDDING_HEADERS */
    struct buf names;      /* owned; the memory of headers */
};

/* What is known of the order of answers without an index. */
enum embed_order { ORDER_UNKNOWN, ORDER_PROVING, ORDER_PROVEN, ORDER_REFUTED };

/* What was billed beside what was estimated for the same. */
struct embed_usage {
    uint64_t billed, guessed;
    double worst; /* of any request: tokens billed for each that was guessed */
    bool warned;  /* that texts are cut */
};

/* Is there a header of that name? */
bool embed_form_has(const struct embed_form *form, const char *name);

struct embedder {
    struct loop *loop;                     /* borrowed */
    struct http_client *http;              /* borrowed */
    const struct config_embedding *config; /* borrowed */
    struct embed_form form;
    bool worked;       /* there was a good answer */
    unsigned refusals; /* since then */
    struct embed_caps caps;
    bool proven; /* a request of these settings has been answered, if not in
                    this process */
    embedder_learnt learnt; /* NULL: nobody keeps it */
    void *learnt_arg;       /* borrowed */
    struct embed_usage usage;
    struct embed_gate gate; /* ask NULL: there are no budgets */
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
    size_t *places;         /* n, in req->texts; owned */
    size_t n, tokens;       /* tokens: estimated, of all n */
    float *vectors;         /* n * dimensions; owned: what came */
    bool *good;             /* n; owned */
    struct buf body;        /* owned */
    struct embed_hold hold; /* against the budgets, until it is answered */
    struct http_req http;
    struct http_header headers[HEADERS + 1]; /* the form's, and the trace */
};

/* A good answer, while it is read. */
struct embed_reading {
    struct timer_req turn; /* an iteration of the loop, */
    struct work_req job;   /* or in the pool */
    char *begin;           /* of the answer, as it came; owned */
    size_t begin_len;
    struct embedder_answer answer;
    struct err err; /* why it is none */
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
    struct embed_reading reading;
};

/* embedder.c: the life of a call and of its posts. */
void embed_post_open(struct embed_post *post, size_t most, int dimensions);
void embed_post_clear(struct embed_post *post);

/* The text at that place of the request goes with the post. */
void embed_post_add(struct embed_call *call, size_t place, size_t tokens);

/* Sends the post; what goes wrong ends the call. */
void embed_call_post(struct embed_call *call);

/* The next request, or the end when nothing is left to ask for. */
void embed_call_next(struct embed_call *call);
void embed_call_end(struct embed_call *call, const struct err *err);

/* The answer to the post has been read, or there is none to read. */
void embed_call_answered(struct embed_call *call);

/* Keeps the vectors of a post that are good. */
void embedder_accept(struct embed_call *call, const struct embed_post *post);

/* embed_reading.c: before each answer; reads a good one, then calls
 * embed_call_answered(); what it comes to: *err, and true: ask again, for less.
 */
void embed_reading_init(struct embed_call *call);
void embed_reading_start(struct embed_call *call);
bool embed_reading_judge(struct embed_call *call, struct err *err);
bool embed_reading_is_good(const struct http_req *http);

/* embed_proof.c: an answer without an index; the answer to the proof; its end,
 * for those that wait; what is too old to be believed. */
void embed_take_unordered(struct embed_call *call);
void embed_finish_proof(struct embed_call *call, const struct err *fault);
void embed_proof_ended(struct embedder *e);
void embed_forget_order(struct embedder *e);

/* embed_request.c */
void embed_form_init(
    struct embed_form *form, const struct config_embedding *config);
void embed_form_free(struct embed_form *form);

/* Writes the JSON for the texts of call->post; ERR_TOO_LARGE, ERR_NOMEM. */
int embed_request_write(struct embed_call *call);

/* embed_usage.c: what the answers have billed for each estimated token, 1 while
 * too little is known; what one more answer says. */
double embed_usage_ratio(const struct embed_usage *usage);
/* What the post may be billed, hardly ever more: for budgets. What it was, as
 * far as it is told: `tokens` by its answer, which may be none (NULL). */
uint64_t embed_usage_most(const struct embed_call *call);
uint64_t embed_usage_billed(
    const struct embed_call *call, const struct embedder_answer *a);
void embed_usage_add(struct embed_call *call, const struct embedder_answer *a);

/* embed_refused.c: counts a request without vectors by its reason; `smaller`:
 * as too large. */
void embed_count_refusal(struct embed_call *call, bool smaller, int code);

/* embed_refused.c: what an exchange failed with; true: with smaller requests,
 * which are in force now, it need not. */
bool embed_refused(struct embed_call *call, struct str body, struct err *err);

/* What is wrong with an answer that passed for one: an error in its body, a
 * page, or *err as it is. `begin`: of the body, as it came. */
bool embed_misanswered(struct embed_call *call, struct str begin,
    const struct embedder_answer *a, struct err *err);

/* embed_memory.c: the post is sent; its answer has vectors; a cap was learnt
 * from its refusal; the settings cannot be right. */
void embed_note_sent(struct embed_call *call);
void embed_note_passed(struct embed_call *call, const struct embed_post *post);
void embed_note_cap(struct embedder *e, enum embed_limit limit);
void embed_note_wrong(struct embedder *e);

/* embed_order.c: two vectors that differ enough to tell an order by, as
 * places in the post; false: all are alike, their order does not matter. */
bool embed_order_choose(
    const struct embed_post *post, int dimensions, size_t pair[2]);

/* Is b the answer to the pair in the other order? */
bool embed_order_proven(const struct embed_post *post, int dimensions,
    const size_t pair[2], const float *swapped);

#endif
