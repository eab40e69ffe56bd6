/*
 * bench_link METHOD URL: links what is stored in the database of that
 * address, all of it anew, and prints the seconds that took and how many items
 * or links a second.
 *
 *   exact      the nearest of all are computed
 *   index      they are asked of the vector index, which has been built
 *   declared   each item declares a link to the next one; nothing is near
 */
#include "db/graph/declared/links.h"
#include "net/loop.h"
#include "util.h"
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_MS = 600 * 1000, EXACT, INDEX, DECLARED, METHODS };

static const char *const names[] = {
    [EXACT] = "exact", [INDEX] = "index", [DECLARED] = "declared"};

static const char *const queue[] = {
    [EXACT] = "INSERT INTO batch_sync_link_queue (tenant_id, microservice_id,"
              " content_id) SELECT tenant_id, microservice_id, content_id"
              " FROM vector_embeddings WHERE chunk_index = 0"
              " ON CONFLICT DO NOTHING",
    [DECLARED] = "DELETE FROM batch_sync_link_queue;"
                 "INSERT INTO batch_sync_links (tenant_id, microservice_id,"
                 "  content_id, link_type, target_service, target_id)"
                 " SELECT v.tenant_id, m.id, content_id, 'next', m.name,"
                 "  coalesce(lead(content_id) OVER (ORDER BY content_id),"
                 "   min(content_id) OVER ()) FROM vector_embeddings v"
                 " JOIN microservices m ON m.id = v.microservice_id"
                 " WHERE chunk_index = 0"};

static void on_done(struct op *op)
{
}

static void wait_for_op(struct loop *loop, struct op *op)
{
    if (!loop_run_until(loop, op) || op->err.code != 0)
        die("%s", op->err.msg);
}

/* What the pool's first connection is asked, as one script. */
static void run_script(
    struct pg_pool *pool, struct loop *loop, const char *script)
{
    struct pg_req req = {.script = script};

    op_init(&req.op, on_done);
    pg_send(pool, &req);
    wait_for_op(loop, &req.op);
    pg_req_clear(&req);
}

static size_t link_everything(struct graph *g, struct loop *loop)
{
    struct link_req req;
    size_t n = 0;

    do {
        req = (struct link_req){
            .tenant = "default-tenant", .limit = 100, .builds = true};
        op_init(&req.op, on_done);
        graph_link(g, &req);
        wait_for_op(loop, &req.op);
        n += req.taken + req.links;
    } while (req.more || req.taken == req.limit);
    return n;
}

static int method_of(const char *name)
{
    for (int i = EXACT; i < METHODS; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    die("%s: no such method", name);
}

int main(int argc, char **argv)
{
    struct pg_pool *pool;
    struct graph graph;
    struct loop loop;
    struct err err;
    double start;
    size_t n;
    int method;

    if (argc != 3)
        die("usage: bench_link METHOD URL");
    method = method_of(argv[1]);
    if (loop_init(&loop, &err) < 0 ||
        pg_pool_init(&pool, &loop, argv[2], LINK_LANES, TIMEOUT_MS, &err) < 0)
        die("%s", err.msg);
    graph_init(&graph, pool, NULL, &loop);
    if (method == INDEX)
        graph.exact_most = 0;
    run_script(pool, &loop, queue[method == DECLARED ? DECLARED : EXACT]);
    start = seconds();
    n = link_everything(&graph, &loop);
    printf("%.6f %.1f\n", seconds() - start, (double)n / (seconds() - start));
    graph_free(&graph);
    pg_pool_close(pool);
    return loop_close(&loop, &err) < 0;
}
