/*
 * The stored pieces that hold the words of a text.
 *
 * Happy path: LOOK learns which index there is, and asks the server to take the
 * text apart, in all languages of the index, and how common each term is, by
 * the index's statistics; FIND asks for
 *
 *   found    up to TERM_ROWS pieces for each term, which the index answers
 *            without reading a text;
 *   every    up to ALL_ROWS that hold all terms, first those with the words in
 *            a row, as they were asked;
 *   weights  rare terms weigh more (idf);
 *   likely   the CANDIDATES with the highest sum of weights for their length;
 *   scored   those read, the first of READ_BYTES: how often the terms stand
 *            there (ts_rank, which divides by the length, too), and whether
 *            they stand in a row; the rest come after them, as they are.
 *
 * A term that is known to be common is not looked for by itself, unless all
 * are: its rows would be any of very many, and the index lists them all first.
 * It counts for those that other terms have found. So the cost has a bound,
 * whatever is common in the texts. Where there is no index every text is read,
 * once. Failures and cancel: as db/call.h has it.
 */
#include "db/search/search_impl.h"
#include "db/search/text_language.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    TERMS = 32, /* of a query, at most */
    QUERY_CHARS = 2000,
    TEXT_SQL_BYTES = 1 << 20
};

/* --- looking --- */

/* Words of several parts are terms with their parts; letters of scripts without
 * spaces are terms by twos. */
static const char look_sql[] =
    "WITH " TEXT_LANGUAGES ","
    " used AS (SELECT coalesce((SELECT expr FROM present), w.expr) AS expr"
    "  FROM wanted w),"
    " languages AS (SELECT DISTINCT l.name[1]::regconfig AS config FROM used,"
    "  regexp_matches(expr, '''(?:pg_catalog\\.)?([a-z_]+)''::regconfig', 'g')"
    "  AS l (name)),"
    " asked AS (SELECT regexp_replace(left($3::text, $4::int)" TEXT_SPACED_END
    " AS words),"
    " tokens AS (SELECT p.token, row_number() OVER (ORDER BY p.n) AS n,"
    "  p.token ~ '^" TEXT_UNSPACED "$' AS letter FROM asked,"
    "  ts_parse('default', words) WITH ORDINALITY AS p (tokid, token, n)"
    "  WHERE p.tokid NOT IN (12, 13, 23)),"
    " words AS (SELECT t.word, min(t.n) AS n FROM (SELECT n,"
    "  CASE WHEN letter AND lead(letter) OVER o"
    "   THEN token || ' ' || lead(token) OVER o"
    "   WHEN NOT (letter AND coalesce(lag(letter) OVER o, false)) THEN token"
    "   END AS word FROM tokens WINDOW o AS (ORDER BY n)) t"
    "  WHERE t.word IS NOT NULL GROUP BY t.word),"
    " common AS (SELECT e.lexeme, e.freq FROM present p JOIN pg_stats s"
    "  ON s.tablename = p.relname AND s.schemaname = (SELECT n.nspname"
    "   FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    "   WHERE c.oid = '@.vector_embeddings'::regclass),"
    "  unnest(s.most_common_elems::text::text[], s.most_common_elem_freqs)"
    "  AS e (lexeme, freq)),"
    " terms AS (SELECT w.n,"
    "  string_agg(DISTINCT '(' || plainto_tsquery(l.config, w.word)::text"
    "   || ')', ' | ') FILTER (WHERE numnode(plainto_tsquery(l.config, w.word))"
    "   > 0) AS loose,"
    "  string_agg(DISTINCT '(' || phraseto_tsquery(l.config, w.word)::text"
    "   || ')', ' | ') FILTER (WHERE numnode(phraseto_tsquery(l.config,"
    "   w.word)) > 0) AS exact"
    "  FROM words w CROSS JOIN languages l GROUP BY w.n),"
    " known AS (SELECT n, loose, exact,"
    "  (SELECT max(o.freq) FROM (SELECT (SELECT min(coalesce(c.freq, 0))"
    "   FROM regexp_matches(either, '''((?:[^'']|'''')+)''', 'g')"
    "    AS x (lexeme) LEFT JOIN common c"
    "    ON c.lexeme = replace(x.lexeme[1], '''''', '''')) AS freq"
    "   FROM unnest(string_to_array(loose, ' | ')) AS either) o) AS freq"
    "  FROM terms WHERE loose IS NOT NULL ORDER BY n LIMIT $6),"
    " whole AS (SELECT string_agg(DISTINCT '(' ||"
    "   plainto_tsquery(l.config, words)::text || ')', ' | ')"
    "   FILTER (WHERE numnode(plainto_tsquery(l.config, words)) > 0) AS loose,"
    "  string_agg(DISTINCT '(' || phraseto_tsquery(l.config, words)::text"
    "   || ')', ' | ') FILTER (WHERE numnode(phraseto_tsquery(l.config,"
    "   words)) > 0) AS exact FROM asked CROSS JOIN languages l)"
    " SELECT u.expr, substring(u.expr FROM '^to_tsvector\\(\\s*?"
    "(CASE.*?::regconfig\\s+?END|''[^'']+?''::regconfig)'),"
    " EXISTS (SELECT FROM present),"
    " CASE WHEN EXISTS (SELECT FROM present) THEN (SELECT reltuples::int8"
    "  FROM pg_class WHERE oid = '@.vector_embeddings'::regclass)"
    "  ELSE (SELECT count(*) FROM (SELECT FROM @.vector_embeddings LIMIT $5) r)"
    "  END,"
    " (SELECT array_agg(loose ORDER BY n) FROM known),"
    " (SELECT array_agg(exact ORDER BY n) FROM known),"
    " whole.loose, whole.exact,"
    " (SELECT array_agg(coalesce(freq, 0) ORDER BY n) FROM known),"
    " (SELECT lower(string_agg(token COLLATE \"C\", ' ' ORDER BY n))"
    "  FROM tokens HAVING count(*) > 1)"
    " FROM used u, whole";

static void search_text_look(struct call *c)
{
    struct search_text_req *req = store_work(c)->req;
    int64_t most = req->most > 0 ? req->most + 1 : INT64_MAX;

    req->looked = false;
    call_stmt(c, look_sql, false);
    search_add_languages(c, req->languages, req->nlanguages);
    call_add(c, (struct pg_param){.type = PG_TEXT,
                    .data = req->text.p,
                    .len = (int)req->text.len,
                    .binary = true});
    call_add_int(c, QUERY_CHARS);
    call_add_int(c, most);
    call_add_int(c, TERMS);
    call_send(c);
}

/* --- finding --- */

/* What the first look has found; strings of the call's arena. */
struct text_query {
    const char *expr, *config; /* of a row: its words, its language */
    const char *loose, *exact; /* of each term */
    const char *freqs; /* of each term, the share of the rows that have it */
    const char *all, *phrase;
    const char *in_a_row; /* the words, with spaces; NULL: there is one */
    bool indexed;
    int64_t rows;
};

#define TERM_ROWS "1000" /* read for each term */
#define ALL_ROWS "1000"  /* read for all terms at once */
#define COMMON "5000"    /* rows of a term that is not looked for by itself */
#define FEWEST "5"      /* a term weighs as if of a fifth of the rows at most */
#define CANDIDATES "60" /* pieces that are ranked */
#define READ_BYTES "50000" /* of texts that are read for that, best first */
#define PASSAGE "20000"    /* characters that are looked through for one */

/*
 * Rows that match by the index alone: OFFSET keeps the other conditions
 * outside, since a planner without statistics takes one of them for the rarer
 * one, and reads every text.
 */
static void search_text_put_matching(
    struct buf *sql, const struct text_query *q, const char *terms)
{
    buf_puts(sql, " FROM (SELECT * FROM @.vector_embeddings WHERE ");
    buf_puts(sql, q->expr);
    buf_printf(sql, " @@ %s OFFSET 0) m WHERE " SEARCH_FILTER, terms);
}

static void search_text_put_indexed(struct buf *sql, const struct text_query *q)
{
    buf_puts(sql, " found AS MATERIALIZED (SELECT t.n, f.id, f.bytes"
                  "  FROM terms t CROSS JOIN LATERAL (SELECT id,"
                  "   octet_length(content_text) AS bytes");
    search_text_put_matching(sql, q, "t.loose");
    buf_puts(sql,
        "   LIMIT " TERM_ROWS ") f WHERE t.rows <= " COMMON " OR t.rarest),"
        " every AS MATERIALIZED (SELECT id,"
        "  octet_length(content_text) AS bytes,"
        "  strpos(lower(content_text COLLATE \"C\"), $14) > 0 AS rowed");
    search_text_put_matching(sql, q, "$9::tsquery");
    buf_puts(sql, " LIMIT " ALL_ROWS "),");
}

/* Every text, once. */
static void search_text_put_exact(struct buf *sql, const struct text_query *q)
{
    buf_puts(sql, " texts AS MATERIALIZED (SELECT id,"
                  "  octet_length(content_text) AS bytes, ");
    buf_puts(sql, q->expr);
    buf_puts(sql,
        " AS words FROM @.vector_embeddings WHERE " SEARCH_FILTER "),"
        " found AS MATERIALIZED (SELECT f.n, x.id, x.bytes FROM texts x"
        "  CROSS JOIN LATERAL"
        "  (SELECT t.n FROM terms t WHERE x.words @@ t.loose) f),"
        " every AS MATERIALIZED (SELECT id, bytes, true AS rowed FROM texts"
        "  WHERE words @@ $10::tsquery),");
}

static void search_text_put_scored(struct buf *sql, const struct text_query *q)
{
    buf_puts(sql,
        " weights AS MATERIALIZED (SELECT t.n,"
        "  ln(1 + greatest(" FEWEST ", $11::float8"
        "   / greatest(f.rows, t.rows, 1))) AS idf"
        "  FROM terms t LEFT JOIN (SELECT n, count(*) AS rows FROM found"
        "   GROUP BY n) f USING (n) WHERE f.rows > 0 OR t.rows > 0),"
        " likely AS MATERIALIZED (SELECT id, value, n,"
        "  sum(bytes) OVER (ORDER BY n) - bytes < " READ_BYTES " AS read"
        "  FROM (SELECT u.id, u.bytes, sum(u.idf) / (100 + u.bytes) AS value,"
        "   row_number() OVER (ORDER BY coalesce(bool_or(u.rowed), false) DESC,"
        "   sum(u.idf) / (100 + u.bytes) DESC, u.id) AS n"
        "   FROM (SELECT f.id, f.bytes, w.idf, false AS rowed"
        "    FROM found f JOIN weights w USING (n)"
        "    UNION ALL SELECT id, bytes, (SELECT sum(idf) FROM weights), rowed"
        "    FROM every) u"
        "   GROUP BY u.id, u.bytes ORDER BY n LIMIT " CANDIDATES ") c),"
        " scored AS (SELECT v.microservice_id, v.content_id, v.chunk_index,"
        "  v.metadata, v.content_text, v.embedding, l.n AS likely, l.value,"
        "  coalesce(d.words @@ $10::tsquery, false) AS phrase,"
        "  (SELECT sum(w.idf * ts_rank(d.words, t.exact, 2))"
        "   FROM terms t JOIN weights w USING (n)) AS score"
        "  FROM likely l JOIN @.vector_embeddings v ON v.id = l.id"
        "   AND v.tenant_id = $1 CROSS JOIN LATERAL (SELECT CASE WHEN l.read"
        "   THEN ");
    buf_puts(sql, q->expr);
    buf_puts(sql,
        " END AS words OFFSET 0) d),"
        " ranked AS (SELECT *, row_number() OVER (ORDER BY phrase DESC,"
        "  score DESC NULLS LAST, CASE WHEN score IS NULL THEN likely END,"
        "  content_id, chunk_index) AS n FROM scored"
        "  WHERE coalesce(score, value) > 0 ORDER BY n LIMIT $12)");
}

static void search_text_put_hits(
    struct buf *sql, const struct text_query *q, const char *schema)
{
    buf_puts(sql, " SELECT coalesce(m.name, ''), r.content_id, r.chunk_index,"
                  " coalesce(r.score, r.value), ");
    if (schema != NULL)
        buf_printf(sql, "1 - (r.embedding OPERATOR(%s.<=>) $16)", schema);
    else
        buf_puts(sql, "NULL");
    buf_puts(sql, ", r.phrase, coalesce(r.metadata->>'title', ''),"
                  " CASE WHEN r.n <= $13 THEN ts_headline(");
    buf_puts(sql, q->config);
    buf_puts(sql,
        ", left(r.content_text, " PASSAGE "),"
        " (SELECT string_agg(exact::text, ' | ') FROM terms)::tsquery,"
        " 'MaxWords=35, MinWords=20, StartSel=\"\", StopSel=\"\"')"
        " ELSE left(r.content_text, 200) END"
        " FROM ranked r LEFT JOIN @.microservices m ON m.id = r.microservice_id"
        " ORDER BY r.n");
}

static const char *search_text_sql(struct call *c, const struct text_query *q)
{
    const struct search_text_req *req = store_work(c)->req;
    const char *schema = store_work(c)->store->vector_schema;
    struct buf sql;
    struct str copy;

    buf_init(&sql, TEXT_SQL_BYTES);
    buf_puts(&sql,
        "WITH terms AS MATERIALIZED (SELECT n, loose::tsquery AS loose,"
        "  exact::tsquery AS exact, freq * $11 AS rows,"
        "  row_number() OVER (ORDER BY freq, n) = 1 AS rarest"
        "  FROM unnest($7::text[], $8::text[], $15::float8[])"
        "  WITH ORDINALITY AS t (loose, exact, freq, n)),");
    if (q->indexed)
        search_text_put_indexed(&sql, q);
    else
        search_text_put_exact(&sql, q);
    search_text_put_scored(&sql, q);
    search_text_put_hits(&sql, q, req->vector != NULL ? schema : NULL);
    copy = arena_dup(&c->arena, buf_view(&sql));
    buf_free(&sql);
    if (copy.p == NULL)
        abort();
    return copy.p;
}

/* Where the index is, nothing else is to be considered: without statistics of
 * the expression the planner would guess. */
static void search_text_find(struct call *c, const struct text_query *q)
{
    struct search_text_req *req = store_work(c)->req;

    req->looked = true;
    call_stmt(c,
        q->indexed ? "SELECT set_config('enable_seqscan', 'off', true)"
                   : "SELECT 1",
        false);
    call_stmt(c, search_text_sql(c, q), false);
    search_add_filter(c, req->filter);
    call_add_text(c, q->loose);
    call_add_text(c, q->exact);
    call_add_text(c, q->all);
    call_add_text(c, q->phrase);
    call_add_int(c, q->rows);
    call_add_int(c, req->limit);
    call_add_int(c, req->passages);
    call_add_text(c, q->in_a_row);
    call_add_text(c, q->freqs);
    if (req->vector != NULL)
        search_add_vector(c, req->vector, req->dimensions);
    call_send(c);
}

static const char *search_text_keep(struct call *c, int column)
{
    struct str copy =
        arena_dup(&c->arena, pg_value(c->pg.results[0], 0, column));

    if (pg_is_null(c->pg.results[0], 0, column))
        return NULL;
    if (copy.p == NULL)
        abort();
    return copy.p;
}

static void search_text_looked(struct call *c)
{
    struct search_text_req *req = store_work(c)->req;
    const struct pg_result *r = c->pg.results[0];
    struct text_query q = {
        .indexed = pg_value(r, 0, 2).p[0] == 't', .rows = call_int(r, 0, 3)};

    req->index = q.indexed                             ? SEARCH_INDEXED
                 : req->most > 0 && q.rows > req->most ? SEARCH_TOO_LARGE
                                                       : SEARCH_EXACT;
    if (req->index == SEARCH_TOO_LARGE || pg_is_null(r, 0, 4)) {
        call_end(c, NULL);
        return;
    }
    q.expr = search_text_keep(c, 0);
    q.config = search_text_keep(c, 1);
    q.loose = search_text_keep(c, 4);
    q.exact = search_text_keep(c, 5);
    q.all = search_text_keep(c, 6);
    q.phrase = search_text_keep(c, 7);
    q.freqs = search_text_keep(c, 8);
    q.in_a_row = search_text_keep(c, 9);
    search_text_find(c, &q);
}

static void search_text_take(struct call *c)
{
    struct search_text_req *req = store_work(c)->req;

    if (!req->looked)
        search_text_looked(c);
    else if (search_take_hits(
                 req->arena, c->pg.results[1], &req->hits, &req->nhits))
        call_end(c, NULL);
    else
        store_fail(c, ERR_NOMEM, "search");
}

void search_texts(struct store *s, struct search_text_req *req)
{
    req->hits = NULL;
    req->nhits = 0;
    req->index = SEARCH_EXACT;
    store_start(s, &req->op, req, search_text_look, search_text_take);
}
