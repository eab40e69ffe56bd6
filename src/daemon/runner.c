/*
 * Happy path: a trigger becomes a run_req; its id is completing as soon as the
 * ledger gave one; when the run ends the trigger's callback gets the result.
 *
 * Failures: refused triggers end at once, in a later iteration of the loop,
 * without touching the run under way.
 *
 * Cancel: op_cancel() on a trigger does nothing: a run belongs to nobody, and
 * a client that goes away does not stop it. Close: runner_free(), when idle.
 */
#include "daemon/runner.h"

#include "base/log.h"
#include <assert.h>
#include <stdlib.h>

struct runner {
    struct runner_options options;
    bool draining;
    struct run_req run;
    struct arena arena;      /* what the trigger said, for the run */
    struct trigger_req *req; /* borrowed; of the run under way, or NULL */
    struct op
        completing; /* pending while an ended run's result is still wanted */
    struct last_run last;
};

static void on_completed(struct op *op)
{
}

int runner_init(struct runner **out, const struct runner_options *options)
{
    struct runner *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return ERR_NOMEM;
    r->options = *options;
    arena_init(&r->arena, 0);
    op_init(&r->completing, on_completed);
    *out = r;
    return 0;
}

void runner_free(struct runner *r)
{
    if (r == NULL)
        return;
    assert(!runner_is_running(r));
    run_req_clear(&r->run);
    arena_free(&r->arena);
    free(r);
}

bool runner_is_running(const struct runner *r)
{
    return r->req != NULL || op_pending(&r->completing);
}

const struct last_run *runner_last(const struct runner *r)
{
    return &r->last;
}

const char *runner_disabled(const struct config *config)
{
    if (!config->sync.enabled)
        return "disabled";
    return config->coordinator.enabled ? NULL : "coordinator_disabled";
}

const char *trigger_outcome(const struct err *err)
{
    switch (err->code) {
    case 0:
        return "accepted";
    case ERR_ALREADY_RUNNING:
        return "already_running";
    case ERR_DISABLED:
        return strcmp(err->msg, "disabled") == 0 ? "disabled"
                                                 : "coordinator_disabled";
    case ERR_CANCELED:
        return "shutting_down";
    default:
        return "failed";
    }
}

/* Ending */

/*
 * The callback comes in a later iteration of the loop. A trigger that comes
 * sooner is refused, for another run would take the result away: so completing
 * is put into the queue just before it.
 */
static void runner_log_refusal(
    struct runner *r, struct trigger_req *req, struct err *err)
{
    op_begin(&r->completing, r->options.ports->queue, NULL);
    op_finish(&r->completing, NULL);
    op_finish(&req->op, err);
}

/* Only a run that has begun is the last one. */
static void remember_end(struct runner *r)
{
    const struct run_result *result = &r->run.result;

    if (result->err.code != 0) {
        if (!r->req->quiet)
            log_warn(NULL, "no run: %s", result->err.msg);
        return;
    }
    r->last.status = result->status;
    r->last.ended_ms = loop_wall_ms();
}

static void on_run(struct op *op)
{
    struct runner *r = container_of(op, struct runner, run.op);
    struct trigger_req *req = r->req;
    struct run_result *result = &r->run.result;

    remember_end(r);
    r->req = NULL;
    req->result = result->err.code == 0 ? result : NULL;
    runner_log_refusal(r, req, &result->err);
}

void runner_event(struct runner *r, const struct run_event *event)
{
    if (event->kind != EVENT_RUN_BEGIN || r->req == NULL)
        return;
    snprintf(r->req->run_id, ID_BYTES, "%s", event->run_id);
    r->last.began_ms = loop_wall_ms();
    r->last.ended_ms = 0;
    snprintf(r->last.trigger, sizeof(r->last.trigger), "%s",
        r->run.options.spec.trigger);
    snprintf(r->last.run_id, ID_BYTES, "%s", event->run_id);
    if (r->req->begun != NULL)
        r->req->begun(r->req);
}

/* Starting */

void runner_set_limits(const struct config *config,
    const struct embedding_id *embedding, struct run_options *o)
{
    const struct config_sync *sync = &config->sync;

    o->embedding = *embedding;
    o->limit = sync->limit;
    o->chunk_size = sync->chunk_size;
    o->workers = sync->workers;
    o->max_pages = sync->max_pages;
    o->max_delete_percent = sync->max_delete_percent;
    o->max_tokens = config->embedding.max_tokens;
    o->tries = sync->tries;
    o->retry_base_ms = sync->retry_base_ms;
}

static int runner_start(struct runner *r, const struct run_spec *spec,
    struct trigger_req *req, struct err *err)
{
    struct run_options *options = &r->run.options;

    run_req_clear(&r->run);
    arena_free(&r->arena);
    r->run = (struct run_req){.run = NULL};
    if (run_spec_copy(&options->spec, &r->arena, spec) < 0)
        return err_set(err, ERR_NOMEM, "no memory for a trigger");
    if (options->spec.tenant == NULL)
        options->spec.tenant = r->options.config->sync.tenant;
    runner_set_limits(r->options.config, &r->options.embedding, options);
    op_init(&r->run.op, on_run);
    if (run_submit(r->options.ports, r->options.schemas, &r->run) < 0) {
        *err = r->run.op.err;
        return err->code;
    }
    r->req = req;
    return 0;
}

static int runner_refuse(const struct runner *r, struct err *err)
{
    const char *disabled = runner_disabled(r->options.config);

    if (r->draining)
        return err_set(err, ERR_CANCELED, "shutting down");
    if (disabled != NULL)
        return err_set(err, ERR_DISABLED, "%s", disabled);
    if (runner_is_running(r))
        return err_set(err, ERR_ALREADY_RUNNING, "a run is under way");
    return 0;
}

int runner_trigger(
    struct runner *r, const struct run_spec *spec, struct trigger_req *req)
{
    struct err err = {.code = 0};

    req->run_id[0] = '\0';
    req->result = NULL;
    op_begin(&req->op, r->options.ports->queue, NULL);
    if (runner_refuse(r, &err) < 0 || runner_start(r, spec, req, &err) < 0)
        op_finish(&req->op, &err);
    return 0;
}

/* Stopping */

void runner_drain(struct runner *r)
{
    r->draining = true;
    if (r->req != NULL)
        run_stop(&r->run);
}

void runner_cancel(struct runner *r)
{
    runner_drain(r);
    op_cancel(&r->run.op);
}

bool runner_cancel_run(struct runner *r, const char *run_id)
{
    if (r->req == NULL || run_id[0] == '\0' ||
        strcmp(r->req->run_id, run_id) != 0)
        return false;
    run_cancel(&r->run);
    return true;
}
