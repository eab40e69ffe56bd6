/*
 * Finding items that have no node: a walk along the key of the items, a bounded
 * number of them at a time, with a look into the nodes for each.
 *
 * Happy path: one statement that reads on from where the last one ended and
 * puts what it misses on the queue.
 * Failures: of the statement, as they are; the place to go on from is then the
 * one it was.
 * On cancel: the statement is undone.
 */
#include "db/graph/declared/links.h"
#include "db/graph/graph_node.h"
#include "db/store/store_impl.h"
#include <stdlib.h>
#include <string.h>

/* Macros without arguments keep a statement's lines where they are. */
#define SEEN_NODE NODE_OF_ITEM("$1", "m.name", "s.content_id")
#define MISSING_RENEW LINKS_RENEW("missing")

static const char find_sql[] =
    "WITH seen AS MATERIALIZED ("
    " SELECT microservice_id, content_id FROM @.vector_embeddings"
    " WHERE tenant_id = $1 AND content_type = 'microservice_data'"
    "  AND chunk_index = 0 AND microservice_id IS NOT NULL"
    "  AND ($2 IS NULL OR (microservice_id, content_id) > ($2, $3))"
    " ORDER BY microservice_id, content_id LIMIT $4),"
    "missing AS MATERIALIZED ("
    " SELECT s.microservice_id, s.content_id FROM seen s"
    "  JOIN @.microservices m ON m.id = s.microservice_id"
    "  WHERE " SEEN_NODE " IS NULL"
    "  ORDER BY s.microservice_id, s.content_id),"
    "queued AS ("
    " INSERT INTO @.batch_sync_link_queue (tenant_id, microservice_id,"
    "  content_id) SELECT $1, microservice_id, content_id FROM missing"
    " ON CONFLICT DO NOTHING RETURNING 1)" MISSING_RENEW
    "SELECT (SELECT count(*) FROM seen), (SELECT count(*) FROM queued),"
    " l.microservice_id, l.content_id FROM (SELECT 1) one LEFT JOIN"
    " (SELECT * FROM seen ORDER BY microservice_id DESC, content_id DESC"
    "  LIMIT 1) l ON true";

static void find_send(struct call *c)
{
    struct find_req *req = store_work(c)->req;

    call_stmt(c,
        "SELECT set_config('enable_seqscan', 'off', true),"
        " set_config('enable_sort', 'off', true),"
        " set_config('jit', 'off', true)",
        false);
    call_stmt(c, find_sql, false);
    call_add_text(c, req->tenant);
    call_add_text(c, req->microservice_id);
    call_add_text(c, req->content_id);
    call_add_int(c, (int64_t)req->limit);
    call_send(c);
}

static void graph_find_take_key(
    const struct pg_result *r, int column, char **key)
{
    free(*key);
    *key = strdup(pg_value(r, 0, column).p);
    if (*key == NULL)
        abort();
}

static void find_take(struct call *c)
{
    struct find_req *req = store_work(c)->req;
    const struct pg_result *r = c->pg.results[1];

    req->seen = (size_t)call_int(r, 0, 0);
    req->queued = (size_t)call_int(r, 0, 1);
    if (req->seen > 0) {
        graph_find_take_key(r, 2, &req->microservice_id);
        graph_find_take_key(r, 3, &req->content_id);
    }
    call_end(c, NULL);
}

void graph_find(struct graph *g, struct find_req *req)
{
    store_start(&g->store, &req->op, req, find_send, find_take);
}
