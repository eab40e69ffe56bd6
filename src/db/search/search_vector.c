/*
 * The nearest stored pieces to a vector.
 *
 * Happy path: one transaction: iterative scans on, so that a filter finds its
 * rows beyond the index's first answers, and a wide walk (ef_search), since a
 * short query lies far from every text and would otherwise end among the wrong
 * ones; then the bare ORDER BY that the index can serve, with the rest around
 * it. Failures and cancel: as db/call.h has it.
 */
#include "db/search/search_impl.h"

#include <stdio.h>
#include <stdlib.h>

enum { SQL_BYTES = 4096 };

/* The operator by its full name: its schema may be off the search path. */
static char *search_vector_sql(struct call *c)
{
    const char *schema = store_work(c)->store->vector_schema;
    char *sql = arena_alloc(&c->arena, SQL_BYTES);

    if (sql == NULL)
        abort();
    snprintf(sql, SQL_BYTES,
        "SELECT coalesce(m.name, ''), v.content_id, v.chunk_index,"
        " 1 - v.distance, 1 - v.distance, false,"
        " coalesce(v.metadata->>'title', ''), left(v.content_text, 200) FROM ("
        " SELECT microservice_id, content_id, chunk_index, metadata,"
        "  content_text, embedding OPERATOR(%s.<=>) $7 AS distance"
        " FROM @.vector_embeddings WHERE " SEARCH_FILTER
        " ORDER BY embedding OPERATOR(%s.<=>) $7 LIMIT $8) v"
        " LEFT JOIN @.microservices m ON m.id = v.microservice_id"
        " WHERE v.distance IS NOT NULL"
        " ORDER BY v.distance, v.content_id, v.chunk_index",
        schema, schema);
    return sql;
}

static void search_vector_send(struct call *c)
{
    const struct search_vector_req *req = store_work(c)->req;

    call_stmt(c,
        store_work(c)->store->iterative_scan
            ? "SELECT set_config('hnsw.iterative_scan', 'strict_order', true),"
              " set_config('hnsw.ef_search', '300', true)"
            : "SELECT 1",
        false);
    call_stmt(c, search_vector_sql(c), false);
    search_add_filter(c, req->filter);
    search_add_vector(c, req->vector, req->dimensions);
    call_add_int(c, req->limit);
    call_send(c);
}

static void search_vector_take(struct call *c)
{
    struct search_vector_req *req = store_work(c)->req;

    if (search_take_hits(req->arena, c->pg.results[1], &req->hits, &req->nhits))
        call_end(c, NULL);
    else
        store_fail(c, ERR_NOMEM, "search");
}

void search_vectors(struct store *s, struct search_vector_req *req)
{
    req->hits = NULL;
    req->nhits = 0;
    store_start(s, &req->op, req, search_vector_send, search_vector_take);
}
