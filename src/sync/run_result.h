/* The result of a run that several processes may have had a part in. */
#ifndef SYNC_RUN_RESULT_H
#define SYNC_RUN_RESULT_H

#include "base/arena.h"
#include "sync/ports.h"

/*
 * Completes the services' results and adds them up. `ours`, per service: this
 * process has ended it, or was at it when it was told to stop. `known` is what
 * the ledger answered; NULL: it could not be reached. What neither knows has
 * failed for the reason `why`. Errors are kept in the arena.
 */
void run_result_complete(struct run_result *result, struct arena *arena,
    const bool *ours, const struct run_end_req *known, const struct err *why);

/* How a run has ended of which the ledger does not say so. */
enum run_status run_result_status(
    const struct run_result *result, bool canceled, bool interrupted);

/* Was the service's lease lost, so that its result is another process's? */
bool run_result_was_fenced(const struct service_result *result);

#endif
