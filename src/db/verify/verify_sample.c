/*
 * Happy path: a transaction each; a search is made twice in one transaction,
 * with the settings changed in between. Failures: the transaction's. On cancel:
 * as db/call.h has it.
 */
#include "db/verify/verify_sample.h"

#include "db/store/store_impl.h"
#include "db/store/vector_hash.h"

#include <arpa/inet.h>
#include <stdlib.h>

enum { SAMPLE_SQL_BYTES = 4096 };

/* Twice as many are drawn as are wanted, since some say nothing: they are in
 * several pieces, or broken, which is reported elsewhere. */
static const char sample_sql[] =
    "SELECT m.name, w.id, w.content_id, w.content_text, w.embed_hash,"
    "  %s.vector_send(w.embedding) FROM (SELECT v.id, v.microservice_id"
    "   FROM @.vector_embeddings v WHERE v.tenant_id = $1"
    "    AND v.content_type = 'microservice_data' AND v.microservice_id IN"
    "     (SELECT id FROM @.microservices WHERE tenant_id = $1"
    "      AND name = ANY ($2)) ORDER BY random() LIMIT $3 * 2) d"
    " JOIN @.microservices m ON m.id = d.microservice_id"
    " JOIN @.vector_embeddings w ON w.id = d.id AND w.tenant_id = $1"
    " WHERE w.chunk_index = 0 AND w.embed_hash IS NOT NULL"
    "  AND %s.vector_dims(w.embedding) = $4"
    "  AND NOT EXISTS (SELECT FROM @.vector_embeddings o"
    "   WHERE o.tenant_id = $1 AND o.content_id = w.content_id"
    "    AND o.microservice_id || '' = w.microservice_id"
    "    AND o.content_type || '' = 'microservice_data' AND o.chunk_index > 0)"
    "  AND (w.vector_hash IS NULL OR w.vector_hash = ";

static void verify_sample_send(struct call *c)
{
    const struct verify_sample_req *req = store_work(c)->req;
    const char *schema = store_work(c)->store->vector_schema;
    struct pg_array names;
    size_t bytes = 0;
    struct buf sql;
    struct str text;

    for (size_t i = 0; i < req->nservices; i++)
        bytes += strlen(req->services[i]);
    buf_init(&sql, SAMPLE_SQL_BYTES);
    buf_printf(&sql, sample_sql, schema, schema);
    vector_hash_write_sql(&sql, schema, "w");
    buf_puts(&sql, ") LIMIT $3");
    text = arena_dup(&c->arena, buf_view(&sql));
    buf_free(&sql);
    if (text.p == NULL || array_init(&names, &c->arena, PG_TEXT_ARRAY, 0,
                              req->nservices, bytes) < 0) {
        store_fail(c, ERR_NOMEM, "no memory for a sample");
        return;
    }
    for (size_t i = 0; i < req->nservices; i++)
        array_add(&names, str_of(req->services[i]));
    call_stmt(c, text.p, true);
    call_add_text(c, req->tenant);
    call_add(c, array_param(&names));
    call_add_int(c, req->limit);
    call_add_int(c, req->dimensions);
    call_send(c);
}

/* From its binary form. */
static const float *verify_sample_vector(
    struct arena *a, struct str bytes, int dimensions)
{
    float *vector = arena_calloc(a, (size_t)dimensions, sizeof(*vector));

    for (int i = 0; vector != NULL && i < dimensions; i++) {
        uint32_t bits;

        memcpy(&bits, bytes.p + 4 + 4 * i, sizeof(bits));
        bits = ntohl(bits);
        memcpy(&vector[i], &bits, sizeof(bits));
    }
    return vector;
}

static void verify_sample_take(struct call *c)
{
    struct verify_sample_req *req = store_work(c)->req;
    const struct pg_result *r = c->pg.results[0];
    struct arena *a = req->arena;

    req->n = (size_t)pg_rows(r);
    req->rows = arena_calloc(a, req->n, sizeof(*req->rows));
    if (req->rows == NULL) {
        store_fail(c, ERR_NOMEM, "no memory for a sample");
        return;
    }
    for (int i = 0; i < pg_rows(r); i++)
        req->rows[i] = (struct verify_sampled){
            .service = arena_dup(a, pg_value(r, i, 0)).p,
            .id = arena_dup(a, pg_value(r, i, 1)),
            .content_id = arena_dup(a, pg_value(r, i, 2)),
            .text = arena_dup(a, pg_value(r, i, 3)),
            .hash = arena_dup(a, pg_value(r, i, 4)),
            .vector =
                verify_sample_vector(a, pg_value(r, i, 5), req->dimensions)};
    call_end(c, NULL);
}

void verify_sample(struct store *store, struct verify_sample_req *req)
{
    store_start(store, &req->op, req, verify_sample_send, verify_sample_take);
}

/* --- recall --------------------------------------------------------------- */

/* %s: the operator's schema, twice. */
static const char search_sql[] =
    "SELECT v.embedding OPERATOR(%s.<=>) (SELECT w.embedding"
    "  FROM @.vector_embeddings w WHERE w.tenant_id = $1 AND w.id = $2)"
    " FROM @.vector_embeddings v WHERE v.tenant_id = $1"
    " AND v.content_type = 'microservice_data' ORDER BY v.embedding"
    " OPERATOR(%s.<=>) (SELECT w.embedding FROM @.vector_embeddings w"
    "  WHERE w.tenant_id = $1 AND w.id = $2) LIMIT 10";

static void verify_recall_send(struct call *c)
{
    const struct verify_recall_req *req = store_work(c)->req;
    const struct store *s = store_work(c)->store;
    struct str text;
    struct buf sql;

    buf_init(&sql, SAMPLE_SQL_BYTES);
    buf_printf(&sql, search_sql, s->vector_schema, s->vector_schema);
    text = arena_dup(&c->arena, buf_view(&sql));
    buf_free(&sql);
    if (text.p == NULL) {
        store_fail(c, ERR_NOMEM, "no memory for a search");
        return;
    }
    call_stmt(c, "SELECT set_config('enable_indexscan', 'off', true)", false);
    call_stmt(c, text.p, false);
    call_add_text(c, req->tenant);
    call_add_text(c, req->id.p);
    call_stmt(c,
        s->iterative_scan
            ? "SELECT set_config('enable_indexscan', 'on', true),"
              " set_config('enable_seqscan', 'off', true),"
              " set_config('enable_sort', 'off', true),"
              " set_config('hnsw.iterative_scan', 'strict_order', true)"
            : "SELECT set_config('enable_indexscan', 'on', true),"
              " set_config('enable_seqscan', 'off', true),"
              " set_config('enable_sort', 'off', true)",
        false);
    call_stmt(c, text.p, false);
    call_add_text(c, req->tenant);
    call_add_text(c, req->id.p);
    call_send(c);
}

/* By distance, since of equally near rows any will do. */
static void verify_recall_take(struct call *c)
{
    struct verify_recall_req *req = store_work(c)->req;
    const struct pg_result *exact = c->pg.results[1], *index = c->pg.results[3];

    double last;

    req->wanted = pg_rows(exact);
    req->found = 0;
    last = req->wanted == 0
               ? 0
               : strtod(pg_value(exact, req->wanted - 1, 0).p, NULL);
    for (int i = 0; i < pg_rows(index); i++)
        req->found += strtod(pg_value(index, i, 0).p, NULL) <= last + 1e-6;
    call_end(c, NULL);
}

void verify_recall(struct store *store, struct verify_recall_req *req)
{
    store_start(store, &req->op, req, verify_recall_send, verify_recall_take);
}
