/* What advice is derived from, in one look. */
#include "db/read/history_impl.h"

/* clang-format off */

static const char facts_sql[] =
    "SELECT json_build_object("
    "  'pgvector', (SELECT extversion FROM pg_extension"
    "    WHERE extname = 'vector'),"
    "  'rows', (SELECT greatest(reltuples, 0)::int8 FROM pg_class"
    "    WHERE oid = to_regclass('@.vector_embeddings')),"
    "  'index', (SELECT CASE WHEN bool_or(i.indisvalid) THEN 'valid'"
    "     WHEN count(*) > 0 THEN 'invalid' ELSE 'none' END"
    "    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
    "    JOIN pg_am m ON m.oid = c.relam AND m.amname IN ('hnsw', 'ivfflat')"
    "    WHERE i.indrelid = to_regclass('@.vector_embeddings')),"
    "  'indexMemory', (SELECT json_build_object("
    "     'maintenance', max(setting::int8) FILTER (WHERE name ="
    "       'maintenance_work_mem') * 1024,"
    "     'cache', max(setting::int8) FILTER (WHERE name ="
    "       'effective_cache_size') * 8192)"
    "    FROM pg_settings WHERE name IN ('maintenance_work_mem',"
    "     'effective_cache_size')),"
    "  'replicas', (SELECT coalesce(json_agg(DISTINCT jsonb_build_object("
    "     'host', split_part(s.owner, ':', 1),"
    "     'version', nullif(split_part(s.owner, ':', 4), ''))), '[]')"
    "    FROM (SELECT id FROM @.batch_sync_runs"
    "      ORDER BY started_at DESC LIMIT 5) r"
    "    JOIN @.batch_sync_service_runs s ON s.run_id = r.id"
    "    WHERE s.owner IS NOT NULL),"
    "  'limits', (SELECT coalesce(json_agg(json_build_object("
    "     'address', address, 'model', model, 'kind', kind, 'value', value)"
    "     ORDER BY address, model, kind), '[]')"
    "    FROM @.batch_sync_limits WHERE kind IN ('inputs', 'tokens')),"
    "  'openLetters', (SELECT count(*) FROM @.batch_sync_dead_letters"
    "    WHERE resolved_at IS NULL),"
    "  'lastRun', (SELECT json_build_object('id', r.id, 'status', "
    STATUS("r") ", 'error', r.error, 'services', r.services)"
    "    FROM @.batch_sync_runs r ORDER BY r.started_at DESC LIMIT 1))";

/* clang-format on */

void history_facts(
    struct pg_pool *pool, struct loop *loop, struct history_req *req)
{
    call_send(history_begin(pool, loop, req, facts_sql, "database"));
}
