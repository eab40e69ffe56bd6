/*
 * Happy path: no row comes back, each stands as it was sent. Failures and
 * cancel: those of the transaction that wrote the rows.
 */
#include "db/store/store_verify.h"

#include "db/store/vector_hash.h"

enum {
    SQL_BYTES = 4096,
    VERIFY_OTHER = 8, /* found again by other hashes: not what was sent */
    VERIFY_GONE = 16  /* not found */
};

/*
 * A row each that is not as it was sent: its number and what is different, as
 * bits. Texts and vectors are compared by their halves of vector_hash; of a row
 * that keeps its vector there is only the first.
 */
static struct str verify_sql(struct call *c)
{
    struct buf sql;
    struct str text;

    buf_init(&sql, SQL_BYTES);
    buf_printf(&sql,
        "SELECT * FROM (SELECT u.at - 1, CASE WHEN v.id IS NULL THEN %d"
        " WHEN v.embed_hash IS DISTINCT FROM u.embed_hash"
        "  OR v.row_hash IS DISTINCT FROM u.row_hash THEN %d"
        " ELSE CASE WHEN substr(v.now, 1, %d) IS DISTINCT FROM"
        "   substr(u.hash, 1, %d) THEN %d ELSE 0 END"
        "  + CASE WHEN v.metadata - '_stored_at' IS DISTINCT FROM"
        "   u.metadata - '_stored_at' THEN %d ELSE 0 END"
        "  + CASE WHEN length(u.hash) > %d AND substr(v.now, %d)"
        "   IS DISTINCT FROM substr(u.hash, %d) THEN %d ELSE 0 END"
        " END AS other FROM unnest($3, $4, $5, $6, $7, $8) WITH ORDINALITY AS u"
        "  (content_id, chunk_index, embed_hash, row_hash, metadata, hash, at)"
        " LEFT JOIN LATERAL (SELECT w.*, ",
        VERIFY_GONE, VERIFY_OTHER, VECTOR_HASH_HALF, VECTOR_HASH_HALF,
        ALTERED_TEXT, ALTERED_METADATA, VECTOR_HASH_HALF, VECTOR_HASH_HALF + 1,
        VECTOR_HASH_HALF + 1, ALTERED_VECTOR);
    vector_hash_write_sql(&sql, store_work(c)->store->vector_schema, "w");
    buf_puts(&sql,
        " AS now FROM @.vector_embeddings w WHERE tenant_id = $1"
        "  AND microservice_id || '' = $2"
        "  AND content_type || '' = 'microservice_data'"
        "  AND content_id = u.content_id AND chunk_index = u.chunk_index"
        "  OFFSET 0) v ON true) differs WHERE other <> 0");
    text = arena_dup(&c->arena, buf_view(&sql));
    buf_free(&sql);
    return text;
}

/* The columns of the rows, in the order of the request. */
struct columns {
    struct pg_array ids, at, embed, row, metadata, hashes;
};

static int store_verify_columns_init(
    struct columns *k, struct arena *a, const struct store_req *req)
{
    size_t n = req->nrows, ids = 0, metadata = 0;

    for (size_t i = 0; i < n; i++) {
        ids += req->rows[i].content_id.len;
        metadata += 1 + req->rows[i].metadata.len;
    }
    if (array_init(&k->ids, a, PG_TEXT_ARRAY, 0, n, ids) < 0 ||
        array_init(&k->at, a, PG_INT4_ARRAY, 0, n, n * 4) < 0 ||
        array_init(&k->embed, a, PG_BYTEA_ARRAY, 0, n, n * SHA256_BYTES) < 0 ||
        array_init(&k->row, a, PG_BYTEA_ARRAY, 0, n, n * SHA256_BYTES) < 0 ||
        array_init(&k->metadata, a, PG_JSONB_ARRAY, 0, n, metadata) < 0 ||
        array_init(&k->hashes, a, PG_BYTEA_ARRAY, 0, n, n * VECTOR_HASH_BYTES) <
            0)
        return ERR_NOMEM;
    return 0;
}

static void store_verify_columns_add_metadata(
    struct columns *k, struct str object)
{
    uint8_t *at = array_grow(&k->metadata, 1 + object.len);

    at[0] = 1; /* the version of jsonb's binary form */
    memcpy(at + 1, object.p, object.len);
}

/* `vector`: room for one in its binary form. */
static void store_verify_columns_add_hash(struct columns *k,
    const struct store_row *r, int dimensions, uint8_t *vector)
{
    uint8_t *hash = array_grow(
        &k->hashes, r->vector != NULL ? VECTOR_HASH_BYTES : VECTOR_HASH_HALF);

    vector_hash_half(r->content_text.p, r->content_text.len, hash);
    if (r->vector == NULL)
        return;
    vector_put(vector, r->vector, dimensions);
    vector_hash_half(vector, vector_bytes(dimensions), hash + VECTOR_HASH_HALF);
}

static int store_verify_columns_fill(
    struct columns *k, struct arena *a, const struct store_req *req)
{
    uint8_t *vector = arena_alloc(a, vector_bytes(req->dimensions));

    if (vector == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < req->nrows; i++) {
        const struct store_row *r = &req->rows[i];

        array_add(&k->ids, r->content_id);
        array_add_int4(&k->at, r->chunk_index);
        memcpy(
            array_grow(&k->embed, SHA256_BYTES), r->embed_hash, SHA256_BYTES);
        memcpy(array_grow(&k->row, SHA256_BYTES), r->row_hash, SHA256_BYTES);
        store_verify_columns_add_metadata(k, r->metadata);
        store_verify_columns_add_hash(k, r, req->dimensions, vector);
    }
    return 0;
}

int verify_add(struct call *c, const struct store_req *req)
{
    struct str sql = verify_sql(c);
    struct columns k;

    if (sql.p == NULL || store_verify_columns_init(&k, &c->arena, req) < 0 ||
        store_verify_columns_fill(&k, &c->arena, req) < 0)
        return ERR_NOMEM;
    call_stmt(c, sql.p, false);
    call_add_text(c, req->scope->tenant);
    call_add_text(c, req->scope->microservice_id);
    call_add(c, array_param(&k.ids));
    call_add(c, array_param(&k.at));
    call_add(c, array_param(&k.embed));
    call_add(c, array_param(&k.row));
    call_add(c, array_param(&k.metadata));
    call_add(c, array_param(&k.hashes));
    return 0;
}

struct verified verify_take(
    const struct pg_result *r, const struct store_req *req)
{
    struct verified v = {0, 0};

    for (int i = 0; i < pg_rows(r); i++) {
        const struct store_row *row = &req->rows[call_int(r, i, 0)];
        int other = (int)call_int(r, i, 1);

        if (other == VERIFY_GONE && row->vector == NULL)
            v.gone++;
        else if (other >= VERIFY_OTHER)
            v.refused++;
        else if (row->altered != NULL)
            *row->altered |= (uint8_t)other;
    }
    return v;
}
