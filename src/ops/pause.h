/* Pausing all schedules, for a reason that others can read, and going on. */
#ifndef OPS_PAUSE_H
#define OPS_PAUSE_H

#include "db/ledger/ledger_fire.h"
#include "ops/ops.h"

/*
 * Checks the reason: UTF-8, not blank, without control characters, less than
 * PAUSE_REASON_BYTES. ERR_INVALID.
 */
int pause_check(const char *reason, struct err *err);

/* Works with the ledger; req->reason NULL: go on. */
void pause_run(const struct ops *ops, struct pause_req *req);

#endif
