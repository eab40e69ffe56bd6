#include "db/graph/link_lock.h"

#define LINK_LOCK "hashtext('batch_sync_link_queue'), hashtext($1)"

/*
 * Terminates the holder of the lock only if it has waited for its client for 5
 * s. A holder that is working is left alone: a batch may take long.
 */
#define EVICT                                                             \
    " THEN (SELECT count(pg_terminate_backend(a.pid)) FROM pg_locks l"    \
    "  JOIN pg_stat_activity a ON a.pid = l.pid AND a.datid = l.database" \
    "  WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted"    \
    "  AND a.datname = current_database()"                                \
    "  AND l.classid::int8 = hashtext('batch_sync_link_queue')::int8"     \
    "   & x'ffffffff'::int8"                                              \
    "  AND l.objid::int8 = hashtext($1)::int8 & x'ffffffff'::int8"        \
    "  AND a.wait_event_type = 'Client'"                                  \
    "  AND a.xact_start < now() - interval '5 s') END"

static void link_lock_statements(struct call *c, const char *tenant,
    const char *timeout, const char *evict, const char *lock)
{
    call_stmt(c, evict, false);
    call_add_text(c, tenant);
    call_add_text(c, timeout);
    call_stmt(c, lock, false);
    call_add_text(c, tenant);
}

void link_lock_add(struct call *c, const char *tenant, const char *timeout)
{
    link_lock_statements(c, tenant, timeout,
        "SELECT set_config('lock_timeout', $2, true), CASE WHEN NOT"
        " pg_try_advisory_xact_lock(" LINK_LOCK ")" EVICT,
        "SELECT pg_advisory_xact_lock(" LINK_LOCK ")");
}

void link_lock_add_shared(
    struct call *c, const char *tenant, const char *timeout)
{
    link_lock_statements(c, tenant, timeout,
        "SELECT set_config('lock_timeout', $2, true), CASE WHEN NOT"
        " pg_try_advisory_xact_lock_shared(" LINK_LOCK ")" EVICT,
        "SELECT pg_advisory_xact_lock_shared(" LINK_LOCK ")");
}
