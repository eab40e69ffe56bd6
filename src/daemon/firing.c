/*
 * Happy path: the ledger says that the schedules are not paused and that no
 * replica has begun a run for this fire; the runner is triggered.
 *
 * Failures: a fire that meets a run under way, here or elsewhere, is noted as
 * skipped, or, where fires queue, tried again until that run has ended; one
 * that cannot begin for a passing reason (the database is down) is tried again
 * for FIRE_PATIENCE_MS. The next fire takes the place of one that waits.
 * Cancel: firing_stop() cancels the waits; a run that was triggered goes on,
 * and the firing is idle when it has ended.
 */
#include "daemon/firing.h"

#include "base/log.h"
#include <stdlib.h>

enum {
    FIRE_AGAIN_MS = 500, /* the first wait; each is twice the one before */
    FIRE_AGAIN_MAX_MS = 8000,
    FIRE_QUEUE_MS = 1000, /* the same, for the end of a run */
    FIRE_PATIENCE_MS = 10 * 60 * 1000
};

static const char *firing_name(const struct firing *f)
{
    return f->schedule[0] != '\0' ? f->schedule : f->trigger;
}

/* Notes */

struct firing_note {
    struct firing *firing; /* borrowed; waits for it */
    struct fire_drop_req req;
};

static void firing_count(struct firing *f, const char *outcome)
{
    metrics_trigger(f->metrics, f->trigger,
        strcmp(outcome, "skipped") == 0 ? "already_running" : outcome);
}

/* One that another replica has begun was not dropped at all. */
static void on_firing_fire_noted(struct op *op)
{
    struct firing_note *n = container_of(op, struct firing_note, req.op);
    struct firing *f = n->firing;

    f->notes--;
    if (op->err.code != 0)
        log_warn(NULL, "%s: cannot note the dropped fire: %s", firing_name(f),
            op->err.msg);
    if (!n->req.taken) {
        firing_count(f, n->req.outcome);
        log_warn(NULL, "%s: the fire began no run: %s", firing_name(f),
            n->req.outcome);
    }
    free(n);
}

static void firing_drop(struct firing *f, int64_t nominal_ms, const char *why)
{
    struct firing_note *n;

    if (nominal_ms == 0) {
        firing_count(f, why);
        return;
    }
    n = calloc(1, sizeof(*n));
    if (n == NULL)
        abort();
    n->firing = f;
    n->req = (struct fire_drop_req){
        .schedule = f->schedule, .fire_ms = nominal_ms, .outcome = why};
    op_init(&n->req.op, on_firing_fire_noted);
    f->notes++;
    ledger_fire_drop(f->ledger, &n->req);
}

/* One try */

static void firing_ask(struct firing *f);

/* The fire under way has ended: the one behind it begins. */
static void firing_next(struct firing *f)
{
    int64_t next_ms = f->next_ms;

    f->wait_ms = 0;
    f->next_ms = 0;
    f->told = false;
    if (next_ms != 0 && !f->stopped)
        firing_fire(f, next_ms);
}

static void firing_give_up(struct firing *f, const char *why)
{
    firing_drop(f, f->nominal_ms, why);
    firing_next(f);
}

static void on_firing_fire_again(struct op *op)
{
    struct firing *f = container_of(op, struct firing, again.op);

    if (op->err.code == 0 && !f->stopped)
        firing_ask(f);
}

static void firing_wait(struct firing *f, const struct err *err, uint64_t most)
{
    if (!f->told)
        log_warn(NULL, "%s: cannot start the run yet: %s; trying again",
            firing_name(f), err->msg);
    f->told = true;
    f->wait_ms = f->wait_ms == 0 ? FIRE_AGAIN_MS : 2 * f->wait_ms;
    if (f->wait_ms > most)
        f->wait_ms = most;
    op_init(&f->again.op, on_firing_fire_again);
    loop_timer(f->loop, &f->again, f->wait_ms);
}

/* It could not begin. A fire that came meanwhile takes its place. */
static void firing_failed(struct firing *f, const struct err *err)
{
    bool running = err->code == ERR_ALREADY_RUNNING;
    bool patient =
        running ? f->queues
                : err_is_transient(err->code) &&
                      loop_now_ms(f->loop) - f->since_ms < FIRE_PATIENCE_MS;

    if (f->stopped)
        return;
    if (patient && f->next_ms != 0) {
        firing_give_up(f, "replaced");
        return;
    }
    if (patient) {
        firing_wait(f, err, running ? FIRE_QUEUE_MS : FIRE_AGAIN_MAX_MS);
        return;
    }
    log_warn(NULL, "%s: the run did not start: %s", firing_name(f), err->msg);
    if (err->code == ERR_DISABLED || err->code == ERR_CANCELED) {
        metrics_trigger(f->metrics, f->trigger, trigger_outcome(err));
        firing_next(f);
        return;
    }
    firing_give_up(f, running ? "skipped" : "failed");
}

static void on_firing_fire_run_ended(struct op *op)
{
    struct firing *f = container_of(op, struct firing, req.op);

    trigger_req_clear(&f->req);
    if (op->err.code != 0) {
        firing_failed(f, &op->err);
        return;
    }
    metrics_trigger(f->metrics, f->trigger, trigger_outcome(&op->err));
    firing_next(f);
}

static void on_firing_fire_begun(struct trigger_req *req)
{
    container_of(req, struct firing, req)->wait_ms = 0;
}

static void firing_trigger(struct firing *f)
{
    struct run_spec spec = {.trigger = f->trigger,
        .kind = "daily",
        .schedule = f->schedule,
        .fire_ms = f->nominal_ms};

    if (f->schedule[0] != '\0') {
        spec.services = &f->schedule;
        spec.nservices = 1;
        spec.source = "schedule";
    }
    op_init(&f->req.op, on_firing_fire_run_ended);
    f->req.quiet = true;
    f->req.begun = on_firing_fire_begun;
    runner_trigger(f->runner, &spec, &f->req);
}

static void on_firing_fire_asked(struct op *op)
{
    struct firing *f = container_of(op, struct firing, ask.op);

    if (f->stopped)
        return;
    if (op->err.code != 0) {
        firing_failed(f, &op->err);
    } else if (f->ask.taken) {
        firing_next(f);
    } else if (f->ask.paused) {
        log_info(NULL, "%s: paused: %s", firing_name(f), f->ask.reason);
        firing_give_up(f, "paused");
    } else {
        firing_trigger(f);
    }
}

static void firing_ask(struct firing *f)
{
    f->ask = (struct fire_ask_req){
        .schedule = f->schedule, .fire_ms = f->nominal_ms};
    op_init(&f->ask.op, on_firing_fire_asked);
    ledger_fire_ask(f->ledger, &f->ask);
}

/* Fires */

static bool firing_at_work(const struct firing *f)
{
    return op_pending(&f->ask.op) || op_pending(&f->req.op);
}

/* It keeps one: the latest. */
static void firing_keep(struct firing *f, int64_t nominal_ms)
{
    if (f->next_ms != 0)
        firing_drop(f, f->next_ms, "replaced");
    f->next_ms = nominal_ms;
    log_info(NULL, "%s: a fire waits for the run under way", firing_name(f));
}

/* While a try is under way, wait_ms says that others have failed before: then
 * that fire is not running yet, and gives way. */
void firing_fire(struct firing *f, int64_t nominal_ms)
{
    if (firing_at_work(f)) {
        if (nominal_ms != 0 && (f->queues || f->wait_ms != 0))
            firing_keep(f, nominal_ms);
        else
            firing_drop(f, nominal_ms, "skipped");
        return;
    }
    if (op_pending(&f->again.op)) {
        firing_drop(f, f->nominal_ms, "replaced");
        f->nominal_ms = nominal_ms;
        f->since_ms = loop_now_ms(f->loop);
        return;
    }
    f->nominal_ms = nominal_ms;
    f->since_ms = loop_now_ms(f->loop);
    firing_ask(f);
}

void firing_init(struct firing *f)
{
    op_init(&f->ask.op, on_firing_fire_asked);
    op_init(&f->req.op, on_firing_fire_run_ended);
    op_init(&f->again.op, on_firing_fire_again);
}

void firing_stop(struct firing *f)
{
    f->stopped = true;
    op_cancel(&f->ask.op);
    op_cancel(&f->again.op);
}

bool firing_is_idle(const struct firing *f)
{
    return !firing_at_work(f) && !op_pending(&f->again.op) && f->notes == 0;
}
