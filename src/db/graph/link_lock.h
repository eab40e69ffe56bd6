/*
 * The turn of a tenant's: batches of its link queue, and deletes of what is
 * linked, come one after the other, in whichever process. A part of the
 * transactions of others (db/call.h); the turn ends with the transaction.
 */
#ifndef DB_GRAPH_LINK_LOCK_H
#define DB_GRAPH_LINK_LOCK_H

#include "db/call.h"

enum { LINK_LOCK_STMTS = 2 };

/*
 * Adds that many statements: what locks are waited for, the turn's among them
 * ("5s": a lock that is not free by then is SQLSTATE 55P03), and the turn.
 * Somebody whose client has stopped with the turn in his hands has his
 * connection ended.
 */
void link_lock_add(struct call *c, const char *tenant, const char *timeout);

#endif
