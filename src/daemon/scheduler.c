/*
 * Happy path: schedule_look() says that a fire is due, the runner is
 * triggered; schedule_look() again after as long as it said.
 *
 * Failures: a fire that meets a running run is dropped, logged and counted.
 * Cancel: scheduler_stop() cancels the wait; a run it triggered goes on and is
 * waited for. Close: scheduler_free(), when idle.
 */
#include "daemon/scheduler.h"

#include "base/crypto.h"
#include "base/log.h"
#include "clock/schedule.h"
#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

enum { STARTUP_DELAY_MS = 5000 };

/* A run that this scheduler has asked for: one by time, one at start-up. */
struct firing {
    struct scheduler *scheduler; /* borrowed; the owner */
    struct trigger_req req;
    const char *name; /* static */
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
    bool started, stopped;
};

/* Firing */

static void on_run_ended(struct op *op)
{
    struct firing *f = container_of(op, struct firing, req.op);

    metrics_trigger(f->scheduler->metrics, f->name, trigger_outcome(&op->err));
    if (op->err.code != 0)
        log_warn(NULL, "%s: no run: %s", f->name, op->err.msg);
}

static void fire(struct firing *f, int64_t nominal_ms)
{
    struct scheduler *s = f->scheduler;
    struct trigger trigger = {
        .name = f->name, .kind = "daily", .fire_ms = nominal_ms};

    if (op_pending(&f->req.op)) { /* its last run is still going on */
        metrics_trigger(s->metrics, f->name, "already_running");
        log_warn(
            NULL, "%s: dropped, the run before is still going on", f->name);
        return;
    }
    op_init(&f->req.op, on_run_ended);
    runner_trigger(s->runner, &trigger, &f->req);
}

static void on_startup(struct op *op)
{
    struct scheduler *s = container_of(op, struct scheduler, startup.op);

    if (op->err.code == 0 && !s->stopped)
        fire(&s->at_startup, 0);
}

/* Waiting */

static void on_wake(struct op *op);

static void report(const struct schedule_step *step)
{
    if (step->jump_ms != 0)
        log_warn(NULL, "schedule: the wall clock has moved by %lld ms",
            (long long)step->jump_ms);
    if (step->missed > 0)
        log_warn(NULL, "schedule: %llu%s missed",
            (unsigned long long)step->missed,
            step->missed_more ? " or more were" : " was");
}

static void look(struct scheduler *s)
{
    struct schedule_step step;

    schedule_look(
        &s->schedule, loop_wall_ms(), (int64_t)(uv_hrtime() / 1000000), &step);
    report(&step);
    for (uint64_t i = 0; i < step.missed; i++)
        metrics_trigger(s->metrics, "schedule", "missed");
    if (step.fire)
        fire(&s->by_time, step.nominal_ms);
    op_init(&s->wake.op, on_wake);
    loop_timer(s->loop, &s->wake, (uint64_t)step.wake_ms);
}

static void on_wake(struct op *op)
{
    struct scheduler *s = container_of(op, struct scheduler, wake.op);

    if (op->err.code == 0 && !s->stopped)
        look(s);
}

/* The same at every start, and another one on another machine. */
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

static void begin(struct scheduler *s, int64_t last_ms)
{
    struct schedule_options options = {
        .cron = &s->cron,
        .zone = s->zone,
        .jitter_ms = (int64_t)s->config->schedule.jitter_s * 1000,
        .seed = jitter_seed(),
        .catch_up = s->config->schedule.catch_up,
    };

    s->started = true;
    schedule_init(&s->schedule, &options, last_ms, loop_wall_ms(),
        (int64_t)(uv_hrtime() / 1000000));
    look(s);
    if (s->config->schedule.on_startup)
        loop_timer(s->loop, &s->startup, STARTUP_DELAY_MS);
}

static void on_last_fire(struct op *op)
{
    struct scheduler *s = container_of(op, struct scheduler, last.op);
    bool known = op->err.code == 0 && s->last.fire_ms != 0;

    if (op->err.code != 0)
        log_warn(NULL, "schedule: the last fire is not known: %s", op->err.msg);
    if (!s->stopped)
        begin(s, known ? s->last.fire_ms : SCHEDULE_NONE);
}

void scheduler_start(struct scheduler *s)
{
    if (s->started || s->stopped || op_pending(&s->last.op) ||
        runner_disabled(s->config) != NULL)
        return;
    op_init(&s->last.op, on_last_fire);
    if (ledger_last_fire(s->ledger, &s->last) < 0)
        begin(s, SCHEDULE_NONE);
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
    op_init(&s->wake.op, on_wake);
    op_init(&s->startup.op, on_startup);
    op_init(&s->by_time.req.op, on_run_ended);
    op_init(&s->at_startup.req.op, on_run_ended);
    *out = s;
    return read_schedule(s, err);
}

void scheduler_stop(struct scheduler *s)
{
    s->stopped = true;
    op_cancel(&s->last.op);
    op_cancel(&s->wake.op);
    op_cancel(&s->startup.op);
}

bool scheduler_is_idle(const struct scheduler *s)
{
    return !op_pending(&s->last.op) && !op_pending(&s->wake.op) &&
           !op_pending(&s->startup.op) && !op_pending(&s->by_time.req.op) &&
           !op_pending(&s->at_startup.req.op);
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
