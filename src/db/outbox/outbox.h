/*
 * The messages to the webhook. They are derived from the ledger, whose rows
 * survive whatever happens to a process, and not from what a process has seen:
 * so none is lost, no run waits for one, and whichever process looks tells of
 * the runs of all. A cause is told once: collecting twice adds nothing.
 *
 * Who claims a message has until the lease ends to settle it; then it can be
 * claimed again. So it is delivered at least once.
 */
#ifndef DB_OUTBOX_OUTBOX_H
#define DB_OUTBOX_OUTBOX_H

#include "base/buf.h"
#include "net/pg/pg.h"

enum {
    OUTBOX_LEASE_MS = 20 * 1000,
    OUTBOX_ID_BYTES = 40,
    OUTBOX_PAYLOAD_BYTES = 4 * 1024 * 1024,
    OUTBOX_LOOK_BACK_S = 24 * 3600, /* what ended before that is not told */
    OUTBOX_RUN_DAYS = 8,            /* nor what began before that */
    OUTBOX_KEEP_DAYS = OUTBOX_RUN_DAYS + 2, /* a message, so that its run is
                                               not told of again */
    OUTBOX_PATIENCE_S = 3 * 24 * 3600       /* then a message is given up */
};

struct outbox_collect_req {
    struct op op; /* err: what net/pg.h has */

    /* In; NULL, or a run that could not begin, of which the ledger knows
     * nothing: its error, and a name of this failure, so that a repeated call
     * tells it once. Borrowed until the callback. */
    const char *error, *trigger, *name;

    size_t added; /* out: messages */
};

void outbox_collect(
    struct pg_pool *pool, struct loop *loop, struct outbox_collect_req *req);

struct outbox_claim_req {
    struct op op; /* err: what net/pg.h has */

    /* Out. number 0: none is due. */
    int64_t number;
    char id[OUTBOX_ID_BYTES];
    int tries;          /* with the one to come */
    int64_t age_s;      /* of the message */
    struct buf payload; /* owned: outbox_claim_clear() */
    int64_t next_ms;    /* until another one is due; < 0: none waits */
    int64_t waiting;    /* messages, with this one */
};

void outbox_claim(
    struct pg_pool *pool, struct loop *loop, struct outbox_claim_req *req);
void outbox_claim_clear(struct outbox_claim_req *req);

struct outbox_settle_req {
    struct op op; /* err: what net/pg.h has */

    /* In; borrowed until the callback. */
    int64_t number;
    const char *error; /* NULL: it was delivered */
    int64_t wait_ms;   /* before the next try; < 0: none, it is given up */
};

void outbox_settle(
    struct pg_pool *pool, struct loop *loop, struct outbox_settle_req *req);

#endif
