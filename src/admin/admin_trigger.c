/*
 * POST /admin/batch-sync/trigger.
 *
 * Happy path: the body is read, the runner triggered; the answer comes when
 * the run has ended, or with `Prefer: respond-async` when it has its id.
 * Failures: a body that cannot be understood is 400; a refused trigger is
 * answered as 200 with its reason, or when asynchronous as 409 or 503.
 * Cancel: a client that goes away does not stop the run.
 */
#include "admin/admin_impl.h"

#include "adapters/result_json.h"
#include <stdlib.h>
#include <strings.h>

struct trigger_call {
    struct admin_call call; /* first: freed through it */
    struct trigger_req req;
    bool respond_async;
};

enum { MOST_SERVICES = 1000 };

/* What a body says; strings are borrowed from `body`. */
struct trigger_body {
    json_t *body;          /* owned; NULL: there was none */
    const char **services; /* owned */
    char since[ISO_BYTES];
    struct trigger trigger;
};

/* Reading the body */

/* The string without white space at its ends, in place. */
static const char *trimmed(json_t *string)
{
    struct str text = text_trim(str_of(json_string_value(string)));

    json_string_setn(string, text.p, text.len);
    return json_string_value(string);
}

static int read_services(struct trigger_body *b, struct err *err)
{
    json_t *list = json_object_get(b->body, "services"), *name;
    size_t i;

    if (list == NULL || json_is_null(list))
        return 0;
    if (!json_is_array(list) || json_array_size(list) > MOST_SERVICES)
        return err_set(err, ERR_INVALID,
            "\"services\" must be an array of at most %d names", MOST_SERVICES);
    b->services = calloc(json_array_size(list) + 1, sizeof(*b->services));
    if (b->services == NULL)
        abort();
    json_array_foreach(list, i, name)
    {
        if (!json_is_string(name) ||
            text_trim(str_of(json_string_value(name))).len == 0 ||
            strlen(json_string_value(name)) != json_string_length(name))
            return err_set(err, ERR_INVALID,
                "\"services\"[%zu] must be the name of a service", i);
        b->services[b->trigger.nservices++] = trimmed(name);
    }
    b->trigger.services = b->services;
    return 0;
}

static int read_since(struct trigger_body *b, struct err *err)
{
    json_t *since = json_object_get(b->body, "since");
    int64_t ms;

    if (since == NULL || json_is_null(since))
        return 0;
    if (!json_is_string(since) ||
        !iso_to_ms(str_of(json_string_value(since)), &ms))
        return err_set(err, ERR_INVALID,
            "\"since\" must be a time such as 2026-01-31T08:30:00Z");
    iso_from_ms(ms, b->since);
    b->trigger.since = b->since;
    b->trigger.kind = "incremental";
    return 0;
}

static int read_kind(struct trigger_body *b, struct err *err)
{
    static const char *const kinds[] = {"daily", "batch", "incremental"};
    json_t *kind = json_object_get(b->body, "sync_type");

    if (kind == NULL || json_is_null(kind))
        return 0;
    for (int i = 0; i < 3; i++) {
        if (json_is_string(kind) &&
            strcmp(json_string_value(kind), kinds[i]) == 0) {
            b->trigger.kind = kinds[i];
            return 0;
        }
    }
    return err_set(err, ERR_INVALID,
        "\"sync_type\" must be \"batch\", \"daily\" or \"incremental\"");
}

static int read_tenant(struct trigger_body *b, struct err *err)
{
    json_t *tenant = json_object_get(b->body, "tenant_id");

    if (tenant == NULL || json_is_null(tenant))
        return 0;
    if (!json_is_string(tenant) || json_string_length(tenant) == 0 ||
        json_string_length(tenant) > 200)
        return err_set(err, ERR_INVALID,
            "\"tenant_id\" must be a string of 1 to 200 bytes");
    b->trigger.tenant = json_string_value(tenant);
    return 0;
}

static int read_body(struct trigger_body *b, struct str text, struct err *err)
{
    json_error_t fault;

    *b = (struct trigger_body){.trigger = {.name = "http", .kind = "batch"}};
    if (text_trim(text).len == 0)
        return 0;
    b->body = json_loadb(text.p, text.len, 0, &fault);
    if (b->body == NULL)
        return err_set(err, ERR_INVALID, "the body is no JSON: %s (line %d)",
            fault.text, fault.line);
    if (!json_is_object(b->body))
        return err_set(err, ERR_INVALID, "the body must be a JSON object");
    if (read_services(b, err) < 0 || read_since(b, err) < 0 ||
        read_kind(b, err) < 0 || read_tenant(b, err) < 0)
        return err->code;
    return 0;
}

static void free_body(struct trigger_body *b)
{
    free(b->services);
    json_decref(b->body);
}

/* Answering */

static json_t *answer_of(bool success, const char *message, json_t *result)
{
    json_t *body = json_object();

    json_object_set_new(body, "success", json_boolean(success));
    json_object_set_new(body, "message", json_string(message));
    json_object_set_new(body, "result", result);
    json_set_now(body);
    return body;
}

static int refused_status(const struct trigger_call *t, int code)
{
    if (!t->respond_async)
        return 200;
    return code == ERR_ALREADY_RUNNING ? 409 : 503;
}

static void answer_refused(struct trigger_call *t, const struct err *err)
{
    if (err->code == ERR_ALREADY_RUNNING || err->code == ERR_DISABLED)
        admin_call_answer(&t->call, refused_status(t, err->code),
            answer_of(
                false, "Batch sync did not run", result_json_refused(err)));
    else
        admin_call_error(&t->call, status_of(err->code), err->msg);
}

static void answer_result(
    struct trigger_call *t, const struct run_result *result)
{
    if (result->status == RUN_CANCELED && t->call.admin->draining)
        admin_call_error(&t->call, 503,
            "shutting down: the run was ended early; what it stored stays");
    else
        admin_call_answer(&t->call, 200,
            answer_of(result->status == RUN_SUCCESS, "Batch sync completed",
                result_json(result)));
}

static void on_ended(struct op *op)
{
    struct trigger_call *t = container_of(op, struct trigger_call, req.op);

    metrics_trigger(
        t->call.admin->options.metrics, "http", trigger_outcome(&op->err));
    if (t->req.result == NULL)
        answer_refused(t, &op->err);
    else
        answer_result(t, t->req.result);
    admin_call_end(&t->call);
}

/* With `Prefer: respond-async`: the run has its id. */
static void on_begun(struct trigger_req *req)
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
    json_set_now(body);
    text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    t->call.x = NULL;
    http_answer(x, 202, headers, 3, str_of(text));
    free(text);
}

/* The name of the next preference: `a=1, b; c=d` has a and b. */
static struct str next_preference(struct str *rest)
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

static bool prefers_async(const struct http_exchange *x)
{
    static const char wanted[] = "respond-async";
    const struct str *prefer = http_header(x, "prefer");
    struct str rest = prefer == NULL ? STR("") : *prefer, name;

    while (rest.len > 0) {
        name = next_preference(&rest);
        if (name.len == sizeof(wanted) - 1 &&
            strncasecmp(name.p, wanted, name.len) == 0)
            return true;
    }
    return false;
}

static void free_call(struct admin_call *call)
{
    free(container_of(call, struct trigger_call, call));
}

void handle_trigger(struct admin *a, struct http_exchange *x, struct str id)
{
    struct trigger_body body;
    struct trigger_call *t;
    struct err err;

    if (read_body(&body, x->body, &err) < 0) {
        http_answer_error(x, 400, NULL, 0, err.msg);
        free_body(&body);
        return;
    }
    t = calloc(1, sizeof(*t));
    if (t == NULL)
        abort();
    t->respond_async = prefers_async(x);
    t->req.begun = on_begun;
    admin_call_begin(&t->call, a, x, free_call);
    op_init(&t->req.op, on_ended);
    runner_trigger(a->options.runner, &body.trigger, &t->req);
    free_body(&body);
}
