/*
 * The expression that texts are searched by, over a row of vector_embeddings:
 * a tsvector of its text, in the language of its service. Both the index and
 * the queries are made of it, so that the planner takes the one for the other.
 *
 * A row is never refused because of the index: a tsvector may have 1 MiB, and
 * of words as unlucky as they can be it has less than four bytes for one of
 * text, so the first 256 KiB go in. (They are cut by characters, of 1, 2 or 4
 * bytes each.) PostgreSQL itself leaves out words of more than 2 KiB. Letters
 * of scripts without spaces get some, since a whole clause would otherwise be
 * one word.
 *
 * The language of a service stands in the expression itself, by the service's
 * id. So it is immutable, needs no function, no column and no rights but those
 * of making an index, and the rows need not be written. Another language for a
 * service is another index.
 */
#ifndef DB_SEARCH_TEXT_LANGUAGE_H
#define DB_SEARCH_TEXT_LANGUAGE_H

#define TEXT_INDEX_PREFIX "idx_vector_embeddings_text_"

/* Kana and Han. */
#define TEXT_UNSPACED "[\\u3040-\\u30ff\\u3400-\\u4dbf\\u4e00-\\u9fff]"

#define TEXT_SPACED_END ", '(" TEXT_UNSPACED ")', ' \\1 ', 'g')"

#define TEXT_BODY                                                   \
    "regexp_replace(left(content_text,"                             \
    " CASE WHEN octet_length(left(content_text, 262144)) <= 262144" \
    "  THEN 262144"                                                 \
    " WHEN octet_length(left(content_text, 131072)) <= 262144"      \
    "  THEN 131072 ELSE 65536 END)" TEXT_SPACED_END

/* A query for a WITH: relname, expr of the valid index; no row: there is none.
 */
#define TEXT_PRESENT                                                      \
    "present AS (SELECT c.relname,"                                       \
    "  pg_get_expr(i.indexprs, i.indrelid) AS expr"                       \
    "  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"           \
    "  WHERE i.indrelid = '@.vector_embeddings'::regclass"                \
    "  AND starts_with(c.relname, '" TEXT_INDEX_PREFIX "')"               \
    "  AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NOT NULL" \
    "  ORDER BY c.oid DESC LIMIT 1)"

/*
 * Queries for a WITH, over the services' names $1 and languages $2:
 *
 *   present  as above
 *   wanted   expr, name of the index that there should be
 *
 * Services that are not named keep the language of the present index: they are
 * another replica's.
 */
#define TEXT_LANGUAGES                                                       \
    TEXT_PRESENT                                                             \
    ","                                                                      \
    " named AS (SELECT m.id, n.language"                                     \
    "  FROM unnest($1::text[], $2::text[]) AS n (service, language)"         \
    "  JOIN @.microservices m ON m.name = n.service),"                       \
    " spoken AS (SELECT n.id, t.cfgname::text AS language FROM named n"      \
    "  JOIN pg_ts_config t ON t.cfgname = n.language"                        \
    "  AND t.cfgnamespace = 'pg_catalog'::regnamespace"                      \
    "  WHERE n.language <> 'simple'"                                         \
    "  UNION SELECT w.was[1], w.was[2] FROM present p,"                      \
    "  regexp_matches(p.expr, 'WHEN ''([^'']+)''::text THEN"                 \
    " ''(?:pg_catalog\\.)?([a-z_]+)''::regconfig', 'g') AS w (was)"          \
    "  WHERE NOT EXISTS (SELECT FROM named n WHERE n.id = w.was[1])),"       \
    " wanted AS (SELECT x.expr,"                                             \
    "  '" TEXT_INDEX_PREFIX "' || left(md5(x.expr), 8) AS name"              \
    "  FROM (SELECT 'to_tsvector(' || coalesce('CASE microservice_id'"       \
    "   || string_agg(format(' WHEN %L THEN %L::regconfig', s.id,"           \
    "    'pg_catalog.' || s.language), '' ORDER BY s.id)"                    \
    "   || ' ELSE ''pg_catalog.simple''::regconfig END',"                    \
    "   '''pg_catalog.simple''::regconfig') || $body$, " TEXT_BODY ")$body$" \
    "   AS expr FROM spoken s) x)"

#endif
