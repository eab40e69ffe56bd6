/*
 * Linking: declared links where some are pending (db/graph/declared/links.h); a
 * job where many items wait (db/graph/job/link_job.h); else the vector index
 * first, then a batch.
 *
 *   LOOK --> declared links --> done, and more
 *     |`---> step of a job ---> done
 *     `----> INDEX --> BATCH --> done
 *
 * Happy path: the index answers for itself, which is one look into the
 * catalogue as long as nothing is to be built; then one transaction, with
 * settings that end with it: scans of the index go on until filters are
 * satisfied. Failures: of the index or
 * of the transaction, as they are. The transaction is undone as a whole, so its
 * items are on the queue as before. On cancel: the one of the two that is under
 * way.
 */
#include "db/graph/graph.h"

#include "base/log.h"
#include "db/graph/declared/links.h"
#include "db/graph/job/link_job.h"
#include "db/graph/link_lock.h"
#include "db/store/store_impl.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The nearest of all of a tenant's items are computed up to so many
 * multiplications and additions: two minutes of one thread. */
#define EXACT_MOST 3e12

enum {
    SQL_BYTES = 16 * 1024,
    JOB_LEAST = 500,
    JOB_BYTES = 32 * 1024 * 1024,
    JOB_WINDOW = 2000
};

/* A request that is being served. */
struct linking {
    struct graph *graph;    /* borrowed */
    struct link_req *req;   /* borrowed */
    struct list ops;        /* holds req->op.link, so that a cancel finds us */
    int64_t queued, stored; /* of the tenant */
    int dimensions;
    bool declared; /* links that are pending */
    bool taken;    /* another process has a job for the tenant */
    struct op look, links;
    struct index_req index;
    uint64_t begun_ms;
    struct op batch;
    struct link_req step;
    int at; /* the statement that links, in the batch */
};

void graph_init(struct graph *g, struct pg_pool *pool, struct pg_pool *watch,
    struct loop *loop)
{
    store_init(&g->store, pool, loop);
    g->index = (struct vector_index){.store = &g->store};
    g->job = NULL;
    g->job_least = JOB_LEAST;
    g->job_bytes = JOB_BYTES;
    g->job_window = JOB_WINDOW;
    g->exact_most = EXACT_MOST;
    snprintf(g->owner, sizeof(g->owner), "%d-%llx-%p", (int)getpid(),
        (unsigned long long)loop_wall_ms(), (void *)g);
    index_watch_init(&g->index.watch, watch, loop);
}

static void graph_finish(struct linking *l, const struct err *err)
{
    struct link_req *req = l->req;

    req->queued -= req->taken < req->queued ? req->taken : req->queued;
    list_remove(&l->req->op.link);
    op_finish(&l->req->op, err);
    free(l);
}

/* --- the batch --- */

/*
 * All of them ends with the transaction. Settings of the index's, both kinds:
 * one that is not known is ignored. Then the tenant, alone: two batches that
 * change edges between their items would each decide by what the other one
 * undoes. The tenant's lock is waited for as long as a large batch may take;
 * other locks on the tables are waited for less long, hence the second
 * time-out.
 *
 * The planner does not count what it costs to fetch vectors from their own
 * storage, so that the table looks small and sorting it cheap: 31 ms an item
 * instead of 1 with 4,600 rows. Without scans and sorts the vector index is
 * what remains, where there is one; and costs that say "never" must not
 * make it compile anything.
 */
void graph_settings(struct call *c)
{
    call_stmt(c,
        "SELECT set_config('lock_timeout', '5s', true),"
        " set_config('enable_seqscan', 'off', true),"
        " set_config('enable_sort', 'off', true),"
        " set_config('jit', 'off', true)",
        false);
}

void graph_index_settings(struct call *c)
{
    if (store_work(c)->store->iterative_scan)
        call_stmt(c,
            "SELECT set_config('hnsw.iterative_scan', 'strict_order', true),"
            " set_config('ivfflat.iterative_scan', 'relaxed_order', true)",
            false);
}

/* The statement that links; -1: no memory. */
static int graph_add_links(struct call *c, const struct link_req *req)
{
    struct str text = {NULL, 0};
    struct buf sql;

    buf_init(&sql, SQL_BYTES);
    if (graph_sql(&sql, store_work(c)->store->vector_schema) == 0)
        text = arena_dup(&c->arena, buf_view(&sql));
    buf_free(&sql);
    if (text.p == NULL)
        return -1;
    graph_index_settings(c);
    link_lock_add(c, req->tenant, "30s");
    graph_settings(c);
    call_stmt(c, text.p, false);
    call_add_text(c, req->tenant);
    call_add_int(c, (int64_t)req->limit);
    return c->pg.nstmts - 1;
}

static void graph_batch_send(struct call *c)
{
    struct linking *l = store_work(c)->req;

    l->at = graph_add_links(c, l->req);
    if (l->at < 0)
        store_fail(c, ERR_NOMEM, "linking");
    else
        call_send(c);
}

static void graph_warn_of_no_nodes(const struct pg_result *r)
{
    if (call_int(r, 0, 2) > 0)
        log_warn(NULL,
            "linking: no node for %lld items, such as %s: other items have "
            "both of the ids that theirs may have",
            (long long)call_int(r, 0, 2), pg_value(r, 0, 3).p);
}

static void graph_batch_take(struct call *c)
{
    struct linking *l = store_work(c)->req;

    l->req->taken = (size_t)call_int(c->pg.results[l->at], 0, 0);
    l->req->method = LINK_INDEX;
    l->req->more = call_int(c->pg.results[l->at], 0, 4) > 0;
    graph_warn_of_no_nodes(c->pg.results[l->at]);
    call_end(c, NULL);
}

static void on_graph_batch(struct op *op)
{
    struct linking *l = container_of(op, struct linking, batch);

    graph_finish(l, &op->err);
}

/* --- a job --- */

static void graph_drop_job(struct graph *g)
{
    link_job_free(g->job);
    g->job = NULL;
}

void graph_free(struct graph *g)
{
    graph_drop_job(g);
}

static void on_graph_step(struct op *op)
{
    struct linking *l = container_of(op, struct linking, step.op);
    struct graph *g = l->graph;

    l->req->taken = l->step.taken;
    l->req->method = link_job_method(g->job);
    l->req->later = l->step.later;
    l->req->more = !l->step.later;
    if (op->err.code != 0 || l->step.later || link_job_ended(g->job))
        graph_drop_job(g);
    graph_finish(l, &op->err);
}

static void graph_step(struct linking *l)
{
    op_init(&l->step.op, on_graph_step);
    l->step.builds = l->req->builds;
    link_job_step(l->graph->job, &l->step);
}

/* --- the request --- */

static void on_graph_index(struct op *op)
{
    struct linking *l = container_of(op, struct linking, index.op);

    index_watch_end(&l->graph->index.watch);
    l->req->index_ms = loop_now_ms(l->graph->store.loop) - l->begun_ms;
    l->req->later = l->index.later;
    if (op->err.code != 0 || l->req->op.err.code != 0 || l->req->later) {
        graph_finish(l, &op->err);
        return;
    }
    if (l->queued >= l->graph->job_least)
        l->graph->job =
            link_job_by_index(l->graph, l->req->tenant, l->dimensions);
    if (l->graph->job != NULL)
        graph_step(l);
    else
        store_start(
            &l->graph->store, &l->batch, l, graph_batch_send, graph_batch_take);
}

static void graph_look_send(struct call *c)
{
    struct linking *l = store_work(c)->req;

    call_stmt(c,
        "SELECT q.n, CASE WHEN q.n >= $2 THEN (SELECT count(*)"
        "  FROM @.vector_embeddings WHERE tenant_id = $1"
        "  AND content_type = 'microservice_data' AND chunk_index = 0"
        "  AND microservice_id IS NOT NULL) ELSE 0 END,"
        " (SELECT atttypmod FROM pg_attribute WHERE attname = 'embedding'"
        "  AND attrelid = '@.vector_embeddings'::regclass),"
        " " LINKS_PENDING ","
        " EXISTS (SELECT 1 FROM @.batch_sync_link_jobs WHERE tenant_id = $1"
        "  AND expires_at > now() AND token <> ''"
        "  AND NOT starts_with(token, $3)),"
        " CASE WHEN $4 THEN (SELECT count(*) FROM @.batch_sync_link_queue) END"
        " FROM (SELECT count(*) AS n FROM @.batch_sync_link_queue"
        "  WHERE tenant_id = $1) q",
        false);
    call_add_text(c, l->req->tenant);
    call_add_int(c, l->graph->job_least);
    call_add_text(c, l->graph->owner);
    call_add_bool(c, l->req->counts);
    call_send(c);
}

static void graph_look_take(struct call *c)
{
    struct linking *l = store_work(c)->req;
    const struct pg_result *r = c->pg.results[0];

    l->queued = call_int(r, 0, 0);
    l->stored = call_int(r, 0, 1);
    l->dimensions = (int)call_int(r, 0, 2);
    l->declared = pg_value(r, 0, 3).p[0] == 't';
    l->taken = pg_value(r, 0, 4).p[0] == 't';
    l->req->counted = l->req->counts;
    if (l->req->counts)
        l->req->queued = (size_t)call_int(r, 0, 5);
    call_end(c, NULL);
}

static void graph_choose(struct linking *l)
{
    struct graph *g = l->graph;

    if (l->taken) {
        l->req->later = true;
        graph_finish(l, NULL);
        return;
    }
    if (link_job_exact_pays(g, l->queued, l->stored, l->dimensions))
        g->job = link_job_exact(
            g, l->req->tenant, l->queued, l->stored, l->dimensions);
    if (g->job != NULL)
        graph_step(l);
    else
        vector_index_ensure(&g->index, &l->index);
}

/* None at all: a checkpoint is just writing those that are pending. */
static void on_graph_links(struct op *op)
{
    struct linking *l = container_of(op, struct linking, links);

    l->req->more = op->err.code == 0;
    l->req->method = LINK_DECLARED;
    if (op->err.code == 0 && l->req->op.err.code == 0 && l->req->links == 0) {
        l->req->more = false;
        graph_choose(l);
    } else {
        graph_finish(l, &op->err);
    }
}

static void on_graph_look(struct op *op)
{
    struct linking *l = container_of(op, struct linking, look);

    if (op->err.code != 0 || l->req->op.err.code != 0) {
        graph_finish(l, &op->err);
        return;
    }
    if (l->declared) {
        links_step(l->graph, &l->links, l->req);
        return;
    }
    graph_choose(l);
}

static void on_graph_cancel(struct op *op)
{
    struct linking *l = container_of(op->link.next, struct linking, ops);

    op_cancel(&l->look);
    op_cancel(&l->links);
    op_cancel(&l->step.op);
    op_cancel(&l->index.op);
    op_cancel(&l->batch);
}

void graph_link(struct graph *g, struct link_req *req)
{
    struct linking *l = calloc(1, sizeof(*l));

    if (l == NULL)
        abort();
    l->graph = g;
    l->req = req;
    l->begun_ms = loop_now_ms(g->store.loop);
    req->taken = req->links = req->queued = 0;
    req->counted = false;
    req->method = LINK_NONE;
    req->more = req->later = false;
    op_begin(&req->op, &g->store.loop->ready, on_graph_cancel);
    list_init(&l->ops);
    list_push(&l->ops, &req->op.link);
    l->index.builds = req->builds;
    op_init(&l->index.op, on_graph_index);
    op_init(&l->batch, on_graph_batch);
    op_init(&l->look, on_graph_look);
    op_init(&l->links, on_graph_links);
    op_init(&l->step.op, on_graph_step);
    if (g->job != NULL)
        graph_step(l);
    else
        store_start(&g->store, &l->look, l, graph_look_send, graph_look_take);
}
