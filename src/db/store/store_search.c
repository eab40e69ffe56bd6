/*
 * The nearest stored pieces to a vector.
 *
 * Happy path: one transaction: iterative scans on, so that a filter finds its
 * rows beyond the index's first answers, and a wide walk (ef_search), since a
 * short query lies far from every text and would otherwise end among the wrong
 * ones; then the bare ORDER BY that the index can serve, with the rest around
 * it. Failures and cancel: as db/call.h has it.
 */
#include "db/store/store_impl.h"

#include <stdio.h>
#include <stdlib.h>

enum { SQL_BYTES = 2048 };

/* The operator by its full name: its schema may be off the search path. */
static char *search_sql(struct call *c, bool one_service)
{
    const char *schema = store_work(c)->store->vector_schema;
    char *sql = arena_alloc(&c->arena, SQL_BYTES);

    if (sql == NULL)
        abort();
    snprintf(sql, SQL_BYTES,
        "SELECT coalesce(m.name, ''), v.content_id, v.chunk_index,"
        " 1 - v.distance, coalesce(v.metadata->>'title', ''),"
        " left(v.content_text, 200) FROM ("
        " SELECT microservice_id, content_id, chunk_index, metadata,"
        "  content_text, embedding OPERATOR(%s.<=>) $1 AS distance"
        " FROM @.vector_embeddings WHERE tenant_id = $2"
        "  AND content_type = 'microservice_data'%s"
        " ORDER BY embedding OPERATOR(%s.<=>) $1 LIMIT $3) v"
        " LEFT JOIN @.microservices m ON m.id = v.microservice_id"
        " WHERE v.distance IS NOT NULL"
        " ORDER BY v.distance, v.content_id, v.chunk_index",
        schema,
        one_service ? " AND microservice_id = (SELECT id FROM @.microservices"
                      " WHERE tenant_id = $2 AND name = $4)"
                    : "",
        schema);
    return sql;
}

static void store_search_add_vector(
    struct call *c, const struct search_req *req)
{
    size_t bytes = vector_bytes(req->dimensions);
    uint8_t *data = arena_alloc(&c->arena, bytes);

    if (data == NULL)
        abort();
    vector_put(data, req->vector, req->dimensions);
    call_add(c, (struct pg_param){.type = store_work(c)->store->vector_oid,
                    .data = data,
                    .len = (int)bytes,
                    .binary = true});
}

static void search_send(struct call *c)
{
    const struct search_req *req = store_work(c)->req;

    call_stmt(c,
        store_work(c)->store->iterative_scan
            ? "SELECT set_config('hnsw.iterative_scan', 'strict_order', true),"
              " set_config('hnsw.ef_search', '400', true)"
            : "SELECT 1",
        false);
    call_stmt(c, search_sql(c, req->service != NULL), false);
    store_search_add_vector(c, req);
    call_add_text(c, req->tenant);
    call_add_int(c, req->limit);
    if (req->service != NULL)
        call_add_text(c, req->service);
    call_send(c);
}

static bool store_search_take_hit(
    struct arena *a, const struct pg_result *r, int row, struct search_hit *hit)
{
    hit->service = arena_dup(a, pg_value(r, row, 0));
    hit->content_id = arena_dup(a, pg_value(r, row, 1));
    hit->chunk_index = (int)call_int(r, row, 2);
    hit->similarity = strtod(pg_value(r, row, 3).p, NULL);
    hit->title = arena_dup(a, pg_value(r, row, 4));
    hit->preview = arena_dup(a, pg_value(r, row, 5));
    return hit->service.p != NULL && hit->content_id.p != NULL &&
           hit->title.p != NULL && hit->preview.p != NULL;
}

static void search_take(struct call *c)
{
    struct search_req *req = store_work(c)->req;
    const struct pg_result *r = c->pg.results[1];
    bool ok;

    req->nhits = (size_t)pg_rows(r);
    req->hits = arena_calloc(req->arena, req->nhits, sizeof(req->hits[0]));
    ok = req->hits != NULL;
    for (int i = 0; ok && i < pg_rows(r); i++)
        ok = store_search_take_hit(req->arena, r, i, &req->hits[i]);
    if (ok)
        call_end(c, NULL);
    else
        store_fail(c, ERR_NOMEM, "search");
}

void store_search(struct store *s, struct search_req *req)
{
    req->hits = NULL;
    req->nhits = 0;
    store_start(s, &req->op, req, search_send, search_take);
}
