/*
 * Happy path: schedule_look() says that a fire is due and when to look again;
 * the job's firing does the rest. Each schedule is a job of its own: none waits
 * for another.
 *
 * Failures: while the last fire cannot be read, since the database is down, the
 * job asks again and fires nothing. Cancel: scheduler_stop() cancels the waits;
 * a run that was triggered goes on, and the scheduler is idle when it has
 * ended. Close: scheduler_free(), when idle.
 */
#include "daemon/scheduler.h"

#include "base/crypto.h"
#include "base/log.h"
#include "clock/schedule.h"
#include "daemon/firing.h"
#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

enum { ASK_AGAIN_MS = 1000, STARTUP_DELAY_MS = 5000 };

struct job {
    struct scheduler *scheduler; /* borrowed; the owner */
    char *expression;            /* owned */
    char *service;               /* owned; "": all */
    struct cron cron;
    struct schedule schedule;
    struct last_fire_req last;
    struct timer_req wake;
    struct firing firing;
    bool asked_again; /* for the last fire; logged */
    bool started;
};

struct scheduler {
    struct loop *loop;           /* borrowed */
    const struct config *config; /* borrowed */
    struct ledger *ledger;       /* borrowed */
    struct runner *runner;       /* borrowed */
    struct metrics *metrics;     /* borrowed */
    struct zone *zone;           /* owned */
    struct job *jobs;            /* owned; the one for all is the first */
    size_t njobs;
    struct firing at_startup;
    struct timer_req startup;
    int64_t wall_ms, mono_ms; /* when it was started */
    bool begun, stopped;
};

static const char *scheduler_job_name(const struct job *j)
{
    return j->service[0] != '\0' ? j->service : "schedule";
}

/* Waiting */

static void on_scheduler_wake(struct op *op);

static void scheduler_job_report(
    const struct job *j, const struct schedule_step *step)
{
    if (step->jump_ms != 0)
        log_warn(NULL, "%s: the wall clock has moved by %lld ms",
            scheduler_job_name(j), (long long)step->jump_ms);
    if (step->missed > 0)
        log_warn(NULL, "%s: missed %llu fire%s", scheduler_job_name(j),
            (unsigned long long)step->missed,
            step->missed_more   ? "s or more"
            : step->missed == 1 ? ""
                                : "s");
}

static void scheduler_job_look(struct job *j)
{
    struct scheduler *s = j->scheduler;
    struct schedule_step step;

    schedule_look(&j->schedule, loop_wall_ms(), (int64_t)loop_mono_ms(), &step);
    scheduler_job_report(j, &step);
    for (uint64_t i = 0; i < step.missed; i++)
        metrics_trigger(s->metrics, "schedule", "missed");
    if (step.fire)
        firing_fire(&j->firing, step.nominal_ms);
    op_init(&j->wake.op, on_scheduler_wake);
    loop_timer(s->loop, &j->wake, (uint64_t)step.wake_ms);
}

static void on_scheduler_wake(struct op *op)
{
    struct job *j = container_of(op, struct job, wake.op);

    if (op->err.code == 0 && !j->scheduler->stopped)
        scheduler_job_look(j);
}

static void on_scheduler_startup(struct op *op)
{
    struct scheduler *s = container_of(op, struct scheduler, startup.op);

    if (op->err.code == 0 && !s->stopped)
        firing_fire(&s->at_startup, 0);
}

/* Constant on one machine, different on others. */
static uint64_t scheduler_jitter_seed(void)
{
    char host[256] = "";
    uint8_t digest[SHA256_BYTES];
    uint64_t seed;

    gethostname(host, sizeof(host) - 1);
    sha256_of(str_of(host), digest);
    memcpy(&seed, digest, sizeof(seed));
    return seed;
}

static void scheduler_job_begins(struct job *j, int64_t last_ms)
{
    struct scheduler *s = j->scheduler;
    struct schedule_options options = {
        .cron = &j->cron,
        .zone = s->zone,
        .jitter_ms = (int64_t)s->config->schedule.jitter_s * 1000,
        .seed = scheduler_jitter_seed(),
        .catch_up = s->config->schedule.catch_up,
    };

    j->started = true;
    schedule_init(&j->schedule, &options, last_ms, s->wall_ms, s->mono_ms);
    scheduler_job_look(j);
    if (j == s->jobs && s->config->schedule.on_startup)
        loop_timer(s->loop, &s->startup, STARTUP_DELAY_MS);
}

static void scheduler_job_ask(struct job *j);

static void on_scheduler_ask_again(struct op *op)
{
    struct job *j = container_of(op, struct job, wake.op);

    if (op->err.code == 0 && !j->scheduler->stopped)
        scheduler_job_ask(j);
}

/* Nothing can run without the database, so nothing is late. */
static void scheduler_job_wait_to_ask(struct job *j, const struct err *err)
{
    if (!j->asked_again)
        log_warn(NULL, "%s: cannot read the last fire yet: %s; trying again",
            scheduler_job_name(j), err->msg);
    j->asked_again = true;
    op_init(&j->wake.op, on_scheduler_ask_again);
    loop_timer(j->scheduler->loop, &j->wake, ASK_AGAIN_MS);
}

static void on_scheduler_last_fire(struct op *op)
{
    struct job *j = container_of(op, struct job, last.op);
    bool known = op->err.code == 0 && j->last.fire_ms != 0;

    if (j->scheduler->stopped)
        return;
    if (err_is_transient(op->err.code)) {
        scheduler_job_wait_to_ask(j, &op->err);
        return;
    }
    if (op->err.code != 0)
        log_warn(NULL, "%s: cannot read the last fire: %s",
            scheduler_job_name(j), op->err.msg);
    scheduler_job_begins(j, known ? j->last.fire_ms : SCHEDULE_NONE);
}

static void scheduler_job_ask(struct job *j)
{
    j->last = (struct last_fire_req){.schedule = j->service};
    op_init(&j->last.op, on_scheduler_last_fire);
    ledger_last_fire(j->scheduler->ledger, &j->last);
}

void scheduler_start(struct scheduler *s)
{
    if (s->begun || s->stopped || runner_disabled(s->config) != NULL)
        return;
    s->begun = true;
    s->wall_ms = loop_wall_ms();
    s->mono_ms = (int64_t)loop_mono_ms();
    for (size_t i = 0; i < s->njobs; i++)
        scheduler_job_ask(&s->jobs[i]);
}

/* Life */

static char *scheduler_copy(struct str text)
{
    char *z = strndup(text.len == 0 ? "" : text.p, text.len);

    if (z == NULL)
        abort();
    return z;
}

static void scheduler_set_firing(
    struct scheduler *s, struct firing *f, const char *trigger)
{
    *f = (struct firing){.loop = s->loop,
        .ledger = s->ledger,
        .runner = s->runner,
        .metrics = s->metrics,
        .trigger = trigger,
        .schedule = "",
        .queues = s->config->schedule.queues};
    firing_init(f);
}

static int scheduler_job_init(struct scheduler *s, struct str service,
    struct str text, const char *variable, struct err *err)
{
    struct job *j = &s->jobs[s->njobs++];
    const char *warning;

    *j = (struct job){.scheduler = s,
        .service = scheduler_copy(service),
        .expression = scheduler_copy(text)};
    op_init(&j->last.op, on_scheduler_last_fire);
    op_init(&j->wake.op, on_scheduler_wake);
    scheduler_set_firing(s, &j->firing, "schedule");
    j->firing.schedule = j->service;
    j->firing.queues = j->firing.queues || service.len > 0;
    if (cron_parse(j->expression, &j->cron, err) < 0) {
        err_wrap(err, "%s=%s", variable, j->expression);
        return err->code = ERR_CONFIG;
    }
    warning = cron_warning(&j->cron);
    if (warning != NULL)
        log_warn(NULL, "%s=%s: %s", variable, j->expression, warning);
    return 0;
}

int scheduler_read(const struct config_schedule *config, struct cron *cron,
    struct zone **zone, struct err *err)
{
    *zone = NULL;
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

/* What is wrong was said by config/ before. */
static int scheduler_read_jobs(struct scheduler *s, struct err *err)
{
    const struct config_schedule *config = &s->config->schedule;
    struct str lines = str_of(config->own == NULL ? "" : config->own);
    struct str name, expression;
    struct cron cron;

    if (scheduler_read(config, &cron, &s->zone, err) < 0 ||
        scheduler_job_init(
            s, STR(""), str_of(config->cron), "BATCH_SYNC_SCHEDULE", err) < 0)
        return err->code;
    while (s->njobs <= CONFIG_SCHEDULES &&
           config_next_schedule(&lines, &name, &expression))
        if (scheduler_job_init(
                s, name, expression, "BATCH_SYNC_SCHEDULES", err) < 0)
            return err->code;
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
        .jobs = calloc(CONFIG_SCHEDULES + 1, sizeof(*s->jobs))};
    if (s->jobs == NULL)
        abort();
    op_init(&s->startup.op, on_scheduler_startup);
    scheduler_set_firing(s, &s->at_startup, "startup");
    *out = s;
    return scheduler_read_jobs(s, err);
}

void scheduler_stop(struct scheduler *s)
{
    s->stopped = true;
    op_cancel(&s->startup.op);
    firing_stop(&s->at_startup);
    for (size_t i = 0; i < s->njobs; i++) {
        op_cancel(&s->jobs[i].last.op);
        op_cancel(&s->jobs[i].wake.op);
        firing_stop(&s->jobs[i].firing);
    }
}

bool scheduler_is_idle(const struct scheduler *s)
{
    for (size_t i = 0; i < s->njobs; i++)
        if (op_pending(&s->jobs[i].last.op) ||
            op_pending(&s->jobs[i].wake.op) ||
            !firing_is_idle(&s->jobs[i].firing))
            return false;
    return !op_pending(&s->startup.op) && firing_is_idle(&s->at_startup);
}

void scheduler_free(struct scheduler *s)
{
    if (s == NULL)
        return;
    assert(scheduler_is_idle(s));
    for (size_t i = 0; i < s->njobs; i++) {
        free(s->jobs[i].service);
        free(s->jobs[i].expression);
    }
    zone_close(s->zone);
    free(s->jobs);
    free(s);
}

/* What is known */

void scheduler_status(
    const struct scheduler *s, struct scheduler_status *status)
{
    int64_t next;

    *status = (struct scheduler_status){
        .scheduled = s->jobs[0].started && !s->stopped};
    if (!status->scheduled)
        return;
    next = schedule_next_ms(&s->jobs[0].schedule);
    status->next_ms = next == SCHEDULE_NONE ? 0 : next;
}

size_t scheduler_count(const struct scheduler *s)
{
    return s->njobs;
}

struct scheduler_entry scheduler_entry(const struct scheduler *s, size_t i)
{
    const struct job *j = &s->jobs[i];

    return (struct scheduler_entry){
        j->service, j->expression, j->firing.queues};
}

size_t scheduler_next(
    const struct scheduler *s, size_t i, size_t n, int64_t next_ms[])
{
    int64_t after_ms = loop_wall_ms();
    struct cron_fire fire;
    size_t found = 0;

    while (found < n && cron_next(&s->jobs[i].cron, s->zone, after_ms, &fire))
        next_ms[found++] = after_ms = fire.at_ms;
    return found;
}
