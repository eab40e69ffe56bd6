/*
 * The embedder without a provider.
 *
 * Happy path: embedder_builtin_send() takes the request on and waits for the
 * next iteration of the loop. Each iteration embeds texts until SLICE_BYTES of
 * them are done, then lets the loop have its own; the last one ends the
 * request.
 *
 * Failures: out of memory ends the request.
 *
 * On cancel: nothing to stop; the iteration that is due ends the request.
 *
 * On close: nothing to do; the caller cancels its requests and frees the
 * embedder after the last callback.
 */
#include "embed/builtin/embedder_builtin.h"

#include "embed/builtin/text_features.h"
#include <assert.h>
#include <stdlib.h>

enum { SLICE_BYTES = 64 * 1024 };

struct embedder_builtin {
    struct loop *loop; /* borrowed */
    struct text_features features;
    size_t pending; /* calls */
};

/* A request from embedder_builtin_send() to op_finish(). */
struct builtin_call {
    struct embedder_builtin *embedder; /* borrowed */
    struct embed_req *req;             /* borrowed */
    struct timer_req iteration;
    size_t next; /* text */
};

static void *builtin_must(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

struct embedder_builtin *embedder_builtin_new(struct loop *loop)
{
    struct embedder_builtin *e = builtin_must(calloc(1, sizeof(*e)));

    e->loop = loop;
    return e;
}

void embedder_builtin_free(struct embedder_builtin *e)
{
    if (e == NULL)
        return;
    assert(e->pending == 0);
    text_features_free(&e->features);
    free(e);
}

static void builtin_call_end(struct builtin_call *call, const struct err *err)
{
    struct embed_req *req = call->req;

    call->embedder->pending--;
    free(call);
    op_finish(&req->op, err);
}

static int embed_slice(struct builtin_call *call)
{
    struct embed_req *req = call->req;
    size_t done = 0;

    while (call->next < req->n && done < SLICE_BYTES) {
        struct str text = req->texts[call->next];
        float *row = req->vectors + call->next * (size_t)req->dimensions;

        if (text_features_embed(
                &call->embedder->features, text, req->dimensions, row) < 0)
            return ERR_NOMEM;
        done += text.len;
        call->next++;
    }
    return 0;
}

static void on_iteration(struct op *op);

static void call_step(struct builtin_call *call)
{
    struct err err;

    err_clear(&err);
    if (call->req->op.err.code == 0 && embed_slice(call) < 0)
        err_set(&err, ERR_NOMEM, "no memory to embed a text of %zu bytes",
            call->req->texts[call->next].len);
    if (call->req->op.err.code != 0 || err.code != 0 ||
        call->next == call->req->n) {
        builtin_call_end(call, &err);
        return;
    }
    op_init(&call->iteration.op, on_iteration);
    loop_timer(call->embedder->loop, &call->iteration, 0);
}

static void on_iteration(struct op *op)
{
    call_step(container_of(op, struct builtin_call, iteration.op));
}

void embedder_builtin_send(struct embedder_builtin *e, struct embed_req *req)
{
    struct builtin_call *call = builtin_must(calloc(1, sizeof(*call)));

    call->embedder = e;
    call->req = req;
    op_begin(&req->op, &e->loop->ready, NULL);
    e->pending++;
    op_init(&call->iteration.op, on_iteration);
    loop_timer(e->loop, &call->iteration, 0);
}
