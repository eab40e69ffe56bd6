/*
 * Happy path: schedule_look() says that a fire is due, the runner is
 * triggered; schedule_look() again after as long as it said.
 *
 * Failures: a fire that meets a running run is dropped, logged and counted.
 * Cancel: scheduler_stop() cancels the wait; a run it triggered goes on and is
 * waited for. Close: scheduler_free(), when idle.
 */
#include "daemon/scheduler.h"

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
    struct runner *runner;       /* borrowed */
    struct metrics *metrics;     /* borrowed */
    struct cron cron;
    struct zone *zone; /* owned */
    struct schedule schedule;
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

static void fire(struct firing *f)
{
    struct scheduler *s = f->scheduler;
    struct trigger trigger = {.name = f->name, .kind = "daily"};

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
        fire(&s->at_startup);
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
        fire(&s->by_time);
    op_init(&s->wake.op, on_wake);
    loop_timer(s->loop, &s->wake, (uint64_t)step.wake_ms);
}

static void on_wake(struct op *op)
{
    struct scheduler *s = container_of(op, struct scheduler, wake.op);

    if (op->err.code == 0 && !s->stopped)
        look(s);
}

void scheduler_start(struct scheduler *s)
{
    struct schedule_options options = {
        .cron = &s->cron,
        .zone = s->zone,
        .jitter_ms = (int64_t)s->config->schedule.jitter_s * 1000,
        .seed = (uint64_t)getpid() ^ uv_hrtime(),
    };

    if (s->started || s->stopped || runner_disabled(s->config) != NULL)
        return;
    s->started = true;
    schedule_init(&s->schedule, &options, SCHEDULE_NONE, loop_wall_ms(),
        (int64_t)(uv_hrtime() / 1000000));
    look(s);
    if (s->config->schedule.on_startup)
        loop_timer(s->loop, &s->startup, STARTUP_DELAY_MS);
}

/* Life */

static int read_schedule(struct scheduler *s, struct err *err)
{
    const char *warning;

    if (cron_parse(s->config->schedule.cron, &s->cron, err) < 0) {
        err_wrap(err, "BATCH_SYNC_SCHEDULE=%s", s->config->schedule.cron);
        return err->code = ERR_CONFIG;
    }
    warning = cron_warning(&s->cron);
    if (warning != NULL)
        log_warn(NULL, "BATCH_SYNC_SCHEDULE=%s: %s", s->config->schedule.cron,
            warning);
    s->zone = zone_open(s->config->schedule.timezone, err);
    if (s->zone == NULL) {
        err_wrap(err, "BATCH_SYNC_TIMEZONE=%s", s->config->schedule.timezone);
        return err->code = ERR_CONFIG;
    }
    return 0;
}

int scheduler_init(struct scheduler **out, struct loop *loop,
    const struct config *config, struct runner *runner, struct metrics *metrics,
    struct err *err)
{
    struct scheduler *s = calloc(1, sizeof(*s));

    if (s == NULL)
        abort();
    *s = (struct scheduler){.loop = loop,
        .config = config,
        .runner = runner,
        .metrics = metrics,
        .by_time = {.scheduler = s, .name = "schedule"},
        .at_startup = {.scheduler = s, .name = "startup"}};
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
    op_cancel(&s->wake.op);
    op_cancel(&s->startup.op);
}

bool scheduler_is_idle(const struct scheduler *s)
{
    return !op_pending(&s->wake.op) && !op_pending(&s->startup.op) &&
           !op_pending(&s->by_time.req.op) &&
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
