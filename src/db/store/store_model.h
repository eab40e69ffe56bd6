/*
 * Whether another model has embedded items of a service, and how many: a part
 * of store_open() (db/store/store.h). The ledger records it (ledger_model.h);
 * rows that predate the ledger carry no model.
 */
#ifndef DB_STORE_STORE_MODEL_H
#define DB_STORE_STORE_MODEL_H

#include "db/call.h"
#include "db/ledger/ledger_model.h"
#include "sync/ports.h"

/* A condition on `me`, a row of tenant_id, service, provider, model,
 * dimensions: is there something to count? */
#define STORE_MODEL_OTHERS                 \
    "EXISTS (SELECT 1" LEDGER_OTHER_MODELS \
    "  AND o.started_at > coalesce((" LEDGER_WHOLE_PASS "), '-infinity'))"

/* Adds a statement, and takes its result into *req. */
void store_add_model(struct call *c, const struct store_open_req *req);
void store_take_model(const struct pg_result *r, struct store_open_req *req);

#endif
