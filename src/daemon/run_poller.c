/*
 * Happy path: when the timer is due and nothing runs here, it submits run_join.
 * If that finds a run, the runner joins it like a trigger. When that run has
 * ended, or there was none, the timer starts again.
 *
 * Failures: a failed query is repeated at the next tick. It is logged once
 * until one succeeds, since the probe reports a database that is down.
 *
 * Stop: cancels the timer and the query. Close: run_poller_free(), when idle.
 */
#include "daemon/run_poller.h"

#include "base/log.h"
#include <assert.h>
#include <stdlib.h>

struct run_poller {
    const struct runner_options *options; /* borrowed */
    struct runner *runner;                /* borrowed */
    struct timer_req timer;
    struct run_join_req join;
    struct arena arena; /* the run that was found */
    struct trigger_req run;
    bool stopped;
    bool failing; /* the last query failed, and that was logged */
};

static void poller_wait(struct run_poller *j);
static void poller_look(struct run_poller *j);

static void on_poller_timer(struct op *op)
{
    struct run_poller *j = container_of(op, struct run_poller, timer.op);

    if (!j->stopped)
        poller_look(j);
}

static void on_poller_run_ended(struct op *op)
{
    struct run_poller *j = container_of(op, struct run_poller, run.op);

    trigger_req_clear(&j->run);
    poller_wait(j);
}

static void run_poller_take_part(struct run_poller *j)
{
    struct run_spec *found = &j->join.spec;

    found->trigger = "replica";
    op_init(&j->run.op, on_poller_run_ended);
    runner_trigger(j->runner, found, &j->run);
}

static void on_poller_looked(struct op *op)
{
    struct run_poller *j = container_of(op, struct run_poller, join.op);

    if (op->err.code != 0 && !j->failing && !j->stopped)
        log_warn(NULL, "cannot look for runs to join: %s", op->err.msg);
    j->failing = op->err.code != 0;
    if (op->err.code == 0 && j->join.run_id[0] != '\0' && !j->stopped)
        run_poller_take_part(j);
    else
        poller_wait(j);
}

static void poller_look(struct run_poller *j)
{
    const struct config *config = j->options->config;
    const struct ports *ports = j->options->ports;

    if (runner_is_running(j->runner) || runner_disabled(config) != NULL) {
        poller_wait(j);
        return;
    }
    arena_free(&j->arena);
    j->join = (struct run_join_req){.arena = &j->arena,
        .tenant = config->sync.tenant,
        .embedding = j->options->embedding,
        .limit = config->sync.limit};
    op_init(&j->join.op, on_poller_looked);
    ports->run_join(ports->world, &j->join);
}

static void poller_wait(struct run_poller *j)
{
    const struct ports *ports = j->options->ports;

    if (j->stopped)
        return;
    op_init(&j->timer.op, on_poller_timer);
    ports->timer(ports->world, &j->timer, JOINER_POLL_MS);
}

int run_poller_init(struct run_poller **out,
    const struct runner_options *options, struct runner *runner)
{
    struct run_poller *j = calloc(1, sizeof(*j));

    if (j == NULL)
        return ERR_NOMEM;
    j->options = options;
    j->runner = runner;
    arena_init(&j->arena, 0);
    op_init(&j->timer.op, on_poller_timer);
    op_init(&j->join.op, on_poller_looked);
    op_init(&j->run.op, on_poller_run_ended);
    *out = j;
    return 0;
}

void run_poller_free(struct run_poller *j)
{
    if (j == NULL)
        return;
    assert(run_poller_is_idle(j));
    arena_free(&j->arena);
    free(j);
}

void run_poller_start(struct run_poller *j)
{
    poller_look(j);
}

void run_poller_stop(struct run_poller *j)
{
    j->stopped = true;
    op_cancel(&j->timer.op);
    op_cancel(&j->join.op);
}

bool run_poller_is_idle(const struct run_poller *j)
{
    return !op_pending(&j->timer.op) && !op_pending(&j->join.op) &&
           !op_pending(&j->run.op);
}
