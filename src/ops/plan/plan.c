/*
 * Happy path: a runner of its own carries out the run over dry ports; what
 * these have counted becomes the answer.
 *
 * Failures: a refused or failed run is the request's error; services that fail
 * are told of in the answer. Cancel: the run ends early, and the request with
 * ERR_CANCELED. Close: everything goes before the callback.
 */
#include "ops/plan/plan_impl.h"

#include <stdlib.h>

static void plan_free(struct plan *p)
{
    trigger_req_clear(&p->run);
    runner_free(p->runner);
    arena_free(&p->arena);
    free(p);
}

static void on_plan_done(struct op *op)
{
    struct plan *p = container_of(op, struct plan, run.op);
    struct plan_req *req = p->req;
    struct err err = op->err;

    if (err.code == 0 && p->run.result->status == RUN_INTERRUPTED)
        err_set(&err, ERR_CANCELED, "stopped before the plan was made");
    if (err.code == 0)
        req->plan = plan_json(p);
    req->own = NULL;
    plan_free(p);
    op_finish(&req->op, &err);
}

static void plan_cancel(struct op *op)
{
    runner_cancel(container_of(op, struct plan_req, op)->own->runner);
}

static struct plan *plan_new(const struct ops *ops, struct plan_req *req)
{
    struct plan *p = calloc(1, sizeof(*p));
    struct runner_options options;

    if (p == NULL)
        abort();
    p->req = req;
    p->ops = ops;
    p->config = *ops->config;
    arena_init(&p->arena, 0);
    plan_wire(p);
    options = (struct runner_options){.loop = ops->loop,
        .ports = &p->ports,
        .schemas = ops->schemas,
        .config = &p->config,
        .embedding = ops->embedding};
    if (runner_init(&p->runner, &options) < 0)
        abort();
    return p;
}

void plan_run(const struct ops *ops, struct plan_req *req)
{
    struct plan *p = plan_new(ops, req);

    req->own = p;
    req->plan = NULL;
    op_begin(&req->op, &ops->loop->ready, plan_cancel);
    p->run.quiet = true;
    op_init(&p->run.op, on_plan_done);
    runner_trigger(p->runner, req->spec, &p->run);
}
