/*
 * What only the source can mend: a run of the services. It finds the rows that
 * were marked, items of which pieces or all rows are missing, and embeds these;
 * it has the lease, the fences and the guards of any run.
 */
#include "ops/verify/verify_impl.h"

#include "ops/result_json.h"

/* A run that was not whole proves nothing. */
static void verify_source_take(
    struct verify_request *req, const struct run_result *result)
{
    static const enum verify_kind mended[] = {
        VERIFY_TEXT_CHANGED, VERIFY_PIECE_MISSING};

    req->run = result_json(result);
    req->run_items = result->counts.embedded;
    if (result->status != RUN_SUCCESS)
        return;
    for (size_t i = 0; i < sizeof(mended) / sizeof(mended[0]); i++)
        req->tallies[mended[i]].mended = req->tallies[mended[i]].found;
}

static void on_verify_source_run(struct op *op)
{
    struct verify_state *v = container_of(op, struct verify_state, run.op);
    struct verify_request *req = v->req;

    if (op->err.code != 0)
        req->run_refused = op->err;
    else if (v->run.result != NULL)
        verify_source_take(req, v->run.result);
    trigger_req_clear(&v->run);
    verify_nodes_begin(v, NODES_AGAIN);
}

void verify_source_begin(struct verify_state *v)
{
    struct verify_request *req = v->req;
    struct run_spec spec = {.trigger = "verify", .kind = "batch"};

    if (!req->ask.source || !req->ask.repair || req->ops->runner == NULL) {
        verify_delete_begin(v);
        return;
    }
    spec.services = req->ask.services;
    spec.nservices = req->ask.nservices;
    op_init(&v->run.op, on_verify_source_run);
    v->run.quiet = true;
    runner_trigger(req->ops->runner, &spec, &v->run);
}
