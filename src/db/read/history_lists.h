/*
 * The SQL of the lists: which rows of the ledger are shown, found by key.
 *
 * A list is ordered by time, an index by group (tenant, status or service) and
 * then by time. There are few groups: they are found by skipping from one to
 * the next in the index, the newest rows of each are read, and the newest of
 * those are the list. So a list costs what it shows, however many rows do not
 * match.
 */
#ifndef DB_READ_HISTORY_LISTS_H
#define DB_READ_HISTORY_LISTS_H

/* clang-format off */

/* $1 tenant, $2 status as shown, $3 only before that run, $4 how many, $5 one of
 * its services, $6 trigger: rows of batch_sync_runs, as r. */
#define LISTED_RUNS                                                       \
    " (WITH RECURSIVE g AS ((SELECT tenant_id, status"                    \
    "   FROM @.batch_sync_runs ORDER BY 1, 2 LIMIT 1)"                    \
    "  UNION ALL SELECT n.* FROM g CROSS JOIN LATERAL"                    \
    "   (SELECT x.tenant_id, x.status FROM @.batch_sync_runs x"           \
    "    WHERE (x.tenant_id, x.status) > (g.tenant_id, g.status)"         \
    "    ORDER BY 1, 2 LIMIT 1) n)"                                       \
    " SELECT l.* FROM g CROSS JOIN LATERAL ("                             \
    "  SELECT r.* FROM @.batch_sync_runs r"                               \
    "  WHERE r.tenant_id = g.tenant_id AND r.status = g.status"           \
    "  AND ($2 IS NULL OR CASE WHEN r.status = 'running'"                 \
    "   AND r.expires_at < now() THEN 'interrupted' ELSE r.status END = $2)" \
    "  AND ($3 IS NULL OR (r.started_at, r.id) <"                         \
    "   (SELECT b.started_at, b.id FROM @.batch_sync_runs b WHERE b.id = $3))" \
    "  AND ($5 IS NULL OR $5 = ANY (r.services))"                         \
    "  AND ($6 IS NULL OR r.trigger = $6)"                                \
    "  ORDER BY r.started_at DESC, r.id DESC LIMIT $4) l"                 \
    " WHERE ($1 IS NULL OR g.tenant_id = $1) AND ($2 IS NULL"             \
    "  OR g.status = $2 OR g.status = 'running' AND $2 = 'interrupted')"  \
    " ORDER BY l.started_at DESC, l.id DESC LIMIT $4) r"

/*
 * $1 tenant, $2 service, $3 how many, $4 only before that last_seen (in
 * microseconds) and digest, "-" between, $5 kind: rows of batch_sync_dead_letters that are `state`.
 */
#define LISTED_LETTERS(state)                                             \
    " (WITH RECURSIVE g AS ((SELECT tenant_id, service,"                  \
    "   coalesce(registered, service) AS name"                            \
    "   FROM @.batch_sync_dead_letters WHERE resolved_at " state          \
    "   ORDER BY 1, 2, 3 LIMIT 1)"                                        \
    "  UNION ALL SELECT n.* FROM g CROSS JOIN LATERAL"                    \
    "   (SELECT x.tenant_id, x.service, coalesce(x.registered, x.service)" \
    "    FROM @.batch_sync_dead_letters x WHERE x.resolved_at " state     \
    "    AND (x.tenant_id, x.service, coalesce(x.registered, x.service))" \
    "     > (g.tenant_id, g.service, g.name)"                             \
    "    ORDER BY 1, 2, 3 LIMIT 1) n)"                                    \
    " SELECT l.* FROM g CROSS JOIN LATERAL ("                             \
    "  SELECT d.* FROM @.batch_sync_dead_letters d"                       \
    "  WHERE d.resolved_at " state " AND d.tenant_id = g.tenant_id"       \
    "  AND d.service = g.service"                                         \
    "  AND coalesce(d.registered, d.service) = g.name"                    \
    "  AND ($4 IS NULL OR (d.last_seen, d.digest) <"                      \
    "   (timestamptz 'epoch' + split_part($4, '-', 1)::int8"              \
    "    * interval '1 microsecond', decode(split_part($4, '-', 2), 'hex')))" \
    "  AND ($5 IS NULL OR " LETTER_KIND " = $5)"                          \
    "  ORDER BY d.last_seen DESC, d.digest DESC LIMIT $3) l"              \
    " WHERE ($1 IS NULL OR g.tenant_id = $1)"                             \
    "  AND ($2 IS NULL OR $2 IN (g.service, g.name))"                     \
    " ORDER BY l.last_seen DESC, l.digest DESC LIMIT $3)"

/* clang-format on */

#endif
