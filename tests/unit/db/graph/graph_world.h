/* Items with vectors put straight into the tables, for tests of linking. */
#ifndef TESTS_DB_GRAPH_GRAPH_WORLD_H
#define TESTS_DB_GRAPH_GRAPH_WORLD_H

#include "db/graph/graph.h"
#include "unit/db/pg_world.h"

/* Runs SQL made by printf. */
static inline void sql(struct world *w, const char *fmt, ...)
{
    char text[4096];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    db_exec(&w->db, text);
}

static inline const char *ask(struct world *w, const char *query)
{
    return db_text(&w->db, query);
}

#define assert_answer(w, query, expected) \
    assert_string_equal(ask(w, query), expected)

/* One piece of an item of a microservice, stored anew. */
static inline void put_piece(struct world *w, const char *microservice,
    const char *id, int piece, const char *vector)
{
    sql(w,
        "INSERT INTO vector_embeddings (id, tenant_id, microservice_id,"
        " content_id, content_type, embedding, content_text, chunk_index,"
        " updated_at) SELECT gen_random_uuid()::text, tenant_id, id, '%s',"
        " 'microservice_data', '%s'::public.vector, 'text of %s', %d, now()"
        " FROM microservices WHERE id = '%s'"
        " ON CONFLICT (tenant_id, microservice_id, content_id, chunk_index)"
        " WHERE content_type = 'microservice_data' DO UPDATE SET"
        " embedding = excluded.embedding",
        id, vector, id, piece, microservice);
}

static inline void queue_item(
    struct world *w, const char *microservice, const char *id)
{
    sql(w,
        "INSERT INTO batch_sync_link_queue (tenant_id, microservice_id,"
        " content_id) SELECT tenant_id, id, '%s' FROM microservices"
        " WHERE id = '%s' ON CONFLICT DO NOTHING",
        id, microservice);
}

/* Stores an item of the world's own service and queues it. */
static inline void put(struct world *w, const char *id, const char *vector)
{
    put_piece(w, w->opened.microservice_id, id, 0, vector);
    queue_item(w, w->opened.microservice_id, id);
}

/* n items with vectors all around, queued or not. */
static inline void put_many(struct world *w, int n, bool queued)
{
    sql(w,
        "INSERT INTO vector_embeddings (id, tenant_id, microservice_id,"
        " content_id, content_type, embedding, content_text, updated_at)"
        " SELECT 'm' || g, 't1', '%s', 'many-' || g, 'microservice_data',"
        " ARRAY[cos(g), sin(g), cos(g * 7)]::public.vector, 'many', now()"
        " FROM generate_series(1, %d) g",
        w->opened.microservice_id, n);
    if (queued)
        sql(w, "INSERT INTO batch_sync_link_queue (tenant_id, microservice_id,"
               " content_id) SELECT tenant_id, microservice_id, content_id"
               " FROM vector_embeddings");
}

static inline int link_some(struct world *w, struct graph *g,
    const char *tenant, size_t limit, struct link_req *req)
{
    *req = (struct link_req){.tenant = tenant, .limit = limit, .builds = true};
    op_init(&req->op, db_done);
    graph_link(g, req);
    wait_op(w, &req->op);
    return req->op.err.code;
}

/* Links all that waits of the tenant; returns how many. */
static inline size_t link_all(struct world *w, const char *tenant)
{
    struct graph g;
    struct link_req req;
    size_t n = 0;

    graph_init(&g, w->db.pool, NULL, &w->db.loop);
    do {
        if (link_some(w, &g, tenant, 100, &req) < 0)
            fail_msg("%s", req.op.err.msg);
        n += req.taken;
    } while (req.taken == 100);
    return n;
}

#define EDGES                                                        \
    "SELECT coalesce(string_agg(substr(source_node_id, 9) || '>'"    \
    " || substr(target_node_id, 9) || ' ' || edge_type || ' '"       \
    " || weight, ', ' ORDER BY source_node_id, target_node_id), '')" \
    " FROM knowledge_graph_edges"

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

#endif
