/*
 * The ledger: who runs what, how far it came, what could not be stored. The
 * real side of the ports run_begin, run_join, service_begin, checkpoint,
 * service_end and run_end (sync/ports.h).
 *
 * A run and the service at hand are leased by the database's clock and kept
 * alive by heartbeats a sixth of the lease apart; everybody who takes part in
 * a run keeps the run alive. A service whose lease has run out is claimed by
 * the next who comes. A run that nobody is at work on is interrupted: the next
 * run_join resumes it, and so does a run_begin that asks for the same; any
 * other run_begin marks it abandoned. Either way services get new tokens
 * first, which waits for the statement that a lost owner may still have under
 * way, and ends that owner's connection when it holds on to it.
 */
#ifndef DB_LEDGER_LEDGER_H
#define DB_LEDGER_LEDGER_H

#include "net/pg/pg.h"
#include "sync/ports.h"

enum { OWNER_BYTES = 128 };

/*
 * SQL to be called by every statement that locks the row of a service, with
 * the row's token (of before, where it changes), or the row of a run, with its
 * id. Which transaction holds a row is listed nowhere; this lock is, for
 * whoever has to end an owner that holds on to its rows.
 */
#define LEDGER_FENCE_LOCK(name)                                  \
    "pg_advisory_xact_lock_shared(hashtext('batch_sync_fence')," \
    " hashtext(" name "))"

struct ledger {
    struct pg_pool *pool; /* borrowed; not the one that stores */
    struct loop *loop;    /* borrowed */
    int lease_s, overlap_s;
    char owner[OWNER_BYTES]; /* host:process:random */
    /* The run and the service at hand; "" for none. */
    char run_id[ID_BYTES];
    char token[ID_BYTES];
    struct counts base; /* of the service, before it was resumed */
    struct timer_req tick;
    struct op beat;
};

/*
 * `pool` should have a connection of its own, so that a heartbeat never waits
 * behind a chunk. The ledger must stay where it is until the loop has ended.
 */
void ledger_init(struct ledger *l, struct pg_pool *pool, struct loop *loop,
    int lease_s, int overlap_s);

/* Ends the heartbeats, if there is no run_end to do so. */
void ledger_stop(struct ledger *l);

/* The last scheduled fire that any replica has taken. */
struct last_fire_req {
    struct op op;
    int64_t fire_ms; /* out: its nominal instant; 0: there was none */
};
int ledger_last_fire(struct ledger *l, struct last_fire_req *req);

/* Ends a run for good, whoever is at work on it: they lose their leases. */
struct run_cancel_req {
    struct op op;
    const char *run_id; /* borrowed until the callback */
    /* Out. */
    bool found;
    bool canceled; /* false: it had ended already */
    char status[16];
};
int ledger_run_cancel(struct ledger *l, struct run_cancel_req *req);

int ledger_run_begin(struct ledger *l, struct run_begin_req *req);
int ledger_run_join(struct ledger *l, struct run_join_req *req);
int ledger_service_begin(struct ledger *l, struct service_begin_req *req);
int ledger_checkpoint(struct ledger *l, struct checkpoint_req *req);
int ledger_service_end(struct ledger *l, struct service_end_req *req);
int ledger_run_end(struct ledger *l, struct run_end_req *req);

#endif
