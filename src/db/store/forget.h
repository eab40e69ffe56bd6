/* Forgetting an item: every trace of it is deleted. */
#ifndef DB_STORE_FORGET_H
#define DB_STORE_FORGET_H

#include "net/pg/pg.h"

/*
 * Deletes an item's rows, its node with all edges from and to it, its dead
 * letters with their payloads, its marks, declared links and its place in the
 * link queue, in one transaction. What is being linked is computed anew. The
 * item stays forgotten until its source sends it again.
 */
struct forget_req {
    /* err: ERR_ALREADY_RUNNING while a run is under way, which may be storing
     * the item: nothing was deleted. Else the database's. */
    struct op op;
    /* In; borrowed until the callback. */
    const char *tenant, *stored, *content_id; /* `stored`: the rows' service */
    /* Out: how many were deleted. */
    int rows, nodes, edges, letters, links, marks, queued;
};

void forget_run(
    struct pg_pool *pool, struct loop *loop, struct forget_req *req);

#endif
