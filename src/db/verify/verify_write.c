/*
 * Happy path: one statement writes the vectors and queues their items.
 * Failures: the transaction's, with nothing written. On cancel: as db/call.h
 * has it.
 */
#include "base/crypto.h"
#include "db/store/store_impl.h"
#include "db/store/vector_hash.h"
#include "db/verify/verify_mend.h"

/* The hashes are those that were read: what has been written since stays. */
static const char write_sql[] =
    "WITH done AS (UPDATE @.vector_embeddings v SET embedding = u.vector,"
    "  vector_hash = substr(sha256(convert_to(v.content_text, 'UTF8')), 1, 8)"
    "   || u.half, repairs = 0, updated_at = t.now, written_at = t.now"
    " FROM unnest($2, $3, $4, $5, $6) u (id, hash, had, half, vector),"
    "  (SELECT now() AT TIME ZONE 'UTC' AS now) t"
    " WHERE v.tenant_id = $1 AND v.id = u.id AND v.embed_hash = u.hash"
    "  AND coalesce(v.vector_hash, '') = u.had AND (u.had = ''"
    "   OR substr(sha256(convert_to(v.content_text, 'UTF8')), 1, 8) ="
    "    substr(u.had, 1, 8))"
    " RETURNING v.microservice_id, v.content_id, v.chunk_index),"
    "queued AS (INSERT INTO @.batch_sync_link_queue AS q (tenant_id,"
    "  microservice_id, content_id) SELECT $1, microservice_id, content_id"
    " FROM done WHERE chunk_index = 0 AND $7 ORDER BY content_id"
    " ON CONFLICT (tenant_id, microservice_id, content_id) DO UPDATE SET"
    "  queued_at = excluded.queued_at) SELECT count(*) FROM done";

struct columns {
    struct pg_array ids, hashes, had, halves, vectors;
};

static int verify_write_init(struct columns *k, struct call *c,
    const struct verify_write_req *req, size_t n)
{
    const struct store *s = store_work(c)->store;
    struct arena *a = &c->arena;
    size_t ids = 0;

    for (size_t i = 0; i < req->nrows; i++)
        ids += req->rows[i].id.len;
    if (array_init(&k->ids, a, PG_TEXT_ARRAY, 0, n, ids) < 0 ||
        array_init(&k->hashes, a, PG_BYTEA_ARRAY, 0, n, n * SHA256_BYTES) < 0 ||
        array_init(&k->had, a, PG_BYTEA_ARRAY, 0, n, n * VECTOR_HASH_BYTES) <
            0 ||
        array_init(&k->halves, a, PG_BYTEA_ARRAY, 0, n, n * VECTOR_HASH_HALF) <
            0 ||
        array_init(&k->vectors, a, s->vector_array_oid, s->vector_oid, n,
            n * vector_bytes(req->dimensions)) < 0)
        return ERR_NOMEM;
    return 0;
}

static void verify_write_fill(
    struct columns *k, const struct verify_write_req *req)
{
    size_t bytes = vector_bytes(req->dimensions);

    for (size_t i = 0; i < req->nrows; i++) {
        const struct verify_broken *row = &req->rows[i];
        uint8_t *vector;

        if (row->vector == NULL)
            continue;
        array_add(&k->ids, row->id);
        array_add(&k->hashes, row->hash);
        array_add(&k->had, row->vector_hash);
        vector = array_grow(&k->vectors, bytes);
        vector_put(vector, row->vector, req->dimensions);
        vector_hash_half(
            vector, bytes, array_grow(&k->halves, VECTOR_HASH_HALF));
    }
}

static void verify_write_send(struct call *c)
{
    const struct verify_write_req *req = store_work(c)->req;
    struct columns k;
    size_t n = 0;

    for (size_t i = 0; i < req->nrows; i++)
        n += req->rows[i].vector != NULL;
    if (verify_write_init(&k, c, req, n) < 0) {
        store_fail(c, ERR_NOMEM, "no memory to mend vectors");
        return;
    }
    verify_write_fill(&k, req);
    call_stmt(c, write_sql, false);
    call_add_text(c, req->tenant);
    call_add(c, array_param(&k.ids));
    call_add(c, array_param(&k.hashes));
    call_add(c, array_param(&k.had));
    call_add(c, array_param(&k.halves));
    call_add(c, array_param(&k.vectors));
    call_add_bool(c, req->queues);
    call_send(c);
}

static void verify_write_take(struct call *c)
{
    struct verify_write_req *req = store_work(c)->req;

    req->changed = (uint64_t)call_int(c->pg.results[0], 0, 0);
    call_end(c, NULL);
}

void verify_write(struct store *store, struct verify_write_req *req)
{
    store_start(store, &req->op, req, verify_write_send, verify_write_take);
}
