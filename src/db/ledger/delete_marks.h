/*
 * Which items the sources still have, for services whose missing items are
 * deleted: statements for other modules' transactions (db/call.h).
 *
 * A pass is one run's reading of a service; passes are numbered. A page marks
 * its ids with the number of its pass in the transaction of its checkpoint.
 * When a pass completes, two complete passes in a row have missed exactly the
 * ids whose mark is older than the previous complete pass.
 */
#ifndef DB_LEDGER_DELETE_MARKS_H
#define DB_LEDGER_DELETE_MARKS_H

#include "db/call.h"
#include "sync/ports.h"

/*
 * Tombstones (checkpoint_req's deletes): keeps those of stored items, resolves
 * the dead letters of all, and drops those whose items the page shows alive.
 * Every chunk of the page and of those before it has committed. ERR_NOMEM.
 */
int tombstone_add_marks(struct call *c, const struct checkpoint_req *req);

/* The source of a service tells of no deletes any more. */
void tombstone_add_forget(
    struct call *c, const char *tenant, const char *service);

/* Marks the ids of a page; writes nothing without the token. ERR_NOMEM. */
int seen_add_marks(struct call *c, const struct checkpoint_req *req);

/*
 * Removes the passes and the marks of a service: nothing of it is deleted any
 * more, and if deletion is switched on again, the passes start from zero.
 */
void seen_add_forget(struct call *c, const char *tenant, const char *service);

#endif
