/*
 * A good answer is read: its vectors into the post's.
 *
 * Happy path: an iteration of the loop later, when the next request is on its
 * way, it is read there, or where that takes long (numbers as text, most of
 * all) as one job in libuv's pool. Then the call goes on: embed_call_answered()
 * asks embed_reading_judge() what has come of it.
 *
 * Failures: what is wrong with an answer is judged on the loop, also where
 * nothing could be read. Cancel: waits for the reading, which is short. Close:
 * as embedder.c has it.
 */
#include "embed/embedder_impl.h"

#include <stdlib.h>

/* POOL_BYTES: about a millisecond of reading. */
enum { BEGIN_BYTES = 16 * 1024, POOL_BYTES = 512 * 1024 };

void embed_reading_init(struct embed_call *call)
{
    call->reading.answer = (struct embedder_answer){.n = call->post.n,
        .dimensions = call->req->dimensions,
        .vectors = call->post.vectors,
        .good = call->post.good};
    err_clear(&call->reading.err);
}

/* The beginning of an answer, which reading changes. */
static void embed_reading_keep_begin(struct embed_call *call)
{
    const struct buf *body = &call->post.http.answer;
    struct embed_reading *reading = &call->reading;

    reading->begin = malloc(BEGIN_BYTES);
    reading->begin_len = body->len < BEGIN_BYTES ? body->len : BEGIN_BYTES;
    if (reading->begin == NULL)
        abort();
    if (body->len > 0)
        memcpy(reading->begin, body->data, reading->begin_len);
}

static void embed_reading_work(struct work_req *job)
{
    struct embed_call *call = container_of(job, struct embed_call, reading.job);

    embedder_answer_read(
        &call->post.http.answer, &call->reading.answer, &call->reading.err);
}

static void on_embed_reading_done(struct op *op)
{
    embed_call_answered(container_of(op, struct embed_call, reading.job.op));
}

static void on_embed_reading_turn(struct op *op)
{
    struct embed_call *call =
        container_of(op, struct embed_call, reading.turn.op);

    embed_reading_work(&call->reading.job);
    embed_call_answered(call);
}

void embed_reading_start(struct embed_call *call)
{
    struct embed_reading *reading = &call->reading;
    struct loop *loop = call->embedder->loop;

    embed_reading_keep_begin(call);
    if (call->post.http.answer.len < POOL_BYTES) {
        op_init(&reading->turn.op, on_embed_reading_turn);
        loop_timer(loop, &reading->turn, 0);
        return;
    }
    reading->job.work = embed_reading_work;
    op_init(&reading->job.op, on_embed_reading_done);
    loop_work(loop, &reading->job);
}

/* All vectors have another length: so has whatever the model makes. */
static int embed_reading_strange(const struct embed_call *call, struct err *err)
{
    const struct embedder_answer *a = &call->reading.answer;

    return err_set(err, ERR_CONFIG,
        "the vectors have %zu dimensions instead of %d: set "
        "EMBEDDING_DIMENSIONS=%zu, or an EMBEDDING_MODEL that makes %d "
        "(asked %s)",
        a->length, a->dimensions, a->length, a->dimensions,
        call->embedder->form.address.shown);
}

bool embed_reading_is_good(const struct http_req *http)
{
    return http->status >= 200 && http->status < 300;
}

/* A long answer that is none is known by what it begins with. */
static bool embed_reading_judge_vectors(
    struct embed_call *call, struct err *err)
{
    struct embed_reading *reading = &call->reading;
    const struct embedder_answer *a = &reading->answer;
    bool smaller = false;

    *err = reading->err;
    call->req->tokens += a->tokens;
    if (err->code == 0 && a->strange == a->n && !call->embedder->worked)
        embed_reading_strange(call, err);
    else if (err->code == 0 && a->nbad == a->n && a->n > 1)
        *err = a->fault; /* it is not the texts, then */
    else if (err->code != 0)
        smaller = embed_misanswered(
            call, (struct str){reading->begin, reading->begin_len}, a, err);
    free(reading->begin);
    reading->begin = NULL;
    return smaller;
}

/* What an answer means its status says, however long it is: that it is too
 * long is all there is to read of it then. */
bool embed_reading_judge(struct embed_call *call, struct err *err)
{
    struct http_req *http = &call->post.http;
    bool good = embed_reading_is_good(http);

    *err = http->op.err;
    if (err->code == ERR_TOO_LARGE && good)
        err->code = ERR_PROTOCOL;
    else if (err->code == ERR_TOO_LARGE)
        return embed_refused(call, str_of(http->op.err.msg), err);
    else if (err->code == 0 && good)
        return embed_reading_judge_vectors(call, err);
    else if (err->code == 0)
        return embed_refused(call, buf_view(&http->answer), err);
    return false;
}
