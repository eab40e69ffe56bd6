/*
 * The ledger: which process runs what, how far it has come, what could not be
 * stored. The real side of the ports run_begin, run_join, service_begin,
 * checkpoint, service_end and run_end (sync/ports.h).
 *
 * A run and its services under way are leased by the database's clock and kept
 * alive by heartbeats a sixth of the lease apart; every process that takes
 * part in a run keeps the run alive. The next process claims a service whose
 * lease has expired. A run without any live process is interrupted: the next
 * run_join resumes it, and so does a run_begin with the same parameters; any
 * other run_begin marks it abandoned. Either way services get new tokens
 * first, which waits for a statement that a lost owner may still be running,
 * and terminates that owner's connection if it does not end.
 *
 * Rolling upgrades: a run has the generation of the program that began or
 * resumed it. A process claims nothing of a run with a higher one than its own,
 * and says so once; it neither resumes nor abandons such a run. A running run
 * with a lower one is waited for, and resumed once it is interrupted.
 */
#ifndef DB_LEDGER_LEDGER_H
#define DB_LEDGER_LEDGER_H

#include "net/pg/pg.h"
#include "sync/ports.h"

enum { OWNER_BYTES = 128 };

/*
 * SQL to be called by every statement that locks the row of a service, with
 * the row's token (the old one, where it changes), or the row of a run, with
 * its id. PostgreSQL does not list which transaction holds a row lock, but it
 * lists this advisory lock, by which a stuck owner is found and terminated.
 */
#define LEDGER_FENCE_LOCK(name)                                  \
    "pg_advisory_xact_lock_shared(hashtext('batch_sync_fence')," \
    " hashtext(" name "))"

struct ledger {
    struct pg_pool *pool;  /* borrowed */
    struct pg_pool *beats; /* borrowed; the heartbeats' */
    struct loop *loop;     /* borrowed */
    int lease_s, overlap_s;
    int generation;          /* migrate_generation() */
    char owner[OWNER_BYTES]; /* host:process:random */
    char left_run[ID_BYTES]; /* the last one left to newer programs */
    char run_id[ID_BYTES];   /* the current run; "": none */
    int64_t pending_behind;  /* the last service claimed had not been begun: its
                                position in that run; -1: it had, or none was */
    struct ledger_lease {
        char token[ID_BYTES];    /* "": none */
        struct counts base;      /* of the service, before it was resumed */
    } leases[PARALLEL_SERVICES]; /* of its services under way here */
    struct timer_req tick;
    struct op beat;
    char beat_run[ID_BYTES]; /* that the heartbeat under way is for */
};

/*
 * Heartbeats, over `beats`, wait for nothing else. The ledger must stay where
 * it is until the loop has ended.
 */
void ledger_init(struct ledger *l, struct pg_pool *pool, struct pg_pool *beats,
    struct loop *loop, int lease_s, int overlap_s);

/* Adds the program's version to the owner's name, host:process:random:version;
 * before any run. */
void ledger_tell_version(struct ledger *l, const char *version);

/* Ends the heartbeats, if there is no run_end to do so. */
void ledger_stop(struct ledger *l);

/* Ends a run for good; all processes that work on it lose their leases. */
struct run_cancel_req {
    struct op op;
    const char *run_id; /* borrowed until the callback */
    /* Out. */
    bool found;
    bool canceled; /* false: it had already ended */
    char status[16];
};
void ledger_run_cancel(struct ledger *l, struct run_cancel_req *req);

void ledger_run_begin(struct ledger *l, struct run_begin_req *req);
void ledger_run_join(struct ledger *l, struct run_join_req *req);
void ledger_service_begin(struct ledger *l, struct service_begin_req *req);
void ledger_checkpoint(struct ledger *l, struct checkpoint_req *req);
void ledger_service_end(struct ledger *l, struct service_end_req *req);
void ledger_service_release(struct ledger *l, const char *token);
void ledger_run_end(struct ledger *l, struct run_end_req *req);

#endif
