#include "db/graph/link_job_impl.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    CHUNKS = 16,       /* are resident together */
    QUEUE_ROWS = 5000, /* read in a step */
    JOB_SHARE = 8,     /* at least one in so many is queued */
};

bool link_job_pays(
    const struct graph *g, int64_t queued, int64_t stored, int dimensions)
{
    return queued >= g->job_least && queued * JOB_SHARE >= stored &&
           dimensions > 0 &&
           (double)stored * (double)stored * dimensions <= LINK_JOB_MOST;
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

static void link_job_place_set(
    struct place *p, const char *microservice, const char *id)
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
        link_job_place_set(&job->chunks[i].last, NULL, NULL);
    }
    link_job_block_free(&job->resident);
    link_job_place_set(&job->at, NULL, NULL);
    link_job_place_set(&job->next, NULL, NULL);
    link_items_free(&job->items);
    free(job->tenant);
    free(job);
}

static size_t job_most(size_t bytes, size_t stride, size_t least)
{
    size_t rows = bytes / (stride * sizeof(float));

    return rows < least ? least : rows;
}

struct link_job_state *link_job_new(struct graph *g, const char *tenant,
    int64_t queued, int64_t stored, int dimensions)
{
    struct link_job_state *job = calloc(1, sizeof(*job));
    size_t stride = nearest_stride(dimensions);
    size_t most = (size_t)(stored + queued + stored / 8) + 1024;

    if (job == NULL)
        return NULL;
    job->graph = g;
    job->dimensions = dimensions;
    job->tenant = strdup(tenant);
    job->began_ms = loop_now_ms(g->store.loop);
    job->chunk_most = job_most(g->job_bytes / CHUNKS, stride, 16);
    job->resident_most = job_most(g->job_bytes, stride, job->chunk_most);
    if (job->chunk_most > most)
        job->chunk_most = most;
    if (job->resident_most > most)
        job->resident_most = most;
    if (job->tenant == NULL || link_items_init(&job->items, most) < 0 ||
        link_job_block_init(&job->resident, job->resident_most, stride) < 0 ||
        link_job_block_init(&job->chunks[0].block, job->chunk_most, stride) <
            0 ||
        link_job_block_init(&job->chunks[1].block, job->chunk_most, stride) <
            0) {
        link_job_free(job);
        return NULL;
    }
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

bool step_send_items(struct link_job_state *job, size_t items, int lanes,
    void (*send)(struct call *c), void (*take)(struct call *c))
{
    bool sent = job->done < job->items.n;

    for (int i = 0; i < lanes && job->done < job->items.n; i++) {
        size_t rest = job->items.n - job->done;

        job->lanes[i].from = job->done;
        job->done += items < rest ? items : rest;
        job->lanes[i].to = job->done;
        link_job_step_send_lane(&job->lanes[i], send, take);
    }
    return sent;
}

/* --- claim, queue --- */

void job_settings(struct call *c)
{
    call_stmt(c,
        "SELECT set_config('lock_timeout', '5s', true),"
        " set_config('enable_seqscan', 'off', true),"
        " set_config('enable_sort', 'off', true),"
        " set_config('jit', 'off', true)",
        false);
}

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

static void job_after(struct call *c, const struct place *at, size_t limit)
{
    call_add_text(c, job_of(c)->tenant);
    call_add_text(c, at->microservice);
    call_add_text(c, at->content_id);
    call_add_int(c, (int64_t)limit);
}

/* All items in the order of their keys, with what is queued: of equally near
 * ones the lower number counts, which must not depend on what is queued. */
#define JOB_KEYS(table, where)                                       \
    "(SELECT microservice_id, content_id FROM " table                \
    " WHERE tenant_id = $1 " where                                   \
    "  AND ($2 IS NULL OR (microservice_id, content_id) > ($2, $3))" \
    " ORDER BY microservice_id, content_id LIMIT $4)"

static void link_job_queue_send(struct call *c)
{
    job_settings(c);
    job_fence(c);
    call_stmt(c,
        "SELECT k.microservice_id, k.content_id,"
        " (SELECT (extract(epoch FROM queued_at) * 1000000)::int8"
        "  FROM @.batch_sync_link_queue q WHERE q.tenant_id = $1"
        "   AND q.microservice_id = k.microservice_id"
        "   AND q.content_id = k.content_id)"
        " FROM (" JOB_KEYS("@.batch_sync_link_queue", "") " UNION " JOB_KEYS(
            "@.vector_embeddings",
            "AND content_type = 'microservice_data' AND chunk_index = 0"
            " AND microservice_id IS NOT NULL") ") k"
                                                " ORDER BY microservice_id, "
                                                "content_id LIMIT $4",
        false);
    job_after(c, &job_of(c)->at, QUEUE_ROWS);
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
        link_job_place_set(
            &job->at, pg_value(r, n - 1, 0).p, pg_value(r, n - 1, 1).p);
    if (n < QUEUE_ROWS) {
        link_job_place_set(&job->at, NULL, NULL);
        job->stage = STREAM;
    }
    call_end(c, NULL);
}

/* --- streaming --- */

static void link_job_stream_send(struct call *c)
{
    struct link_job_state *job = job_of(c);

    job_settings(c);
    job_fence(c);
    call_stmt(c,
        "SELECT microservice_id, content_id, embedding"
        " FROM @.vector_embeddings"
        " WHERE tenant_id = $1 AND content_type = 'microservice_data'"
        "  AND chunk_index = 0 AND microservice_id IS NOT NULL"
        "  AND ($2 IS NULL OR (microservice_id, content_id) > ($2, $3))"
        " ORDER BY microservice_id, content_id LIMIT $4",
        true);
    job_after(c, &job->at, job->chunk_most);
    call_send(c);
}

/* A vector in its binary form becomes the next row of the chunk. */
static void link_job_stream_add(struct link_job_state *job, size_t number,
    struct str vector, float *scratch)
{
    struct nearest_block *b = &job->chunks[job->coming].block;

    if (vector.len != vector_bytes(job->dimensions))
        return;
    for (int i = 0; i < job->dimensions; i++) {
        uint32_t bits;

        memcpy(&bits, vector.p + 4 + (size_t)i * 4, sizeof(bits));
        bits = ntohl(bits);
        memcpy(&scratch[i], &bits, sizeof(bits));
    }
    if (nearest_scale(b->rows + b->n * b->stride, scratch, job->dimensions) < 0)
        return;
    b->number[b->n++] = (uint32_t)number;
}

/* Items that were stored after the first pass wait in the queue. */
static void link_job_stream_take(struct call *c)
{
    struct link_job_state *job = job_of(c);
    struct chunk *chunk = &job->chunks[job->coming];
    const struct pg_result *r = c->pg.results[2];
    float *scratch =
        arena_alloc(&c->arena, (size_t)job->dimensions * sizeof(scratch[0]));
    int n = pg_rows(r);

    if (scratch == NULL) {
        store_fail(c, ERR_NOMEM, "linking");
        return;
    }
    for (int i = 0; i < n; i++) {
        size_t at = link_items_find(
            &job->items, pg_value(r, i, 0), pg_value(r, i, 1), !job->second);

        if (at == SIZE_MAX)
            continue;
        job->items.items[at].stored = true;
        if (!pg_is_null(r, i, 2))
            link_job_stream_add(job, at, pg_value(r, i, 2), scratch);
    }
    job->ended = (size_t)n < job->chunk_most;
    if (n > 0) {
        char *m = strndup(pg_value(r, n - 1, 0).p, pg_value(r, n - 1, 0).len);
        char *id = strndup(pg_value(r, n - 1, 1).p, pg_value(r, n - 1, 1).len);

        link_job_place_set(&job->at, m, id);
        link_job_place_set(&chunk->last, m, id);
        free(m);
        free(id);
    }
    call_end(c, NULL);
}

/* In the pool: it has the chunk that is not coming and the resident rows to
 * itself, and of the items only what is nearest to each. */
static void link_job_stream_meet(struct work_req *req)
{
    struct link_job_state *job = container_of(req, struct link_job_state, work);
    struct nearest_block *b = &job->chunks[!job->coming].block;
    struct nearest_block *resident = &job->resident;

    nearest_meet(resident, b, job->items.tops);
    if (!job->full) {
        nearest_within(b, job->items.tops);
        memcpy(resident->rows + resident->n * b->stride, b->rows,
            b->n * b->stride * sizeof(b->rows[0]));
        memcpy(resident->number + resident->n, b->number,
            b->n * sizeof(b->number[0]));
        resident->n += b->n;
    }
    b->n = 0;
}

/* Will the chunk become resident, too? If not, the next pass begins with it. */
static void link_job_stream_place(
    struct link_job_state *job, const struct chunk *chunk)
{
    if (job->resident.n + chunk->block.n > job->resident_most)
        job->full = true;
    if (!job->full)
        link_job_place_set(
            &job->next, chunk->last.microservice, chunk->last.content_id);
}

static void link_job_stream_next_pass(struct link_job_state *job)
{
    if (!job->full) {
        job->stage = NAME;
        return;
    }
    link_job_place_set(&job->at, job->next.microservice, job->next.content_id);
    job->resident.n = 0;
    job->full = job->ended = false;
    job->second = true;
}

static void link_job_step_stream(struct link_job_state *job)
{
    if (job->ended && job->chunks[job->coming].block.n == 0) {
        link_job_stream_next_pass(job);
        return;
    }
    job->coming = !job->coming;
    if (job->chunks[!job->coming].block.n > 0) {
        link_job_stream_place(job, &job->chunks[!job->coming]);
        job->work.work = link_job_stream_meet;
        loop_work(job->graph->store.loop, &job->work);
    }
    if (!job->ended)
        step_send(job, link_job_stream_send, link_job_stream_take);
}

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
    else if (job->stage == CLAIM)
        step_send(job, link_job_queue_send, link_job_queue_take);
    else if (job->stage == STREAM)
        link_job_step_stream(job);
    else
        step_write(job);
    link_job_step_settle(job);
}

bool link_job_ended(const struct link_job_state *job)
{
    return job->ends;
}
