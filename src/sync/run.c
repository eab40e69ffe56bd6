/*
 * Happy path: list -> begin -> each service -> end; run.h says the rest.
 *
 * Failures: when listing or beginning fails, nothing ran and the request's
 * err says why. A service's failure is its own; a fatal one ends the run.
 *
 * Cancel: run_stop() and op_cancel() set the pipeline's flags and kick the
 * service at work, or cancel the listing. Close: the memory of the result
 * stays until run_req_clear().
 */
#include "sync/run.h"

#include "sync/service.h"
#include <assert.h>
#include <stdlib.h>

struct run {
    struct run_req *req;              /* borrowed; the owner's */
    const struct schema_set *schemas; /* borrowed */
    struct pipeline p;
    struct arena arena; /* names, results, errors */
    const char **names;
    struct service *service; /* owned; the one at work, or NULL */
    size_t position;         /* its index */
    struct services_req list;
    struct run_params params;
    struct run_begin_req begin;
    struct run_end_req end;
    struct retry retry;
    uint64_t started_ms;
};

/* The end */

static void log_end(const struct run *r)
{
    const struct run_result *result = &r->req->result;
    const struct counts *c = &result->counts;

    log_info(&(struct log_ctx){.run = r->p.run_id},
        "the run has ended: %s, %llu items: %llu stored, %llu unchanged, %llu "
        "failed; %llu ms",
        run_status_name(result->status), (unsigned long long)c->received,
        (unsigned long long)c->stored, (unsigned long long)c->unchanged,
        (unsigned long long)c->failed, (unsigned long long)result->duration_ms);
}

static void finish(struct run *r, const struct err *err)
{
    struct run_req *req = r->req;
    const struct ports *ports = r->p.ports;

    req->result.duration_ms = ports->now_ms(ports->world) - r->started_ms;
    if (err != NULL)
        req->result.err = *err;
    else
        log_end(r);
    pipeline_event(&r->p, &(struct run_event){.kind = EVENT_RUN_END,
                              .nservices = req->result.nservices,
                              .counts = &req->result.counts,
                              .duration_ms = req->result.duration_ms,
                              .outcome = run_status_name(req->result.status),
                              .err = err});
    op_finish(&req->op, err);
}

static void add_up(struct run *r)
{
    struct run_result *result = &r->req->result;
    size_t successes = 0;
    bool some = false;

    for (size_t i = 0; i < result->nservices; i++) {
        struct service_result *s = &result->services[i];

        counts_add(&result->counts, &s->counts);
        successes += s->success;
        some = some || s->pages > 0;
    }
    if (successes == result->nservices)
        result->status = RUN_SUCCESS;
    else if (r->p.stopping)
        result->status = RUN_CANCELED;
    else
        result->status = successes > 0 || some ? RUN_PARTIAL : RUN_FAILED;
}

static void end_submit(struct run *r);

static void on_end_waited(struct op *op)
{
    end_submit(container_of(op, struct run, retry.timer.op));
}

static void on_ended(struct op *op)
{
    struct run *r = container_of(op, struct run, end.op);
    struct log_ctx ctx = {.run = r->p.run_id};
    struct err err = op->err;

    if (err.code != 0) {
        err_wrap(&err, "record the end of the run");
        if (retry_start(&r->retry, &r->p, CALL_CHECKPOINT, &err, on_end_waited))
            return;
        log_error(&ctx, "%s", err.msg);
    }
    finish(r, NULL);
}

static void end_submit(struct run *r)
{
    const struct ports *ports = r->p.ports;

    r->end = (struct run_end_req){
        .run_id = r->begin.run_id, .result = &r->req->result};
    op_init(&r->end.op, on_ended);
    pipeline_submit(&r->p, ports->run_end(ports->world, &r->end), &r->end.op);
}

static void end_run(struct run *r)
{
    const struct ports *ports = r->p.ports;

    add_up(r);
    r->req->result.duration_ms = ports->now_ms(ports->world) - r->started_ms;
    end_submit(r);
}

/* Services */

/* What is never begun is failed too, and says why. */
static void skip_service(struct run *r, struct service_result *result)
{
    struct err err = r->p.fatal;

    if (err.code == 0)
        err_set(&err, ERR_CANCELED, "stopped before the service was begun");
    else
        err_wrap(&err, "not begun");
    service_result_error(result, &r->arena, 0, &err);
}

static void next_service(struct run *r);

static void on_service_done(struct service *s, void *arg)
{
    struct run *r = arg;

    service_free(s);
    r->service = NULL;
    r->position++;
    next_service(r);
}

static void next_service(struct run *r)
{
    struct run_result *result = &r->req->result;

    while (r->position < result->nservices && !pipeline_open(&r->p))
        skip_service(r, &result->services[r->position++]);
    if (r->position == result->nservices) {
        end_run(r);
        return;
    }
    r->service = service_start(&r->p, &r->arena, r->schemas, r->position,
        &result->services[r->position], on_service_done, r);
}

/* Beginning */

static void on_begun(struct op *op)
{
    struct run *r = container_of(op, struct run, begin.op);
    struct run_result *result = &r->req->result;

    if (op->err.code != 0) {
        result->nservices = 0; /* nothing ran */
        finish(r, &op->err);
        return;
    }
    r->p.run_id = r->begin.run_id;
    log_info(&(struct log_ctx){.run = r->p.run_id},
        "the run begins: %zu services, listed by: %s; trigger: %s",
        result->nservices, result->source, r->params.trigger);
    pipeline_event(&r->p, &(struct run_event){.kind = EVENT_RUN_BEGIN,
                              .nservices = result->nservices});
    next_service(r);
}

static int prepare_results(
    struct run *r, const char **names, size_t n, const char *source)
{
    struct run_result *result = &r->req->result;

    r->names = arena_calloc(&r->arena, n, sizeof(*r->names));
    result->services = arena_calloc(&r->arena, n, sizeof(*result->services));
    if (r->names == NULL || result->services == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        r->names[i] = arena_dup(&r->arena, str_of(names[i])).p;
        if (r->names[i] == NULL)
            return ERR_NOMEM;
        result->services[i].service = r->names[i];
    }
    result->nservices = n;
    result->source = source;
    return 0;
}

static void begin(
    struct run *r, const char **names, size_t n, const char *source)
{
    const struct ports *ports = r->p.ports;
    const struct run_options *o = r->p.options;
    struct err err;

    if (prepare_results(r, names, n, source) < 0) {
        err_set(&err, ERR_NOMEM, "no memory for a run of %zu services", n);
        finish(r, &err);
        return;
    }
    r->params = (struct run_params){.trigger = o->trigger,
        .kind = o->kind,
        .tenant = o->tenant,
        .services = r->names,
        .nservices = n,
        .source = source,
        .since = o->since,
        .fire_ms = o->fire_ms,
        .limit = o->limit,
        .provider = o->embedding.provider,
        .model = o->embedding.model,
        .dimensions = o->embedding.dimensions};
    r->begin.params = &r->params;
    op_init(&r->begin.op, on_begun);
    pipeline_submit(
        &r->p, ports->run_begin(ports->world, &r->begin), &r->begin.op);
}

static void on_listed(struct op *op)
{
    struct run *r = container_of(op, struct run, list.op);

    if (op->err.code != 0)
        finish(r, &op->err);
    else
        begin(r, r->list.names, r->list.n, r->list.source);
}

static void list(struct run *r)
{
    const struct ports *ports = r->p.ports;

    r->list.arena = &r->arena;
    op_init(&r->list.op, on_listed);
    pipeline_submit(
        &r->p, ports->list_services(ports->world, &r->list), &r->list.op);
}

/* Stopping */

void run_stop(struct run_req *req)
{
    struct run *r = req->run;

    if (r == NULL || r->p.stopping)
        return;
    r->p.stopping = true;
    if (r->service != NULL)
        service_kick(r->service);
}

static void run_abort(struct op *op)
{
    struct run *r = container_of(op, struct run_req, op)->run;

    r->p.stopping = true;
    r->p.aborting = true;
    op_cancel(&r->list.op);
    op_cancel(&r->begin.op);
    op_cancel(&r->retry.timer.op);
    if (r->service != NULL)
        service_kick(r->service);
}

int run_submit(const struct ports *ports, const struct schema_set *schemas,
    struct run_req *req)
{
    struct run *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return err_set(&req->op.err, ERR_NOMEM, "no memory for a run");
    r->req = req;
    r->schemas = schemas;
    r->p.ports = ports;
    r->p.options = &req->options;
    r->p.run_id = "";
    r->p.slots = req->options.workers;
    r->started_ms = ports->now_ms(ports->world);
    arena_init(&r->arena, 0);
    req->run = r;
    req->result = (struct run_result){.status = RUN_FAILED};
    op_begin(&req->op, ports->queue, run_abort);
    if (req->options.nservices > 0)
        begin(r, req->options.services, req->options.nservices, "request");
    else
        list(r);
    return 0;
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
