/*
 * What the sources still have, for services whose missing items are deleted:
 * statements for the transactions of others (db/call.h).
 *
 * Passes over a service, that is the runs that read it, are numbered; a page
 * marks its ids with the number of its pass when it is checkpointed, in the
 * same transaction. So an id has been missed by two complete passes in a row
 * when its mark is older than the complete pass before the one that has just
 * come to its end, whatever has happened in between.
 */
#ifndef DB_LEDGER_DELETE_MARKS_H
#define DB_LEDGER_DELETE_MARKS_H

#include "db/call.h"
#include "sync/ports.h"

/* Marks the ids of a page; writes nothing without the token. ERR_NOMEM. */
int seen_add_marks(struct call *c, const struct checkpoint_req *req);

/*
 * Forgets the passes over a service and its marks: nothing of it is deleted
 * any more, and if that is asked for again, the passes start anew.
 */
void seen_add_forget(struct call *c, const char *tenant, const char *service);

#endif
