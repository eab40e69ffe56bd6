/*
 * Happy path: the runner has the run and ends it, or else one statement takes
 * the leases of the processes at work on it away. Failures: the database's.
 * Cancel: none; the statement is short.
 */
#include "ops/cancel.h"

static void on_cancel_other_canceled(struct op *op)
{
    struct cancel_req *req = container_of(op, struct cancel_req, other.op);

    req->outcome = !req->other.found     ? CANCEL_NO_RUN
                   : req->other.canceled ? CANCEL_OTHER
                                         : CANCEL_ENDED;
    if (req->outcome == CANCEL_ENDED)
        snprintf(req->status, sizeof(req->status), "%s", req->other.status);
    op_finish(&req->op, &op->err);
}

int cancel_req_init(
    struct cancel_req *req, struct str run_id, op_cb done, struct err *err)
{
    *req = (struct cancel_req){.outcome = CANCEL_NO_RUN};
    op_init(&req->op, done);
    if (run_id.len >= sizeof(req->run_id))
        return err_set(err, ERR_NOT_FOUND, "no such run");
    snprintf(req->run_id, sizeof(req->run_id), "%.*s", STR_ARG(run_id));
    return 0;
}

void cancel_run(const struct ops *ops, struct cancel_req *req)
{
    op_begin(&req->op, &ops->loop->ready, NULL);
    if (ops->runner != NULL && runner_cancel_run(ops->runner, req->run_id)) {
        req->outcome = CANCEL_HERE;
        op_finish(&req->op, NULL);
        return;
    }
    req->other = (struct run_cancel_req){.run_id = req->run_id};
    op_init(&req->other.op, on_cancel_other_canceled);
    ledger_run_cancel(ops->ledger, &req->other);
}
