/* Fires that began no run, for display. */
#include "db/read/history_impl.h"

/* clang-format off */

/* Where the next list begins: the fire's milliseconds, "-", its schedule. */
#define FIRE_KEY                                                          \
    "(extract(epoch FROM fire_at) * 1000)::int8 || '-' || schedule"
#define BEFORE_AT                                                         \
    "to_timestamp(split_part($3, '-', 1)::int8 / 1000.0)"
#define BEFORE_SCHEDULE "substr($3, strpos($3, '-') + 1)"

/*
 * $1 a service whose own schedule it is, $2 outcome, $3 only before that fire,
 * $4 how many. There are few schedules: each is found by skipping to the next
 * in the key, and shows its latest, as in history_lists.h.
 */
#define LISTED_FIRES                                                      \
    " (WITH RECURSIVE g AS ((SELECT schedule FROM @.batch_sync_fires"     \
    "   ORDER BY 1 LIMIT 1)"                                              \
    "  UNION ALL SELECT n.* FROM g CROSS JOIN LATERAL"                    \
    "   (SELECT x.schedule FROM @.batch_sync_fires x"                     \
    "    WHERE x.schedule > g.schedule ORDER BY 1 LIMIT 1) n)"            \
    " SELECT l.* FROM g CROSS JOIN LATERAL ("                             \
    "  SELECT f.* FROM @.batch_sync_fires f"                              \
    "  WHERE f.schedule = g.schedule"                                     \
    "  AND ($2 IS NULL OR f.outcome = $2)"                                \
    "  AND ($3 IS NULL OR (f.fire_at, f.schedule)"                        \
    "   < (" BEFORE_AT ", " BEFORE_SCHEDULE "))"                          \
    "  ORDER BY f.fire_at DESC LIMIT $4) l"                               \
    " WHERE ($1 IS NULL OR g.schedule = $1)"                              \
    " ORDER BY l.fire_at DESC, l.schedule DESC LIMIT $4)"

static const char fires_sql[] =
    "SELECT json_build_object('fires', coalesce(json_agg(json_build_object("
    "   'service', nullif(schedule, ''), 'fireAt', " ISO("fire_at") ","
    "   'outcome', outcome, 'droppedAt', " ISO("dropped_at") ")"
    "   ORDER BY fire_at DESC, schedule DESC), '[]'), 'count', count(*),"
    "  'next', CASE WHEN count(*) = $4"
    "   THEN (array_agg(" FIRE_KEY " ORDER BY fire_at, schedule))[1] END)"
    " FROM" LISTED_FIRES " j";

/* clang-format on */

static bool fires_before_is_valid(const char *text)
{
    size_t digits = strspn(text, "0123456789");

    return digits > 0 && digits <= 15 && text[digits] == '-';
}

void history_fires(
    struct pg_pool *pool, struct loop *loop, struct history_req *req)
{
    struct call *c = history_begin(pool, loop, req, fires_sql, "fire");
    struct err err;

    call_add_text(c, req->service);
    call_add_text(c, req->status);
    call_add_text(c, req->before);
    history_add_limit(c, req);
    if (req->before == NULL || fires_before_is_valid(req->before)) {
        call_send(c);
        return;
    }
    err_set(&err, ERR_INVALID,
        "\"before\" must be what a list of fires has as \"next\"");
    call_end(c, &err);
}
