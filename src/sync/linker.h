/*
 * The linker: empties the link queue in the background, a batch at a time.
 *
 *   IDLE     nothing to do
 *     |  ^
 *   BATCH -+  a batch is under way; at the queue's end, the next tenant
 *     |  |
 *   WAIT -+   between two batches, or before a failed one is tried again
 *
 * What is queued stays queued until it is linked, so nothing depends on a
 * batch's success: a failure is a warning, and when its tries are used up the
 * tenant has to wait for its next kick.
 */
#ifndef SYNC_LINKER_H
#define SYNC_LINKER_H

#include "sync/pipeline.h"

enum linker_state { LINKER_IDLE, LINKER_BATCH, LINKER_WAIT };

struct linker_options {
    int batch; /* items, at most */
    int tries; /* of a batch */
    int retry_base_ms;
};

struct linker {
    enum linker_state state;
    struct run_options retries; /* tries and waits, for the pipeline */
    struct pipeline p;
    struct list tenants; /* owned; the first one is at work */
    struct list waiting; /* of struct op.link, until it is idle */
    struct link_req link;
    struct retry retry;
    int most;           /* items a batch */
    int batch;          /* the next one; smaller after one that took too long */
    uint64_t linked;    /* items, since linker_init() */
    struct err failure; /* what was given up for last; code 0: it went well */
};

/*
 * `ports` is borrowed as long as the linker is used; ports->link may be NULL,
 * and then there is never anything to do. The linker must stay where it is.
 */
void linker_init(struct linker *l, const struct ports *ports,
    const struct linker_options *options);

/*
 * Something may have been queued for the tenant. Cheap, at any time, also
 * while a run stores; but the vector index is built by the first batch that
 * finds rows enough, and rows are stored more slowly from then on: during a
 * first load it is better to kick at its end.
 */
void linker_kick(struct linker *l, const char *tenant);

/*
 * Finishes `op` (initialized by the caller) as soon as the linker is idle.
 * Canceling it only ends the waiting.
 */
void linker_when_idle(struct linker *l, struct op *op);

/*
 * For good: cancels the batch under way, whose items stay queued, and ignores
 * kicks from now on. Idle soon after, never at once if it was not.
 */
void linker_stop(struct linker *l);

#endif
