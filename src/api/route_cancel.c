/*
 * POST /admin/batch-sync/runs/{id}/cancel.
 *
 * Happy path: 202, and the run ends: one of this process after what is in
 * flight, one of other processes at once.
 * Failures: 404 for a run that is not there, 409 for one that has ended, 503
 * when the database is down. Cancel: a client that goes away stops nothing.
 */
#include "api/api_impl.h"
#include "api/routes.h"
#include "ops/cancel.h"
#include <stdlib.h>

struct cancel_call {
    struct api_call call; /* freed through it */
    struct cancel_req req;
};

static void cancel_call_free(struct api_call *call)
{
    free(container_of(call, struct cancel_call, call));
}

static void cancel_answer(struct cancel_call *c, const char *message)
{
    json_t *body = json_pack("{s:b, s:s, s:s}", "success", 1, "message",
        message, "runId", c->req.run_id);

    answer_set_now(body);
    api_call_answer(&c->call, 202, body);
}

static void cancel_tell(struct cancel_call *c)
{
    char message[ERR_MSG_BYTES];

    switch (c->req.outcome) {
    case CANCEL_HERE:
        cancel_answer(c, "The run finishes what is in flight and ends");
        return;
    case CANCEL_OTHER:
        cancel_answer(c, "The run is canceled; the processes at work on it "
                         "store nothing more");
        return;
    case CANCEL_ENDED:
        snprintf(message, sizeof(message), "the run has already ended: %s",
            c->req.status);
        api_call_error(&c->call, 409, message);
        return;
    case CANCEL_NO_RUN:
        api_call_error(&c->call, 404, "no such run");
        return;
    }
}

static void on_cancel_done(struct op *op)
{
    struct cancel_call *c = container_of(op, struct cancel_call, req.op);

    if (op->err.code != 0)
        api_call_fail(&c->call, &op->err);
    else
        cancel_tell(c);
    api_call_end(&c->call);
}

void route_cancel(struct api *api, struct http_exchange *x, struct str id)
{
    struct cancel_call *c = calloc(1, sizeof(*c));
    struct err err;

    if (c == NULL)
        abort();
    api_call_begin(&c->call, api, x, cancel_call_free);
    if (cancel_req_init(&c->req, id, on_cancel_done, &err) < 0) {
        api_call_fail(&c->call, &err);
        api_call_end(&c->call);
        return;
    }
    cancel_run(api->options.ops, &c->req);
}
