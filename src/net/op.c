#include "net/op.h"

#include <assert.h>

void op_queue_init(struct op_queue *q, void (*wake)(struct op_queue *q))
{
    list_init(&q->ready);
    q->wake = wake;
}

static void op_call_back(struct list *node)
{
    struct op *op = container_of(node, struct op, link);

    assert(op->state == OP_FINISHED);
    op->state = OP_IDLE;
    op->done(op);
}

bool op_queue_run_one(struct op_queue *q)
{
    struct list *node = list_pop(&q->ready);

    if (node == NULL)
        return false;
    op_call_back(node);
    return true;
}

size_t op_queue_run(struct op_queue *q, uint64_t (*clock)(void), uint64_t time)
{
    uint64_t begun = clock == NULL ? 0 : clock();
    struct list now;
    struct list *node;
    size_t n = 0;

    list_init(&now);
    list_splice(&now, &q->ready);
    while ((node = list_pop(&now)) != NULL) {
        op_call_back(node);
        n++;
        if (clock != NULL && clock() - begun >= time)
            break;
    }
    list_splice(&now, &q->ready);
    list_splice(&q->ready, &now);
    return n;
}

void op_init(struct op *op, op_cb done)
{
    *op = (struct op){.done = done, .state = OP_IDLE};
    list_init(&op->link);
}

void op_cancel(struct op *op)
{
    if (op->state != OP_RUNNING || op->err.code != 0)
        return;
    err_set(&op->err, ERR_CANCELED, "canceled");
    if (op->cancel_fn != NULL)
        op->cancel_fn(op);
}

void op_begin(
    struct op *op, struct op_queue *q, void (*cancel_fn)(struct op *op))
{
    assert(op->state == OP_IDLE);
    op->state = OP_RUNNING;
    op->queue = q;
    op->cancel_fn = cancel_fn;
    err_clear(&op->err);
}

void op_finish(struct op *op, const struct err *err)
{
    bool was_empty = list_empty(&op->queue->ready);

    assert(op->state == OP_RUNNING);
    op->state = OP_FINISHED;
    if (err != NULL && err->code != 0 && op->err.code == 0)
        op->err = *err;
    list_push(&op->queue->ready, &op->link);
    if (was_empty)
        op->queue->wake(op->queue);
}

void op_fail(struct op *op, struct op_queue *q, const struct err *err)
{
    op_begin(op, q, NULL);
    op_finish(op, err);
}
