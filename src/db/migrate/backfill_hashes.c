/*
 * Happy path: the schema of pgvector is asked for; ANALYZE, so that a batch is
 * read from the index of items in its order; then batch after batch is read and
 * its hashes are written, until one is empty. Failures: the transaction's; rows
 * that have their hash are not looked at again. A row that another program
 * changes between reading and writing has another xmin and is left as it is. On
 * cancel: the current batch is undone, earlier ones stay.
 *
 *   TYPES --> ANALYZE --> READ --> WRITE --> READ ... --> done
 */
#include "db/migrate/backfill_hashes.h"

#include "base/text.h"
#include "db/call.h"
#include "db/store/vector_hash.h"
#include <stdio.h>
#include <stdlib.h>

enum { COUNT, TYPES, ANALYZE, READ, WRITE };
enum { UNIT_MS = 10 * 60 * 1000 };
enum column { ID, VERSION, TENANT, SERVICE, CONTENT, PIECE, USABLE, TEXT };
enum { KEYS = 3, KEY_BYTES = 64 * 1024, SQL_BYTES = 1024 };

/* A row that gets a hash. */
struct hashed {
    struct str id, version; /* the result's */
    uint8_t hash[SHA256_BYTES];
};

struct backfill_work {
    struct backfill_hashes_req *req; /* borrowed */
    struct buf key[KEYS];            /* owned; of the last item looked at */
    char limit[16], bytes[16];       /* the batch's, as parameters */
    char vector_schema[128];         /* of pgvector, quoted */
    struct arena batch;              /* of the current batch */
    struct hashed *rows;             /* in it */
    size_t n;                        /* rows that get a hash */
};

static struct backfill_work *backfill_work_of(struct call *c)
{
    return c->data;
}

static void backfill_hashes_free_work(void *ptr)
{
    struct backfill_work *w = ptr;

    for (int i = 0; i < KEYS; i++)
        buf_free(&w->key[i]);
    arena_free(&w->batch);
}

/* --- reading --- */

/*
 * Rows until their texts exceed the limit, including the row that exceeds it.
 */
static const char read_sql[] =
    "SELECT id, version, tenant_id, microservice_id, content_id, chunk_index,"
    " usable, content_text FROM ("
    "SELECT id, xmin::text AS version, tenant_id, microservice_id, content_id,"
    " chunk_index, embedding IS NOT NULL AND content_text <> '' AS usable,"
    " content_text, sum(octet_length(content_text)) OVER (ORDER BY tenant_id,"
    "  microservice_id, content_id, chunk_index) AS bytes"
    " FROM @.vector_embeddings WHERE content_type = 'microservice_data'"
    " AND embed_hash IS NULL AND microservice_id IS NOT NULL"
    " AND (tenant_id, microservice_id, content_id) > ($1, $2, $3)"
    " ORDER BY tenant_id, microservice_id, content_id, chunk_index"
    " LIMIT $4) r WHERE bytes - octet_length(content_text) < $5"
    " ORDER BY tenant_id, microservice_id, content_id, chunk_index";

static void backfill_hashes_read_batch(struct call *c)
{
    struct backfill_work *w = backfill_work_of(c);

    arena_free(&w->batch);
    arena_init(&w->batch, 0);
    c->state = READ;
    c->pg.timeout_ms = UNIT_MS;
    call_stmt(c, read_sql, false);
    for (int i = 0; i < KEYS; i++)
        call_add_text(c, w->key[i].len > 0 ? w->key[i].data : "");
    call_add(c, (struct pg_param){.type = PG_INT8, .data = w->limit});
    call_add(c, (struct pg_param){.type = PG_INT8, .data = w->bytes});
    call_send(c);
}

/* The item of row `from` ends before the row returned. */
static int backfill_hashes_item_end(const struct pg_result *r, int from)
{
    int end = from + 1;

    while (end < pg_rows(r) &&
           str_eq(pg_value(r, end, CONTENT), pg_value(r, from, CONTENT)) &&
           str_eq(pg_value(r, end, SERVICE), pg_value(r, from, SERVICE)) &&
           str_eq(pg_value(r, end, TENANT), pg_value(r, from, TENANT)))
        end++;
    return end;
}

/* Are all pieces 0, 1, ... present, each with its text and its vector? */
static bool backfill_hashes_is_whole(
    const struct pg_result *r, int from, int end)
{
    for (int i = from; i < end; i++)
        if (call_int(r, i, PIECE) != i - from ||
            pg_value(r, i, USABLE).p[0] != 't')
            return false;
    return true;
}

static size_t backfill_hashes_text_bytes(
    const struct pg_result *r, int from, int end)
{
    size_t n = 0;

    for (int i = from; i < end; i++)
        n += pg_value(r, i, TEXT).len;
    return n;
}

/* The text that the pieces make up; .p NULL: out of memory. */
static struct str backfill_hashes_whole_text(
    struct backfill_work *w, const struct pg_result *r, int from, int end)
{
    struct str text = pg_value(r, from, TEXT), piece;
    char *at;

    if (end - from == 1)
        return text;
    text = (struct str){NULL, backfill_hashes_text_bytes(r, from, end)};
    text.p = at = arena_alloc(&w->batch, text.len);
    for (int i = from; at != NULL && i < end; i++) {
        piece = pg_value(r, i, TEXT);
        memcpy(at, piece.p, piece.len);
        at += piece.len;
    }
    return text;
}

/* The rule that cuts the text into the pieces that are stored. */
static enum cut_rule backfill_hashes_rule_of(struct backfill_work *w,
    struct str text, const struct pg_result *r, int from, int end)
{
    struct str *pieces;
    long n;

    if (end - from == 1)
        return CUT_LAST_THIRD;
    n = text_split(&w->batch, text,
        &(struct text_cut){
            w->req->max_tokens, w->req->max_tokens, CUT_LAST_THIRD},
        &pieces);
    if (n != end - from)
        return CUT_ANYWHERE;
    for (long k = 0; k < n; k++)
        if (!str_eq(pieces[k], pg_value(r, from + (int)k, TEXT)))
            return CUT_ANYWHERE;
    return CUT_LAST_THIRD;
}

static int backfill_hashes_add_item(
    struct backfill_work *w, const struct pg_result *r, int from, int end)
{
    struct str text = backfill_hashes_whole_text(w, r, from, end);
    uint8_t hash[SHA256_BYTES];

    if (text.p == NULL)
        return ERR_NOMEM;
    item_embed_hash(text, w->req->id, (size_t)(end - from),
        backfill_hashes_rule_of(w, text, r, from, end), NULL, hash);
    for (int i = from; i < end; i++) {
        struct hashed *row = &w->rows[w->n++];

        row->id = pg_value(r, i, ID);
        row->version = pg_value(r, i, VERSION);
        memcpy(row->hash, hash, SHA256_BYTES);
    }
    return 0;
}

static void backfill_hashes_keep_key(
    struct backfill_work *w, const struct pg_result *r, int row)
{
    for (int i = 0; i < KEYS; i++) {
        buf_reset(&w->key[i]);
        buf_str(&w->key[i], pg_value(r, row, TENANT + i));
    }
}

/* The last item of a full batch may have more pieces: it starts the next
 * batch, unless it fills this one alone. */
static int backfill_hashes_hash_batch(
    struct backfill_work *w, const struct pg_result *r)
{
    int n = pg_rows(r), end;
    bool full =
        n == ASSUME_ROWS || backfill_hashes_text_bytes(r, 0, n) >= ASSUME_BYTES;

    w->n = 0;
    w->rows = arena_calloc(&w->batch, (size_t)n, sizeof(w->rows[0]));
    if (w->rows == NULL)
        return ERR_NOMEM;
    for (int from = 0; from < n; from = end) {
        bool open = false;

        end = backfill_hashes_item_end(r, from);
        open = full && end == n;
        if (open && from > 0)
            break;
        backfill_hashes_keep_key(w, r, from);
        if (open || !backfill_hashes_is_whole(r, from, end))
            w->req->without += (uint64_t)(end - from);
        else if (backfill_hashes_add_item(w, r, from, end) < 0)
            return ERR_NOMEM;
    }
    return 0;
}

/* --- writing --- */

static int backfill_hashes_add_rows(struct call *c)
{
    struct backfill_work *w = backfill_work_of(c);
    struct pg_array ids, versions, hashes;
    size_t id_bytes = 0, version_bytes = 0;

    for (size_t i = 0; i < w->n; i++) {
        id_bytes += w->rows[i].id.len;
        version_bytes += w->rows[i].version.len;
    }
    if (array_init(&ids, &w->batch, PG_TEXT_ARRAY, 0, w->n, id_bytes) < 0 ||
        array_init(
            &versions, &w->batch, PG_TEXT_ARRAY, 0, w->n, version_bytes) < 0 ||
        array_init(&hashes, &w->batch, PG_BYTEA_ARRAY, 0, w->n,
            w->n * SHA256_BYTES) < 0)
        return ERR_NOMEM;
    for (size_t i = 0; i < w->n; i++) {
        array_add(&ids, w->rows[i].id);
        array_add(&versions, w->rows[i].version);
        memcpy(
            array_grow(&hashes, SHA256_BYTES), w->rows[i].hash, SHA256_BYTES);
    }
    call_add(c, array_param(&ids));
    call_add(c, array_param(&versions));
    call_add(c, array_param(&hashes));
    return 0;
}

static void backfill_hashes_fail_memory(struct call *c)
{
    struct err err;

    err_set(&err, ERR_NOMEM, "not enough memory for a batch of stored texts");
    call_end(c, &err);
}

/* The row as it is counts as written by batchsync: a later change is found. */
static struct str backfill_hashes_write_sql(struct call *c)
{
    struct buf sql;
    struct str text;

    buf_init(&sql, SQL_BYTES);
    buf_puts(&sql, "UPDATE @.vector_embeddings v SET embed_hash = u.hash,"
                   " written_at = v.updated_at, vector_hash = ");
    vector_hash_write_sql(&sql, backfill_work_of(c)->vector_schema, "v");
    buf_puts(&sql, " FROM unnest($1, $2, $3) AS u (id, version, hash)"
                   " WHERE v.id = u.id AND v.xmin::text = u.version");
    text = arena_dup(&c->arena, buf_view(&sql));
    buf_free(&sql);
    return text;
}

static void backfill_hashes_write_batch(struct call *c)
{
    struct backfill_work *w = backfill_work_of(c);
    struct str sql;

    if (pg_rows(c->pg.results[0]) == 0) {
        call_end(c, NULL);
        return;
    }
    if (backfill_hashes_hash_batch(w, c->pg.results[0]) < 0) {
        backfill_hashes_fail_memory(c);
        return;
    }
    c->state = WRITE;
    sql = backfill_hashes_write_sql(c);
    call_stmt(c, sql.p, false);
    if (sql.p == NULL || backfill_hashes_add_rows(c) < 0)
        backfill_hashes_fail_memory(c);
    else
        call_send(c);
}

static void backfill_hashes_count_written(struct call *c)
{
    struct backfill_work *w = backfill_work_of(c);
    uint64_t written = (uint64_t)pg_affected(c->pg.results[0]);

    w->req->hashed += written;
    w->req->without += w->n - written;
}

/* --- counting only --- */

static void backfill_count(struct call *c)
{
    c->state = COUNT;
    c->pg.timeout_ms = UNIT_MS;
    call_stmt(c,
        "SELECT coalesce(sum(n) FILTER (WHERE whole), 0),"
        " coalesce(sum(n) FILTER (WHERE NOT whole), 0) FROM ("
        "SELECT count(*) AS n, bool_and(embedding IS NOT NULL"
        "  AND content_text <> '') AND max(chunk_index) = count(*) - 1"
        " AS whole FROM @.vector_embeddings"
        " WHERE content_type = 'microservice_data' AND embed_hash IS NULL"
        " AND microservice_id IS NOT NULL"
        " GROUP BY tenant_id, microservice_id, content_id) i",
        false);
    call_send(c);
}

static void backfill_hashes_take_count(struct call *c)
{
    struct backfill_hashes_req *req = backfill_work_of(c)->req;

    req->hashed = (uint64_t)call_int(c->pg.results[0], 0, 0);
    req->without = (uint64_t)call_int(c->pg.results[0], 0, 1);
    call_end(c, NULL);
}

/* --- the first steps --- */

static void backfill_hashes_ask_types(struct call *c)
{
    c->state = TYPES;
    call_stmt(c,
        "SELECT quote_ident(nspname) FROM pg_extension e JOIN pg_namespace n"
        " ON n.oid = e.extnamespace WHERE extname = 'vector'",
        false);
    call_send(c);
}

static void backfill_hashes_take_types(struct call *c)
{
    struct backfill_work *w = backfill_work_of(c);
    const struct pg_result *r = c->pg.results[0];

    if (pg_rows(r) > 0)
        call_copy(r, 0, 0, w->vector_schema, sizeof(w->vector_schema));
    c->state = ANALYZE;
    c->pg.timeout_ms = UNIT_MS;
    call_send_script(c, "ANALYZE @.vector_embeddings");
}

static void backfill_step(struct call *c)
{
    switch (c->state) {
    case COUNT:
        backfill_hashes_take_count(c);
        break;
    case TYPES:
        backfill_hashes_take_types(c);
        break;
    case ANALYZE:
        backfill_hashes_read_batch(c);
        break;
    case READ:
        backfill_hashes_write_batch(c);
        break;
    case WRITE:
        backfill_hashes_count_written(c);
        backfill_hashes_read_batch(c);
        break;
    }
}

void backfill_hashes_run(
    struct pg_pool *pool, struct loop *loop, struct backfill_hashes_req *req)
{
    struct call *c = call_new(
        pool, loop, &req->op, backfill_step, sizeof(struct backfill_work));
    struct backfill_work *w = backfill_work_of(c);

    w->req = req;
    req->work = w;
    req->hashed = req->without = 0;
    snprintf(w->limit, sizeof(w->limit), "%d", ASSUME_ROWS);
    snprintf(w->bytes, sizeof(w->bytes), "%d", ASSUME_BYTES);
    arena_init(&w->batch, 0);
    for (int i = 0; i < KEYS; i++)
        buf_init(&w->key[i], KEY_BYTES);
    if (arena_defer(&c->arena, backfill_hashes_free_work, w) < 0)
        abort();
    if (req->dry_run)
        backfill_count(c);
    else
        backfill_hashes_ask_types(c);
}
