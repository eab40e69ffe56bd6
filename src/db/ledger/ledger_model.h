/*
 * What a service's items were embedded with, as far as the ledger knows: SQL
 * for other statements, in which `me` is the service (tenant_id, service) with
 * the current model (provider, model, dimensions).
 *
 * A whole pass is a run over a service that asked for everything and
 * succeeded: from then on all items of the source have its model, until a run
 * with another model begins on the service, however that run ends.
 */
#ifndef DB_LEDGER_LEDGER_MODEL_H
#define DB_LEDGER_LEDGER_MODEL_H

/* When the last whole pass with the model began: started_at. */
#define LEDGER_WHOLE_PASS                                               \
    "SELECT w.started_at FROM @.batch_sync_service_runs w"              \
    " JOIN @.batch_sync_runs r ON r.id = w.run_id"                      \
    " WHERE w.tenant_id = me.tenant_id AND w.service = me.service"      \
    " AND w.status = 'success' AND w.since IS NULL AND r.since IS NULL" \
    " AND (r.provider, r.model, r.dimensions)"                          \
    "  = (me.provider, me.model, me.dimensions)"                        \
    " ORDER BY w.started_at DESC LIMIT 1"

/* FROM and WHERE of services begun with other models: o, with its run x. */
#define LEDGER_OTHER_MODELS                                        \
    " FROM @.batch_sync_service_runs o"                            \
    " JOIN @.batch_sync_runs x ON x.id = o.run_id"                 \
    " WHERE o.tenant_id = me.tenant_id AND o.service = me.service" \
    " AND o.owner <> '' AND (x.provider, x.model, x.dimensions)"   \
    "  <> (me.provider, me.model, me.dimensions)"

/* What an incremental run asks for changes since, $5 seconds before its last
 * success began: of LEDGER_SUCCESSES, which follow `me` in a FROM. All that has
 * succeeded since a whole pass is of its model. */
#define LEDGER_SINCE                                          \
    "to_char((max(p.started_at) - make_interval(secs => $5))" \
    " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
#define LEDGER_SUCCESSES                                                    \
    ", LATERAL (" LEDGER_WHOLE_PASS ") whole"                               \
    " JOIN @.batch_sync_service_runs p ON p.started_at >= whole.started_at" \
    "  AND p.status = 'success'"                                            \
    " JOIN @.batch_sync_runs q ON q.id = p.run_id AND q.since IS NULL"      \
    " WHERE p.tenant_id = me.tenant_id AND p.service = me.service"          \
    " AND NOT EXISTS (SELECT 1" LEDGER_OTHER_MODELS                         \
    "  AND o.started_at > whole.started_at)"

#endif
