/*
 * Happy path: a kick puts the tenant in line; batches follow one another, each
 * from a turn of the loop of its own, until one was not full; then it is the
 * next tenant's turn. Whoever waits hears of it when the line is empty.
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
struct turn {
    struct list link;
    char tenant[];
};

static const unsigned linker_moves[] = {
    [LINKER_IDLE] = 1u << LINKER_BATCH,
    [LINKER_BATCH] = 1u << LINKER_WAIT | 1u << LINKER_IDLE,
    [LINKER_WAIT] = 1u << LINKER_BATCH | 1u << LINKER_IDLE,
};

static void linker_move(struct linker *l, enum linker_state to)
{
    assert(linker_moves[l->state] & 1u << to);
    l->state = to;
}

void linker_init(struct linker *l, const struct ports *ports,
    const struct linker_options *options)
{
    *l = (struct linker){.state = LINKER_IDLE, .most = options->batch};
    l->retries = (struct run_options){
        .tries = options->tries, .retry_base_ms = options->retry_base_ms};
    l->p =
        (struct pipeline){.ports = ports, .options = &l->retries, .run_id = ""};
    list_init(&l->tenants);
    list_init(&l->waiting);
    op_init(&l->link.op, NULL);
    op_init(&l->retry.timer.op, NULL);
}

static struct turn *turn_of(struct list *node)
{
    return container_of(node, struct turn, link);
}

/* --- idleness --- */

static void forget_waiter(struct op *op)
{
    list_remove(&op->link);
    op_finish(op, NULL);
}

void linker_when_idle(struct linker *l, struct op *op)
{
    op_begin(op, l->p.ports->queue, forget_waiter);
    if (l->state == LINKER_IDLE)
        op_finish(op, NULL);
    else
        list_push(&l->waiting, &op->link);
}

static void go_idle(struct linker *l)
{
    struct list *node;

    linker_move(l, LINKER_IDLE);
    while ((node = list_pop(&l->waiting)) != NULL)
        op_finish(container_of(node, struct op, link), NULL);
}

/* --- batches --- */

static void submit_batch(struct linker *l);
static void end_turn(struct linker *l);

static void on_waited(struct op *op)
{
    struct linker *l = container_of(op, struct linker, retry.timer.op);

    if (l->p.aborting)
        end_turn(l);
    else
        submit_batch(l);
}

static void rest(struct linker *l)
{
    const struct ports *ports = l->p.ports;
    struct timer_req *timer = &l->retry.timer;

    linker_move(l, LINKER_WAIT);
    op_init(&timer->op, on_waited);
    pipeline_submit(&l->p, ports->timer(ports->world, timer, 0), &timer->op);
}

/* The tenant at work is done with; what comes next? */
static void end_turn(struct linker *l)
{
    free(turn_of(list_pop(&l->tenants)));
    retry_reset(&l->retry);
    l->batch = l->most;
    if (list_empty(&l->tenants))
        go_idle(l);
    else
        rest(l);
}

/* A fault that lasts is told once, not with every kick. */
static void give_up(struct linker *l, const struct err *err)
{
    bool known = strcmp(l->failure.msg, err->msg) == 0;

    l->failure = *err;
    log_write(known ? LOG_DEBUG : LOG_WARN, NULL,
        "linking: %s; what is queued waits for the next run", err->msg);
    end_turn(l);
}

static void batch_failed(struct linker *l, const struct err *err)
{
    if (l->p.aborting) {
        end_turn(l);
        return;
    }
    if (err->code == ERR_TIMEOUT && l->batch > 1)
        l->batch /= 2;
    if (!retry_start(&l->retry, &l->p, CALL_LINK, err, on_waited)) {
        give_up(l, err);
        return;
    }
    linker_move(l, LINKER_WAIT);
    pipeline_event(
        &l->p, &(struct run_event){
                   .kind = EVENT_RETRY, .call = CALL_LINK, .err = err});
}

static void on_batch(struct op *op)
{
    struct linker *l = container_of(op, struct linker, link.op);

    pipeline_measure(&l->p, CALL_LINK, op);
    if (op->err.code != 0) {
        batch_failed(l, &op->err);
        return;
    }
    l->linked += l->link.taken;
    retry_reset(&l->retry);
    err_clear(&l->failure);
    if (l->link.taken < l->link.limit || l->p.aborting)
        end_turn(l);
    else
        rest(l);
}

static void submit_batch(struct linker *l)
{
    const struct ports *ports = l->p.ports;

    linker_move(l, LINKER_BATCH);
    l->link = (struct link_req){
        .tenant = turn_of(l->tenants.next)->tenant, .limit = (size_t)l->batch};
    op_init(&l->link.op, on_batch);
    pipeline_submit(&l->p, ports->link(ports->world, &l->link), &l->link.op);
}

/* --- from outside --- */

/* Is it in line, apart from the one at work? */
static bool is_waiting(struct linker *l, const char *tenant)
{
    list_for_each (node, &l->tenants) {
        if (node != l->tenants.next &&
            strcmp(turn_of(node)->tenant, tenant) == 0)
            return true;
    }
    return false;
}

void linker_kick(struct linker *l, const char *tenant)
{
    size_t bytes = strlen(tenant) + 1;
    struct turn *turn;

    if (l->p.ports->link == NULL || l->p.stopping || is_waiting(l, tenant))
        return;
    turn = malloc(sizeof(*turn) + bytes);
    if (turn == NULL)
        abort();
    memcpy(turn->tenant, tenant, bytes);
    list_push(&l->tenants, &turn->link);
    if (l->state != LINKER_IDLE)
        return;
    l->batch = l->most;
    retry_reset(&l->retry);
    submit_batch(l);
}

void linker_stop(struct linker *l)
{
    if (l->p.stopping)
        return;
    l->p.stopping = l->p.aborting = true;
    while (!list_empty(&l->tenants) && l->tenants.prev != l->tenants.next) {
        struct list *last = l->tenants.prev;

        list_remove(last);
        free(turn_of(last));
    }
    op_cancel(&l->link.op);
    op_cancel(&l->retry.timer.op);
}
