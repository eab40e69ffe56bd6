/*
 * A run: the services one after another, or several at once, isolated from each
 * other.
 *
 * Happy path: list the services (unless named), begin in the ledger, sync
 * each, end in the ledger. A service that fails is counted and the next one
 * begins; a fault that is the run's own (credentials, quota, model) ends it,
 * and the services not begun are listed as failed with that reason.
 *
 * Stopping: run_stop() lets the chunks in flight finish and starts nothing
 * new; op_cancel(&req->op) also cancels what is in flight. Either way the
 * callback comes once, when nothing of the run is pending any more.
 */
#ifndef SYNC_RUN_H
#define SYNC_RUN_H

#include "record/item.h"
#include "record/schema.h"
#include "sync/ports.h"
#include "sync/result.h"

struct run_req {
    /* err: why nothing ran (ERR_ALREADY_RUNNING, the ledger is down, ...).
     * Success, and ERR_CANCELED after op_cancel(), say only that the run
     * has come to its end: see result. */
    struct op op;
    struct run_options options;
    struct run_result result; /* out; memory: run_req_clear() */
    struct run *run;          /* the run's own; NULL before submit */
};

/* `ports` and `schemas` are borrowed until the callback. */
void run_submit(const struct ports *ports, const struct schema_set *schemas,
    struct run_req *req);

/*
 * Ends early, gracefully; idempotent; the callback still comes. The run is
 * interrupted: another replica, a restart, or an identical request resumes it.
 */
void run_stop(struct run_req *req);

/* The same for good: the run is not resumed. */
void run_cancel(struct run_req *req);

/* After the callback: frees what the result points at. */
void run_req_clear(struct run_req *req);

#endif
