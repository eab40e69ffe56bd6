/*
 * Happy path: list -> begin -> recall -> services (run_services.c) -> end;
 * run.h says the rest.
 *
 * Failures: when listing or beginning fails, nothing ran and the request's
 * err says why. A service's failure is its own; a fatal one ends the run. A
 * service whose lease was lost is another's, and so is its result. A run whose
 * ledger cannot be reached any more is left as interrupted.
 *
 * Cancel: run_stop(), run_cancel() and op_cancel() set the pipeline's flags
 * and kick the services under way, or cancel the listing or the wait. Close:
 * the memory of the result stays until run_req_clear().
 */
#include "sync/run_impl.h"

#include "sync/run_result.h"
#include <assert.h>
#include <stdlib.h>

/* The end */

static void run_log_end(const struct run *r)
{
    const struct run_result *result = &r->req->result;
    const struct counts *c = &result->counts;

    if (run_is_helper(r) && !r->end.closed) {
        log_info(&(struct log_ctx){.run = r->p.run_id},
            "no service of the run is left to take part in");
        return;
    }
    log_info(&(struct log_ctx){.run = r->p.run_id},
        "the run has ended: %s, %llu items: %llu %s, %llu unchanged, %llu "
        "failed; %llu ms",
        run_status_name(result->status), (unsigned long long)c->received,
        (unsigned long long)c->stored, pipeline_stored_word(&r->p),
        (unsigned long long)c->unchanged, (unsigned long long)c->failed,
        (unsigned long long)result->duration_ms);
}

static void run_finish(struct run *r, const struct err *err)
{
    struct run_req *req = r->req;
    const struct ports *ports = r->p.ports;

    req->result.duration_ms = ports->now_ms(ports->world) - r->started_ms;
    if (err != NULL)
        req->result.err = *err;
    else
        run_log_end(r);
    pipeline_event(&r->p, &(struct run_event){.kind = EVENT_RUN_END,
                              .nservices = req->result.nservices,
                              .counts = &req->result.counts,
                              .duration_ms = req->result.duration_ms,
                              .outcome = run_status_name(req->result.status),
                              .joined = run_is_helper(r) && !r->end.closed,
                              .err = err});
    op_finish(&req->op, err);
}

/* The error of services that no process has ended. */
static struct err run_why_missing(const struct run *r)
{
    struct err err = r->p.fatal.code != 0 ? r->p.fatal : r->lost;

    if (err.code == 0)
        err_set(&err, ERR_CANCELED, "stopped before the service was begun");
    else
        err_wrap(&err, "not begun");
    return err;
}

/* `known`: the ledger has said how the run stands. */
static void run_add_up(struct run *r, bool known)
{
    struct run_result *result = &r->req->result;
    struct err why = run_why_missing(r);

    run_result_complete(
        result, &r->arena, r->ours, known ? &r->end : NULL, &why);
    if (known)
        result->status = r->end.status;
    else
        result->status = run_result_status(
            result, r->p.canceled, r->p.stopping || r->lost.code != 0);
    if (result->status == RUN_INTERRUPTED && r->p.fatal.code == ERR_BUDGET)
        result->status = RUN_BUDGET;
}

static void run_end_submit(struct run *r);

static void on_run_end_waited(struct op *op)
{
    run_end_submit(container_of(op, struct run, retry.timer.op));
}

static void on_run_ended(struct op *op)
{
    struct run *r = container_of(op, struct run, end.op);
    struct log_ctx ctx = {.run = r->p.run_id};
    struct err err = op->err;

    if (err.code != 0) {
        err_wrap(&err, "record the end of the run");
        if (retry_start(
                &r->retry, &r->p, CALL_CHECKPOINT, &err, on_run_end_waited))
            return;
        log_error(&ctx, "%s", err.msg);
    }
    run_add_up(r, err.code == 0);
    run_finish(r, NULL);
}

/* A process that only takes part may own the run, having resumed it. */
static enum run_end_mode run_end_mode(const struct run *r)
{
    if (r->p.canceled)
        return RUN_END_CANCEL;
    return r->p.stopping || r->lost.code != 0 || run_is_helper(r)
               ? RUN_END_LEAVE
               : RUN_END_DONE;
}

static void run_end_submit(struct run *r)
{
    const struct ports *ports = r->p.ports;

    r->end = (struct run_end_req){.run_id = r->p.run_id,
        .mode = run_end_mode(r),
        .budget = r->p.fatal.code == ERR_BUDGET ? r->p.fatal.msg : NULL,
        .arena = &r->arena,
        .nservices = r->req->result.nservices};
    op_init(&r->end.op, on_run_ended);
    ports->run_end(ports->world, &r->end);
}

void run_end_run(struct run *r)
{
    retry_reset(&r->retry);
    run_end_submit(r);
}

/* Beginning */

static void on_run_recalled(struct op *op)
{
    struct run *r = container_of(op, struct run, recall.op);

    if (op->err.code != 0)
        log_warn(&(struct log_ctx){.run = r->p.run_id},
            "what earlier runs have learnt about the embedder is not known: %s",
            op->err.msg);
    else
        r->p.embed.proven = r->recall.proven;
    run_services_go_on(r);
}

static void run_recall(struct run *r)
{
    const struct ports *ports = r->p.ports;

    if (ports->recall == NULL) {
        run_services_go_on(r);
        return;
    }
    op_init(&r->recall.op, on_run_recalled);
    ports->recall(ports->world, &r->recall);
}

static void run_work(struct run *r, const char *run_id)
{
    const struct run_result *result = &r->req->result;

    r->p.run_id = run_id;
    log_trace(run_id, r->p.trace.id);
    if (run_is_helper(r))
        log_info(&(struct log_ctx){.run = run_id},
            "taking part in the run: %zu services", result->nservices);
    else
        log_info(&(struct log_ctx){.run = run_id},
            "the run begins: %zu services, listed by: %s; trigger: %s",
            result->nservices, result->source, r->p.options->spec.trigger);
    pipeline_event(&r->p, &(struct run_event){.kind = EVENT_RUN_BEGIN,
                              .nservices = result->nservices,
                              .joined = run_is_helper(r)});
    run_recall(r);
}

/* Later, as everything that is begun. */
static void on_run_joined(struct op *op)
{
    struct run *r = container_of(op, struct run, poll.op);

    run_work(r, r->p.options->spec.run_id);
}

static void on_run_begun(struct op *op)
{
    struct run *r = container_of(op, struct run, begin.op);

    if (op->err.code != 0) {
        r->req->result.nservices = 0; /* nothing ran */
        run_finish(r, &op->err);
        return;
    }
    run_work(r, r->begin.run_id);
}

/* Two names of one schema, a name and its alias, are one service: its rows are
 * the schema's. */
static const char *run_rows_of(struct run *r, const char *name)
{
    const struct schema *schema = schema_find(r->schemas, &r->arena, name);

    return schema == NULL ? name : schema->service_name;
}

/* NULL: there is no memory. */
static const char *run_add_name(struct run *r, size_t n, const char *name)
{
    r->names[n] = arena_dup(&r->arena, str_of(name)).p;
    r->req->result.services[n].service = r->names[n];
    return r->names[n];
}

/* A helper keeps the names, and the places, that the run has. */
static int run_add_names(struct run *r, const char **names, size_t n)
{
    const char **rows = arena_calloc(&r->arena, n, sizeof(*rows));
    struct run_result *result = &r->req->result;

    for (size_t i = 0; rows != NULL && i < n; i++) {
        size_t k = 0;

        rows[result->nservices] = run_rows_of(r, names[i]);
        while (strcmp(rows[k], rows[result->nservices]) != 0)
            k++;
        if (k < result->nservices && !run_is_helper(r))
            continue;
        if (run_add_name(r, result->nservices, names[i]) == NULL)
            return ERR_NOMEM;
        result->nservices++;
    }
    return rows == NULL ? ERR_NOMEM : 0;
}

static int run_prepare_results(
    struct run *r, const char **names, size_t n, const char *source)
{
    struct run_result *result = &r->req->result;

    r->names = arena_calloc(&r->arena, n, sizeof(*r->names));
    r->ours = arena_calloc(&r->arena, n, sizeof(*r->ours));
    result->services = arena_calloc(&r->arena, n, sizeof(*result->services));
    r->slots =
        arena_calloc(&r->arena, (size_t)r->p.parallel, sizeof(*r->slots));
    if (r->names == NULL || r->ours == NULL || result->services == NULL ||
        r->slots == NULL)
        return ERR_NOMEM;
    if (run_add_names(r, names, n) < 0)
        return ERR_NOMEM;
    result->source = source;
    return 0;
}

static void run_begin(
    struct run *r, const char **names, size_t n, const char *source)
{
    const struct ports *ports = r->p.ports;
    const struct run_options *o = r->p.options;
    struct err err;

    if (run_prepare_results(r, names, n, source) < 0) {
        err_set(&err, ERR_NOMEM, "no memory for a run of %zu services", n);
        run_finish(r, &err);
        return;
    }
    if (run_is_helper(r)) {
        op_init(&r->poll.op, on_run_joined);
        ports->timer(ports->world, &r->poll, 0);
        return;
    }
    r->begin = (struct run_begin_req){
        .spec = o->spec, .embedding = o->embedding, .limit = o->limit};
    r->begin.spec.services = r->names;
    r->begin.spec.nservices = r->req->result.nservices;
    r->begin.spec.source = source;
    op_init(&r->begin.op, on_run_begun);
    ports->run_begin(ports->world, &r->begin);
}

static void on_run_listed(struct op *op)
{
    struct run *r = container_of(op, struct run, list.op);

    if (op->err.code != 0)
        run_finish(r, &op->err);
    else
        run_begin(r, r->list.names, r->list.n, r->list.source);
}

static void run_list(struct run *r)
{
    const struct ports *ports = r->p.ports;

    r->list.arena = &r->arena;
    op_init(&r->list.op, on_run_listed);
    ports->list_services(ports->world, &r->list);
}

/* Stopping */

static void run_kick(struct run *r)
{
    op_cancel(&r->poll.op);
    run_services_kick(r);
}

void run_stop(struct run_req *req)
{
    struct run *r = req->run;

    if (r == NULL || r->p.stopping)
        return;
    r->p.stopping = true;
    run_kick(r);
}

void run_cancel(struct run_req *req)
{
    if (req->run == NULL)
        return;
    req->run->p.canceled = true;
    run_stop(req);
}

static void run_abort(struct op *op)
{
    struct run *r = container_of(op, struct run_req, op)->run;

    r->p.stopping = true;
    r->p.aborting = true;
    op_cancel(&r->list.op);
    op_cancel(&r->begin.op);
    op_cancel(&r->recall.op);
    op_cancel(&r->retry.timer.op);
    run_kick(r);
}

void run_submit(const struct ports *ports, const struct schema_set *schemas,
    struct run_req *req)
{
    const struct run_spec *spec = &req->options.spec;
    struct run *r = calloc(1, sizeof(*r));

    if (r == NULL)
        abort();
    r->req = req;
    r->schemas = schemas;
    r->p.ports = ports;
    r->p.options = &req->options;
    r->p.tenant = req->options.spec.tenant;
    r->p.retries = req->options.retries;
    r->p.run_id = "";
    r->p.window.slots = req->options.workers;
    /* What is only counted is counted for one service at a time. */
    r->p.parallel = ports->dry ? 1 : req->options.parallel;
    assert(r->p.parallel >= 1 && r->p.parallel <= PARALLEL_SERVICES);
    list_init(&r->p.services);
    trace_context_read(&r->p.trace, str_of(spec->traceparent));
    r->started_ms = ports->now_ms(ports->world);
    arena_init(&r->arena, 0);
    req->run = r;
    req->result = (struct run_result){.status = RUN_FAILED};
    op_begin(&req->op, ports->queue, run_abort);
    if (spec->nservices > 0)
        run_begin(r, spec->services, spec->nservices,
            spec->source != NULL ? spec->source : "request");
    else
        run_list(r);
}

void run_req_clear(struct run_req *req)
{
    if (req->run == NULL)
        return;
    assert(!op_pending(&req->op));
    arena_free(&req->run->arena);
    free(req->run);
    req->run = NULL;
}
