/*
 * POST /admin/batch-sync/plan: what a run would do now, and what it would cost.
 *
 * Happy path: the body is a trigger's; the source is read as a run reads it,
 * and the answer comes when all of it has been. Failures: 400 for a wrong body,
 * 409 while another plan is made, 503 where syncing is off, and why nothing
 * could be read.
 * Cancel: a client that goes away does not stop it, shutting down does.
 */
#include "api/api_impl.h"
#include "api/body.h"
#include "api/routes.h"
#include "ops/plan/plan.h"
#include <stdlib.h>

struct plan_call {
    struct api_call call; /* freed through it */
    struct plan_req req;
    struct body_trigger body;
    char trace[CALL_TRACE_BYTES];
};

static void plan_call_free(struct api_call *call)
{
    struct plan_call *p = container_of(call, struct plan_call, call);

    body_trigger_free(&p->body);
    free(p);
}

static void on_plan_ended(struct op *op)
{
    struct plan_call *p = container_of(op, struct plan_call, req.op);

    p->call.api->planning = NULL;
    if (op->err.code == ERR_DISABLED) {
        api_call_error(&p->call, 503, op->err.msg);
    } else if (op->err.code != 0) {
        api_call_fail(&p->call, &op->err);
    } else {
        answer_set_now(p->req.plan);
        api_call_answer(&p->call, 200, p->req.plan);
    }
    api_call_end(&p->call);
}

void route_plan(struct api *api, struct http_exchange *x, struct str id)
{
    struct plan_call *p = calloc(1, sizeof(*p));
    struct err err = {0};

    if (p == NULL)
        abort();
    api_call_begin(&p->call, api, x, plan_call_free);
    if (body_read_trigger(&p->body, x->body, &err) < 0) {
        api_call_fail(&p->call, &err);
    } else if (api->planning != NULL) {
        api_call_error(&p->call, 409, "another plan is being made");
    } else if (api->draining) {
        api_call_error(&p->call, 503, "shutting down");
    } else {
        api->planning = &p->req;
        p->body.ask.spec.traceparent = api_call_trace(x, p->trace);
        p->req.spec = &p->body.ask.spec;
        op_init(&p->req.op, on_plan_ended);
        plan_run(api->options.ops, &p->req);
        return;
    }
    api_call_end(&p->call);
}
