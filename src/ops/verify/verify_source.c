/*
 * What only the source knows. A plan of a run tells what it has otherwise than
 * it is stored. To mend it is a run of the services: that finds the rows that
 * were marked, items of which pieces or all rows are missing, and embeds these;
 * it has the lease, the fences and the guards of any run.
 */
#include "ops/verify/verify_impl.h"

#include "ops/result_json.h"
#include <stdlib.h>

/* A run that was not whole proves nothing. */
static void verify_source_take(
    struct verify_state *v, const struct run_result *result)
{
    static const enum verify_kind mended[] = {
        VERIFY_TEXT_CHANGED, VERIFY_PIECE_MISSING};
    struct verify_request *req = v->req;

    req->run = result_json(result);
    req->run_items = result->counts.embedded;
    if (result->status != RUN_SUCCESS)
        return;
    for (size_t i = 0; i < sizeof(mended) / sizeof(mended[0]); i++)
        req->tallies[mended[i]].mended = req->tallies[mended[i]].found;
    for (int i = 0; i < VERIFY_NKINDS; i++)
        req->tallies[i].mended += v->left_to_run[i];
}

static void on_verify_source_run(struct op *op)
{
    struct verify_state *v = container_of(op, struct verify_state, run.op);
    struct verify_request *req = v->req;

    if (op->err.code != 0)
        req->run_refused = op->err;
    else if (v->run.result != NULL)
        verify_source_take(v, v->run.result);
    trigger_req_clear(&v->run);
    verify_nodes_begin(v, NODES_AGAIN);
}

/* --- comparing --- */

static void verify_source_count(struct verify_request *req,
    enum verify_kind kind, const char *service, json_int_t n)
{
    struct verify_finding f = {.kind = kind, .piece = -1, .n = (uint64_t)n};
    struct str name = arena_dup(&req->arena, str_of(service));

    if (name.p == NULL)
        abort();
    if (n > 0)
        verify_note(req, name.p, &f);
}

static json_int_t verify_source_of(const json_t *service, const char *key)
{
    return json_integer_value(json_object_get(service, key));
}

/* What was not read to its end proves nothing of what is missing from it; a
 * plan knows that. What another program has changed was found in the rows. */
static void verify_source_compare(
    struct verify_request *req, const json_t *service)
{
    const char *name = json_string_value(json_object_get(service, "service"));
    json_t *errors = json_object_get(service, "errors");
    const char *why =
        json_string_value(json_object_get(json_array_get(errors, 0), "error"));

    verify_source_count(
        req, VERIFY_SOURCE_NEW, name, verify_source_of(service, "new"));
    verify_source_count(req, VERIFY_SOURCE_CHANGED, name,
        verify_source_of(service, "changed") +
            verify_source_of(service, "metadataOnly") -
            verify_source_of(service, "repaired"));
    verify_source_count(
        req, VERIFY_SOURCE_GONE, name, verify_source_of(service, "toDelete"));
    if (why != NULL && req->source_failed.code == 0)
        err_set(&req->source_failed, ERR_SOURCE, "%s: %s", name, why);
}

static void on_verify_source_planned(struct op *op)
{
    struct verify_state *v = container_of(op, struct verify_state, plan.op);
    json_t *service;
    size_t i;

    v->req->source_failed = op->err;
    json_array_foreach(json_object_get(v->plan.plan, "services"), i, service)
    {
        verify_source_compare(v->req, service);
    }
    json_decref(v->plan.plan);
    verify_delete_begin(v);
}

void verify_source_begin(struct verify_state *v)
{
    struct verify_request *req = v->req;

    if (!req->ask.source || (req->ask.repair && req->ops->runner == NULL)) {
        verify_delete_begin(v);
        return;
    }
    v->spec = (struct run_spec){.trigger = "verify",
        .kind = "batch",
        .traceparent = req->ask.traceparent,
        .services = req->ask.services,
        .nservices = req->ask.nservices};
    if (req->ask.repair) {
        op_init(&v->run.op, on_verify_source_run);
        v->run.quiet = true;
        runner_trigger(req->ops->runner, &v->spec, &v->run);
    } else {
        v->plan.spec = &v->spec;
        op_init(&v->plan.op, on_verify_source_planned);
        plan_run(req->ops, &v->plan);
    }
}
