#include "db/graph/job/link_job_impl.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    CHUNKS = 32,       /* all memory of vectors: two come and meet, the others
                          are resident */
    QUEUE_ROWS = 5000, /* read in a step */
    JOB_SHARE = 8,     /* at least one in so many is queued */
};

bool link_job_exact_pays(
    const struct graph *g, int64_t queued, int64_t stored, int dimensions)
{
    return queued >= g->job_least && queued * JOB_SHARE >= stored &&
           dimensions > 0 &&
           (double)stored * (double)stored * dimensions <= g->exact_most;
}

/* --- memory --- */

static int link_job_block_init(
    struct nearest_block *b, size_t rows, size_t stride)
{
    size_t bytes = (rows + NEAREST_SPARE) * stride * sizeof(float);

    b->n = 0;
    b->stride = stride;
    b->rows = aligned_alloc(64, (bytes + 63) / 64 * 64);
    b->number = malloc(rows * sizeof(b->number[0]));
    if (b->rows == NULL || b->number == NULL)
        return ERR_NOMEM;
    memset(b->rows, 0, bytes);
    return 0;
}

static void link_job_block_free(struct nearest_block *b)
{
    free(b->rows);
    free(b->number);
}

void job_place_set(struct place *p, const char *microservice, const char *id)
{
    char *m = microservice == NULL ? NULL : strdup(microservice);
    char *c = id == NULL ? NULL : strdup(id);

    free(p->microservice);
    free(p->content_id);
    p->microservice = m;
    p->content_id = c;
}

void link_job_free(struct link_job_state *job)
{
    if (job == NULL)
        return;
    for (int i = 0; i < 2; i++) {
        link_job_block_free(&job->chunks[i].block);
        job_place_set(&job->chunks[i].last, NULL, NULL);
    }
    link_job_block_free(&job->resident);
    job_place_set(&job->at, NULL, NULL);
    job_place_set(&job->next, NULL, NULL);
    link_items_free(&job->items);
    free(job->tenant);
    free(job);
}

static size_t job_most(size_t bytes, size_t stride, size_t least)
{
    size_t rows = bytes / (stride * sizeof(float));

    return rows < least ? least : rows;
}

static struct link_job_state *link_job_new(
    struct graph *g, const char *tenant, int dimensions, size_t items)
{
    struct link_job_state *job = calloc(1, sizeof(*job));

    if (job == NULL)
        return NULL;
    malloc_trim(0); /* what a run needed before */
    job->graph = g;
    job->dimensions = dimensions;
    job->tenant = strdup(tenant);
    job->began_ms = loop_now_ms(g->store.loop);
    if (job->tenant == NULL || link_items_init(&job->items, items) < 0) {
        link_job_free(job);
        return NULL;
    }
    return job;
}

static int link_job_init_blocks(struct link_job_state *job)
{
    size_t stride = nearest_stride(job->dimensions), most = job->items.max;
    struct nearest_block *of[] = {
        &job->resident, &job->chunks[0].block, &job->chunks[1].block};

    job->chunk_most = job_most(job->graph->job_bytes / CHUNKS, stride, 16);
    job->resident_most = job_most(
        job->graph->job_bytes / CHUNKS * (CHUNKS - 2), stride, job->chunk_most);
    if (job->chunk_most > most)
        job->chunk_most = most;
    if (job->resident_most > most)
        job->resident_most = most;
    for (int i = 0; i < 3; i++)
        if (link_job_block_init(of[i],
                i == 0 ? job->resident_most : job->chunk_most, stride) < 0)
            return ERR_NOMEM;
    return 0;
}

struct link_job_state *link_job_exact(struct graph *g, const char *tenant,
    int64_t queued, int64_t stored, int dimensions)
{
    struct link_job_state *job = link_job_new(
        g, tenant, dimensions, (size_t)(stored + queued + stored / 8) + 1024);

    if (job == NULL)
        return NULL;
    job->method = LINK_EXACT;
    if (link_job_init_blocks(job) < 0) {
        link_job_free(job);
        return NULL;
    }
    return job;
}

struct link_job_state *link_job_by_index(
    struct graph *g, const char *tenant, int dimensions)
{
    struct link_job_state *job =
        link_job_new(g, tenant, dimensions, g->job_window * (NEAREST + 1));

    if (job != NULL)
        job->method = LINK_INDEX;
    return job;
}

/* --- a step's end --- */

static void link_job_step_settle(struct link_job_state *job)
{
    struct link_req *req = job->req;

    const struct err *err = NULL;

    if (op_pending(&job->work.op))
        return;
    for (int i = 0; i < LINK_LANES; i++) {
        if (op_pending(&job->lanes[i].db))
            return;
        if (err == NULL && job->lanes[i].db.err.code != 0)
            err = &job->lanes[i].db.err;
    }
    list_remove(&req->op.link);
    op_finish(&req->op, err);
}

static void on_link_job_step_db(struct op *op)
{
    link_job_step_settle(container_of(op, struct lane, db)->job);
}

static void on_link_job_step_work(struct op *op)
{
    link_job_step_settle(container_of(op, struct link_job_state, work.op));
}

static void on_link_job_step_cancel(struct op *op)
{
    struct link_job_state *job =
        container_of(op->link.next, struct link_job_state, ops);

    for (int i = 0; i < LINK_LANES; i++)
        op_cancel(&job->lanes[i].db);
}

/* Somebody else has the claim, or what is known is no longer there. */
static bool link_job_step_failed(struct call *c)
{
    struct err *err = &c->pg.op.err;

    if (strcmp(c->pg.sqlstate, "22012") == 0)
        err_set(err, ERR_UNAVAILABLE,
            "linking begins again: another process has taken over, or linked "
            "items were deleted");
    else if (strcmp(c->pg.sqlstate, "23503") == 0)
        err->code = ERR_UNAVAILABLE;
    return false;
}

struct lane *lane_of(struct call *c)
{
    c->on_error = link_job_step_failed;
    return store_work(c)->req;
}

struct link_job_state *job_of(struct call *c)
{
    return lane_of(c)->job;
}

static void link_job_step_send_lane(struct lane *lane,
    void (*send)(struct call *c), void (*take)(struct call *c))
{
    store_start(&lane->job->graph->store, &lane->db, lane, send, take);
}

void step_send(struct link_job_state *job, void (*send)(struct call *c),
    void (*take)(struct call *c))
{
    link_job_step_send_lane(&job->lanes[0], send, take);
}

void job_enter(struct link_job_state *job, enum job_stage stage, size_t todo)
{
    job->stage = stage;
    job->done = 0;
    job->todo = todo;
}

int job_lanes(const struct link_job_state *job)
{
    return job->req->builds ? LINK_LANES : 1;
}

bool step_send_items(struct link_job_state *job, size_t items, int lanes,
    void (*send)(struct call *c), void (*take)(struct call *c))
{
    bool sent = job->done < job->todo;

    for (int i = 0; i < lanes && job->done < job->todo; i++) {
        size_t rest = job->todo - job->done;

        job->lanes[i].from = job->done;
        job->done += items < rest ? items : rest;
        job->lanes[i].to = job->done;
        link_job_step_send_lane(&job->lanes[i], send, take);
    }
    return sent;
}

/* --- claim, queue --- */

void job_fence(struct call *c)
{
    struct link_job_state *job = job_of(c);

    job->fenced_ms = loop_now_ms(job->graph->store.loop);
    call_stmt(c,
        "WITH f AS (UPDATE @.batch_sync_link_jobs SET expires_at = now()"
        " + interval '30 s' WHERE tenant_id = $1 AND token = $2 RETURNING 1)"
        " SELECT 1 / count(*) FROM f",
        false);
    call_add_text(c, job->tenant);
    call_add_text(c, job->token);
}

void job_fence_shared(struct call *c)
{
    struct link_job_state *job = job_of(c);

    call_stmt(c,
        "WITH f AS (SELECT 1 FROM @.batch_sync_link_jobs WHERE tenant_id = $1"
        " AND token = $2 FOR SHARE) SELECT 1 / count(*) FROM f",
        false);
    call_add_text(c, job->tenant);
    call_add_text(c, job->token);
}

static void job_claim_send(struct call *c)
{
    struct link_job_state *job = job_of(c);

    call_stmt(c,
        "INSERT INTO @.batch_sync_link_jobs AS j (tenant_id, token, expires_at)"
        " VALUES ($1, $2 || ':' || gen_random_uuid(), now() + interval '30 s')"
        " ON CONFLICT (tenant_id) DO UPDATE SET token = excluded.token,"
        "  expires_at = excluded.expires_at"
        " WHERE j.expires_at < now() OR starts_with(j.token, $2)"
        "  OR j.token = ''"
        " RETURNING token",
        false);
    call_add_text(c, job->tenant);
    call_add_text(c, job->graph->owner);
    call_send(c);
}

static void job_claim_take(struct call *c)
{
    struct link_job_state *job = job_of(c);

    if (pg_rows(c->pg.results[0]) == 0)
        job->req->later = true;
    else
        call_copy(c->pg.results[0], 0, 0, job->token, sizeof(job->token));
    call_end(c, NULL);
}

void job_add_place(struct call *c, const struct place *at, size_t limit)
{
    call_add_text(c, job_of(c)->tenant);
    call_add_text(c, at->microservice);
    call_add_text(c, at->content_id);
    call_add_int(c, (int64_t)limit);
}

/* All items in the order of their keys, with what is queued: of equally near
 * ones the lower number counts, which must not depend on what is queued. */
#define QUEUED_KEYS \
    JOB_KEYS("microservice_id, content_id", "@.batch_sync_link_queue", "")
#define STORED_KEYS                                                  \
    JOB_KEYS("microservice_id, content_id", "@.vector_embeddings",   \
        "AND content_type = 'microservice_data' AND chunk_index = 0" \
        " AND microservice_id IS NOT NULL")

static void link_job_queue_send(struct call *c)
{
    graph_settings(c);
    job_fence(c);
    call_stmt(c,
        "SELECT k.microservice_id, k.content_id,"
        " (SELECT " JOB_QUEUED_AT
        "  FROM @.batch_sync_link_queue q WHERE q.tenant_id = $1"
        "   AND q.microservice_id = k.microservice_id"
        "   AND q.content_id = k.content_id)"
        " FROM (" QUEUED_KEYS " UNION " STORED_KEYS ") k"
        " ORDER BY microservice_id, content_id LIMIT $4",
        false);
    job_add_place(c, &job_of(c)->at, QUEUE_ROWS);
    call_send(c);
}

static void link_job_queue_take(struct call *c)
{
    struct link_job_state *job = job_of(c);
    const struct pg_result *r = c->pg.results[2];
    int n = pg_rows(r);

    for (int i = 0; i < n; i++) {
        size_t at = link_items_find(
            &job->items, pg_value(r, i, 0), pg_value(r, i, 1), true);

        if (at != SIZE_MAX && !pg_is_null(r, i, 2))
            job->items.items[at].queued_at = call_int(r, i, 2);
    }
    if (n > 0)
        job_place_set(
            &job->at, pg_value(r, n - 1, 0).p, pg_value(r, n - 1, 1).p);
    if (n < QUEUE_ROWS) {
        job_place_set(&job->at, NULL, NULL);
        job_enter(job, STREAM, 0);
    }
    call_end(c, NULL);
}

/* --- the next step --- */

void link_job_step(struct link_job_state *job, struct link_req *req)
{
    job->req = req;
    req->more = true;
    op_begin(&req->op, &job->graph->store.loop->ready, on_link_job_step_cancel);
    list_init(&job->ops);
    list_push(&job->ops, &req->op.link);
    for (int i = 0; i < LINK_LANES; i++) {
        job->lanes[i].job = job;
        op_init(&job->lanes[i].db, on_link_job_step_db);
    }
    op_init(&job->work.op, on_link_job_step_work);
    if (job->stage == CLAIM && job->token[0] == '\0')
        step_send(job, job_claim_send, job_claim_take);
    else if (job->stage == CLAIM && job->method == LINK_INDEX)
        step_window(job);
    else if (job->stage == CLAIM)
        step_send(job, link_job_queue_send, link_job_queue_take);
    else if (job->stage == STREAM)
        step_stream(job);
    else
        step_write(job);
    link_job_step_settle(job);
}

bool link_job_ended(const struct link_job_state *job)
{
    return job->ends;
}

enum link_method link_job_method(const struct link_job_state *job)
{
    return job->method;
}
