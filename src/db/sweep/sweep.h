/*
 * Deleting what is gone from its source: the real side of the port sweep
 * (sync/ports.h); db/ledger/delete_marks.h has how that is known.
 */
#ifndef DB_SWEEP_SWEEP_H
#define DB_SWEEP_SWEEP_H

#include "net/pg/pg.h"
#include "sync/ports.h"

enum { SWEEP_ITEMS = 100 }; /* a batch */

void sweep_run(struct pg_pool *pool, struct loop *loop, struct sweep_req *req);

#endif
