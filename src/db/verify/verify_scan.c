/*
 * Happy path: one transaction of two statements, settings and the scan. Rows
 * are found by their key, whatever the statistics say. Digests are made by the
 * database, so that neither texts nor vectors travel, but for the texts of
 * items in several pieces, whose hash tells whether the last one is missing.
 * Failures: the transaction's. On cancel: as db/call.h has it.
 */
#include "db/verify/verify_scan.h"

#include "base/text.h"
#include "db/store/store_impl.h"
#include "db/store/vector_hash.h"
#include "db/verify/verify_graph.h"
#include "record/item.h"
#include <stdlib.h>
#include <string.h>

enum { SQL_BYTES = 32 * 1024, VERIFY_TOTALS = -1, VERIFY_CHECK = -2 };
enum { SURPLUS_MOST = 16 }; /* rows behind an item's last, told from a lack */
enum column {
    KIND,
    ROW,
    CONTENT,
    PIECE,
    N,
    OTHER,
    HASH,
    PROVIDER,
    MODEL,
    DIMS,
    TITLE,
    PIECES
};

/*
 *   rows    all rows of the batch's items: whole items, however many pieces
 *   firsts  of each item the first row that is there; an item's pieces share
 *           their embed_hash, so that rows with another one are surplus
 *   own     the item's pieces, and rows that another program made of them
 *
 * Of a row that should not be there nothing else is told.
 * A row that has no vector_hash is older than it and is taken as it is; one
 * without embed_hash is another program's.
 */
static const char rows_sql[] =
    "WITH keys AS MATERIALIZED (SELECT content_id FROM @.vector_embeddings"
    "  WHERE tenant_id = $1 AND microservice_id = $2"
    "   AND content_type = 'microservice_data' AND content_id > $3"
    "  ORDER BY content_id, chunk_index LIMIT $4),"
    "rows AS MATERIALIZED (SELECT w.id, w.content_id, w.chunk_index,"
    "   w.embed_hash, w.vector_hash, w.written_at, w.updated_at,"
    "   t.vector_hash AS by_trigger, octet_length(w.content_text) AS bytes,"
    "   w.embedding IS NULL AS empty, %s.vector_dims(w.embedding) AS dims,"
    "   %s.vector_norm(w.embedding) AS norm, ";

static const char checks_sql[] =
    " AS now FROM @.vector_embeddings w"
    "  LEFT JOIN @.batch_sync_trigger_hashes t"
    "   ON t.tenant_id = $1 AND t.row_id = w.id"
    "  WHERE w.tenant_id = $1 AND w.microservice_id = $2"
    "   AND w.content_type = 'microservice_data' AND w.content_id > $3"
    "   AND w.content_id <= (SELECT max(content_id) FROM keys)),"
    "judged AS MATERIALIZED (SELECT *, vector_hash IS NULL"
    "   OR substr(now, 1, 8) IN (substr(vector_hash, 1, 8),"
    "    substr(coalesce(by_trigger, vector_hash), 1, 8)) AS text_ok,"
    "  CASE WHEN embed_hash IS NULL THEN NULL WHEN empty THEN $8"
    "   WHEN dims <> $5 THEN $9 WHEN norm = 0 OR norm = 'NaN' THEN $10"
    "   WHEN substr(now, 9) NOT IN (substr(vector_hash, 9),"
    "    substr(coalesce(by_trigger, vector_hash), 9)) THEN $7"
    "  END::int4 AS vector_bad, row_number() OVER (PARTITION BY content_id,"
    "   chunk_index ORDER BY updated_at DESC, id) AS copy,"
    "  first_value(embed_hash) OVER (PARTITION BY content_id"
    "   ORDER BY chunk_index, updated_at DESC, id) AS first FROM rows),"
    "own AS MATERIALIZED (SELECT * FROM judged WHERE embed_hash = first"
    "  AND copy = 1),"
    "whole AS MATERIALIZED (SELECT content_id, count(*) AS n,"
    "   max(chunk_index) + 1 - count(*) AS lacking, bool_and(text_ok) AS good,"
    "   (array_agg(first))[1] AS hash, max(written_at) AS written,"
    "   bool_and(vector_hash IS NOT NULL) AS known,"
    "   (array_agg(bytes ORDER BY chunk_index DESC))[1] AS last_bytes"
    "  FROM own GROUP BY content_id)";

/* One row each, in the order of enum column; $6 .. $10 and $12 on are kinds. */

static const char found_sql[] =
    " SELECT -1 AS kind, (SELECT max(content_id) FROM keys) AS id,"
    "  NULL::text AS content_id, (SELECT count(*) FROM rows)::int4 AS piece,"
    "  (SELECT count(DISTINCT content_id) FROM rows) AS n,"
    "  CASE WHEN (SELECT count(*) FROM keys) < $4 THEN 'end' END AS other,"
    "  NULL::bytea AS hash, NULL::text AS provider, NULL::text AS model,"
    "  NULL::int4 AS dims, NULL::text AS title, NULL::text AS pieces"
    " UNION ALL SELECT $6, id, content_id, chunk_index, 1, NULL" VERIFY_NOTHING
    "  FROM own WHERE NOT text_ok"
    " UNION ALL SELECT vector_bad, id, content_id, chunk_index, 1, "
    "NULL" VERIFY_NOTHING "  FROM own WHERE vector_bad IS NOT NULL"
    " UNION ALL SELECT $12, id, content_id, chunk_index, 1, NULL" VERIFY_NOTHING
    "  FROM judged WHERE copy = 1 AND first IS NOT NULL"
    "   AND embed_hash IS DISTINCT FROM first"
    " UNION ALL SELECT $13, id, content_id, chunk_index, 1, NULL" VERIFY_NOTHING
    "  FROM judged WHERE copy > 1"
    " UNION ALL SELECT -2, NULL, w.content_id, w.n::int4, w.lacking,"
    "   t.text, w.hash, r.provider, r.model, r.dimensions, (SELECT " STORE_TITLE
    "    FROM own o JOIN @.vector_embeddings v ON v.id = o.id"
    "     AND v.tenant_id = $1 WHERE o.content_id = w.content_id"
    "     AND o.chunk_index = 0), t.pieces"
    "  FROM whole w CROSS JOIN LATERAL (SELECT"
    "    string_agg(v.content_text, '' ORDER BY v.chunk_index) AS text,"
    "    string_agg(concat_ws(' ', v.chunk_index,"
    "     octet_length(v.content_text), v.id), chr(10)"
    "     ORDER BY v.chunk_index) AS pieces"
    "   FROM own o JOIN @.vector_embeddings v ON v.id = o.id"
    "    AND v.tenant_id = $1 WHERE o.content_id = w.content_id) t"
    "  LEFT JOIN LATERAL (SELECT provider, model, dimensions"
    "   FROM @.batch_sync_runs WHERE tenant_id = $1 AND w.good AND w.known"
    "    AND started_at <= w.written AT TIME ZONE 'UTC'"
    "   ORDER BY started_at DESC LIMIT 1) r ON true"
    "  WHERE w.lacking > 0 OR r.model IS NOT NULL"
    "   AND (w.n > 1 OR w.last_bytes >= $11)";

static struct str verify_scan_sql(struct call *c)
{
    const struct verify_scan_req *req = store_work(c)->req;
    const char *schema = store_work(c)->store->vector_schema;
    struct buf sql;
    struct str text;

    buf_init(&sql, SQL_BYTES);
    buf_printf(&sql, rows_sql, schema, schema);
    vector_hash_write_sql(&sql, schema, "w");
    buf_puts(&sql, checks_sql);
    if (req->graph)
        verify_graph_write_items(&sql, schema, req->sized);
    buf_puts(&sql, found_sql);
    if (req->graph)
        verify_graph_write_found(&sql);
    text = arena_dup(&c->arena, buf_view(&sql));
    buf_free(&sql);
    return text;
}

/* The first parameters; the graph's kinds follow. */
static void verify_scan_add(struct call *c, const struct verify_scan_req *req)
{
    static const enum verify_kind kinds[] = {VERIFY_TEXT_CHANGED,
        VERIFY_VECTOR_CHANGED, VERIFY_VECTOR_MISSING, VERIFY_VECTOR_SIZE,
        VERIFY_VECTOR_ZERO};

    call_add_text(c, req->tenant);
    call_add_text(c, req->microservice_id);
    call_add_text(c, req->after);
    call_add_int(c, req->limit);
    call_add_int(c, req->dimensions);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        call_add_int(c, (int64_t)kinds[i]);
    call_add_int(c, (int64_t)req->piece_bytes);
    call_add_int(c, VERIFY_PIECE_SURPLUS);
    call_add_int(c, VERIFY_DUPLICATE);
}

static void verify_scan_send(struct call *c)
{
    const struct verify_scan_req *req = store_work(c)->req;
    struct str sql = verify_scan_sql(c);

    if (sql.p == NULL) {
        store_fail(c, ERR_NOMEM, "no memory to verify rows");
        return;
    }
    verify_graph_set(c, store_work(c)->store, req->exact);
    call_stmt(c, sql.p, false);
    verify_scan_add(c, req);
    if (req->graph)
        verify_graph_add(c, req->service);
    call_send(c);
}

/* --- the answer ----------------------------------------------------------- */

static uint8_t verify_scan_nibble(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* Is a digest of the result, as text, this one? */
static bool verify_scan_is_hash(
    struct str hex, const uint8_t digest[SHA256_BYTES])
{
    if (hex.len != 2 + 2 * SHA256_BYTES)
        return false;
    for (size_t i = 0; i < SHA256_BYTES; i++)
        if ((verify_scan_nibble(hex.p[2 + 2 * i]) << 4 |
                verify_scan_nibble(hex.p[3 + 2 * i])) != digest[i])
            return false;
    return true;
}

/* A row of an item, as the statement tells it. */
struct scan_piece {
    int at; /* chunk_index */
    size_t bytes;
    struct str row;
};

/* Lines of chunk_index, bytes and id. */
static void verify_scan_read_pieces(
    const char *text, struct scan_piece *pieces, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char *at;
        size_t len;

        pieces[i].at = (int)strtol(text, &at, 10);
        pieces[i].bytes = strtoull(at, &at, 10);
        text = at + (*at == ' ');
        len = strcspn(text, "\n");
        pieces[i].row = (struct str){text, len};
        text += len + (text[len] == '\n');
    }
}

/* The hash of an item knows its text and the number of its pieces: by the
 * settings of the run that wrote it, are the first `n`, so many bytes, all? */
static bool verify_scan_is_whole(const struct verify_scan_req *req,
    const struct pg_result *r, int i, size_t bytes, size_t n)
{
    static const enum cut_rule rules[] = {CUT_LAST_THIRD, CUT_ANYWHERE};
    struct embedding_id id = {pg_value(r, i, PROVIDER).p,
        pg_value(r, i, MODEL).p, (int)call_int(r, i, DIMS)};
    struct str text = {pg_value(r, i, OTHER).p, bytes};
    struct piece_context context;
    uint8_t digest[SHA256_BYTES];

    piece_context_init(
        &context, &req->pieces, pg_value(r, i, TITLE), req->piece_bytes);
    for (int k = 0; k < 4; k++) {
        item_embed_hash(
            text, &id, n, rules[k % 2], k < 2 ? NULL : &context, digest);
        if (verify_scan_is_hash(pg_value(r, i, HASH), digest))
            return true;
    }
    return false;
}

/* How many of its rows the item has; those behind them are another program's
 * copies. 0: it has more than are there, or nobody can tell. */
static size_t verify_scan_count(const struct verify_scan_req *req,
    const struct pg_result *r, int i, const struct scan_piece *pieces, size_t n)
{
    size_t whole = 0, bytes = 0;

    while (whole < n && pieces[whole].at == (int)whole)
        bytes += pieces[whole++].bytes;
    if (pg_is_null(r, i, MODEL))
        return 0;
    for (int tries = 0; whole > 0 && tries < SURPLUS_MOST; tries++) {
        if (verify_scan_is_whole(req, r, i, bytes, whole))
            return whole;
        bytes -= pieces[--whole].bytes;
    }
    return 0;
}

static void verify_scan_take_item(
    struct verify_scan_req *req, const struct pg_result *r, int i)
{
    size_t n = (size_t)call_int(r, i, PIECE), whole;
    uint64_t lacking = (uint64_t)call_int(r, i, N);
    struct scan_piece *pieces = arena_calloc(req->arena, n, sizeof(*pieces));
    struct verify_finding f = {
        .content_id = arena_dup(req->arena, pg_value(r, i, CONTENT))};

    if (pieces == NULL)
        abort();
    verify_scan_read_pieces(pg_value(r, i, PIECES).p, pieces, n);
    whole = verify_scan_count(req, r, i, pieces, n);
    f.kind = whole == 0 ? VERIFY_PIECE_MISSING : VERIFY_PIECE_SURPLUS;
    f.piece = -1;
    f.n = whole > 0 || lacking == 0 ? 1 : lacking;
    if (whole == 0)
        req->findings[req->n++] = f;
    else
        f.hash = arena_dup(req->arena, pg_value(r, i, HASH));
    for (size_t k = whole; whole > 0 && k < n; k++) {
        f.piece = pieces[k].at;
        f.row = arena_dup(req->arena, pieces[k].row);
        req->findings[req->n++] = f;
    }
}

static void verify_scan_take_row(
    struct verify_scan_req *req, const struct pg_result *r, int i)
{
    req->findings[req->n++] =
        (struct verify_finding){.kind = (enum verify_kind)call_int(r, i, KIND),
            .row = arena_dup(req->arena, pg_value(r, i, ROW)),
            .content_id = arena_dup(req->arena, pg_value(r, i, CONTENT)),
            .piece = (int)call_int(r, i, PIECE),
            .n = (uint64_t)call_int(r, i, N),
            .other = arena_dup(req->arena, pg_value(r, i, OTHER))};
}

static void verify_scan_take_totals(
    struct verify_scan_req *req, const struct pg_result *r, int i)
{
    req->rows = (size_t)call_int(r, i, PIECE);
    req->items = (size_t)call_int(r, i, N);
    req->last = (struct str){NULL, 0};
    if (pg_is_null(r, i, OTHER))
        req->last = arena_dup(req->arena, pg_value(r, i, ROW));
}

/* One a row, but that an item may have as many as it has pieces. */
static size_t verify_scan_most(const struct pg_result *r)
{
    size_t most = (size_t)pg_rows(r);

    for (int i = 0; i < pg_rows(r); i++)
        if (call_int(r, i, KIND) == VERIFY_CHECK)
            most += (size_t)call_int(r, i, PIECE);
    return most;
}

static void verify_scan_take(struct call *c)
{
    struct verify_scan_req *req = store_work(c)->req;
    const struct pg_result *r = c->pg.results[1];

    req->n = 0;
    req->findings =
        arena_calloc(req->arena, verify_scan_most(r), sizeof(*req->findings));
    if (req->findings == NULL) {
        store_fail(c, ERR_NOMEM, "no memory for what verify found");
        return;
    }
    for (int i = 0; i < pg_rows(r); i++) {
        if (call_int(r, i, KIND) == VERIFY_TOTALS)
            verify_scan_take_totals(req, r, i);
        else if (call_int(r, i, KIND) == VERIFY_CHECK)
            verify_scan_take_item(req, r, i);
        else
            verify_scan_take_row(req, r, i);
    }
    call_end(c, NULL);
}

void verify_scan(struct store *store, struct verify_scan_req *req)
{
    store_start(store, &req->op, req, verify_scan_send, verify_scan_take);
}
