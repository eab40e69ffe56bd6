/*
 * The linker: empties the link queue in the background, a batch at a time.
 *
 *   IDLE     nothing to do
 *     |  ^
 *   FIND --+  items without a node are put on the queue, as far as asked for
 *     |  |
 *   BATCH -+  a batch is under way; at the queue's end, the next tenant
 *     |  |
 *   WAIT -+   between two batches, or before a failed one is tried again
 *
 * While a run is at work it takes LINKER_SHARE_PERCENT of the time and no
 * more: after a batch that took a second it rests for three.
 *
 * What is queued stays queued until it is linked, so nothing depends on a
 * batch's success: a failure is a warning, and when its tries are used up the
 * tenant has to wait for its next kick.
 */
#ifndef SYNC_LINKER_H
#define SYNC_LINKER_H

#include "sync/pipeline.h"

enum linker_state { LINKER_IDLE, LINKER_FIND, LINKER_BATCH, LINKER_WAIT };

enum {
    LINKER_SHARE_PERCENT = 25,
    LINKER_LATER_MS = 60 * 1000,
    LINKER_TURN_MS = 1000,       /* until another process may be done */
    LINKER_COUNT_MS = 10 * 1000, /* the queue is counted that often, at work */
};

struct linker_options {
    int batch; /* items, at most */
    int find;  /* items looked at in one go for what has no node */
    struct retry_policy retries; /* of a batch */
};

/* For people to see. */
struct linker_progress {
    enum link_method method;     /* of the newest step; LINK_NONE: it is idle */
    uint64_t done[LINK_METHODS]; /* since linker_init(): items, or links */
    double per_second;           /* items and links, since it was idle last */
};

struct linker {
    enum linker_state state;
    struct pipeline p;
    struct list tenants; /* owned; the first one is at work */
    struct list waiting; /* of struct op.link, until it is idle */
    struct link_req link;
    struct find_req find;
    struct retry retry;
    bool sharing; /* a run is at work */
    bool resting; /* the wait is for its sake */
    struct linker_options options;
    int batch;       /* the next one; smaller after one that took too long */
    uint64_t linked; /* items, since linker_init() */
    struct linker_progress progress;
    uint64_t busy_ms, busy_done; /* when it was idle last, and what was done */
    bool counted;                /* the queue, at least once */
    uint64_t queued;    /* its items when it was counted, less those linked */
    uint64_t count_ms;  /* when it is counted again; 0: with the next batch */
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
 * while a run stores.
 */
void linker_kick(struct linker *l, const char *tenant);

/*
 * The same, and what is stored without a node is queued before: for a start,
 * since the graph may have been switched on after a first load.
 */
void linker_find(struct linker *l, const char *tenant);

/*
 * A run begins, or has ended. In between the linker keeps to its share of the
 * time and holds back the build of the vector index, which slows storing; a
 * pause it is taking ends with the run.
 */
void linker_share(struct linker *l, bool sharing);

/* "exact", "index", "declared"; "" for LINK_NONE. */
const char *link_method_name(enum link_method method);

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
