/*
 * POST /admin/batch-sync/verify begins a verification of what is stored; GET
 * says how it goes, and what the last one of this process found.
 *
 * Happy path: 202, and the job goes on without the client. Failures: 400 for a
 * wrong body, 409 while one is under way. Cancel: none; it ends with the
 * service.
 */
#include "api/api_impl.h"
#include "api/body.h"
#include "api/routes.h"
#include "ops/asked.h"
#include "ops/verify/verifier.h"
#include <stdlib.h>

struct verify_body {
    json_t *body; /* owned */
    struct body_names services;
    struct verify_ask ask;
};

static int verify_body_switch(
    json_t *body, const char *key, bool *out, struct err *err)
{
    json_t *value = json_object_get(body, key);

    *out = json_is_true(value);
    if (value == NULL || json_is_boolean(value) || json_is_null(value))
        return 0;
    return err_set(err, ERR_INVALID, "\"%s\" must be true or false", key);
}

static int verify_body_sample(json_t *body, int *out, struct err *err)
{
    json_t *value = json_object_get(body, "sample");
    json_int_t n = json_integer_value(value);

    *out = (int)n;
    if (value == NULL || json_is_null(value) ||
        (json_is_integer(value) && n >= 0 && n <= VERIFY_SAMPLE_MOST))
        return 0;
    return err_set(err, ERR_INVALID,
        "\"sample\" must be a whole number from 0 to %d", VERIFY_SAMPLE_MOST);
}

/* Shared with the command line: what a service's name may be. */
static int verify_body_services(struct verify_body *b, struct err *err)
{
    struct trigger_ask ask;

    if (body_names(b->body, "services", "the name of a service", &b->services,
            err) < 0)
        return err->code;
    b->ask.services = b->services.names;
    b->ask.nservices = b->services.n;
    trigger_ask_init(&ask, "verify");
    if (trigger_ask_services(&ask, b->services.names, b->services.n, err) < 0)
        return asked_subject(err, "\"services\"");
    return 0;
}

static int verify_body_read(
    struct verify_body *b, struct str text, struct err *err)
{
    static const char *const keys[] = {
        "services", "sample", "source", "repair", "delete", NULL};

    *b = (struct verify_body){.body = NULL};
    if (body_parse(text, &b->body, err) < 0 ||
        body_check_keys(b->body, keys, err) < 0 ||
        verify_body_services(b, err) < 0 ||
        verify_body_sample(b->body, &b->ask.sample, err) < 0 ||
        verify_body_switch(b->body, "source", &b->ask.source, err) < 0 ||
        verify_body_switch(b->body, "repair", &b->ask.repair, err) < 0 ||
        verify_body_switch(b->body, "delete", &b->ask.deletes, err) < 0)
        return err->code;
    if (b->ask.deletes && !b->ask.repair)
        return err_set(err, ERR_INVALID, "\"delete\" goes with \"repair\"");
    return 0;
}

static void verify_route_answer(struct http_exchange *x)
{
    struct http_header_out headers[] = {
        {"Location", "/admin/batch-sync/verify"},
        {"Content-Type", "application/json"}};
    json_t *body = json_pack("{s:b, s:s}", "success", 1, "message",
        "Verification started; GET /admin/batch-sync/verify says how it goes");
    char *text;

    answer_set_now(body);
    text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    http_answer(x, 202, headers, 2, str_of(text));
    free(text);
}

void route_verify(struct api *api, struct http_exchange *x, struct str id)
{
    char trace[CALL_TRACE_BYTES];
    struct verify_body body;
    struct err err;

    if (verify_body_read(&body, x->body, &err) < 0) {
        http_answer_error(x, answer_status(err.code), NULL, 0, err.msg);
        free(body.services.names);
        json_decref(body.body);
        return;
    }
    body.ask.traceparent = api_call_trace(x, trace);
    if (verifier_begin(api->options.ops->verifier, &body.ask, "http", &err) < 0)
        http_answer_error(x, 409, NULL, 0, err.msg);
    else
        verify_route_answer(x);
    free(body.services.names);
    json_decref(body.body);
}

void route_verification(struct api *api, struct http_exchange *x, struct str id)
{
    answer_json(x, 200, verifier_json(api->options.ops->verifier));
}
