/*
 * What is to be deleted, for either kind of sweep: statements of $1 the token,
 * $2 the tenant, $3 the microservice.
 *
 *   missing   what two complete passes in a row have not seen
 *             (db/ledger/delete_marks.h)
 *   told      what waits in batch_sync_tombstones and is stored
 */
#ifndef DB_SWEEP_SWEEP_KIND_H
#define DB_SWEEP_SWEEP_KIND_H

#include "db/ledger/ledger.h"
#include "sync/ports.h"

struct sweep_kind_sql {
    /* One row: 0 without the token; what the service run has deleted before;
     * the service's items (told: counted only if it matters); those to go. */
    const char *judge;
    const char *find;     /* ids, in their order: behind $4, at most $5 */
    const char *complete; /* a row: what the service run has deleted */
};

/* Static. */
const struct sweep_kind_sql *sweep_kind_sql_of(enum sweep_kind kind);

#define SWEEP_FENCE                                               \
    "f AS MATERIALIZED (SELECT run_id, counts,"                   \
    " " LEDGER_FENCE_LOCK("$1") " FROM @.batch_sync_service_runs" \
                                " WHERE token = $1 FOR KEY SHARE)"

#define SWEEP_ITEMS_OF_SERVICE                 \
    "@.vector_embeddings WHERE tenant_id = $2" \
    " AND microservice_id = $3"                \
    " AND content_type = 'microservice_data'"

#endif
