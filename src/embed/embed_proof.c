/*
 * The proof that answers without an index come in the order of their texts
 * (embed_order.c): one call makes it, the others wait for it.
 */
#include "embed/embedder_impl.h"

#include "record/item.h"

enum { ORDER_MS = 60 * 60 * 1000 };

/* What was proven may change with the server; and a refutation ends a run. */
void embed_forget_order(struct embedder *e)
{
    bool old = loop_now_ms(e->loop) - e->proven_ms > ORDER_MS;

    if ((e->order == ORDER_PROVEN && old) ||
        (e->order == ORDER_REFUTED && e->pending == 0))
        e->order = ORDER_UNKNOWN;
}

static void embed_proof_prove(struct embed_call *call)
{
    call->step = STEP_PROVE;
    call->embedder->order = ORDER_PROVING;
    call->held = call->post;
    call->post = (struct embed_post){.n = 0};
    embed_post_open(&call->post, 2, call->req->dimensions);
    for (int i = 0; i < 2; i++) {
        size_t place = call->held.places[call->pair[1 - i]];

        embed_post_add(call, place, text_tokens(call->req->texts[place]));
    }
    embed_call_post(call);
}

static void embed_proof_call_disordered(struct embed_call *call)
{
    struct err err;

    err_set(&err, ERR_CONFIG,
        "the answer gives no index, and asked for two of the texts the other "
        "way round, %s gives their vectors in no order to rely on: set "
        "EMBEDDING_MAX_INPUTS=1",
        call->embedder->form.address.shown);
    embed_call_end(call, &err);
}

/* An answer without an index: taken when the order is known, or cannot matter.
 * Else this call proves it, or waits for the one that is at it. */
void embed_take_unordered(struct embed_call *call)
{
    struct embedder *e = call->embedder;

    if (e->order == ORDER_PROVING) {
        list_push(&e->unordered, &call->line);
    } else if (e->order == ORDER_REFUTED) {
        embed_proof_call_disordered(call);
    } else if (e->order == ORDER_PROVEN ||
               !embed_order_choose(
                   &call->post, call->req->dimensions, call->pair)) {
        embedder_accept(call, &call->post);
        embed_call_next(call);
    } else {
        embed_proof_prove(call);
    }
}

/* Those that waited go on; without a proof the first of them tries. */
void embed_proof_ended(struct embedder *e)
{
    struct list waiting;

    if (e->order == ORDER_PROVING)
        e->order = ORDER_UNKNOWN;
    list_init(&waiting);
    list_splice(&waiting, &e->unordered);
    while (!list_empty(&waiting))
        embed_take_unordered(
            container_of(list_pop(&waiting), struct embed_call, line));
}

void embed_finish_proof(struct embed_call *call, const struct err *fault)
{
    struct embedder *e = call->embedder;

    if (fault->code != 0) {
        embed_call_end(call, fault);
        return;
    }
    e->proven_ms = loop_now_ms(e->loop);
    e->order = embed_order_proven(&call->held, call->req->dimensions,
                   call->pair, call->post.vectors)
                   ? ORDER_PROVEN
                   : ORDER_REFUTED;
    if (e->order == ORDER_REFUTED) {
        embed_proof_call_disordered(call);
        return;
    }
    embedder_accept(call, &call->held);
    embed_post_clear(&call->held);
    embed_call_next(call);
    embed_proof_ended(e);
}
