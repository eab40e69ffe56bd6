/*
 * Happy path: schedule_look() says that a fire is due and when to look again;
 * the runner is triggered.
 *
 * Failures: a fire during a run is skipped, logged and counted. A fire whose
 * run cannot start for a passing reason (the database is down) is tried again
 * under the same instant, for FIRE_PATIENCE_MS or until the next fire replaces
 * it; that is logged once, and counted at its end.
 * Cancel: scheduler_stop() cancels the waits; a run that was triggered goes on,
 * and the scheduler is idle when it has ended. Close: scheduler_free(), when
 * idle.
 */
#include "daemon/scheduler.h"

#include "base/crypto.h"
#include "base/log.h"
#include "clock/schedule.h"
#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    ASK_AGAIN_MS = 1000,
    STARTUP_DELAY_MS = 5000,
    FIRE_AGAIN_MS = 500, /* the first wait; each is twice the one before */
    FIRE_AGAIN_MAX_MS = 8000,
    FIRE_PATIENCE_MS = 10 * 60 * 1000
};

/* A run that this scheduler has asked for: one by time, one at start-up. */
struct firing {
    struct scheduler *scheduler; /* borrowed; the owner */
    struct trigger_req req;
    const char *name;       /* static */
    int64_t nominal_ms;     /* 0: not a fire of the schedule */
    uint64_t since_ms;      /* when it was tried first, on the loop's clock */
    uint64_t wait_ms;       /* before the last try; 0: it was the first */
    struct timer_req again; /* before the next one */
};

struct scheduler {
    struct loop *loop;           /* borrowed */
    const struct config *config; /* borrowed */
    struct ledger *ledger;       /* borrowed */
    struct runner *runner;       /* borrowed */
    struct metrics *metrics;     /* borrowed */
    struct cron cron;
    struct zone *zone; /* owned */
    struct schedule schedule;
    struct last_fire_req last;
    struct timer_req wake, startup;
    struct firing by_time, at_startup;
    int64_t wall_ms, mono_ms; /* when it was started */
    bool asked_again;         /* for the last fire; logged */
    bool started, stopped;
};

/* Firing */

static void try_to_run(struct firing *f);

static void on_again(struct op *op)
{
    struct firing *f = container_of(op, struct firing, again.op);

    if (op->err.code == 0 && !f->scheduler->stopped)
        try_to_run(f);
}

static bool may_try_again(const struct firing *f, const struct err *err)
{
    const struct scheduler *s = f->scheduler;

    return !s->stopped && err_is_transient(err->code) &&
           loop_now_ms(s->loop) - f->since_ms < FIRE_PATIENCE_MS;
}

static void wait_to_try(struct firing *f, const struct err *err)
{
    if (f->wait_ms == 0)
        log_warn(NULL, "%s: cannot start the run yet: %s; trying again",
            f->name, err->msg);
    f->wait_ms = f->wait_ms == 0 ? FIRE_AGAIN_MS : 2 * f->wait_ms;
    if (f->wait_ms > FIRE_AGAIN_MAX_MS)
        f->wait_ms = FIRE_AGAIN_MAX_MS;
    op_init(&f->again.op, on_again);
    loop_timer(f->scheduler->loop, &f->again, f->wait_ms);
}

static void on_scheduler_run_ended(struct op *op)
{
    struct firing *f = container_of(op, struct firing, req.op);

    trigger_req_clear(&f->req);
    if (may_try_again(f, &op->err)) {
        wait_to_try(f, &op->err);
        return;
    }
    f->wait_ms = 0;
    metrics_trigger(f->scheduler->metrics, f->name, trigger_outcome(&op->err));
    if (op->err.code != 0)
        log_warn(NULL, "%s: the run did not start: %s", f->name, op->err.msg);
}

static void on_scheduler_begun(struct trigger_req *req)
{
    container_of(req, struct firing, req)->wait_ms = 0;
}

static void try_to_run(struct firing *f)
{
    struct run_spec spec = {
        .trigger = f->name, .kind = "daily", .fire_ms = f->nominal_ms};

    op_init(&f->req.op, on_scheduler_run_ended);
    f->req.quiet = true;
    f->req.begun = on_scheduler_begun;
    runner_trigger(f->scheduler->runner, &spec, &f->req);
}

/* The pending try, or its next one, stands for the new fire from now on. */
static void supersede(struct firing *f)
{
    metrics_trigger(f->scheduler->metrics, f->name, "failed");
    log_warn(NULL, "%s: the run did not start before the next fire", f->name);
}

static void fire(struct firing *f, int64_t nominal_ms)
{
    struct scheduler *s = f->scheduler;

    if (op_pending(&f->req.op) && f->wait_ms == 0) { /* it is running */
        metrics_trigger(s->metrics, f->name, "already_running");
        log_warn(
            NULL, "%s: skipped, the previous run is still under way", f->name);
        return;
    }
    if (f->wait_ms != 0)
        supersede(f);
    f->nominal_ms = nominal_ms;
    f->since_ms = loop_now_ms(s->loop);
    if (f->wait_ms == 0)
        try_to_run(f);
}

static void on_startup(struct op *op)
{
    struct scheduler *s = container_of(op, struct scheduler, startup.op);

    if (op->err.code == 0 && !s->stopped)
        fire(&s->at_startup, 0);
}

/* Waiting */

static void on_scheduler_wake(struct op *op);

static void report(const struct schedule_step *step)
{
    if (step->jump_ms != 0)
        log_warn(NULL, "schedule: the wall clock has moved by %lld ms",
            (long long)step->jump_ms);
    if (step->missed > 0)
        log_warn(NULL, "schedule: missed %llu fire%s",
            (unsigned long long)step->missed,
            step->missed_more   ? "s or more"
            : step->missed == 1 ? ""
                                : "s");
}

static void scheduler_look(struct scheduler *s)
{
    struct schedule_step step;

    schedule_look(&s->schedule, loop_wall_ms(), (int64_t)loop_mono_ms(), &step);
    report(&step);
    for (uint64_t i = 0; i < step.missed; i++)
        metrics_trigger(s->metrics, "schedule", "missed");
    if (step.fire)
        fire(&s->by_time, step.nominal_ms);
    op_init(&s->wake.op, on_scheduler_wake);
    loop_timer(s->loop, &s->wake, (uint64_t)step.wake_ms);
}

static void on_scheduler_wake(struct op *op)
{
    struct scheduler *s = container_of(op, struct scheduler, wake.op);

    if (op->err.code == 0 && !s->stopped)
        scheduler_look(s);
}

/* Constant on one machine, different on others. */
static uint64_t jitter_seed(void)
{
    char host[256] = "";
    uint8_t digest[SHA256_BYTES];
    uint64_t seed;

    gethostname(host, sizeof(host) - 1);
    sha256_of(str_of(host), digest);
    memcpy(&seed, digest, sizeof(seed));
    return seed;
}

static void scheduler_begin(struct scheduler *s, int64_t last_ms)
{
    struct schedule_options options = {
        .cron = &s->cron,
        .zone = s->zone,
        .jitter_ms = (int64_t)s->config->schedule.jitter_s * 1000,
        .seed = jitter_seed(),
        .catch_up = s->config->schedule.catch_up,
    };

    s->started = true;
    schedule_init(&s->schedule, &options, last_ms, s->wall_ms, s->mono_ms);
    scheduler_look(s);
    if (s->config->schedule.on_startup)
        loop_timer(s->loop, &s->startup, STARTUP_DELAY_MS);
}

static void scheduler_ask(struct scheduler *s);

static void on_ask_again(struct op *op)
{
    struct scheduler *s = container_of(op, struct scheduler, wake.op);

    if (op->err.code == 0 && !s->stopped)
        scheduler_ask(s);
}

/* Nothing can run without the database, so nothing is late. */
static void wait_to_ask(struct scheduler *s, const struct err *err)
{
    if (!s->asked_again)
        log_warn(NULL,
            "schedule: cannot read the last fire yet: %s; trying again",
            err->msg);
    s->asked_again = true;
    op_init(&s->wake.op, on_ask_again);
    loop_timer(s->loop, &s->wake, ASK_AGAIN_MS);
}

static void on_last_fire(struct op *op)
{
    struct scheduler *s = container_of(op, struct scheduler, last.op);
    bool known = op->err.code == 0 && s->last.fire_ms != 0;

    if (s->stopped)
        return;
    if (err_is_transient(op->err.code)) {
        wait_to_ask(s, &op->err);
        return;
    }
    if (op->err.code != 0)
        log_warn(NULL, "schedule: cannot read the last fire: %s", op->err.msg);
    scheduler_begin(s, known ? s->last.fire_ms : SCHEDULE_NONE);
}

static void scheduler_ask(struct scheduler *s)
{
    op_init(&s->last.op, on_last_fire);
    ledger_last_fire(s->ledger, &s->last);
}

void scheduler_start(struct scheduler *s)
{
    if (s->started || s->stopped || op_pending(&s->last.op) ||
        op_pending(&s->wake.op) || runner_disabled(s->config) != NULL)
        return;
    s->wall_ms = loop_wall_ms();
    s->mono_ms = (int64_t)loop_mono_ms();
    scheduler_ask(s);
}

/* Life */

int scheduler_read(const struct config_schedule *config, struct cron *cron,
    struct zone **zone, struct err *err)
{
    if (cron_parse(config->cron, cron, err) < 0) {
        err_wrap(err, "BATCH_SYNC_SCHEDULE=%s", config->cron);
        return err->code = ERR_CONFIG;
    }
    *zone = zone_open(config->timezone, err);
    if (*zone == NULL) {
        err_wrap(err, "BATCH_SYNC_TIMEZONE=%s", config->timezone);
        return err->code = ERR_CONFIG;
    }
    return 0;
}

static int read_schedule(struct scheduler *s, struct err *err)
{
    const struct config_schedule *config = &s->config->schedule;
    const char *warning;

    if (scheduler_read(config, &s->cron, &s->zone, err) < 0)
        return err->code;
    warning = cron_warning(&s->cron);
    if (warning != NULL)
        log_warn(NULL, "BATCH_SYNC_SCHEDULE=%s: %s", config->cron, warning);
    return 0;
}

int scheduler_init(struct scheduler **out, struct loop *loop,
    const struct config *config, struct ledger *ledger, struct runner *runner,
    struct metrics *metrics, struct err *err)
{
    struct scheduler *s = calloc(1, sizeof(*s));

    if (s == NULL)
        abort();
    *s = (struct scheduler){.loop = loop,
        .config = config,
        .ledger = ledger,
        .runner = runner,
        .metrics = metrics,
        .by_time = {.scheduler = s, .name = "schedule"},
        .at_startup = {.scheduler = s, .name = "startup"}};
    op_init(&s->last.op, on_last_fire);
    op_init(&s->wake.op, on_scheduler_wake);
    op_init(&s->startup.op, on_startup);
    op_init(&s->by_time.req.op, on_scheduler_run_ended);
    op_init(&s->by_time.again.op, on_again);
    op_init(&s->at_startup.req.op, on_scheduler_run_ended);
    op_init(&s->at_startup.again.op, on_again);
    *out = s;
    return read_schedule(s, err);
}

void scheduler_stop(struct scheduler *s)
{
    s->stopped = true;
    op_cancel(&s->last.op);
    op_cancel(&s->wake.op);
    op_cancel(&s->startup.op);
    op_cancel(&s->by_time.again.op);
    op_cancel(&s->at_startup.again.op);
}

static bool is_at_work(const struct firing *f)
{
    return op_pending(&f->req.op) || op_pending(&f->again.op);
}

bool scheduler_is_idle(const struct scheduler *s)
{
    return !op_pending(&s->last.op) && !op_pending(&s->wake.op) &&
           !op_pending(&s->startup.op) && !is_at_work(&s->by_time) &&
           !is_at_work(&s->at_startup);
}

void scheduler_free(struct scheduler *s)
{
    if (s == NULL)
        return;
    assert(scheduler_is_idle(s));
    zone_close(s->zone);
    free(s);
}

void scheduler_status(
    const struct scheduler *s, struct scheduler_status *status)
{
    int64_t next;

    *status = (struct scheduler_status){.scheduled = s->started && !s->stopped};
    if (!status->scheduled)
        return;
    next = schedule_next_ms(&s->schedule);
    status->next_ms = next == SCHEDULE_NONE ? 0 : next;
}
