/*
 * Happy path: a kick puts the tenant in line; batches follow one another, each
 * from an iteration of the loop of its own, until one was not full; then the
 * next tenant's job begins. Waiters are called back when the line is empty.
 *
 * A job that is to find what has no node does that first, to the end: linking
 * an item makes nodes of those near to it, too, which would hide them.
 *
 * A kick for the tenant at work puts it in line once more: the batch under way
 * may have looked at the queue before what the kick is about was there.
 *
 * Failures: passing ones are tried again with back-off, a batch that took too
 * long with half as many items. Any other, and the last try, is a warning, and
 * the tenant is dropped from the line.
 *
 * Cancel: linker_stop() empties the line behind the tenant at work and cancels
 * what is under way, the wait between batches too.
 * Close: when idle it holds no memory.
 */
#include "sync/linker.h"

#include <assert.h>
#include <stdlib.h>

/* A tenant in line. */
struct link_job {
    struct list link;
    bool find;    /* what has no node, before anything is linked */
    size_t found; /* so far */
    char tenant[];
};

static const unsigned linker_moves[] = {
    [LINKER_IDLE] = 1u << LINKER_FIND | 1u << LINKER_BATCH,
    [LINKER_FIND] = 1u << LINKER_WAIT | 1u << LINKER_IDLE,
    [LINKER_BATCH] = 1u << LINKER_WAIT | 1u << LINKER_IDLE,
    [LINKER_WAIT] = 1u << LINKER_FIND | 1u << LINKER_BATCH | 1u << LINKER_IDLE,
};

static void linker_move(struct linker *l, enum linker_state to)
{
    assert(linker_moves[l->state] & 1u << to);
    l->state = to;
}

void linker_init(struct linker *l, const struct ports *ports,
    const struct linker_options *options)
{
    *l = (struct linker){.state = LINKER_IDLE, .options = *options};
    l->p = (struct pipeline){
        .ports = ports, .run_id = "", .retries = options->retries};
    list_init(&l->tenants);
    list_init(&l->waiting);
    op_init(&l->link.op, NULL);
    op_init(&l->find.op, NULL);
    op_init(&l->retry.timer.op, NULL);
}

const char *link_method_name(enum link_method method)
{
    static const char *const names[] = {"", "exact", "index", "declared"};

    return names[method];
}

static struct link_job *linker_link_job_of(struct list *node)
{
    return container_of(node, struct link_job, link);
}

/* --- idleness --- */

static void linker_forget_waiter(struct op *op)
{
    list_remove(&op->link);
    op_finish(op, NULL);
}

void linker_when_idle(struct linker *l, struct op *op)
{
    op_begin(op, l->p.ports->queue, linker_forget_waiter);
    if (l->state == LINKER_IDLE)
        op_finish(op, NULL);
    else
        list_push(&l->waiting, &op->link);
}

static void linker_go_idle(struct linker *l)
{
    struct list *node;

    linker_move(l, LINKER_IDLE);
    l->progress.method = LINK_NONE;
    while ((node = list_pop(&l->waiting)) != NULL)
        op_finish(container_of(node, struct op, link), NULL);
}

/* --- between batches --- */

static void linker_submit_find(struct linker *l);
static void linker_submit_batch(struct linker *l);
static void linker_end_job(struct linker *l);

static void linker_go_on(struct linker *l)
{
    if (linker_link_job_of(l->tenants.next)->find)
        linker_submit_find(l);
    else
        linker_submit_batch(l);
}

static void on_linker_waited(struct op *op)
{
    struct linker *l = container_of(op, struct linker, retry.timer.op);

    l->resting = false;
    if (l->p.aborting)
        linker_end_job(l);
    else
        linker_go_on(l);
}

static void linker_wait(struct linker *l, uint64_t delay_ms)
{
    const struct ports *ports = l->p.ports;
    struct timer_req *timer = &l->retry.timer;

    linker_move(l, LINKER_WAIT);
    l->resting = delay_ms > 0;
    op_init(&timer->op, on_linker_waited);
    ports->timer(ports->world, timer, delay_ms);
}

/* What has just been done took so long: while a run is at work, that is all
 * of our share for a while. */
static void linker_rest(struct linker *l, uint64_t busy_ms)
{
    uint64_t others = 100 - LINKER_SHARE_PERCENT;

    /* The clock may say 0 for what took almost 1. */
    linker_wait(
        l, l->sharing ? (busy_ms + 1) * others / LINKER_SHARE_PERCENT : 0);
}

static uint64_t linker_since_ms(const struct linker *l, const struct op *op)
{
    return l->p.ports->now_ms(l->p.ports->world) - op->begun_ms;
}

/* The tenant at work is done with; what comes next? */
static void linker_end_job(struct linker *l)
{
    free(linker_link_job_of(list_pop(&l->tenants)));
    free(l->find.microservice_id);
    free(l->find.content_id);
    l->find.microservice_id = l->find.content_id = NULL;
    retry_reset(&l->retry);
    l->batch = l->options.batch;
    l->count_ms = 0;
    if (list_empty(&l->tenants))
        linker_go_idle(l);
    else
        linker_wait(l, 0);
}

/* A fault that lasts is told once, not with every kick. */
static void linker_give_up(struct linker *l, const struct err *err)
{
    bool known = strcmp(l->failure.msg, err->msg) == 0;

    l->failure = *err;
    log_write(known ? LOG_DEBUG : LOG_WARN, NULL,
        "linking: %s; what is queued waits for the next run", err->msg);
    linker_end_job(l);
}

static void linker_failed(struct linker *l, const struct err *err)
{
    if (l->p.aborting) {
        linker_end_job(l);
        return;
    }
    if (l->state == LINKER_BATCH && err->code == ERR_TIMEOUT && l->batch > 1)
        l->batch /= 2;
    if (!retry_start(&l->retry, &l->p, CALL_LINK, err, on_linker_waited)) {
        linker_give_up(l, err);
        return;
    }
    linker_move(l, LINKER_WAIT);
    pipeline_event(
        &l->p, &(struct run_event){
                   .kind = EVENT_RETRY, .call = CALL_LINK, .err = err});
}

/* --- finding --- */

static void on_linker_found(struct op *op)
{
    struct linker *l = container_of(op, struct linker, find.op);
    struct link_job *job = linker_link_job_of(l->tenants.next);

    pipeline_measure(&l->p, CALL_LINK, op);
    if (op->err.code != 0) {
        linker_failed(l, &op->err);
        return;
    }
    retry_reset(&l->retry);
    job->found += l->find.queued;
    job->find = l->find.seen == l->find.limit;
    if (!job->find && job->found > 0)
        log_info(NULL, "%zu stored items have no node yet: linking them, too",
            job->found);
    if (l->p.aborting)
        linker_end_job(l);
    else
        linker_rest(l, linker_since_ms(l, op));
}

static void linker_submit_find(struct linker *l)
{
    const struct ports *ports = l->p.ports;

    linker_move(l, LINKER_FIND);
    l->find.tenant = linker_link_job_of(l->tenants.next)->tenant;
    l->find.limit = (size_t)l->options.find;
    l->find.seen = l->find.queued = 0;
    pipeline_op_init(&l->p, &l->find.op, on_linker_found);
    ports->find(ports->world, &l->find);
}

/* --- batches --- */

/* How many still wait, after a batch. What others queue and link meanwhile is
 * seen with the next count, or when nothing was left. */
static void linker_count_queue(struct linker *l)
{
    const struct link_req *done = &l->link;
    const struct ports *ports = l->p.ports;

    if (done->counted) {
        l->counted = true;
        l->queued = done->queued;
        l->count_ms = ports->now_ms(ports->world) + LINKER_COUNT_MS;
    } else if (!done->later && !done->more && done->taken < done->limit) {
        l->queued = 0;
    } else {
        l->queued -= done->taken < l->queued ? done->taken : l->queued;
    }
}

static uint64_t linker_done(const struct linker *l)
{
    uint64_t done = 0;

    for (int i = 0; i < LINK_METHODS; i++)
        done += l->progress.done[i];
    return done;
}

static void linker_note(struct linker *l)
{
    struct linker_progress *p = &l->progress;
    uint64_t ms = l->p.ports->now_ms(l->p.ports->world) - l->busy_ms;

    p->method = l->link.method;
    p->done[p->method] += l->link.taken + l->link.links;
    p->per_second =
        (double)(linker_done(l) - l->busy_done) * 1000 / (double)(ms + 1);
}

static void on_linker_batch(struct op *op)
{
    struct linker *l = container_of(op, struct linker, link.op);
    uint64_t took_ms = linker_since_ms(l, op);

    pipeline_measure(&l->p, CALL_LINK, op);
    if (op->err.code != 0) {
        linker_failed(l, &op->err);
        return;
    }
    l->linked += l->link.taken;
    linker_note(l);
    linker_count_queue(l);
    retry_reset(&l->retry);
    err_clear(&l->failure);
    if (l->p.aborting)
        linker_end_job(l);
    else if (l->link.later)
        linker_wait(l, l->sharing ? LINKER_LATER_MS : LINKER_TURN_MS);
    else if (l->link.more)
        linker_rest(l, took_ms);
    else if (l->link.taken < l->link.limit)
        linker_end_job(l);
    else
        linker_rest(l, took_ms - l->link.index_ms);
}

static void linker_submit_batch(struct linker *l)
{
    const struct ports *ports = l->p.ports;

    linker_move(l, LINKER_BATCH);
    l->link =
        (struct link_req){.tenant = linker_link_job_of(l->tenants.next)->tenant,
            .limit = (size_t)l->batch,
            .builds = !l->sharing,
            .counts = ports->now_ms(ports->world) >= l->count_ms};
    pipeline_op_init(&l->p, &l->link.op, on_linker_batch);
    ports->link(ports->world, &l->link);
}

/* --- from outside --- */

/* The job in line, apart from the one at work. */
static struct link_job *linker_waiting_job(struct linker *l, const char *tenant)
{
    list_for_each (node, &l->tenants) {
        if (node != l->tenants.next &&
            strcmp(linker_link_job_of(node)->tenant, tenant) == 0)
            return linker_link_job_of(node);
    }
    return NULL;
}

static struct link_job *linker_new_link_job(
    struct linker *l, const char *tenant)
{
    size_t bytes = strlen(tenant) + 1;
    struct link_job *job = malloc(sizeof(*job) + bytes);

    if (job == NULL)
        abort();
    job->find = false;
    job->found = 0;
    memcpy(job->tenant, tenant, bytes);
    list_push(&l->tenants, &job->link);
    return job;
}

static void linker_put_in_line(struct linker *l, const char *tenant, bool find)
{
    struct link_job *job;

    if (l->p.ports->link == NULL || l->p.stopping)
        return;
    job = linker_waiting_job(l, tenant);
    if (job == NULL)
        job = linker_new_link_job(l, tenant);
    job->find |= find;
    if (l->state != LINKER_IDLE)
        return;
    l->batch = l->options.batch;
    l->busy_ms = l->p.ports->now_ms(l->p.ports->world);
    l->busy_done = linker_done(l);
    retry_reset(&l->retry);
    linker_go_on(l);
}

void linker_kick(struct linker *l, const char *tenant)
{
    linker_put_in_line(l, tenant, false);
}

void linker_find(struct linker *l, const char *tenant)
{
    linker_put_in_line(l, tenant, true);
}

void linker_share(struct linker *l, bool sharing)
{
    l->sharing = sharing;
    if (!sharing && l->resting)
        op_cancel(&l->retry.timer.op);
}

void linker_stop(struct linker *l)
{
    if (l->p.stopping)
        return;
    l->p.stopping = l->p.aborting = true;
    while (!list_empty(&l->tenants) && l->tenants.prev != l->tenants.next) {
        struct list *last = l->tenants.prev;

        list_remove(last);
        free(linker_link_job_of(last));
    }
    op_cancel(&l->link.op);
    op_cancel(&l->find.op);
    op_cancel(&l->retry.timer.op);
}
