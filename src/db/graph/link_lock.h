/*
 * One lock per tenant that serializes the batches of its link queue and the
 * deletes of linked items, across processes. It is part of other modules'
 * transactions (db/call.h) and ends with them.
 */
#ifndef DB_GRAPH_LINK_LOCK_H
#define DB_GRAPH_LINK_LOCK_H

#include "db/call.h"

enum { LINK_LOCK_STMTS = 2 };

/*
 * Adds that many statements: the time to wait for locks, this one included
 * ("5s"; after that SQLSTATE 55P03), and the lock itself. A holder whose
 * client has stopped has its connection terminated.
 */
void link_lock_add(struct call *c, const char *tenant, const char *timeout);

/* The same beside others that share it. */
void link_lock_add_shared(
    struct call *c, const char *tenant, const char *timeout);

#endif
