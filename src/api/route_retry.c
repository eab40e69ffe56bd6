/*
 * POST /admin/batch-sync/dead-letters/retry.
 *
 * Happy path: marks the letters that the body names, in one statement; then
 * triggers a run of their services, which answers.
 * Failures: 400 for a wrong body; no matching letter is an answer of its own. A
 * run that is refused leaves the marks: the next run that reads those services
 * tries the letters.
 * Cancel: a client that goes away stops nothing.
 */
#include "api/api_impl.h"
#include "api/body.h"
#include "api/routes.h"
#include "ops/retry.h"
#include <stdlib.h>
#include <string.h>

struct retry_call {
    struct api_call call;
    struct retry_letters_req req;
    struct body_retry body;
    struct arena arena;
    bool respond_async;
};

static void retry_call_free(struct api_call *call)
{
    struct retry_call *r = container_of(call, struct retry_call, call);

    body_retry_free(&r->body);
    arena_free(&r->arena);
    free(r);
}

static json_t *retry_names_json(const struct retry_letters_req *req)
{
    json_t *names = json_array();

    for (size_t i = 0; i < req->nnames; i++)
        json_array_append_new(names, json_string(req->names[i]));
    return names;
}

static void retry_answer_none(struct retry_call *r)
{
    json_t *body = json_pack("{s:b, s:s, s:i, s:[]}", "success", 1, "message",
        "No open dead letter matches: nothing to retry", "retried", 0,
        "services");

    answer_set_now(body);
    api_call_answer(&r->call, 200, body);
}

static void retry_run_services(struct retry_call *r)
{
    struct http_exchange *x = r->call.x;
    struct run_spec spec = retry_spec(&r->req, "http");
    json_t *more = json_pack("{s:I, s:o, s:s}", "retried",
        (json_int_t)r->req.letters, "services", retry_names_json(&r->req),
        "note",
        "A run that reads these services tries the letters again; if no run "
        "started now, the next one does");

    r->call.x = NULL; /* the trigger answers */
    trigger_call_begin(r->call.api, x, r->respond_async, &spec, more);
}

static void on_retry_letters_marked(struct op *op)
{
    struct retry_call *r = container_of(op, struct retry_call, req.op);

    if (op->err.code != 0)
        api_call_fail(&r->call, &op->err);
    else if (r->req.nnames == 0)
        retry_answer_none(r);
    else
        retry_run_services(r);
    api_call_end(&r->call);
}

static void retry_call_submit(struct retry_call *r)
{
    r->req.arena = &r->arena;
    r->req.services = r->body.services.names;
    r->req.nservices = r->body.services.n;
    r->req.ids = r->body.ids.names;
    r->req.nids = r->body.ids.n;
    r->req.kind = r->body.kind;
    r->req.tenant = r->body.tenant;
    op_init(&r->req.op, on_retry_letters_marked);
    retry_mark(r->call.api->options.ops, &r->req);
}

void route_retry(struct api *api, struct http_exchange *x, struct str id)
{
    struct retry_call *r = calloc(1, sizeof(*r));
    struct err err;

    if (r == NULL)
        abort();
    arena_init(&r->arena, 0);
    r->respond_async = trigger_prefers_async(x);
    api_call_begin(&r->call, api, x, retry_call_free);
    if (body_read_retry(&r->body, x->body, &err) < 0) {
        api_call_fail(&r->call, &err);
        api_call_end(&r->call);
        return;
    }
    retry_call_submit(r);
}
