/*
 * What triggers have made of the rows that were just written, before, after or
 * with the commit, is what later runs compare them with; else each run would
 * find such a row changed, and pay for it.
 *
 * Happy path: a statement in a transaction of its own, after the one that wrote
 * the rows, gives those their hash that have become others. Failures: what the
 * database refuses leaves the hash of what was sent: the rows are stored, and
 * may be repaired once too often. Anything else fails the request, and it is
 * sent again. On cancel: as db/call.h has it.
 */
#include "db/store/store_impl.h"
#include "db/store/vector_hash.h"

enum { SQL_BYTES = 4096 };

static bool settle_failed(struct call *c)
{
    if (c->pg.op.err.code != ERR_DATABASE || !pg_blames_row(c->pg.sqlstate))
        return false;
    call_end(c, NULL);
    return true;
}

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
    const char *schema = store_work(c)->store->vector_schema;
    struct buf sql;
    struct str text;

    buf_init(&sql, SQL_BYTES);
    buf_puts(&sql, "UPDATE @.vector_embeddings v SET vector_hash = ");
    vector_hash_write_sql(&sql, schema, "v");
    buf_puts(&sql,
        " FROM (SELECT FROM @.batch_sync_service_runs WHERE token = $1"
        " FOR KEY SHARE) fence,"
        " unnest($4, $5) AS u (content_id, chunk_index)" STORE_EXISTING
        "= u.chunk_index OFFSET 0) e WHERE v.id = e.id"
        " AND v.vector_hash IS DISTINCT FROM ");
    vector_hash_write_sql(&sql, schema, "v");
    text = arena_dup(&c->arena, buf_view(&sql));
    buf_free(&sql);
    return text;
}

void store_settle(struct call *c)
{
    const struct store_req *req = store_work(c)->req;
    struct str sql = settle_sql(c);

    c->on_error = settle_failed;
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
