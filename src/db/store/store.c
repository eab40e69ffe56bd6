/*
 * The store: what it needs to know of the database, and the look-up of hashes.
 *
 * Happy path: a transaction each; the first one of a process is preceded by
 * another that asks what this database calls the type `vector`, which may live
 * in any schema. Failures: the transaction's. On cancel: as db/call.h has it.
 */
#include "db/store/store_impl.h"

#include "db/read/dead_letters.h"
#include "db/store/vector_hash.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

enum { TYPES, WORK };

void store_init(struct store *s, struct pg_pool *pool, struct loop *loop)
{
    *s = (struct store){.pool = pool, .loop = loop};
    list_init(&s->waiting);
}

void store_fail(struct call *c, int code, const char *why)
{
    struct err err;

    err_set(&err, code, "%s", why);
    call_end(c, &err);
}

/* Is it 0.minor.patch, or newer? */
static bool store_version_from(const char *version, int minor, int patch)
{
    int had[3] = {0, 0, 0};

    sscanf(version, "%d.%d.%d", &had[0], &had[1], &had[2]);
    return had[0] > 0 || had[1] > minor || (had[1] == minor && had[2] >= patch);
}

bool store_version_builds_parallel(const char *version)
{
    return store_version_from(version, 8, 2);
}

static bool store_read_types(struct store *s, const struct pg_result *r)
{
    const char *version = pg_rows(r) == 0 ? "" : pg_value(r, 0, 3).p;

    if (pg_rows(r) == 0)
        return false;
    s->vector_oid = (unsigned)call_int(r, 0, 0);
    s->vector_array_oid = (unsigned)call_int(r, 0, 1);
    call_copy(r, 0, 2, s->vector_schema, sizeof(s->vector_schema));
    s->iterative_scan = store_version_from(version, 8, 0);
    s->parallel_builds = store_version_builds_parallel(version);
    return true;
}

static void store_step(struct call *c)
{
    struct store_work *w = store_work(c);

    if (c->state >= WORK) {
        w->take(c);
        return;
    }
    if (!store_read_types(w->store, c->pg.results[0])) {
        store_fail(c, ERR_CONFIG,
            "the database has no extension vector: run batchsync migrate");
        return;
    }
    c->state = WORK;
    w->send(c);
}

void store_start(struct store *s, struct op *op, void *req,
    void (*send)(struct call *call), void (*take)(struct call *call))
{
    struct call *c =
        call_new(s->pool, s->loop, op, store_step, sizeof(struct store_work));

    *store_work(c) = (struct store_work){s, req, send, take};
    c->state = s->vector_oid == 0 ? TYPES : WORK;
    if (c->state == WORK) {
        send(c);
        return;
    }
    call_stmt(c,
        "SELECT t.oid, t.typarray, quote_ident(n.nspname), e.extversion"
        " FROM pg_extension e"
        " JOIN pg_namespace n ON n.oid = e.extnamespace"
        " JOIN pg_type t ON t.typnamespace = n.oid AND t.typname = 'vector'"
        " WHERE e.extname = 'vector'",
        false);
    call_send(c);
}

size_t vector_bytes(int dimensions)
{
    return 4 + (size_t)dimensions * 4;
}

void vector_put(uint8_t *at, const float *values, int dimensions)
{
    uint16_t head[2] = {htons((uint16_t)dimensions), 0};

    memcpy(at, head, sizeof(head));
    at += sizeof(head);
    for (int i = 0; i < dimensions; i++) {
        uint32_t bits;

        memcpy(&bits, &values[i], sizeof(bits));
        bits = htonl(bits);
        memcpy(at + (size_t)i * 4, &bits, sizeof(bits));
    }
}

/* --- look-up --- */

/*
 * Rows are found by tenant and content id, whatever the statistics say and
 * however many indexes there are: without fresh statistics the planner takes
 * an index of the whole service for as good. A column in an expression suits
 * no index, and so the two that all of a service's rows share are hidden.
 * OFFSET 0 keeps the planner from turning the join around.
 */
static const char lookup_sql[] =
    "SELECT i.at::int4 - 1, v.chunk_index, v.embed_hash, v.row_hash,"
    " v.altered, v.repairs, v.vector_hash FROM unnest($3) WITH ORDINALITY AS i "
    "(content_id, "
    "at)"
    " CROSS JOIN LATERAL (SELECT chunk_index, embed_hash, row_hash,"
    "  vector_hash, %.*s"
    "  FROM @.vector_embeddings w WHERE tenant_id = $1"
    "  AND content_id = i.content_id AND microservice_id || '' = $2"
    "  AND content_type || '' = 'microservice_data' OFFSET 0) v"
    " ORDER BY 1, 2";

enum { LOOKUP_BYTES = 2048 };

/*
 * Text and vector are read of those rows alone that somebody else has touched.
 * Repairs count for so long as the last one is not older than that.
 */
static void store_write_altered(struct buf *sql, const char *vector_schema)
{
    buf_puts(sql, "CASE WHEN written_at <> updated_at THEN CASE WHEN"
                  " vector_hash IS DISTINCT FROM ");
    vector_hash_write_sql(sql, vector_schema, "w");
    buf_puts(sql, " AND NOT EXISTS (SELECT FROM @.batch_sync_trigger_hashes t"
                  " WHERE t.tenant_id = $1 AND t.row_id = w.id"
                  " AND t.vector_hash = ");
    vector_hash_write_sql(sql, vector_schema, "w");
    buf_printf(sql,
        ") THEN 1 END END AS altered, CASE WHEN repairs > 0 THEN CASE WHEN"
        " written_at > (now() AT TIME ZONE 'UTC') - interval '%d days'"
        " THEN repairs::int4 END END AS repairs",
        REPAIR_DAYS);
}

/* In the call's arena; .p NULL: out of memory. */
static struct str store_lookup_write_sql(struct call *c)
{
    struct buf columns, sql;
    struct str text;

    buf_init(&columns, LOOKUP_BYTES);
    buf_init(&sql, LOOKUP_BYTES);
    store_write_altered(&columns, store_work(c)->store->vector_schema);
    buf_printf(&sql, lookup_sql, (int)columns.len, columns.data);
    text = arena_dup(&c->arena, buf_view(&sql));
    buf_free(&columns);
    buf_free(&sql);
    return text;
}

static void store_lookup_send(struct call *c)
{
    const struct lookup_req *req = store_work(c)->req;
    struct str sql = store_lookup_write_sql(c);
    struct pg_array ids;
    size_t bytes = 0;

    for (size_t i = 0; i < req->n; i++)
        bytes += req->ids[i].len;
    if (sql.p == NULL ||
        array_init(&ids, &c->arena, PG_TEXT_ARRAY, 0, req->n, bytes) < 0) {
        store_fail(c, ERR_NOMEM, "look-up of stored hashes");
        return;
    }
    for (size_t i = 0; i < req->n; i++)
        array_add(&ids, req->ids[i]);
    call_stmt(c, sql.p, true);
    call_add_text(c, req->scope->tenant);
    call_add_text(c, req->scope->microservice_id);
    call_add(c, array_param(&ids));
    if (req->with_letters)
        dead_letters_add(c, req->scope, array_param(&ids));
    call_send(c);
}

/* False, and *out as it was, when the column holds no hash of ours. */
static bool store_take_hash(
    const struct pg_result *r, int row, int column, uint8_t out[SHA256_BYTES])
{
    struct str v = pg_value(r, row, column);

    if (v.len != SHA256_BYTES)
        return false;
    memcpy(out, v.p, SHA256_BYTES);
    return true;
}

static void store_lookup_take(struct call *c)
{
    struct lookup_req *req = store_work(c)->req;
    const struct pg_result *r = c->pg.results[0];

    req->nrows = (size_t)pg_rows(r);
    req->rows = arena_calloc(req->arena, req->nrows, sizeof(req->rows[0]));
    if (req->rows == NULL) {
        store_fail(c, ERR_NOMEM, "look-up of stored hashes");
        return;
    }
    for (int i = 0; i < pg_rows(r); i++) {
        struct stored_row *row = &req->rows[i];

        row->item = (uint32_t)call_int_binary(r, i, 0);
        row->chunk_index = (int32_t)call_int_binary(r, i, 1);
        row->hashed = store_take_hash(r, i, 2, row->embed_hash);
        store_take_hash(r, i, 3, row->row_hash);
        row->altered = !pg_is_null(r, i, 4);
        row->repairs = (int)call_int_binary(r, i, 5);
        if (pg_value(r, i, 6).len == VECTOR_HASH_BYTES)
            memcpy(row->text_hash, pg_value(r, i, 6).p, TEXT_HASH_BYTES);
    }
    if (req->with_letters && dead_letters_take(c->pg.results[1], req) < 0) {
        store_fail(c, ERR_NOMEM, "look-up of dead letters");
        return;
    }
    call_end(c, NULL);
}

void store_lookup(struct store *s, struct lookup_req *req)
{
    store_start(s, &req->op, req, store_lookup_send, store_lookup_take);
}
