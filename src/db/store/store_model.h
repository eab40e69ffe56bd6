/*
 * Whether another model has embedded items of a service, and how many: a part
 * of store_open() (adapters/store.h). The ledger knows (ledger_model.h); rows
 * of before it know nothing.
 */
#ifndef DB_STORE_STORE_MODEL_H
#define DB_STORE_STORE_MODEL_H

#include "db/call.h"
#include "sync/ports.h"

/* Adds a statement, and takes its result into *req. */
void store_add_model(struct call *c, const struct store_open_req *req);
void store_take_model(const struct pg_result *r, struct store_open_req *req);

#endif
