/*
 * Happy path: ask, wait for the answer, pause, ask again. One timer serves as
 * the time limit and as the pause; probe_step() continues when neither the
 * request nor the timer is pending. In doubt, a good answer is followed by a
 * try to write within the same time limit.
 *
 * Failures: an error, or no answer in time, means that the database is down.
 * After the time limit the request is canceled, but the status changes at once,
 * because canceling on a server that hangs takes seconds.
 *
 * Cancel and close: probe_stop() cancels both, and the step after the last
 * callback frees the probe.
 */
#include "daemon/probe.h"

#include "base/log.h"
#include "base/text.h"
#include "db/writable.h"
#include <stdlib.h>

enum { PAUSE_MS = 1000, WAIT_MS = 5000 };

struct probe {
    struct probe_options options;
    struct dependency known[PROBE_DEPENDENCIES];
    struct writable_req req;
    struct timer_req timer;
    bool asked;    /* the current or last timer is the time limit */
    bool doubts;   /* a write was refused, and none was tried well since */
    bool trying;   /* the request is a try, not a question */
    bool stopping; /* starts and remembers nothing more */
};

/* Remembering */

/* Logs that something is up only after it was down. */
static void probe_log_change(
    const struct dependency *k, enum probe_status before)
{
    if (k->status == PROBE_DOWN)
        log_warn(NULL, "the %s is down: %s", k->name, k->error);
    else if (before == PROBE_DOWN)
        log_info(NULL, "the %s is back", k->name);
}

/* True when the status has changed. */
static bool probe_remember(struct dependency *k, const struct err *err)
{
    enum probe_status status =
        err == NULL || err->code == 0 ? PROBE_OK : PROBE_DOWN;
    enum probe_status before = k->status;

    k->status = status;
    k->checked_ms = loop_wall_ms();
    if (status == PROBE_DOWN) {
        k->code = err->code;
        memcpy(k->error, err->msg, sizeof(k->error));
    }
    if (before == status)
        return false;
    k->since_ms = k->checked_ms;
    probe_log_change(k, before);
    return true;
}

static void probe_remember_database(struct probe *p, const struct err *err)
{
    if (p->stopping || !probe_remember(&p->known[PROBE_DATABASE], err))
        return;
    if (p->options.changed != NULL)
        p->options.changed(p->options.arg, probe_database_ok(p));
}

/* Does the error mean that the other side cannot serve us? */
static bool probe_is_down(int code)
{
    return code == ERR_UNAVAILABLE || code == ERR_TIMEOUT || code == ERR_AUTH ||
           code == ERR_QUOTA;
}

/* Did the database refuse it, whatever it was? */
static bool probe_write_was_refused(const struct run_event *event)
{
    const struct err *err = event->err;

    return event->kind == EVENT_CALL &&
           (event->call == CALL_STORE || event->call == CALL_CHECKPOINT) &&
           err != NULL && err->code != 0 && err->code != ERR_CANCELED &&
           err->code != ERR_FENCED && err->code != ERR_BUSY;
}

void probe_event(struct probe *p, const struct run_event *event)
{
    const struct err *err = event->err;

    p->doubts = p->doubts || probe_write_was_refused(event);
    if (event->kind != EVENT_CALL ||
        (err != NULL && err->code != 0 && !probe_is_down(err->code)))
        return;
    if (event->call == CALL_FETCH)
        probe_remember(&p->known[PROBE_COORDINATOR], err);
    else if (event->call == CALL_EMBED)
        probe_remember(&p->known[PROBE_EMBEDDER], err);
}

/* Asking */

static void probe_step(struct probe *p);

static void on_probe_answer(struct op *op);

static void probe_try(struct probe *p)
{
    p->trying = true;
    op_init(&p->req.op, on_probe_answer);
    writable_try(p->options.pool, p->options.loop, p->options.tenant, &p->req);
}

static void on_probe_answer(struct op *op)
{
    struct probe *p = container_of(op, struct probe, req.op);

    if (op->err.code == 0 && p->doubts && !p->trying && !p->stopping) {
        probe_try(p);
        return;
    }
    if (op->err.code == 0)
        p->doubts = false;
    /* ERR_BUSY: the server is there, but not for us. */
    if (op->err.code != ERR_CANCELED && op->err.code != ERR_BUSY)
        probe_remember_database(p, &op->err);
    op_cancel(&p->timer.op);
    probe_step(p);
}

static void probe_give_up(struct probe *p)
{
    struct err err;

    err_set(&err, ERR_TIMEOUT, "the database did not answer within %d s",
        WAIT_MS / 1000);
    probe_remember_database(p, &err);
    op_cancel(&p->req.op);
}

static void on_probe_timer(struct op *op)
{
    struct probe *p = container_of(op, struct probe, timer.op);

    if (op_pending(&p->req.op) && op->err.code == 0)
        probe_give_up(p);
    probe_step(p);
}

static void probe_arm(struct probe *p, uint64_t delay_ms)
{
    op_init(&p->timer.op, on_probe_timer);
    loop_timer(p->options.loop, &p->timer, delay_ms);
}

static void probe_ask(struct probe *p)
{
    p->trying = false;
    op_init(&p->req.op, on_probe_answer);
    probe_arm(p, WAIT_MS);
    writable_ask(p->options.pool, p->options.loop, &p->req);
}

static void probe_step(struct probe *p)
{
    if (op_pending(&p->req.op) || op_pending(&p->timer.op))
        return;
    if (p->stopping) {
        free(p);
        return;
    }
    p->asked = !p->asked;
    if (p->asked)
        probe_ask(p);
    else
        probe_arm(p, PAUSE_MS);
}

/* Beginning and end */

int probe_start(struct probe **out, const struct probe_options *options)
{
    static const char *const names[] = {"database", "coordinator", "embedder"};
    struct probe *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return ERR_NOMEM;
    p->options = *options;
    for (int i = 0; i < PROBE_DEPENDENCIES; i++)
        p->known[i].name = names[i];
    *out = p;
    probe_step(p);
    return 0;
}

void probe_stop(struct probe *p)
{
    if (p == NULL)
        return;
    p->stopping = true;
    op_cancel(&p->req.op);
    op_cancel(&p->timer.op);
}

/* What is known */

bool probe_database_ok(const struct probe *p)
{
    return p->known[PROBE_DATABASE].status == PROBE_OK;
}

/* Away, or there and of no use? */
static bool probe_is_of_no_use(const struct dependency *k)
{
    static const char *const words[] = {WRITABLE_READ_ONLY, WRITABLE_NO_WRITES};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strncmp(k->error, words[i], strlen(words[i])) == 0)
            return true;
    return k->code == ERR_CONFIG;
}

const char *probe_database_reason(const struct probe *p)
{
    const struct dependency *k = &p->known[PROBE_DATABASE];

    return k->status == PROBE_DOWN && probe_is_of_no_use(k)
               ? k->error
               : "the database is down";
}

const struct dependency *probe_dependencies(const struct probe *p)
{
    return p->known;
}
