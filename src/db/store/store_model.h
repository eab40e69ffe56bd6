/*
 * Whether another model has embedded items of a service, and how many: a part
 * of store_open() (db/store/store.h). The ledger records it (ledger_model.h);
 * rows that predate the ledger carry no model.
 */
#ifndef DB_STORE_STORE_MODEL_H
#define DB_STORE_STORE_MODEL_H

#include "db/call.h"
#include "sync/ports.h"

/* Adds a statement, and takes its result into *req. */
void store_add_model(struct call *c, const struct store_open_req *req);
void store_take_model(const struct pg_result *r, struct store_open_req *req);

#endif
