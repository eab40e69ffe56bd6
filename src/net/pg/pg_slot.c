/*
 * A slot's life as far as it needs no libpq: the watch on its socket, its
 * timer, how a connect begins and fails, how a transaction ends.
 *
 * Happy path: pg_slot_open() to pg_slot_connect() (pg.c), by way of a look-up
 * if the host is a name; every event of the socket goes to pg_slot_event().
 * Failures: of a connect, pg_slot_fail(): the slot is off, the pool decides
 * about the transactions that wait. A transaction or a connect that takes too
 * long, an unanswered request to cancel included: slot_timeout(). On close:
 * pg_watch_close() unties the watch from the slot; the watch frees itself in
 * its close callback, and the pool counts it until then.
 */
#include "net/pg/pg_impl.h"

#include <stdlib.h>

struct pg_watch {
    uv_poll_t poll;
    struct pg_slot *slot; /* borrowed; NULL once closed */
    struct pg_pool *pool; /* borrowed; counts us */
    int events;           /* that are watched for; 0: none yet */
};

static void on_pg_slot_event(uv_poll_t *poll, int status, int events)
{
    struct pg_watch *watch = container_of(poll, struct pg_watch, poll);
    struct pg_pool *pool = watch->pool;

    if (status < 0)
        watch->events = 0; /* libuv has stopped it */
    pg_slot_event(watch->slot);
    pg_pool_step(pool);
}

static void on_pg_slot_watch_closed(uv_handle_t *handle)
{
    struct pg_watch *watch =
        container_of((uv_poll_t *)handle, struct pg_watch, poll);

    pg_pool_release(watch->pool);
    free(watch);
}

void pg_watch_close(struct pg_slot *slot)
{
    if (slot->watch == NULL)
        return;
    uv_poll_stop(&slot->watch->poll);
    slot->watch->slot = NULL;
    uv_close((uv_handle_t *)&slot->watch->poll, on_pg_slot_watch_closed);
    slot->watch = NULL;
}

static void pg_slot_watch_open(struct pg_slot *slot, int fd)
{
    struct pg_watch *watch = calloc(1, sizeof(*watch));

    if (watch == NULL)
        abort();
    watch->slot = slot;
    watch->pool = slot->pool;
    if (uv_poll_init(&slot->pool->loop->uv, &watch->poll, fd) < 0) {
        free(watch);
        return;
    }
    slot->pool->handles++;
    slot->watch = watch;
}

bool pg_watch_for(struct pg_slot *slot, int fd, int events)
{
    if (slot->watch == NULL)
        pg_slot_watch_open(slot, fd);
    if (slot->watch == NULL)
        return false;
    if (slot->watch->events == events) /* saves two system calls */
        return true;
    slot->watch->events = events;
    return uv_poll_start(&slot->watch->poll, events, on_pg_slot_event) == 0;
}

void pg_slot_fail(struct pg_slot *slot, const struct err *err)
{
    struct err copy = *err;

    pg_slot_drop(slot, NULL);
    pg_pool_connect_failed(slot->pool, &copy);
}

void pg_slot_fail_soon(struct pg_slot *slot)
{
    pg_watch_close(slot);
    pg_slot_arm(slot, 0);
}

void pg_slot_open(struct pg_slot *slot)
{
    slot->state = PG_RESOLVING;
    slot->doomed = slot->used = false;
    err_clear(&slot->err);
    pg_slot_arm(slot, PG_CONNECT_MS);
    if (pg_params_host(&slot->pool->params) == NULL)
        pg_slot_connect(slot, NULL);
    else if (pg_lookup_start(slot, &slot->err) < 0)
        pg_slot_fail_soon(slot);
}

void pg_slot_end_transaction(struct pg_slot *slot)
{
    struct pg_req *req = slot->req;

    uv_timer_stop(&slot->timer);
    slot->req = NULL;
    slot->state = PG_IDLE;
    req->conn = NULL;
    op_finish(&req->op, &slot->err);
}

static void slot_timeout(struct pg_slot *slot)
{
    struct err err = slot->err;

    if (slot->state == PG_BUSY) {
        err_set(&err, ERR_TIMEOUT, "the database does not answer");
        pg_slot_drop(slot, &err);
        return;
    }
    if (err.code == 0)
        err_set(&err, ERR_UNAVAILABLE,
            "database connection: no answer within %d s", PG_CONNECT_MS / 1000);
    pg_slot_fail(slot, &err);
}

static void on_pg_slot_timer(uv_timer_t *timer)
{
    struct pg_slot *slot = container_of(timer, struct pg_slot, timer);

    slot_timeout(slot);
    pg_pool_step(slot->pool);
}

void pg_slot_arm(struct pg_slot *slot, uint64_t delay_ms)
{
    uv_timer_start(&slot->timer, on_pg_slot_timer, delay_ms, 0);
}
