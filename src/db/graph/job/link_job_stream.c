/*
 * STREAM of a linking job (db/graph/job/link_job.h): vectors come by key, and
 * those that are resident meet them in the pool.
 */
#include "db/graph/job/link_job_impl.h"

#include <arpa/inet.h>

static void link_job_stream_send(struct call *c)
{
    struct link_job_state *job = job_of(c);

    graph_settings(c);
    job_fence(c);
    call_stmt(c,
        "SELECT microservice_id, content_id, embedding"
        " FROM @.vector_embeddings"
        " WHERE tenant_id = $1 AND content_type = 'microservice_data'"
        "  AND chunk_index = 0 AND microservice_id IS NOT NULL"
        "  AND ($2 IS NULL OR (microservice_id, content_id) > ($2, $3))"
        " ORDER BY microservice_id, content_id LIMIT $4",
        true);
    job_add_place(c, &job->at, job->chunk_most);
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

        job_place_set(&job->at, m, id);
        job_place_set(&chunk->last, m, id);
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
        job_place_set(
            &job->next, chunk->last.microservice, chunk->last.content_id);
}

static void link_job_stream_next_pass(struct link_job_state *job)
{
    if (!job->full) {
        job_enter(job, NAME, job->items.n);
        return;
    }
    job_place_set(&job->at, job->next.microservice, job->next.content_id);
    job->resident.n = 0;
    job->full = job->ended = false;
    job->second = true;
}

void step_stream(struct link_job_state *job)
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
