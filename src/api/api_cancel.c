/*
 * Canceling a run, wherever it is carried out.
 *
 * Happy path: a run of this process finishes what is in flight and ends; one
 * of other processes ends in the ledger, which takes their leases away.
 * Failures: 404 for a run that is not there, 409 for one that has ended, 503
 * when the database is down. Cancel: none; the statements are short.
 */
#include "api/api_impl.h"

#include <stdlib.h>

struct cancel_call {
    struct admin_call call; /* freed through it */
    struct run_cancel_req req;
    char run_id[ID_BYTES];
};

static void cancel_free_call(struct admin_call *call)
{
    free(container_of(call, struct cancel_call, call));
}

static json_t *cancel_answer_of(const char *run_id, const char *message)
{
    json_t *body = json_pack(
        "{s:b, s:s, s:s}", "success", 1, "message", message, "runId", run_id);

    json_set_now(body);
    return body;
}

static void on_cancel_done(struct op *op)
{
    struct cancel_call *c = container_of(op, struct cancel_call, req.op);
    char message[ERR_MSG_BYTES];

    if (op->err.code != 0) {
        admin_call_error(&c->call, api_status_of(op->err.code), op->err.msg);
    } else if (!c->req.found) {
        admin_call_error(&c->call, 404, "no such run");
    } else if (!c->req.canceled) {
        snprintf(message, sizeof(message), "the run has ended already: %s",
            c->req.status);
        admin_call_error(&c->call, 409, message);
    } else {
        admin_call_answer(&c->call, 202,
            cancel_answer_of(c->run_id,
                "The run is canceled; who is at work on it "
                "stores nothing more"));
    }
    admin_call_end(&c->call);
}

void handle_cancel(struct admin *a, struct http_exchange *x, struct str id)
{
    struct cancel_call *c;

    if (id.len >= ID_BYTES) {
        http_answer_error(x, 404, NULL, 0, "no such run");
        return;
    }
    c = calloc(1, sizeof(*c));
    if (c == NULL)
        abort();
    snprintf(c->run_id, sizeof(c->run_id), "%.*s", STR_ARG(id));
    if (runner_cancel_run(a->options.runner, c->run_id)) {
        answer_json(x, 202,
            cancel_answer_of(
                c->run_id, "The run finishes what is in flight and ends"));
        free(c);
        return;
    }
    c->req.run_id = c->run_id;
    op_init(&c->req.op, on_cancel_done);
    admin_call_begin(&c->call, a, x, cancel_free_call);
    ledger_run_cancel(a->options.ledger, &c->req);
}
