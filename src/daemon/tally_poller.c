/*
 * Happy path: ask, hand the answer to the metrics, wait, ask again. Who looks
 * while the question is out, or ends a service meanwhile, has it asked once
 * more.
 *
 * Failures: the metrics stay as they were until the next tick; the probe tells
 * of a database that is down. Stop: cancels the timer and the question. Close:
 * tally_poller_free(), when idle.
 */
#include "daemon/tally_poller.h"

#include "base/log.h"
#include "db/ledger/ledger_fire.h"
#include "source/service_list.h"
#include <assert.h>
#include <stdlib.h>

struct tally_poller {
    struct loop *loop;           /* borrowed */
    struct pg_pool *pool;        /* borrowed */
    const struct config *config; /* borrowed */
    struct metrics *metrics;     /* borrowed */
    struct arena arena;          /* of the answer */
    struct tally_req req;
    struct timer_req timer;
    char reason[PAUSE_REASON_BYTES];
    struct tally_pause pause;
    uint64_t moment; /* of the metrics, when it was asked */
    bool again;
    bool stopped;
};

static void tally_ask(struct tally_poller *t);

static void on_tally_timer(struct op *op)
{
    struct tally_poller *t = container_of(op, struct tally_poller, timer.op);

    if (!t->stopped)
        tally_ask(t);
}

static void tally_take_pause(struct tally_poller *t)
{
    snprintf(t->reason, sizeof(t->reason), "%s",
        t->req.paused == NULL ? "" : t->req.paused);
    t->pause = (struct tally_pause){
        t->req.paused == NULL ? NULL : t->reason, t->req.paused_ms};
    metrics_paused(t->metrics, t->pause.reason != NULL);
}

struct tally_pause tally_poller_pause(const struct tally_poller *t)
{
    return t->pause;
}

static void on_tally_poller_tallied(struct op *op)
{
    struct tally_poller *t = container_of(op, struct tally_poller, req.op);
    bool stale = false;

    if (t->stopped)
        return;
    if (op->err.code == 0) {
        tally_take_pause(t);
        stale = !metrics_tally(
            t->metrics, t->moment, t->req.services, t->req.nservices);
    } else {
        log_debug(NULL, "cannot count the services: %s", op->err.msg);
    }
    if (stale || t->again) {
        tally_ask(t);
        return;
    }
    op_init(&t->timer.op, on_tally_timer);
    loop_timer(t->loop, &t->timer, TALLY_POLL_MS);
}

static void tally_ask(struct tally_poller *t)
{
    arena_free(&t->arena);
    t->again = false;
    t->moment = metrics_moment(t->metrics);
    t->req = (struct tally_req){.tenant = t->config->sync.tenant,
        .most = METRICS_SERVICES,
        .arena = &t->arena};
    op_init(&t->req.op, on_tally_poller_tallied);
    service_tally_ask(t->pool, t->loop, &t->req);
}

void tally_poller_look(struct tally_poller *t)
{
    if (t->stopped)
        return;
    if (op_pending(&t->req.op))
        t->again = true;
    else if (op_pending(&t->timer.op))
        op_cancel(&t->timer.op); /* its callback asks */
    else
        tally_ask(t);
}

/* A counter that appears with its first event hides it from increase(). */
static void tally_know_configured(struct tally_poller *t)
{
    struct service_names list = {.arena = &t->arena};
    struct err err;

    err_clear(&err);
    if (service_names_split(&list, t->config->sync.services, &err) < 0)
        return; /* each run will say so */
    for (size_t i = 0; i < list.n; i++)
        metrics_know_service(t->metrics, list.names[i]);
}

int tally_poller_init(struct tally_poller **out, struct loop *loop,
    struct pg_pool *pool, const struct config *config, struct metrics *metrics)
{
    struct tally_poller *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return ERR_NOMEM;
    t->loop = loop;
    t->pool = pool;
    t->config = config;
    t->metrics = metrics;
    arena_init(&t->arena, 0);
    op_init(&t->req.op, on_tally_poller_tallied);
    op_init(&t->timer.op, on_tally_timer);
    tally_know_configured(t);
    *out = t;
    return 0;
}

void tally_poller_stop(struct tally_poller *t)
{
    t->stopped = true;
    op_cancel(&t->req.op);
    op_cancel(&t->timer.op);
}

bool tally_poller_is_idle(const struct tally_poller *t)
{
    return !op_pending(&t->req.op) && !op_pending(&t->timer.op);
}

void tally_poller_free(struct tally_poller *t)
{
    if (t == NULL)
        return;
    assert(tally_poller_is_idle(t));
    arena_free(&t->arena);
    free(t);
}
