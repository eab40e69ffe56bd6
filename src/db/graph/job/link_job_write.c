#include "base/log.h"
#include "db/graph/job/link_job_impl.h"
#include "db/graph/link_lock.h"

#include <math.h>
#include <stdio.h>

enum {
    SEARCH_ITEMS = 50, /* of a transaction */
    NAME_ITEMS = 500,
    INWARD_ITEMS = 200,
    WRITE_ITEMS = 200,
    KEEP_MS = 5000,
    NUMBER_BYTES = 24,
    SQL_BYTES = 16 * 1024,
};

enum { NAME_AT = 3 + LINK_LOCK_STMTS - 1 }; /* lock, settings, fence before */

static void job_begin(struct call *c)
{
    link_lock_add(c, job_of(c)->tenant, "30s");
    graph_settings(c);
    job_fence(c);
}

/* Beside the other lane, whose edges have other sources. */
void job_begin_shared(struct call *c)
{
    link_lock_add_shared(c, job_of(c)->tenant, "30s");
    graph_settings(c);
    job_fence_shared(c);
}

/* Text arrays of n elements, some of which may take no room. */
static struct pg_array link_job_write_text_array(
    struct call *c, size_t n, size_t bytes)
{
    struct pg_array a;

    if (array_init(&a, &c->arena, PG_TEXT_ARRAY, 0, n, bytes) < 0)
        abort();
    return a;
}

static struct pg_array link_job_write_number_array(struct call *c, size_t n)
{
    struct pg_array a;

    if (array_init(&a, &c->arena, PG_INT4_ARRAY, 0, n, n * 4) < 0)
        abort();
    return a;
}

/* --- naming --- */

/* Of the lane's items, those that fit `has`. */
static size_t job_count(const struct lane *lane,
    bool (*has)(const struct link_item *item), size_t *bytes)
{
    size_t n = 0;

    *bytes = 0;
    for (size_t i = lane->from; i < lane->to; i++) {
        const struct link_item *item = &lane->job->items.items[i];

        if (!has(item))
            continue;
        n++;
        *bytes += strlen(item->microservice) + item->content_id.len;
    }
    return n;
}

bool link_item_is_stored(const struct link_item *item)
{
    return item->stored;
}

bool link_item_is_queued(const struct link_item *item)
{
    return item->queued_at != 0;
}

static bool link_job_write_is_left(const struct link_item *item)
{
    return item->queued_at != 0 && !item->stored;
}

void lane_add_keys(struct call *c, bool (*has)(const struct link_item *item))
{
    const struct lane *lane = lane_of(c);
    size_t bytes, n = job_count(lane, has, &bytes);
    struct pg_array services = link_job_write_text_array(c, n, bytes);
    struct pg_array ids = link_job_write_text_array(c, n, bytes);

    for (size_t i = lane->from; i < lane->to; i++) {
        const struct link_item *item = &lane->job->items.items[i];

        if (!has(item))
            continue;
        array_add(&services, str_of(item->microservice));
        array_add(&ids, item->content_id);
    }
    call_add(c, array_param(&services));
    call_add(c, array_param(&ids));
}

static void link_job_write_name_send(struct call *c)
{
    struct link_job_state *job = job_of(c);
    struct str text = {NULL, 0};
    struct buf sql;

    buf_init(&sql, SQL_BYTES);
    if (graph_name_sql(&sql) == 0)
        text = arena_dup(&c->arena, buf_view(&sql));
    buf_free(&sql);
    if (text.p == NULL) {
        store_fail(c, ERR_NOMEM, "linking");
        return;
    }
    job_begin(c);
    call_stmt(c, text.p, false);
    call_add_text(c, job->tenant);
    lane_add_keys(c, link_item_is_stored);
    call_send(c);
}

/* The i-th of the step's stored items, from 1. */
static struct link_item *link_job_write_named_item(
    const struct lane *lane, int64_t i)
{
    struct link_item *items = lane->job->items.items;

    for (size_t at = lane->from; at < lane->to; at++) {
        if (items[at].stored && --i == 0)
            return &items[at];
    }
    return NULL;
}

static void link_job_write_name_take(struct call *c)
{
    struct link_job_state *job = job_of(c);
    const struct pg_result *r = c->pg.results[NAME_AT];

    for (int i = 0; i < pg_rows(r); i++) {
        struct link_item *item =
            link_job_write_named_item(lane_of(c), call_int(r, i, 0));

        if (item == NULL)
            continue;
        if (!pg_is_null(r, i, 1))
            item->node = arena_dup(&job->items.arena, pg_value(r, i, 1));
        else if (job->nameless++ == 0)
            log_warn(NULL,
                "linking: no node for %s, and maybe others: other items have "
                "both of the ids that its may have",
                pg_value(r, i, 2).p);
    }
    call_end(c, NULL);
}

/* --- writing --- */

static void write_add_queue(
    struct call *c, bool (*has)(const struct link_item *item))
{
    const struct lane *lane = lane_of(c);
    size_t bytes, n = job_count(lane, has, &bytes);
    struct pg_array at = link_job_write_text_array(c, n, n * NUMBER_BYTES);

    lane_add_keys(c, has);
    for (size_t i = lane->from; i < lane->to; i++) {
        const struct link_item *item = &lane->job->items.items[i];
        char number[NUMBER_BYTES];

        if (!has(item))
            continue;
        snprintf(number, sizeof(number), "%lld", (long long)item->queued_at);
        array_add(&at, str_of(number));
    }
    call_add(c, array_param(&at));
}

static void write_add_sources(struct call *c, bool any)
{
    const struct lane *lane = lane_of(c);
    const struct link_item *items = lane->job->items.items;
    size_t n = 0, bytes = 0;
    struct pg_array sources;

    for (size_t i = lane->from; any && i < lane->to; i++) {
        n += items[i].node.len > 0;
        bytes += items[i].node.len;
    }
    sources = link_job_write_text_array(c, n, bytes);
    for (size_t i = lane->from; any && i < lane->to; i++) {
        if (items[i].node.len > 0)
            array_add(&sources, items[i].node);
    }
    call_add(c, array_param(&sources));
}

struct edges {
    struct pg_array source, target, strong, hundredths;
    size_t n, bytes;
};

/* One edge after the other of the step's items; the first time only counted. */
static void link_job_write_edges_walk(
    const struct lane *lane, struct edges *e, bool counts)
{
    const struct link_job_state *job = lane->job;

    for (size_t i = lane->from; i < lane->to; i++) {
        const struct nearest *top = &job->items.tops[i];
        struct str source = job->items.items[i].node;

        for (uint32_t k = 0; k < top->n && source.len > 0; k++) {
            struct str target = job->items.items[top->which[k]].node;
            float similarity = top->similarity[k];

            if (target.len == 0)
                continue;
            if (counts) {
                e->n++;
                e->bytes += source.len + target.len;
                continue;
            }
            array_add(&e->source, source);
            array_add(&e->target, target);
            array_add_int4(&e->strong, similarity > 0.85F);
            array_add_int4(
                &e->hundredths, (int32_t)lrintf(fminf(similarity, 1.0F) * 100));
        }
    }
}

static void write_add_edges(struct call *c, bool any)
{
    const struct lane *lane = lane_of(c);
    struct edges e = {.n = 0};

    if (any)
        link_job_write_edges_walk(lane, &e, true);
    e.source = link_job_write_text_array(c, e.n, e.bytes);
    e.target = link_job_write_text_array(c, e.n, e.bytes);
    e.strong = link_job_write_number_array(c, e.n);
    e.hundredths = link_job_write_number_array(c, e.n);
    if (any)
        link_job_write_edges_walk(lane, &e, false);
    call_add(c, array_param(&e.source));
    call_add(c, array_param(&e.target));
    call_add(c, array_param(&e.strong));
    call_add(c, array_param(&e.hundredths));
}

static void write_statement(
    struct call *c, bool (*has)(const struct link_item *item), bool edges)
{
    call_stmt(c, graph_write_sql(), false);
    call_add_text(c, job_of(c)->tenant);
    write_add_queue(c, has);
    write_add_sources(c, edges);
    write_add_edges(c, edges);
    call_add_text(c, job_of(c)->method == LINK_EXACT ? "exact" : "index");
}

static void job_write_send(struct call *c)
{
    job_begin_shared(c);
    write_statement(c, link_item_is_queued, true);
    call_send(c);
}

static void job_write_take(struct call *c)
{
    struct link_job_state *job = job_of(c);
    const struct pg_result *r = c->pg.results[NAME_AT];

    job->req->taken += (size_t)call_int(r, 0, 0);
    job->taken += (size_t)call_int(r, 0, 0);
    job->edges += (size_t)call_int(r, 0, 1);
    call_end(c, NULL);
}

/* --- leaving --- */

static void link_job_write_leave_send(struct call *c)
{
    struct link_job_state *job = job_of(c);

    lane_of(c)->from = 0;
    lane_of(c)->to = job->items.n;
    job_begin(c);
    write_statement(c, link_job_write_is_left, false);
    call_stmt(c,
        "DELETE FROM @.batch_sync_link_jobs WHERE tenant_id = $1"
        " AND token = $2",
        false);
    call_add_text(c, job->tenant);
    call_add_text(c, job->token);
    call_send(c);
}

static void link_job_write_leave_take(struct call *c)
{
    struct link_job_state *job = job_of(c);
    uint64_t ms = loop_now_ms(job->graph->store.loop) - job->began_ms;

    job_write_take(c);
    log_info(NULL,
        "linked %zu items %s: %zu edges changed in %.1f s, %.0f items/s",
        job->taken, job->method == LINK_EXACT ? "exactly" : "by the index",
        job->edges, (double)ms / 1000,
        (double)job->taken * 1000 / (double)(ms + 1));
    job->ends = true;
}

/* --- the steps --- */

static bool job_claim_fades(const struct link_job_state *job)
{
    return loop_now_ms(job->graph->store.loop) - job->fenced_ms > KEEP_MS;
}

static void link_job_write_keep_send(struct call *c)
{
    job_fence(c);
    call_send(c);
}

static void link_job_write_keep_take(struct call *c)
{
    call_end(c, NULL);
}

/* The stages that go through items: how many in a transaction, and whether two
 * of these may be under way. */
static const struct stage {
    size_t items;
    bool side_by_side;
    void (*send)(struct call *c);
    void (*take)(struct call *c);
} link_job_write_stages[] = {
    [SEARCH] = {SEARCH_ITEMS, true, link_job_search_send, link_job_search_take},
    [NAME] = {NAME_ITEMS, false, link_job_write_name_send,
        link_job_write_name_take},
    [INWARD] = {INWARD_ITEMS, true, link_job_inward_send, link_job_inward_take},
    [WRITE] = {WRITE_ITEMS, true, job_write_send, job_write_take},
};

static void link_job_write_next_stage(struct link_job_state *job)
{
    bool index = job->method == LINK_INDEX;

    if (job->stage == SEARCH)
        job_enter(job, NAME, job->items.n);
    else if (job->stage == NAME && index)
        job_enter(job, INWARD, job->window);
    else if (job->stage == NAME)
        job_enter(job, WRITE, job->items.n);
    else if (job->stage == INWARD)
        job_enter(job, WRITE, job->window);
    else
        job_enter(job, index && job->window > 0 ? CLAIM : LEAVE, 0);
}

/* Transactions side by side do not keep the claim. */
static bool link_job_write_goes_on(
    struct link_job_state *job, const struct stage *stage)
{
    if (job->done < job->todo && stage->side_by_side && job_claim_fades(job)) {
        step_send(job, link_job_write_keep_send, link_job_write_keep_take);
        return true;
    }
    return step_send_items(job, stage->items,
        stage->side_by_side ? job_lanes(job) : 1, stage->send, stage->take);
}

void step_write(struct link_job_state *job)
{
    while (job->stage != CLAIM && job->stage != LEAVE) {
        if (link_job_write_goes_on(job, &link_job_write_stages[job->stage]))
            return;
        link_job_write_next_stage(job);
    }
    if (job->stage == CLAIM)
        step_window(job);
    else
        step_send(job, link_job_write_leave_send, link_job_write_leave_take);
}
