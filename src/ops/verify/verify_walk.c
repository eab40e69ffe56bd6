/* The walk along the rows, then along the nodes. */
#include "ops/verify/verify_impl.h"

#include "record/deletes/delete_guard.h"
#include <stdlib.h>
#include <string.h>

/* Neighbours are computed exactly while that is a minute or so. */
#define EXACT_MOST 1.5e11

enum { EXACT_PAIRS = 500 * 1000, VERIFY_LEAST_ROWS = 10 };

static void verify_scan_batch(struct verify_state *v);

/* Where the next batch begins. */
static void verify_walk_move(struct verify_state *v, struct str last)
{
    free(v->last);
    v->last = strndup(last.len > 0 ? last.p : "", last.len);
    if (v->last == NULL)
        abort();
    v->after = v->last;
}

static const struct verify_service *verify_walk_service(
    const struct verify_state *v)
{
    return &v->survey.services[v->at];
}

struct schema_pieces verify_walk_pieces(struct verify_state *v)
{
    const struct schema *schema = schema_find(
        v->req->ops->schemas, &v->batch, verify_walk_service(v)->name);

    return schema != NULL ? schema->pieces : (struct schema_pieces){false};
}

static void on_verify_scanned(struct op *op)
{
    struct verify_state *v = container_of(op, struct verify_state, scan.op);
    struct verify_request *req = v->req;

    if (verify_failed(v, op, "read rows"))
        return;
    req->rows += v->scan.rows;
    req->items += v->scan.items;
    for (size_t i = 0; i < v->scan.n; i++)
        verify_note(req, verify_walk_service(v)->name, &v->scan.findings[i]);
    if (req->ask.repair && v->scan.n > 0)
        verify_repair(v);
    else
        verify_rest(v, verify_scan_next);
}

void verify_scan_next(struct verify_state *v)
{
    bool more = v->scan.last.len > 0;

    verify_walk_move(v, v->scan.last);
    if (!more)
        v->at++;
    verify_scan_batch(v);
}

/* Where each row may be compared with all others, fewer at a time: a statement
 * has to end within the pool's time, also on a busy machine. */
static int verify_walk_limit(bool exact, uint64_t rows)
{
    uint64_t most = exact && rows > 0 ? EXACT_PAIRS / rows : VERIFY_BATCH_ROWS;

    return most < VERIFY_LEAST_ROWS   ? VERIFY_LEAST_ROWS
           : most > VERIFY_BATCH_ROWS ? VERIFY_BATCH_ROWS
                                      : (int)most;
}

static void verify_scan_batch(struct verify_state *v)
{
    const struct config *config = v->req->ops->config;
    double n = (double)v->survey.rows;
    bool exact = !v->survey.vector_index ||
                 n * n * config->embedding.dimensions <= EXACT_MOST;

    if (v->at == v->survey.nservices) {
        verify_nodes_begin(v, NODES_COUNT);
        return;
    }
    arena_free(&v->batch);
    arena_init(&v->batch, 0);
    v->batch_ms = loop_now_ms(v->req->ops->loop);
    v->scan = (struct verify_scan_req){.arena = &v->batch,
        .tenant = config->sync.tenant,
        .service = verify_walk_service(v)->name,
        .microservice_id = verify_walk_service(v)->microservice_id,
        .dimensions = config->embedding.dimensions,
        .piece_bytes = (size_t)config->embedding.max_tokens,
        .pieces = verify_walk_pieces(v),
        .limit =
            verify_walk_limit(exact && config->graph.enabled, v->survey.rows),
        .graph = config->graph.enabled,
        .exact = exact,
        .sized = v->survey.sized,
        .after = v->after};
    op_init(&v->scan.op, on_verify_scanned);
    verify_scan(v->req->ops->look, &v->scan);
}

void verify_scan_begin(struct verify_state *v)
{
    v->at = 0;
    verify_walk_move(v, (struct str){NULL, 0});
    verify_scan_batch(v);
}

/* --- nodes ---------------------------------------------------------------- */

static const enum verify_kind node_kinds[] = {
    VERIFY_NODE_WITHOUT_ROW, VERIFY_EDGE_DANGLING};

static void verify_nodes_batch(struct verify_state *v);
static void verify_nodes_over(struct verify_state *v);

static void verify_nodes_next(struct verify_state *v)
{
    bool more = v->nodes.last.len > 0;

    verify_walk_move(v, v->nodes.last);
    if (more)
        verify_nodes_batch(v);
    else
        verify_nodes_over(v);
}

static void verify_nodes_mend(struct verify_state *v,
    enum verify_mend_step step, bool edges, void (*done)(struct op *op))
{
    struct str *ids = arena_calloc(&v->batch, v->nodes.n, sizeof(*ids));
    size_t n = 0;

    if (ids == NULL)
        abort();
    for (size_t i = 0; i < v->nodes.n; i++) {
        const struct verify_finding *f = &v->nodes.findings[i];

        if (edges && f->row.len > 0)
            ids[n++] = f->row;
        else if (!edges && f->kind == VERIFY_NODE_WITHOUT_ROW)
            ids[n++] = f->content_id;
    }
    v->mend = (struct verify_mend_req){.step = step,
        .tenant = v->req->ops->config->sync.tenant,
        .ids = ids,
        .n = n};
    op_init(&v->mend.op, done);
    verify_mend(v->req->ops->store, &v->mend);
}

static void on_verify_loose_removed(struct op *op)
{
    struct verify_state *v = container_of(op, struct verify_state, mend.op);

    if (verify_failed(v, op, "remove edges"))
        return;
    v->req->tallies[VERIFY_EDGE_DANGLING].mended += v->mend.changed;
    verify_rest(v, verify_nodes_next);
}

static void on_verify_nodes_removed(struct op *op)
{
    struct verify_state *v = container_of(op, struct verify_state, mend.op);
    struct verify_tally *t = v->req->tallies;

    if (verify_failed(v, op, "remove nodes"))
        return;
    t[VERIFY_NODE_WITHOUT_ROW].mended += v->mend.changed;
    if (v->mend.changed == v->mend.n)
        for (size_t i = 0; i < v->nodes.n; i++)
            if (v->nodes.findings[i].kind == VERIFY_EDGE_DANGLING &&
                v->nodes.findings[i].row.len == 0)
                t[VERIFY_EDGE_DANGLING].mended += v->nodes.findings[i].n;
    verify_nodes_mend(v, MEND_STEP_LOOSE, true, on_verify_loose_removed);
}

/* The same guard as a run's deletes have. */
static bool verify_nodes_too_many(const struct verify_state *v)
{
    const struct verify_tally *t = &v->req->tallies[VERIFY_NODE_WITHOUT_ROW];
    int most = v->req->ops->config->sync.max_delete_percent;

    return delete_guard_refuses(t->found - t->mended, v->req->nodes, most) ||
           delete_guard_refuses(v->loose, v->edges, most);
}

/* What the run has stored again is mended. */
static void verify_nodes_settle(struct verify_state *v)
{
    for (int i = 0; i < 2; i++) {
        struct verify_tally *t = &v->req->tallies[node_kinds[i]];

        t->mended =
            t->found - (v->again[i] < t->found ? v->again[i] : t->found);
    }
}

static void verify_nodes_over(struct verify_state *v)
{
    switch (v->pass) {
    case NODES_COUNT:
        verify_source_begin(v);
        break;
    case NODES_AGAIN:
        verify_nodes_settle(v);
        verify_delete_begin(v);
        break;
    default:
        verify_sample_begin(v);
    }
}

/* All nodes have been counted: those without a row may go, and edges without a
 * node, if they are few. */
void verify_delete_begin(struct verify_state *v)
{
    struct verify_request *req = v->req;
    const struct verify_tally *t = &req->tallies[VERIFY_NODE_WITHOUT_ROW];
    bool deletes = req->ask.repair && req->ask.deletes &&
                   (t->found > t->mended || v->loose > 0);

    req->delete_refused = deletes && verify_nodes_too_many(v);
    if (deletes && !req->delete_refused)
        verify_nodes_begin(v, NODES_DELETE);
    else
        verify_sample_begin(v);
}

static void verify_walk_take_nodes(struct verify_state *v)
{
    if (v->pass == NODES_COUNT)
        v->req->nodes += v->nodes.seen;
    v->edges += v->nodes.edges;
    for (size_t i = 0; i < v->nodes.n; i++) {
        const struct verify_finding *f = &v->nodes.findings[i];

        if (v->pass == NODES_COUNT)
            verify_note(v->req, NULL, f);
        else if (v->pass == NODES_AGAIN)
            v->again[f->kind == node_kinds[1]] += f->n;
        v->loose += f->row.len > 0;
    }
}

static void on_verify_nodes_read(struct op *op)
{
    struct verify_state *v = container_of(op, struct verify_state, nodes.op);

    if (verify_failed(v, op, "read nodes"))
        return;
    verify_walk_take_nodes(v);
    if (v->pass == NODES_DELETE && v->nodes.n > 0)
        verify_nodes_mend(v, MEND_STEP_NODES, false, on_verify_nodes_removed);
    else
        verify_rest(v, verify_nodes_next);
}

static void verify_nodes_batch(struct verify_state *v)
{
    arena_free(&v->batch);
    arena_init(&v->batch, 0);
    v->batch_ms = loop_now_ms(v->req->ops->loop);
    v->nodes.arena = &v->batch;
    v->nodes.tenant = v->req->ops->config->sync.tenant;
    v->nodes.limit = VERIFY_BATCH_NODES;
    v->nodes.after = v->after;
    v->nodes.edges = 0;
    op_init(&v->nodes.op, on_verify_nodes_read);
    verify_nodes(v->req->ops->look, &v->nodes);
}

void verify_nodes_begin(struct verify_state *v, enum nodes_pass pass)
{
    struct verify_survey_req *s = &v->survey;
    const char **names =
        arena_calloc(&v->req->arena, s->nservices + 1, sizeof(*names));

    if (names == NULL)
        abort();
    for (size_t i = 0; i < s->nservices; i++)
        names[i] = s->services[i].name;
    v->pass = pass;
    v->loose = v->edges = 0;
    v->nodes =
        (struct verify_nodes_req){.services = names, .nservices = s->nservices};
    verify_walk_move(v, (struct str){NULL, 0});
    if (v->req->ops->config->graph.enabled)
        verify_nodes_batch(v);
    else
        verify_nodes_over(v);
}
