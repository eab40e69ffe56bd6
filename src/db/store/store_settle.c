/*
 * What triggers have made of the rows that were just written, before, after or
 * with the commit, is what later runs compare them with; else each run would
 * find such a row changed, and pay for it. Kept in a table beside the rows: to
 * change these again would fire the triggers again.
 *
 * Happy path: a transaction of its own, after the one that wrote the rows,
 * notes the hash of those that are others, and forgets that of those that are
 * as they were sent. Failures: the request's, which is sent again; the rows are
 * stored all the same. On cancel: as db/call.h has it.
 */
#include "db/store/store_impl.h"
#include "db/store/vector_hash.h"

enum { SQL_BYTES = 4096 };

static void settle_end(struct call *c)
{
    call_end(c, NULL);
}

static int settle_add_rows(struct call *c, const struct store_req *req)
{
    struct pg_array ids, at;
    size_t bytes = 0;

    for (size_t i = 0; i < req->nrows; i++)
        bytes += req->rows[i].content_id.len;
    if (array_init(&ids, &c->arena, PG_TEXT_ARRAY, 0, req->nrows, bytes) < 0 ||
        array_init(
            &at, &c->arena, PG_INT4_ARRAY, 0, req->nrows, req->nrows * 4) < 0)
        return ERR_NOMEM;
    for (size_t i = 0; i < req->nrows; i++) {
        array_add(&ids, req->rows[i].content_id);
        array_add_int4(&at, req->rows[i].chunk_index);
    }
    call_add(c, array_param(&ids));
    call_add(c, array_param(&at));
    return 0;
}

static struct str settle_sql(struct call *c)
{
    struct buf sql;
    struct str text;

    buf_init(&sql, SQL_BYTES);
    buf_puts(&sql, "WITH now AS (SELECT v.id, v.vector_hash AS sent, ");
    vector_hash_write_sql(&sql, store_work(c)->store->vector_schema, "v");
    buf_puts(&sql,
        " AS there FROM unnest($4, $5) AS u (content_id, "
        "chunk_index)" STORE_EXISTING "= u.chunk_index OFFSET 0) e JOIN "
        "@.vector_embeddings v ON " STORE_SAME_ROW
        " WHERE EXISTS (SELECT FROM @.batch_sync_service_runs"
        "  WHERE token = $1)),"
        " same AS (DELETE FROM @.batch_sync_trigger_hashes t USING now"
        "  WHERE t.tenant_id = $2 AND t.row_id = now.id AND there = sent)"
        " INSERT INTO @.batch_sync_trigger_hashes AS t"
        "  (tenant_id, row_id, vector_hash)"
        " SELECT $2, id, there FROM now WHERE there <> sent"
        " ON CONFLICT (tenant_id, row_id) DO UPDATE"
        "  SET vector_hash = excluded.vector_hash");
    text = arena_dup(&c->arena, buf_view(&sql));
    buf_free(&sql);
    return text;
}

void store_settle(struct call *c)
{
    const struct store_req *req = store_work(c)->req;
    struct str sql = settle_sql(c);

    c->on_error = NULL;
    store_work(c)->take = settle_end;
    call_stmt(c, sql.p, false);
    call_add_text(c, req->scope->token);
    call_add_text(c, req->scope->tenant);
    call_add_text(c, req->scope->microservice_id);
    if (sql.p == NULL || settle_add_rows(c, req) < 0)
        store_fail(c, ERR_NOMEM, "storing a chunk");
    else
        call_send(c);
}
