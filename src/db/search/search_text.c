/*
 * The stored pieces that hold the words of a text.
 *
 * Happy path: text_look() takes the query apart and learns how common its terms
 * are; FIND asks for
 *
 *   weights  rare terms weigh more (idf); those that statistics do not list are
 *            counted, up to a few;
 *   sets     each set of the rarest terms, those that weigh most first: the
 *            pieces that have these and not the others, which the index finds
 *            without reading a text;
 *   found    the first FOUND_ROWS of them;
 *   rowed    those with the words in a row, as they were asked, of up to
 *            ALL_ROWS that hold all terms; of more, the shortest;
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
#include "db/search/text_look.h"

#include <stdio.h>
#include <stdlib.h>

enum { TEXT_SQL_BYTES = 1 << 20 };

/* --- how much --- */

#define RAREST "4"       /* terms that candidates are looked for by */
#define FOUND_ROWS "400" /* read for these */
/* Rows with all terms are looked through for the words in a row. When there are
 * more, which common words alone have, the shortest, as far as so much text. */
#define ALL_ROWS "1000"
#define ALL_BYTES "250000"
#define ROWED "100"   /* that have them so; more are not asked for */
#define COMMON "5000" /* rows of a term that is not looked for by itself */
#define FEWEST "5"    /* a term weighs as if of a fifth of the rows at most */
#define CANDIDATES "60"
#define READ "20"          /* of these are ranked by their texts, best first, */
#define READ_BYTES "16000" /* as far as so much text */
#define PASSAGE "20000"    /* characters that are looked through for one */

/* --- finding --- */

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
                  " rowed AS MATERIALIZED (SELECT id, bytes FROM (SELECT *,"
                  "  count(*) OVER () AS n,"
                  "  sum(bytes) OVER (ORDER BY bytes, id) - bytes AS before"
                  "  FROM (SELECT id, octet_length(content_text) AS bytes,"
                  "   content_text");
    search_text_put_matching(sql, q, "$9::tsquery");
    buf_puts(sql, " LIMIT " ALL_ROWS " + 1) a) b"
                  "  WHERE (n <= " ALL_ROWS " OR before < " ALL_BYTES ")"
                  "  AND strpos(lower(content_text COLLATE \"C\"), $14) > 0"
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

    req->stage = TEXT_STAGE_FIND;
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
    call_add_text(c, q->shares);
    call_add_int(c, q->counted);
    if (req->vector != NULL)
        search_add_vector(c, req->vector, req->dimensions);
    call_send(c);
}

static void search_text_take(struct call *c)
{
    struct search_text_req *req = store_work(c)->req;
    struct text_query q;

    if (req->stage != TEXT_STAGE_FIND) {
        if (text_look_take(c, &q))
            search_text_find(c, &q);
    } else if (search_take_hits(
                   req->arena, c->pg.results[1], &req->hits, &req->nhits)) {
        call_end(c, NULL);
    } else {
        store_fail(c, ERR_NOMEM, "search");
    }
}

void search_texts(struct store *s, struct search_text_req *req)
{
    req->hits = NULL;
    req->nhits = 0;
    req->index = SEARCH_EXACT;
    store_start(s, &req->op, req, text_look, search_text_take);
}
