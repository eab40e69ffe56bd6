/*
 * Looking at a query before texts are searched for it.
 *
 * Happy path: one transaction learns which index there is and takes the text
 * apart in all languages of the index; with it go the index's statistics, if
 * those that the process keeps (term_shares.h) are old. Where there is no index
 * a second transaction takes the text apart in the languages of the services.
 * When the statistics are of another index, it looks once more, with them.
 * Failures and cancel: as db/call.h has it.
 */
#include "db/search/text_look.h"

#include "base/text.h"
#include "db/search/text_language.h"
#include <stdio.h>
#include <stdlib.h>

enum {
    TERMS = 32, /* of a query, at most */
    QUERY_CHARS = 2000,
    /* Rows of a term that are counted: one that statistics do not list is
     * rare; without any it may be common. */
    COUNTED = 100,
    COUNTED_ALONE = 1000,
    SHARE_CHARS = 12
};

/* --- statements --- */

/*
 * Over `used`, whose expr is what texts are searched by. Words of several parts
 * are terms with their parts; letters of scripts without spaces are terms by
 * twos.
 */
#define LOOK_TERMS                                                             \
    " languages AS (SELECT DISTINCT l.name[1]::regconfig AS config FROM used," \
    "  regexp_matches(expr, '''(?:pg_catalog\\.)?([a-z_]+)''::regconfig',"     \
    "  'g') AS l (name)),"                                                     \
    " asked AS (SELECT regexp_replace(left($3::text, $4::int)" TEXT_SPACED_END \
    " AS words),"                                                              \
    " tokens AS (SELECT p.token, row_number() OVER (ORDER BY p.n) AS n,"       \
    "  p.token ~ '^" TEXT_UNSPACED "$' AS letter FROM asked,"                  \
    "  ts_parse('default', words) WITH ORDINALITY AS p (tokid, token, n)"      \
    "  WHERE p.tokid NOT IN (12, 13, 23)),"                                    \
    " words AS (SELECT t.word, min(t.n) AS n FROM (SELECT n,"                  \
    "  CASE WHEN letter AND lead(letter) OVER o"                               \
    "   THEN token || ' ' || lead(token) OVER o"                               \
    "   WHEN NOT (letter AND coalesce(lag(letter) OVER o, false)) THEN token"  \
    "   END AS word FROM tokens WINDOW o AS (ORDER BY n)) t"                   \
    "  WHERE t.word IS NOT NULL GROUP BY t.word),"                             \
    " terms AS (SELECT w.n,"                                                   \
    "  string_agg(DISTINCT '(' || plainto_tsquery(l.config, w.word)::text"     \
    "   || ')', ' | ') FILTER (WHERE numnode(plainto_tsquery(l.config,"        \
    "   w.word)) > 0) AS loose,"                                               \
    "  string_agg(DISTINCT '(' || phraseto_tsquery(l.config, w.word)::text"    \
    "   || ')', ' | ') FILTER (WHERE numnode(phraseto_tsquery(l.config,"       \
    "   w.word)) > 0) AS exact"                                                \
    "  FROM words w CROSS JOIN languages l GROUP BY w.n),"                     \
    " known AS (SELECT n, loose, exact FROM terms WHERE loose IS NOT NULL"     \
    "  ORDER BY n LIMIT $5),"                                                  \
    " whole AS (SELECT string_agg(DISTINCT '(' ||"                             \
    "   plainto_tsquery(l.config, words)::text || ')', ' | ')"                 \
    "   FILTER (WHERE numnode(plainto_tsquery(l.config, words)) > 0) AS "      \
    "loose,"                                                                   \
    "  string_agg(DISTINCT '(' || phraseto_tsquery(l.config, words)::text"     \
    "   || ')', ' | ') FILTER (WHERE numnode(phraseto_tsquery(l.config,"       \
    "   words)) > 0) AS exact FROM asked CROSS JOIN languages l)"

#define LOOK_ANSWER                                                   \
    " SELECT u.expr, substring(u.expr FROM '^to_tsvector\\(\\s*?"     \
    "(CASE.*?::regconfig\\s+?END|''[^'']+?''::regconfig)'),"          \
    " (SELECT array_agg(loose ORDER BY n) FROM known),"               \
    " (SELECT array_agg(exact ORDER BY n) FROM known),"               \
    " (SELECT string_agg(loose, E'\\n' ORDER BY n) FROM known),"      \
    " whole.loose, whole.exact,"                                      \
    " (SELECT lower(string_agg(token COLLATE \"C\", ' ' ORDER BY n))" \
    "  FROM tokens HAVING count(*) > 1),"

static const char index_sql[] =
    "WITH " TEXT_PRESENT
    ", used AS (SELECT expr FROM present)," LOOK_TERMS LOOK_ANSWER
    " (SELECT reltuples::int8 FROM pg_class"
    "  WHERE oid = '@.vector_embeddings'::regclass), p.relname"
    " FROM used u, whole, present p";

/* An index that is there for the first time in this moment serves the next
 * search. */
static const char no_index_sql[] =
    "WITH " TEXT_LANGUAGES
    ", used AS (SELECT expr FROM wanted)," LOOK_TERMS LOOK_ANSWER
    " (SELECT count(*) FROM"
    "  (SELECT FROM @.vector_embeddings LIMIT $6) r)"
    " FROM used u, whole";

/* The most common first. */
static const char shares_sql[] =
    "WITH " TEXT_PRESENT " SELECT e.lexeme, e.share FROM pg_stats s,"
    " unnest(s.most_common_elems::text::text[], s.most_common_elem_freqs)"
    " AS e (lexeme, share) WHERE s.tablename = (SELECT relname FROM present)"
    " AND s.schemaname = (SELECT n.nspname FROM pg_class c"
    "  JOIN pg_namespace n ON n.oid = c.relnamespace"
    "  WHERE c.oid = '@.vector_embeddings'::regclass)"
    " AND e.lexeme IS NOT NULL ORDER BY e.share DESC LIMIT $1";

static void text_look_add(struct call *c, const struct search_text_req *req)
{
    search_add_languages(c, req->languages, req->nlanguages);
    call_add(c, (struct pg_param){.type = PG_TEXT,
                    .data = req->text.p,
                    .len = (int)req->text.len,
                    .binary = true});
    call_add_int(c, QUERY_CHARS);
    call_add_int(c, TERMS);
}

static void text_look_for_index(struct call *c, bool shares)
{
    struct search_text_req *req = store_work(c)->req;

    req->stage = TEXT_STAGE_LOOK;
    call_stmt(c, index_sql, false);
    text_look_add(c, req);
    if (shares) {
        call_stmt(c, shares_sql, false);
        call_add_int(c, TERM_SHARES);
    }
    call_send(c);
}

void text_look(struct call *c)
{
    const struct store *s = store_work(c)->store;

    text_look_for_index(c, !term_shares_are_fresh(&s->shares,
                               str_of(s->shares.index), loop_now_ms(s->loop)));
}

static void text_look_without_index(struct call *c)
{
    struct search_text_req *req = store_work(c)->req;

    req->stage = TEXT_STAGE_NO_INDEX;
    call_stmt(c, "SELECT set_config('jit', 'off', true)", false);
    call_stmt(c, no_index_sql, false);
    text_look_add(c, req);
    call_add_int(c, req->most > 0 ? req->most + 1 : INT64_MAX);
    call_send(c);
}

/* --- answers --- */

static const char *text_look_keep(
    struct call *c, const struct pg_result *r, int column)
{
    struct str copy = arena_dup(&c->arena, pg_value(r, 0, column));

    if (pg_is_null(r, 0, column))
        return NULL;
    if (copy.p == NULL)
        abort();
    return copy.p;
}

/* Of each line's term, as an array. */
static const char *text_look_shares(
    struct call *c, const struct term_shares *shares, struct str lines)
{
    size_t size = (size_t)TERMS * SHARE_CHARS + 2, used = 0;
    char *array = arena_alloc(&c->arena, size);
    struct str line;

    if (array == NULL)
        abort();
    while (text_next_line(&lines, &line))
        used += (size_t)snprintf(array + used, size - used, "%c%.8f",
            used == 0 ? '{' : ',', term_shares_of(shares, line));
    snprintf(array + used, size - used, "}");
    return array;
}

static void text_look_read_query(struct call *c, const struct pg_result *r,
    const struct term_shares *shares, struct text_query *q)
{
    q->expr = text_look_keep(c, r, 0);
    q->config = text_look_keep(c, r, 1);
    q->loose = text_look_keep(c, r, 2);
    q->exact = text_look_keep(c, r, 3);
    q->shares = text_look_shares(c, shares, pg_value(r, 0, 4));
    q->all = text_look_keep(c, r, 5);
    q->phrase = text_look_keep(c, r, 6);
    q->in_a_row = text_look_keep(c, r, 7);
    q->rows = call_int(r, 0, 8);
    q->counted = shares->n > 0 ? COUNTED : COUNTED_ALONE;
}

static void text_look_read_shares(
    struct store *s, struct str index, const struct pg_result *r)
{
    term_shares_begin(&s->shares, index, loop_now_ms(s->loop));
    for (int i = 0; i < pg_rows(r); i++)
        term_shares_add(
            &s->shares, pg_value(r, i, 0), strtod(pg_value(r, i, 1).p, NULL));
}

/* Ends the call where there is no word. */
static bool text_look_has_words(struct call *c, const struct pg_result *r)
{
    if (!pg_is_null(r, 0, 2))
        return true;
    call_end(c, NULL);
    return false;
}

static bool text_look_take_index(struct call *c, struct text_query *q)
{
    struct search_text_req *req = store_work(c)->req;
    struct store *s = store_work(c)->store;
    const struct pg_result *r = c->pg.results[0], *shares = c->pg.results[1];
    struct str index;

    if (pg_rows(r) == 0) {
        text_look_without_index(c);
        return false;
    }
    index = pg_value(r, 0, 9);
    req->index = SEARCH_INDEXED;
    if (shares != NULL) {
        text_look_read_shares(s, index, shares);
    } else if (!str_eq(str_of(s->shares.index), index)) {
        text_look_for_index(c, true);
        return false;
    }
    text_look_read_query(c, r, &s->shares, q);
    q->indexed = true;
    return text_look_has_words(c, r);
}

static bool text_look_take_no_index(struct call *c, struct text_query *q)
{
    static const struct term_shares none;
    struct search_text_req *req = store_work(c)->req;
    const struct pg_result *r = c->pg.results[1];

    text_look_read_query(c, r, &none, q);
    q->indexed = false;
    req->index = SEARCH_EXACT;
    if (req->most > 0 && q->rows > req->most) {
        req->index = SEARCH_TOO_LARGE;
        call_end(c, NULL);
        return false;
    }
    return text_look_has_words(c, r);
}

bool text_look_take(struct call *c, struct text_query *q)
{
    const struct search_text_req *req = store_work(c)->req;

    return req->stage == TEXT_STAGE_LOOK ? text_look_take_index(c, q)
                                         : text_look_take_no_index(c, q);
}
