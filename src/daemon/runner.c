/*
 * Happy path: a trigger becomes a run; `begun` tells its id as soon as the
 * ledger has given it one; when the run ends, the callback gets the result,
 * which the trigger owns. The runner is free for the next one before that.
 *
 * Failures: a refused trigger ends in a later iteration of the loop, without
 * touching the run under way.
 *
 * Cancel: op_cancel() on a trigger does nothing: a run goes on when the client
 * that asked for it goes away. Close: runner_free(), when nothing runs.
 */
#include "daemon/runner.h"

#include "base/log.h"
#include "daemon/memory_budget.h"
#include <assert.h>
#include <malloc.h>
#include <stdlib.h>

struct runner {
    struct runner_options options;
    bool draining;
    struct trigger_req *req; /* borrowed; of the run under way, or NULL */
    struct last_run last;
};

int runner_init(struct runner **out, const struct runner_options *options)
{
    struct runner *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return ERR_NOMEM;
    r->options = *options;
    *out = r;
    return 0;
}

void runner_free(struct runner *r)
{
    if (r == NULL)
        return;
    assert(!runner_is_running(r));
    free(r);
}

bool runner_is_running(const struct runner *r)
{
    return r->req != NULL;
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

/* Only a run that has begun is the last one. */
static void runner_remember_end(struct runner *r, const struct trigger_req *req)
{
    const struct run_result *result = &req->run.result;

    if (result->err.code != 0) {
        if (!req->quiet)
            log_warn(NULL, "no run: %s", result->err.msg);
        return;
    }
    r->last.status = result->status;
    r->last.ended_ms = loop_wall_ms();
}

static void on_runner_run(struct op *op)
{
    struct trigger_req *req = container_of(op, struct trigger_req, run.op);
    const struct run_result *result = &req->run.result;

    runner_remember_end(req->runner, req);
    req->runner->req = NULL;
    req->result = result->err.code == 0 ? result : NULL;
    /* What it leaves in holes of the heap goes back to the system: a service is
     * at rest most of the day. */
    malloc_trim(0);
    op_finish(&req->op, &result->err);
}

void trigger_req_clear(struct trigger_req *req)
{
    assert(!op_pending(&req->op));
    run_req_clear(&req->run);
    arena_free(&req->arena);
    req->result = NULL;
}

void runner_event(struct runner *r, const struct run_event *event)
{
    if (event->kind != EVENT_RUN_BEGIN || r->req == NULL)
        return;
    snprintf(r->req->run_id, ID_BYTES, "%s", event->run_id);
    r->last.began_ms = loop_wall_ms();
    r->last.ended_ms = 0;
    r->last.joined = event->joined;
    snprintf(r->last.trigger, sizeof(r->last.trigger), "%s",
        r->req->run.options.spec.trigger);
    snprintf(r->last.run_id, ID_BYTES, "%s", event->run_id);
    if (r->req->begun != NULL)
        r->req->begun(r->req);
}

/* Starting */

/* What the configuration says about every run. */
static void runner_set_limits(const struct runner *r, struct run_options *o)
{
    const struct config_sync *sync = &r->options.config->sync;

    o->embedding = r->options.embedding;
    o->limit = sync->limit;
    o->chunk_size = sync->chunk_size;
    o->workers = sync->workers;
    o->fetches = sync->fetches;
    o->parallel = sync->parallel;
    o->max_pages = sync->max_pages;
    o->max_item_bytes = (size_t)sync->max_item_bytes;
    o->window_bytes = WINDOW_BYTES;
    o->chunk_bytes = CHUNK_BYTES;
    o->store_bytes = STORE_BYTES;
    o->loop_bytes = LOOP_BYTES;
    o->kept_bytes = KEPT_BYTES;
    o->max_delete_percent = sync->max_delete_percent;
    o->max_tokens = r->options.config->embedding.max_tokens;
    o->retries = (struct retry_policy){sync->tries, sync->retry_base_ms};
}

/* A run that nobody's trace has caused begins one. */
static void runner_set_trace(struct run_spec *spec, struct trigger_req *req)
{
    struct trace_context trace;

    if (trace_context_read(&trace, str_of(spec->traceparent)))
        return;
    trace_context_begin(&trace, str_of(NULL));
    trace_context_next(&trace, req->traceparent);
    spec->traceparent = req->traceparent;
}

static int runner_start(struct runner *r, const struct run_spec *spec,
    struct trigger_req *req, struct err *err)
{
    struct run_options *options = &req->run.options;

    if (run_spec_copy(&options->spec, &req->arena, spec) < 0)
        return err_set(err, ERR_NOMEM, "no memory for a trigger");
    if (options->spec.tenant == NULL)
        options->spec.tenant = r->options.config->sync.tenant;
    runner_set_trace(&options->spec, req);
    runner_set_limits(r, options);
    op_init(&req->run.op, on_runner_run);
    run_submit(r->options.ports, r->options.schemas, &req->run);
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

void runner_trigger(
    struct runner *r, const struct run_spec *spec, struct trigger_req *req)
{
    struct err err = {.code = 0};

    req->run_id[0] = '\0';
    req->result = NULL;
    req->runner = r;
    req->run = (struct run_req){.run = NULL};
    arena_init(&req->arena, 0);
    op_begin(&req->op, r->options.ports->queue, NULL);
    if (runner_refuse(r, &err) < 0 || runner_start(r, spec, req, &err) < 0)
        op_finish(&req->op, &err);
}

/* Stopping */

void runner_drain(struct runner *r)
{
    r->draining = true;
    if (r->req != NULL)
        run_stop(&r->req->run);
}

void runner_cancel(struct runner *r)
{
    runner_drain(r);
    if (r->req != NULL)
        op_cancel(&r->req->run.op);
}

bool runner_cancel_run(struct runner *r, const char *run_id)
{
    if (r->req == NULL || run_id[0] == '\0' ||
        strcmp(r->req->run_id, run_id) != 0)
        return false;
    run_cancel(&r->req->run);
    return true;
}
