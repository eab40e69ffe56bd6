/* Dead letters, for display: a list, groups of them, one with its item. */
#include "db/read/history_impl.h"

#include "db/read/dead_letters.h"

/* clang-format off */

#define LETTER_MEMBERS                                                    \
    "'tenantId', tenant_id,"                                              \
    " 'service', service, 'contentId', content_id,"                       \
    " 'digest', encode(digest, 'hex'), 'reason', reason, 'model', model," \
    " 'firstSeen', " ISO("first_seen") ", 'lastSeen', " ISO("last_seen")  \
    ", 'times', times, 'known', resolved_at IS NULL"                      \
    "  AND (refused OR passing) AND recipe IS NOT NULL,"                  \
    " 'nextTry', CASE WHEN passing AND resolved_at IS NULL THEN "         \
    ISO("next_try") " END,"                                               \
    " 'resolvedAt', " ISO("resolved_at")

#define LETTER_FILTERS                                                    \
    " WHERE ($1 IS NULL OR tenant_id = $1)"                               \
    "  AND ($2 IS NULL OR service = $2 OR registered = $2)"               \
    "  AND ($3 IS NULL OR (resolved_at IS NOT NULL) = $3)"                \
    "  AND ($5 IS NULL OR " LETTER_KIND " = $5)"

static const char letters_sql[] =
    "SELECT json_build_object('deadLetters',"
    "  coalesce(json_agg(j.letter), '[]'), 'count', count(*))"
    " FROM (SELECT json_build_object(" LETTER_MEMBERS ") AS letter"
    "  FROM @.batch_sync_dead_letters" LETTER_FILTERS
    "  ORDER BY last_seen DESC, tenant_id, service, digest LIMIT $4) j";

static const char groups_sql[] =
    "SELECT json_build_object('groups', coalesce(json_agg("
    "   json_build_object('service', g.name, 'kind', g.kind,"
    "    'reason', g.reason, 'count', g.n, 'firstSeen', " ISO("g.first") ","
    "    'lastSeen', " ISO("g.last") ")), '[]'), 'count', count(*))"
    " FROM (SELECT coalesce(registered, service) AS name, " LETTER_KIND
    "   AS kind, min(reason) AS reason, count(*) AS n,"
    "   min(first_seen) AS first, max(last_seen) AS last"
    "  FROM @.batch_sync_dead_letters" LETTER_FILTERS
    "  GROUP BY 1, 2 ORDER BY n DESC, last DESC, 1, 2 LIMIT $4) g";

static const char letter_sql[] =
    "SELECT json_build_object(" LETTER_MEMBERS ", 'payload', payload)"
    " FROM @.batch_sync_dead_letters WHERE encode(digest, 'hex') = $1"
    "  AND ($2 IS NULL OR tenant_id = $2)"
    "  AND ($3 IS NULL OR service = $3 OR registered = $3)"
    " ORDER BY last_seen DESC LIMIT 1";

/* clang-format on */

static void history_send_letters(struct call *c, const struct history_req *req)
{
    call_add_text(c, req->tenant);
    call_add_text(c, req->service);
    if (req->letters == LETTERS_ALL)
        call_add(c, (struct pg_param){.type = PG_BOOL});
    else
        call_add_bool(c, req->letters == LETTERS_RESOLVED);
    history_add_limit(c, req);
    call_add_text(c, req->kind);
    call_send(c);
}

void history_dead_letters(
    struct pg_pool *pool, struct loop *loop, struct history_req *req)
{
    history_send_letters(
        history_begin(pool, loop, req, letters_sql, "letter"), req);
}

void history_letter_groups(
    struct pg_pool *pool, struct loop *loop, struct history_req *req)
{
    history_send_letters(
        history_begin(pool, loop, req, groups_sql, "letter"), req);
}

void history_letter(
    struct pg_pool *pool, struct loop *loop, struct history_req *req)
{
    struct call *c = history_begin(pool, loop, req, letter_sql, "dead letter");

    call_add_text(c, req->id);
    call_add_text(c, req->tenant);
    call_add_text(c, req->service);
    call_send(c);
}
