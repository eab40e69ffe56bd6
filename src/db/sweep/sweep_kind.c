#include "db/sweep/sweep_kind.h"

/* The pass that ends now, if there was a complete one before it. */
#define PASS                                                            \
    "p AS MATERIALIZED (SELECT p.complete, m.name,"                     \
    "  (p.complete_at AT TIME ZONE 'UTC')::timestamp(3) AS complete_at" \
    " FROM f JOIN @.batch_sync_passes p ON p.tenant_id = $2"            \
    "  AND p.microservice_id = $3 AND p.run_id = f.run_id"              \
    " JOIN @.microservices m ON m.id = $3"                              \
    " WHERE p.complete > 0 AND p.complete < p.number)"

/*
 * Of those without a mark: what has been written since the last complete pass
 * was on a page that could not be checkpointed, and a dead letter counts as
 * seen. OFFSET 0: asked for each of the few, not joined with all.
 */
#define NOT_SEEN_OTHERWISE                                        \
    "NOT EXISTS (SELECT 1 FROM " SWEEP_ITEMS_OF_SERVICE           \
    " AND content_id = v.content_id"                              \
    "  AND updated_at >= p.complete_at OFFSET 0)"                 \
    " AND NOT EXISTS (SELECT 1 FROM @.batch_sync_dead_letters d"  \
    "  WHERE d.tenant_id = $2 AND d.service = p.name"             \
    "  AND d.content_id = v.content_id AND d.resolved_at IS NULL" \
    "  OFFSET 0)"

static const char missing_judge_sql[] =
    "WITH " SWEEP_FENCE ", " PASS " SELECT (SELECT count(*) FROM f),"
    " (SELECT coalesce((counts->>'deleted')::int8, 0) FROM f),"
    " count(*), count(*) FILTER (WHERE coalesce(s.pass, 0) < p.complete"
    "  AND " NOT_SEEN_OTHERWISE ")"
    " FROM p CROSS JOIN (SELECT DISTINCT content_id"
    "  FROM " SWEEP_ITEMS_OF_SERVICE ") v"
    " LEFT JOIN LATERAL (SELECT pass FROM @.batch_sync_seen"
    "  WHERE tenant_id = $2 AND microservice_id = $3"
    "  AND content_id = v.content_id OFFSET 0) s ON true";

/* In the order of the index of items, from where the last batch ended. */
static const char missing_find_sql[] =
    "WITH " SWEEP_FENCE ", " PASS
    " SELECT v.content_id FROM p CROSS JOIN LATERAL ("
    " SELECT DISTINCT v.content_id FROM (SELECT content_id"
    "   FROM " SWEEP_ITEMS_OF_SERVICE
    "   AND content_id > $4 ORDER BY content_id) v"
    " WHERE coalesce((SELECT s.pass FROM @.batch_sync_seen s"
    "   WHERE s.tenant_id = $2 AND s.microservice_id = $3"
    "   AND s.content_id = v.content_id), 0) < p.complete"
    "  AND " NOT_SEEN_OTHERWISE
    " ORDER BY v.content_id LIMIT $5) v ORDER BY v.content_id";

static const char missing_complete_sql[] =
    "WITH " SWEEP_FENCE ", done AS (UPDATE @.batch_sync_passes p"
    "  SET complete = p.number, complete_at = now() FROM f"
    "  WHERE p.tenant_id = $2 AND p.microservice_id = $3"
    "   AND p.run_id = f.run_id)"
    " SELECT coalesce((counts->>'deleted')::int8, 0) FROM f";

/* --- told --- */

/* Of a tombstone t: columns are hidden from the planner as in the look-up. */
#define IS_STORED                                           \
    "EXISTS (SELECT 1 FROM @.vector_embeddings"             \
    "  WHERE tenant_id = $2 AND microservice_id || '' = $3" \
    "   AND content_type || '' = 'microservice_data'"       \
    "   AND content_id = t.content_id OFFSET 0)"

#define TOMBSTONES                                     \
    "@.batch_sync_tombstones t WHERE t.tenant_id = $2" \
    " AND t.microservice_id = $3"

/* All items are counted only when more are told of than always may go (10:
 * DELETE_GUARD_FREE). */
static const char told_judge_sql[] =
    "WITH " SWEEP_FENCE ","
    " told AS MATERIALIZED (SELECT count(*) AS n FROM " TOMBSTONES
    "  AND " IS_STORED ")"
    " SELECT (SELECT count(*) FROM f),"
    "  (SELECT coalesce((counts->>'deleted')::int8, 0) FROM f),"
    "  CASE WHEN told.n > 10 THEN (SELECT count(*) FROM"
    "   (SELECT DISTINCT content_id FROM " SWEEP_ITEMS_OF_SERVICE ") v)"
    "   ELSE 0 END, told.n"
    " FROM told";

static const char told_find_sql[] =
    "WITH " SWEEP_FENCE " SELECT t.content_id FROM f CROSS JOIN LATERAL ("
    "  SELECT t.content_id FROM " TOMBSTONES
    "   AND t.content_id > $4 AND " IS_STORED
    "   ORDER BY t.content_id LIMIT $5) t ORDER BY t.content_id";

static const char told_complete_sql[] =
    "WITH " SWEEP_FENCE ","
    " done AS (DELETE FROM @.batch_sync_tombstones d USING f"
    "  WHERE d.tenant_id = $2 AND d.microservice_id = $3"
    "   AND d.content_id IN (SELECT t.content_id FROM " TOMBSTONES
    "    AND NOT " IS_STORED "))"
    " SELECT coalesce((counts->>'deleted')::int8, 0) FROM f";

const struct sweep_kind_sql *sweep_kind_sql_of(enum sweep_kind kind)
{
    static const struct sweep_kind_sql sql[] = {
        [SWEEP_MISSING] = {missing_judge_sql, missing_find_sql,
            missing_complete_sql},
        [SWEEP_TOLD] = {told_judge_sql, told_find_sql, told_complete_sql},
    };

    return &sql[kind];
}
