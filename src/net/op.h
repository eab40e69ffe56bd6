/*
 * The request object. Every asynchronous call takes a request struct that the
 * caller owns, with a struct op inside and one callback.
 *
 *   submit returns nothing and cannot be refused: the callback comes exactly
 *                        once, later, on the loop, never from inside submit
 *                        or op_cancel(). A submit that finds a fault reports
 *                        it there too: op_fail().
 *   op_cancel()          idempotent, best effort; the callback still comes,
 *                        once, usually with ERR_CANCELED.
 *   in the callback      op->err says how it ended; the memory may go. A
 *                        success never overwrites an earlier error or cancel.
 *
 * The side that runs a request calls op_begin() when it accepts it and
 * op_finish() when it no longer needs the memory. Everything here happens on
 * the loop's thread; nothing here knows what kind of loop that is.
 */
#ifndef NET_OP_H
#define NET_OP_H

#include "base/err.h"
#include "base/list.h"
#include <stddef.h>

struct op;
typedef void (*op_cb)(struct op *op);

/* The finished requests whose callbacks are due, oldest first. */
struct op_queue {
    struct list ready;                /* of struct op.link */
    void (*wake)(struct op_queue *q); /* called when it stops being empty */
};

enum op_state { OP_IDLE, OP_RUNNING, OP_FINISHED };

struct op {
    op_cb done;                       /* set by op_init() */
    void (*cancel_fn)(struct op *op); /* the runner's; NULL: cannot */
    struct op_queue *queue;           /* borrowed; set by op_begin() */
    struct list link;                 /* in queue->ready when finished */
    enum op_state state;
    uint64_t begun_ms; /* the submitter's, to measure; op_init() clears it */
    struct err err;    /* err.code 0: success */
};

void op_queue_init(struct op_queue *q, void (*wake)(struct op_queue *q));

/*
 * Calls back what is ready now, but not what becomes ready meanwhile, so that
 * the loop goes on; and no more of it once `time` has passed by that clock
 * (NULL: all of it). The rest stays first in line. Returns how many.
 */
size_t op_queue_run(struct op_queue *q, uint64_t (*clock)(void), uint64_t time);

/* Calls back the oldest ready request; false when there is none. */
bool op_queue_run_one(struct op_queue *q);

/* Before the first submit and before each further one. */
void op_init(struct op *op, op_cb done);

/* True from submit until the callback begins. */
static inline bool op_pending(const struct op *op)
{
    return op->state != OP_IDLE;
}

/* Asks a pending request to end early; does nothing to any other. */
void op_cancel(struct op *op);

/* The runner's side: accepts the request. cancel_fn may call op_finish(). */
void op_begin(
    struct op *op, struct op_queue *q, void (*cancel_fn)(struct op *op));

/*
 * The runner's side: the request has ended with *err (NULL: success). The
 * runner must not touch the request afterwards.
 */
void op_finish(struct op *op, const struct err *err);

/*
 * The runner's side: takes on a request that cannot be started. Its callback
 * comes later with *err, as that of any other failure.
 */
void op_fail(struct op *op, struct op_queue *q, const struct err *err);

/* A timer, or with a delay of 0 a later iteration of the loop. */
struct timer_req {
    struct op op;
    uint64_t due_ms;  /* the runner's */
    struct list link; /* the runner's */
};

/* Pure computing that would keep the loop from its other events. */
struct work_req {
    struct op op; /* a cancel waits for what has begun; err.code 0: it ran */
    void (*work)(struct work_req *req); /* on another thread, alone with what it
                                           works on */
};

#endif
