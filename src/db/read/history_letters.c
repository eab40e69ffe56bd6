/* Dead letters, for display: a list, groups of them, one with its item. */
#include "db/read/history_impl.h"

#include "db/read/dead_letters.h"
#include "db/read/history_lists.h"

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

/* "next": where the next list begins, if there may be one. */
#define LETTERS(from)                                                     \
    "SELECT json_build_object('deadLetters', coalesce(json_agg("          \
    "  json_build_object(" LETTER_MEMBERS ")"                             \
    "  ORDER BY last_seen DESC, digest DESC), '[]'), 'count', count(*),"  \
    "  'next', CASE WHEN count(*) = $3 THEN (array_agg("                  \
    "   (extract(epoch FROM last_seen) * 1000000)::int8 || '-'"           \
    "   || encode(digest, 'hex') ORDER BY last_seen, digest))[1] END)"    \
    " FROM " from

static const char open_letters_sql[] = LETTERS(LISTED_LETTERS("IS NULL") " j");
static const char resolved_letters_sql[] =
    LETTERS(LISTED_LETTERS("IS NOT NULL") " j");
static const char all_letters_sql[] =
    LETTERS("(SELECT * FROM" LISTED_LETTERS("IS NULL") " o UNION ALL"
            " SELECT * FROM" LISTED_LETTERS("IS NOT NULL") " c"
            " ORDER BY last_seen DESC, digest DESC LIMIT $3) j");

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

/* Is it "MICROSECONDS-HEX", as a list's "next" has it? */
static bool letters_before_is_valid(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    size_t hex;

    if (digits == 0 || digits > 18 || text[digits] != '-')
        return false;
    hex = strspn(text + digits + 1, "0123456789abcdef");
    return hex % 2 == 0 && text[digits + 1 + hex] == '\0';
}

void history_dead_letters(
    struct pg_pool *pool, struct loop *loop, struct history_req *req)
{
    static const char *const sql[] = {[LETTERS_ALL] = all_letters_sql,
        [LETTERS_OPEN] = open_letters_sql,
        [LETTERS_RESOLVED] = resolved_letters_sql};
    struct call *c =
        history_begin(pool, loop, req, sql[req->letters], "letter");
    struct err err;

    call_add_text(c, req->tenant);
    call_add_text(c, req->service);
    history_add_limit(c, req);
    call_add_text(c, req->before);
    call_add_text(c, req->kind);
    if (req->before == NULL || letters_before_is_valid(req->before)) {
        call_send(c);
        return;
    }
    err_set(&err, ERR_INVALID,
        "\"before\" must be what a list of dead letters has as \"next\"");
    call_end(c, &err);
}

void history_letter_groups(
    struct pg_pool *pool, struct loop *loop, struct history_req *req)
{
    struct call *c = history_begin(pool, loop, req, groups_sql, "letter");

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

void history_letter(
    struct pg_pool *pool, struct loop *loop, struct history_req *req)
{
    struct call *c = history_begin(pool, loop, req, letter_sql, "dead letter");

    call_add_text(c, req->id);
    call_add_text(c, req->tenant);
    call_add_text(c, req->service);
    call_send(c);
}
