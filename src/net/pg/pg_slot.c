/*
 * The part of a slot's life that does not need libpq: the watch on its socket,
 * its timer, how a connect begins and fails, how a transaction ends.
 *
 * Happy path: pg_slot_open() to pg_slot_connect() (pg.c), by way of a look-up
 * if the host is a name; every event of the socket goes to pg_slot_event().
 * Failures: of an attempt to connect, pg_slot_attempt_failed(): the next
 * address or host is tried, or, when a pooler takes no `options` that can be
 * spared, all of them without; after the last one the slot is off, and the pool
 * decides about the transactions that wait. A transaction or an attempt that
 * takes too long, an unanswered request to cancel included: slot_timeout(). On
 * close:
 * pg_watch_close() unties the watch from the slot; the watch frees itself in
 * its close callback, and the pool counts it until then.
 */
#include "net/pg/pg_impl.h"

#include "base/log.h"
#include <stdio.h>
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

void pg_slot_fail_soon(struct pg_slot *slot)
{
    pg_watch_close(slot);
    pg_slot_arm(slot, 0);
}

/* --- attempts ---------------------------------------------------------- */

/* The next address of the current endpoint. */
static void slot_try_address(struct pg_slot *slot)
{
    struct pg_attempt *a = &slot->attempt;
    char address[PG_ADDRESSES_BYTES];
    size_t len = strcspn(a->next, ",");

    memcpy(address, a->next, len);
    address[len] = '\0';
    a->next += len + (a->next[len] == ',');
    err_clear(&slot->err);
    pg_slot_arm(slot, (uint64_t)slot->pool->connect_ms);
    pg_slot_connect(slot, len > 0 ? address : NULL);
}

void pg_slot_resolved(struct pg_slot *slot, const char *addresses)
{
    snprintf(slot->attempt.addresses, sizeof(slot->attempt.addresses), "%s",
        addresses);
    slot->attempt.next = slot->attempt.addresses;
    slot_try_address(slot);
}

/* False: all have been tried. */
static bool slot_try_endpoint(struct pg_slot *slot)
{
    struct pg_attempt *a = &slot->attempt;
    int at = pg_endpoint_pick(slot->pool, a->tried);
    const struct pg_endpoint *e = &slot->pool->endpoints[at < 0 ? 0 : at];

    if (at < 0)
        return false;
    a->endpoint = at;
    a->tried |= 1u << at;
    a->addresses[0] = '\0';
    a->next = a->addresses;
    slot->state = PG_RESOLVING;
    err_clear(&slot->err);
    pg_slot_arm(slot, (uint64_t)slot->pool->connect_ms);
    if (pg_endpoint_name(e) == NULL)
        slot_try_address(slot);
    else if (pg_lookup_start(slot, &slot->err) < 0)
        pg_slot_fail_soon(slot);
    return true;
}

/* Of several attempts each says what it met; the first one's code counts. */
static void pg_slot_note_failure(struct err *all, const struct err *err)
{
    char before[ERR_MSG_BYTES];

    if (all->code == 0) {
        *all = *err;
        return;
    }
    memcpy(before, all->msg, sizeof(before));
    err_set(all, err->code == ERR_AUTH ? err->code : all->code, "%s; %s",
        before, err->msg);
}

/* After these errors other hosts are not tried: they would refuse too. */
static bool pg_slot_attempt_is_last(const struct err *err)
{
    return err->code == ERR_AUTH || err->code == ERR_CONFIG;
}

static void slot_begin_attempts(struct pg_slot *slot)
{
    slot->attempt = (struct pg_attempt){.bare = slot->pool->bare};
    slot_try_endpoint(slot);
}

/* The same once more, from now on without options. */
static bool slot_tries_bare(struct pg_slot *slot, const struct err *err)
{
    struct pg_pool *pool = slot->pool;

    if (slot->attempt.bare || !pg_connect_refuses_options(err->msg) ||
        !pg_options_can_go(pg_params_get(&pool->params, "options")))
        return false;
    if (!pool->bare)
        log_info(NULL,
            "a pooler takes no options of DATABASE_URL: each statement names "
            "the schema, and transactions set their own time-outs");
    pool->bare = true;
    pg_slot_unplug(slot);
    slot_begin_attempts(slot);
    return true;
}

void pg_slot_attempt_failed(struct pg_slot *slot, const struct err *err)
{
    struct err all, why = *err;

    if (slot_tries_bare(slot, err))
        return;
    if (pg_connect_refuses_options(err->msg))
        err_set(&why, err->code,
            "%s (a pooler takes no options of DATABASE_URL: name the schema by "
            "?schema=NAME, and give the role other settings by ALTER ROLE)",
            err->msg);
    pg_slot_note_failure(&slot->attempt.failed, &why);
    all = slot->attempt.failed;
    pg_slot_unplug(slot);
    if (!pg_slot_attempt_is_last(err)) {
        if (slot->attempt.next[0] != '\0') {
            slot_try_address(slot);
            return;
        }
        if (slot_try_endpoint(slot))
            return;
    }
    pg_pool_connect_failed(slot->pool, &all);
}

void pg_slot_open(struct pg_slot *slot)
{
    slot->doomed = slot->used = false;
    slot->idle_ms = loop_now_ms(slot->pool->loop);
    slot_begin_attempts(slot);
}

void pg_slot_end_transaction(struct pg_slot *slot)
{
    struct pg_req *req = slot->req;

    uv_timer_stop(&slot->timer);
    slot->req = NULL;
    slot->state = PG_IDLE;
    slot->idle_ms = loop_now_ms(slot->pool->loop);
    req->conn = NULL;
    op_finish(&req->op, &slot->err);
}

/*
 * No answer at all: the endpoint is avoided, because the next attempt would
 * wait as long.
 */
static void slot_unanswered(struct pg_slot *slot, struct err *err)
{
    const struct pg_endpoint *e =
        &slot->pool->endpoints[slot->attempt.endpoint];

    pg_endpoint_avoid(slot);
    err_set(err, ERR_UNAVAILABLE,
        "database connection: no answer from %s%s%s within %d s",
        e->host == NULL ? "the server" : e->host, e->port == NULL ? "" : ":",
        e->port == NULL ? "" : e->port, slot->pool->connect_ms / 1000);
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
        slot_unanswered(slot, &err);
    pg_slot_attempt_failed(slot, &err);
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
