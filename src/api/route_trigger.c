/*
 * POST /admin/batch-sync/trigger.
 *
 * Happy path: the body is read, the runner triggered; the answer comes when
 * the run has ended, or with `Prefer: respond-async` when it has its id.
 * Failures: a body that cannot be understood is 400; a refused trigger is
 * answered as 200 with its reason, or when asynchronous as 409 or 503.
 * Cancel: a client that goes away does not stop the run.
 */
#include "api/api_impl.h"
#include "api/body.h"
#include "api/routes.h"
#include "ops/result_json.h"
#include <stdlib.h>
#include <strings.h>

struct trigger_call {
    struct api_call call; /* freed through it */
    struct trigger_req req;
    bool respond_async;
    json_t *more; /* owned; further members of the answer, or NULL */
};

/* Answering */

static json_t *trigger_answer_of(const struct trigger_call *t, bool success,
    const char *message, json_t *result)
{
    json_t *body = json_object();

    json_object_set_new(body, "success", json_boolean(success));
    json_object_set_new(body, "message", json_string(message));
    json_object_set_new(body, "result", result);
    if (t->more != NULL)
        json_object_update(body, t->more);
    answer_set_now(body);
    return body;
}

static int trigger_refused_status(const struct trigger_call *t, int code)
{
    if (!t->respond_async)
        return 200;
    return code == ERR_ALREADY_RUNNING ? 409 : 503;
}

static void trigger_answer_refused(
    struct trigger_call *t, const struct err *err)
{
    if (trigger_is_refused(err))
        api_call_answer(&t->call, trigger_refused_status(t, err->code),
            trigger_answer_of(
                t, false, "Batch sync did not run", result_json_refused(err)));
    else
        api_call_fail(&t->call, err);
}

static void trigger_answer_result(
    struct trigger_call *t, const struct run_result *result)
{
    if (result->status == RUN_INTERRUPTED && t->call.api->draining)
        api_call_error(&t->call, 503,
            "shutting down: the run ended early; stored items stay");
    else
        api_call_answer(&t->call, 200,
            trigger_answer_of(t, result->status == RUN_SUCCESS,
                "Batch sync completed", result_json(result)));
}

static void on_trigger_ended(struct op *op)
{
    struct trigger_call *t = container_of(op, struct trigger_call, req.op);

    metrics_trigger(
        t->call.api->options.metrics, "http", trigger_outcome(&op->err));
    if (t->req.result == NULL)
        trigger_answer_refused(t, &op->err);
    else
        trigger_answer_result(t, t->req.result);
    api_call_end(&t->call);
}

/* With `Prefer: respond-async`: the run has its id. */
static void on_trigger_begun(struct trigger_req *req)
{
    struct trigger_call *t = container_of(req, struct trigger_call, req);
    struct http_exchange *x = t->call.x;
    char location[64 + ID_BYTES];
    struct http_header_out headers[] = {{"Location", location},
        {"Content-Type", "application/json"},
        {"Preference-Applied", "respond-async"}};
    json_t *body;
    char *text;

    if (!t->respond_async || x == NULL)
        return;
    snprintf(
        location, sizeof(location), "/admin/batch-sync/runs/%s", req->run_id);
    body = json_pack("{s:b, s:s, s:s}", "success", 1, "message",
        "Batch sync started", "runId", req->run_id);
    if (t->more != NULL)
        json_object_update(body, t->more);
    answer_set_now(body);
    text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    t->call.x = NULL;
    http_answer(x, 202, headers, 3, str_of(text));
    free(text);
}

/* The name of the next preference: `a=1, b; c=d` has a and b. */
static struct str trigger_next_preference(struct str *rest)
{
    const char *comma = memchr(rest->p, ',', rest->len);
    size_t len = comma == NULL ? rest->len : (size_t)(comma - rest->p);
    struct str name = {rest->p, 0};

    while (name.len < len && strchr(";=", rest->p[name.len]) == NULL)
        name.len++;
    len += comma != NULL;
    *rest = (struct str){rest->p + len, rest->len - len};
    return text_trim(name);
}

bool trigger_prefers_async(const struct http_exchange *x)
{
    static const char wanted[] = "respond-async";
    const struct str *prefer = http_header(x, "prefer");
    struct str rest = prefer == NULL ? STR("") : *prefer, name;

    while (rest.len > 0) {
        name = trigger_next_preference(&rest);
        if (name.len == sizeof(wanted) - 1 &&
            strncasecmp(name.p, wanted, name.len) == 0)
            return true;
    }
    return false;
}

static void trigger_free_call(struct api_call *call)
{
    struct trigger_call *t = container_of(call, struct trigger_call, call);

    trigger_req_clear(&t->req);
    json_decref(t->more);
    free(t);
}

void trigger_call_begin(struct api *api, struct http_exchange *x,
    bool respond_async, const struct run_spec *spec, json_t *more)
{
    struct trigger_call *t = calloc(1, sizeof(*t));
    struct run_spec traced = *spec;
    char text[CALL_TRACE_BYTES];

    if (t == NULL)
        abort();
    t->respond_async = respond_async;
    t->more = more;
    t->req.begun = on_trigger_begun;
    api_call_begin(&t->call, api, x, trigger_free_call);
    op_init(&t->req.op, on_trigger_ended);
    traced.traceparent = api_call_trace(x, text); /* the runner copies it */
    runner_trigger(api->options.ops->runner, &traced, &t->req);
}

void route_trigger(struct api *api, struct http_exchange *x, struct str id)
{
    struct body_trigger body;
    struct err err;

    if (body_read_trigger(&body, x->body, &err) < 0)
        http_answer_error(x, answer_status(err.code), NULL, 0, err.msg);
    else
        trigger_call_begin(
            api, x, trigger_prefers_async(x), &body.ask.spec, NULL);
    body_trigger_free(&body);
}
