/*
 * The stored pieces that hold the words of a text.
 *
 * Happy path: LOOK learns which index there is, and asks the server to take the
 * text apart, in all languages of the index, and how common each term is, by
 * the index's statistics; FIND asks for
 *
 *   weights  rare terms weigh more (idf); those that statistics do not list are
 *            counted, up to a few;
 *   sets     each set of the rarest terms, those that weigh most first: the
 *            pieces that have these and not the others, which the index finds
 *            without reading a text;
 *   found    the first FOUND_ROWS of them;
 *   rowed    those with the words in a row, as they were asked, of up to
 *            ALL_ROWS that hold all terms;
 *   likely   the CANDIDATES with the highest sum of weights for their length;
 *   scored   the first of these read: how often the terms stand there (ts_rank,
 *            which divides by the length, too), and whether they stand in a
 *            row; the rest come after them, as they are.
 *
 * PostgreSQL takes a text apart anew for each ts_rank, which costs more than
 * all else, and reads a page for each piece that is found: so both have a
 * bound, whatever is common in the texts. A set of common terms alone is not
 * looked for, unless all are common: its rows would be any of very many, and
 * the index lists them all first. Where there is no index every text is read,
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

/* --- how much --- */

/* Rows of a term that are counted: one that statistics do not list is rare;
 * without any it may be common. */
#define COUNTED "100"
#define COUNTED_ALONE "1000"
#define RAREST "4"       /* terms that candidates are looked for by */
#define FOUND_ROWS "400" /* read for these */
#define ALL_ROWS \
    "1000"          /* with all terms, looked through for the words in a row */
#define ROWED "100" /* that have them so; more are not asked for */
#define COMMON "5000" /* rows of a term that is not looked for by itself */
#define FEWEST "5"    /* a term weighs as if of a fifth of the rows at most */
#define CANDIDATES "60"
#define READ "20"          /* of these are ranked by their texts, best first, */
#define READ_BYTES "16000" /* as far as so much text */
#define PASSAGE "20000"    /* characters that are looked through for one */

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
    " common AS MATERIALIZED (SELECT e.lexeme, e.freq FROM pg_stats s,"
    "  unnest(s.most_common_elems::text::text[], s.most_common_elem_freqs)"
    "  AS e (lexeme, freq)"
    "  WHERE s.tablename = (SELECT relname FROM present)"
    "  AND s.schemaname = (SELECT n.nspname"
    "   FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    "   WHERE c.oid = '@.vector_embeddings'::regclass)),"
    " terms AS (SELECT w.n,"
    "  string_agg(DISTINCT '(' || plainto_tsquery(l.config, w.word)::text"
    "   || ')', ' | ') FILTER (WHERE numnode(plainto_tsquery(l.config, w.word))"
    "   > 0) AS loose,"
    "  string_agg(DISTINCT '(' || phraseto_tsquery(l.config, w.word)::text"
    "   || ')', ' | ') FILTER (WHERE numnode(phraseto_tsquery(l.config,"
    "   w.word)) > 0) AS exact"
    "  FROM words w CROSS JOIN languages l GROUP BY w.n),"
    " lexemes AS (SELECT t.n, e.language,"
    "  replace(x.lexeme[1], '''''', '''') AS lexeme FROM terms t,"
    "  unnest(string_to_array(t.loose, ' | ')) WITH ORDINALITY"
    "   AS e (query, language),"
    "  regexp_matches(e.query, '''((?:[^'']|'''')+)''', 'g') AS x (lexeme)),"
    " frequencies AS (SELECT n, max(freq) AS freq FROM (SELECT l.n,"
    "  min(coalesce(c.freq, 0)) AS freq FROM lexemes l"
    "  LEFT JOIN common c USING (lexeme) GROUP BY l.n, l.language) f"
    "  GROUP BY n),"
    " known AS (SELECT t.n, t.loose, t.exact, f.freq FROM terms t"
    "  LEFT JOIN frequencies f USING (n) WHERE t.loose IS NOT NULL"
    "  ORDER BY t.n LIMIT $6),"
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
    "  FROM tokens HAVING count(*) > 1),"
    " CASE WHEN EXISTS (SELECT FROM common) THEN " COUNTED
    "  ELSE " COUNTED_ALONE " END"
    " FROM used u, whole";

static void search_text_look(struct call *c)
{
    struct search_text_req *req = store_work(c)->req;
    int64_t most = req->most > 0 ? req->most + 1 : INT64_MAX;

    req->looked = false;
    call_stmt(c, "SELECT set_config('jit', 'off', true)", false);
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
    int64_t counted; /* rows of a term, where its share is not known */
};

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

static void search_text_put_counted(struct buf *sql, const struct text_query *q)
{
    buf_puts(sql, " counted AS MATERIALIZED (SELECT t.n, t.loose,"
                  "  CASE WHEN t.rows > 0 THEN t.rows ELSE (SELECT count(*)"
                  "   FROM (SELECT FROM @.vector_embeddings WHERE ");
    buf_puts(sql, q->expr);
    buf_puts(sql, " @@ t.loose LIMIT $16) c) END AS rows FROM terms t),");
}

static void search_text_put_weights(struct buf *sql)
{
    buf_puts(sql, " weights AS MATERIALIZED (SELECT n, loose, rows,"
                  "  ln(1 + greatest(" FEWEST ", $11::float8 / rows)) AS idf,"
                  "  row_number() OVER (ORDER BY rows, n) AS rarity"
                  "  FROM counted WHERE rows > 0),");
}

/* At most 2^RAREST - 1 of them; no piece is of two. */
static void search_text_put_sets(struct buf *sql)
{
    buf_puts(sql,
        " sets AS MATERIALIZED (SELECT sum(idf) FILTER (WHERE held) AS value,"
        "  string_agg(CASE WHEN held THEN '(' ELSE '!(' END || loose::text"
        "   || ')', ' & ')::tsquery AS query"
        "  FROM (SELECT s.set, w.loose, w.idf, w.rows, w.rarity,"
        "   s.set >> (w.rarity - 1)::int & 1 = 1 AS held"
        "   FROM weights w CROSS JOIN generate_series(1,"
        "    (1 << (SELECT least(count(*), " RAREST ")::int FROM weights)) - 1)"
        "    AS s (set) WHERE w.rarity <= " RAREST ") m"
        "  GROUP BY set HAVING bool_or(held AND (rows <= " COMMON
        " OR rarity = 1)) ORDER BY value DESC),");
}

static void search_text_put_indexed(struct buf *sql, const struct text_query *q)
{
    search_text_put_counted(sql, q);
    search_text_put_weights(sql);
    search_text_put_sets(sql);
    buf_puts(sql, " found AS MATERIALIZED (SELECT f.id, f.bytes, s.value"
                  "  FROM sets s CROSS JOIN LATERAL (SELECT id,"
                  "   octet_length(content_text) AS bytes");
    search_text_put_matching(sql, q, "s.query");
    buf_puts(sql, " LIMIT " FOUND_ROWS ") f LIMIT " FOUND_ROWS "),"
                  " rowed AS MATERIALIZED (SELECT id, bytes FROM (SELECT id,"
                  "  octet_length(content_text) AS bytes, content_text");
    search_text_put_matching(sql, q, "$9::tsquery");
    buf_puts(sql, " LIMIT " ALL_ROWS ") a WHERE"
                  "  strpos(lower(content_text COLLATE \"C\"), $14) > 0"
                  "  LIMIT " ROWED "),");
}

/* Every text, once. */
static void search_text_put_exact(struct buf *sql, const struct text_query *q)
{
    buf_puts(sql, " texts AS MATERIALIZED (SELECT id,"
                  "  octet_length(content_text) AS bytes, ");
    buf_puts(sql, q->expr);
    buf_puts(sql,
        " AS words FROM @.vector_embeddings WHERE " SEARCH_FILTER "),"
        " held AS MATERIALIZED (SELECT t.n, t.loose, x.id, x.bytes FROM texts x"
        "  JOIN terms t ON x.words @@ t.loose),"
        " counted AS (SELECT n, loose, count(*) AS rows FROM held"
        "  GROUP BY n, loose),");
    search_text_put_weights(sql);
    buf_puts(sql,
        " found AS MATERIALIZED (SELECT h.id, h.bytes, sum(w.idf) AS value"
        "  FROM held h JOIN weights w USING (n) GROUP BY h.id, h.bytes),"
        " rowed AS MATERIALIZED (SELECT id, bytes FROM texts"
        "  WHERE words @@ $10::tsquery),");
}

static void search_text_put_scored(struct buf *sql, const struct text_query *q)
{
    buf_puts(sql,
        " likely AS MATERIALIZED (SELECT id, value, n,"
        "  n <= " READ
        "   AND sum(bytes) OVER (ORDER BY n) - bytes < " READ_BYTES " AS read"
        "  FROM (SELECT id, bytes, max(value) / (100 + bytes) AS value,"
        "   row_number() OVER (ORDER BY bool_or(rowed) DESC,"
        "   max(value) / (100 + bytes) DESC, id) AS n"
        "   FROM (SELECT id, bytes, value, false AS rowed FROM found"
        "    UNION ALL SELECT id, bytes, (SELECT sum(idf) FROM weights), true"
        "     FROM rowed) u"
        "   GROUP BY id, bytes ORDER BY n LIMIT " CANDIDATES ") c),"
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
        buf_printf(sql, "1 - (r.embedding OPERATOR(%s.<=>) $17)", schema);
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
        "  exact::tsquery AS exact, freq * $11 AS rows"
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
 * the expression the planner would guess. Compiling (jit) takes longer than the
 * query, whose cost it overrates. */
static void search_text_find(struct call *c, const struct text_query *q)
{
    struct search_text_req *req = store_work(c)->req;

    req->looked = true;
    call_stmt(c,
        q->indexed ? "SELECT set_config('jit', 'off', true),"
                     " set_config('enable_seqscan', 'off', true)"
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
    call_add_int(c, q->counted);
    if (req->vector != NULL)
        search_add_vector(c, req->vector, req->dimensions);
    call_send(c);
}

static const char *search_text_keep(struct call *c, int column)
{
    struct str copy =
        arena_dup(&c->arena, pg_value(c->pg.results[1], 0, column));

    if (pg_is_null(c->pg.results[1], 0, column))
        return NULL;
    if (copy.p == NULL)
        abort();
    return copy.p;
}

static void search_text_looked(struct call *c)
{
    struct search_text_req *req = store_work(c)->req;
    const struct pg_result *r = c->pg.results[1];
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
    q.counted = call_int(r, 0, 10);
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
