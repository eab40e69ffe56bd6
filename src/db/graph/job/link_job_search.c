/*
 * Linking many items where computing all of their nearest does not pay: the
 * queue in windows, so that what is known of them fits into memory.
 *
 *   WINDOW --> SEARCH --> NAME --> INWARD --> WRITE --> the next WINDOW
 *
 * SEARCH asks the vector index, on two connections, without the tenant's lock:
 * what it finds may be of before a change by the time it is written. That does
 * no harm, because whatever changes is queued anew, is searched for after that
 * and so is written later, together with the edges that lead to it (INWARD). An
 * item leaves the queue with WRITE alone, after all else has been done for it.
 */
#include "db/graph/job/link_job_impl.h"

/* --- a part of the queue --- */

static void link_job_window_send(struct call *c)
{
    graph_settings(c);
    job_fence(c);
    call_stmt(c,
        JOB_KEYS("microservice_id, content_id, " JOB_QUEUED_AT,
            "@.batch_sync_link_queue", ""),
        false);
    job_add_place(c, &job_of(c)->at, job_of(c)->graph->job_window);
    call_send(c);
}

static void link_job_window_take(struct call *c)
{
    struct link_job_state *job = job_of(c);
    const struct pg_result *r = c->pg.results[2];
    int n = pg_rows(r);

    for (int i = 0; i < n; i++) {
        size_t at = link_items_find(
            &job->items, pg_value(r, i, 0), pg_value(r, i, 1), true);

        if (at == SIZE_MAX) {
            store_fail(c, ERR_NOMEM, "linking");
            return;
        }
        job->items.items[at].queued_at = call_int(r, i, 2);
    }
    job->window = job->items.n;
    if (n > 0)
        job_place_set(
            &job->at, pg_value(r, n - 1, 0).p, pg_value(r, n - 1, 1).p);
    job_enter(job, n > 0 ? SEARCH : LEAVE, job->window);
    call_end(c, NULL);
}

void step_window(struct link_job_state *job)
{
    size_t max = job->items.max;

    link_items_free(&job->items);
    if (link_items_init(&job->items, max) < 0)
        abort();
    step_send(job, link_job_window_send, link_job_window_take);
}

/* --- the nearest --- */

static void link_job_search_with(struct call *c,
    int (*add_sql)(struct buf *sql, const char *schema),
    bool (*has)(const struct link_item *item))
{
    struct str text = {NULL, 0};
    struct buf sql;

    buf_init(&sql, 16 * 1024);
    if (add_sql(&sql, store_work(c)->store->vector_schema) == 0)
        text = arena_dup(&c->arena, buf_view(&sql));
    buf_free(&sql);
    if (text.p == NULL) {
        store_fail(c, ERR_NOMEM, "linking");
        return;
    }
    lane_of(c)->at = c->pg.nstmts;
    call_stmt(c, text.p, false);
    call_add_text(c, job_of(c)->tenant);
    lane_add_keys(c, has);
    call_send(c);
}

void link_job_search_send(struct call *c)
{
    graph_index_settings(c);
    graph_settings(c);
    link_job_search_with(c, graph_search_sql, link_item_is_queued);
}

/* A row: an item's place in the lane, from 1; if it is near to another one,
 * that one's key and their similarity. The nearest first. */
static void link_job_search_add(
    struct link_job_state *job, size_t from, const struct pg_result *r, int row)
{
    size_t at = from + (size_t)call_int(r, row, 0) - 1, other;
    struct nearest *top = &job->items.tops[at];

    job->items.items[at].stored = true;
    if (pg_is_null(r, row, 1) || top->n == NEAREST)
        return;
    other = link_items_find(
        &job->items, pg_value(r, row, 1), pg_value(r, row, 2), true);
    if (other == SIZE_MAX)
        return;
    job->items.items[other].stored = true;
    top->similarity[top->n] = strtof(pg_value(r, row, 3).p, NULL);
    top->which[top->n++] = (uint32_t)other;
}

void link_job_search_take(struct call *c)
{
    const struct pg_result *r = c->pg.results[lane_of(c)->at];

    for (int i = 0; i < pg_rows(r); i++)
        link_job_search_add(job_of(c), lane_of(c)->from, r, i);
    call_end(c, NULL);
}

/* --- edges that lead to them --- */

void link_job_inward_send(struct call *c)
{
    job_begin_shared(c);
    link_job_search_with(c, graph_inward_sql, link_item_is_stored);
}

void link_job_inward_take(struct call *c)
{
    const struct pg_result *r = c->pg.results[lane_of(c)->at];

    job_of(c)->edges += (size_t)call_int(r, 0, 0);
    call_end(c, NULL);
}
