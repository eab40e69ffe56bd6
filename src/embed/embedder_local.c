/*
 * The embedders without a provider.
 *
 * Happy path: embedder_local_send() takes the request on and waits for the next
 * iteration of the loop. Each iteration embeds texts until SLICE_BYTES of them
 * are done, then lets the loop have its own; the last one ends the request.
 *
 * Failures: out of memory ends the request. A text that no vector can be made
 * of does not: the request ends with that fault when the others are done.
 *
 * On cancel: nothing to stop; the iteration that is due ends the request.
 *
 * On close: nothing to do; the caller cancels its requests and frees the
 * embedder after the last callback.
 */
#include "embed/embedder_local.h"

#include "embed/builtin/text_features.h"
#include "embed/static/static_model.h"
#include <assert.h>
#include <stdlib.h>

enum { SLICE_BYTES = 64 * 1024 };

struct embedder_local {
    struct loop *loop;                /* borrowed */
    const struct static_model *model; /* borrowed; NULL: builtin */
    struct text_features features;
    struct static_work work;
    size_t pending; /* calls */
};

/* A request from embedder_local_send() to op_finish(). */
struct local_call {
    struct embedder_local *embedder; /* borrowed */
    struct embed_req *req;           /* borrowed */
    struct timer_req iteration;
    size_t next;      /* text */
    struct err fault; /* of the first text that has no vector */
};

static void *local_must(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

struct embedder_local *embedder_local_new(
    struct loop *loop, const struct static_model *model)
{
    struct embedder_local *e = local_must(calloc(1, sizeof(*e)));

    e->loop = loop;
    e->model = model;
    return e;
}

void embedder_local_free(struct embedder_local *e)
{
    if (e == NULL)
        return;
    assert(e->pending == 0);
    text_features_free(&e->features);
    static_work_free(&e->work);
    free(e);
}

static void local_call_end(struct local_call *call, const struct err *err)
{
    struct embed_req *req = call->req;
    struct err why = *err;

    call->embedder->pending--;
    free(call);
    op_finish(&req->op, &why);
}

/* One text: its vector, or what is wrong with it (ERR_PROTOCOL). */
static int local_embed(struct embedder_local *e, struct str text,
    int dimensions, float *row, struct err *err)
{
    int rc = e->model != NULL
                 ? static_model_embed(e->model, &e->work, text, row, err)
                 : text_features_embed(&e->features, text, dimensions, row);

    if (rc == ERR_NOMEM)
        err_set(
            err, ERR_NOMEM, "no memory to embed a text of %zu bytes", text.len);
    return rc;
}

static void local_note(struct local_call *call, const struct err *fault)
{
    if (call->req->outcomes != NULL)
        call->req->outcomes[call->next] =
            fault->code == 0 ? EMBED_GOOD : EMBED_BAD;
    if (call->fault.code == 0)
        call->fault = *fault;
}

static int local_slice(struct local_call *call, struct err *err)
{
    struct embed_req *req = call->req;
    size_t done = 0;

    for (; call->next < req->n && done < SLICE_BYTES; call->next++) {
        struct str text = req->texts[call->next];
        float *row = req->vectors + call->next * (size_t)req->dimensions;
        struct err fault = {0};

        if (local_embed(call->embedder, text, req->dimensions, row, &fault) ==
            ERR_NOMEM) {
            *err = fault;
            return err->code;
        }
        local_note(call, &fault);
        done += text.len;
    }
    return 0;
}

static void on_local_iteration(struct op *op);

static void local_step(struct local_call *call)
{
    struct err err = {0};

    if (call->req->op.err.code != 0 || local_slice(call, &err) < 0) {
        local_call_end(call, &err);
        return;
    }
    if (call->next == call->req->n) {
        local_call_end(call, &call->fault);
        return;
    }
    op_init(&call->iteration.op, on_local_iteration);
    loop_timer(call->embedder->loop, &call->iteration, 0);
}

static void on_local_iteration(struct op *op)
{
    local_step(container_of(op, struct local_call, iteration.op));
}

void embedder_local_send(struct embedder_local *e, struct embed_req *req)
{
    struct local_call *call = local_must(calloc(1, sizeof(*call)));

    call->embedder = e;
    call->req = req;
    op_begin(&req->op, &e->loop->ready, NULL);
    e->pending++;
    op_init(&call->iteration.op, on_local_iteration);
    loop_timer(e->loop, &call->iteration, 0);
}
