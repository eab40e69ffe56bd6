/*
 * A node may go only when no edge points at it any more, and the database
 * asks that for each node by itself, of all tenants: without an index for
 * either end of an edge it reads all edges, twice a node. These indexes cost
 * every edge that is written, so they are built when there is something to
 * delete, and only where the edges are many.
 *
 * Statements for the transactions of the sweep (db/sweep/sweep.h).
 */
#ifndef DB_SWEEP_SWEEP_INDEX_H
#define DB_SWEEP_SWEEP_INDEX_H

#include "db/call.h"

enum { SWEEP_INDEX_MS = 10 * 60 * 1000 }; /* that building may take */

/* Adds the question whether some are missing, and reads the answer. */
void sweep_index_look(struct call *c);
bool sweep_index_wanted(const struct pg_result *r);

/*
 * Adds their making, which locks writers of edges out until the transaction has
 * ended, and leaves nothing behind when it fails.
 */
void sweep_index_build(struct call *c);

#endif
