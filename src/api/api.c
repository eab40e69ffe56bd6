/*
 * Happy path: a request is complete, its route is found, the handler answers
 * at once or begins an api_call that answers later.
 *
 * Failures: no such path 404, no such method 405 with Allow, no token 401 or
 * 403. Cancel: a client that goes away stops nothing; its call ends unanswered.
 * Close: api_drain() answers clients that wait for a run; api_close() when
 * nothing is pending.
 */
#include "api/api.h"

#include "api/api_impl.h"
#include "api/auth.h"
#include "api/routes.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void api_refuse(
    struct http_exchange *x, const struct auth_refusal *refusal)
{
    struct http_header_out header = {"WWW-Authenticate", refusal->scheme};

    http_answer_error(
        x, refusal->status, &header, refusal->scheme != NULL, refusal->message);
}

/* Neither the path nor the method is there. */
static void api_answer_unknown(
    struct http_exchange *x, const struct route_match *match)
{
    struct http_header_out allow = {"Allow", match->allow};
    char message[128];

    if (match->allow[0] == '\0') {
        http_answer_error(x, 404, NULL, 0, "there is nothing at this path");
        return;
    }
    snprintf(
        message, sizeof(message), "this path allows only %s", match->allow);
    http_answer_error(x, 405, &allow, 1, message);
}

static void api_handle(void *arg, struct http_exchange *x)
{
    struct api *api = arg;
    const char *token = api->options.ops->config->http.admin_token;
    const struct auth_refusal *refusal = auth_check(x, token);
    struct route_match match;

    if (refusal != NULL) {
        api_refuse(x, refusal);
        return;
    }
    router_find(api_routes, NROUTES, x->method, x->path, &match);
    if (match.route == NULL) {
        api_answer_unknown(x, &match);
        return;
    }
    x->label = match.route->path;
    match.route->handle(api, x, match.id);
}

static void api_answered(
    void *arg, const struct http_exchange *x, int status, uint64_t duration_ms)
{
    struct api *api = arg;

    metrics_http(api->options.metrics, x->method,
        x->label == NULL ? "other" : x->label, status, duration_ms);
}

/* Life */

int api_start(
    struct api **out, const struct api_options *options, struct err *err)
{
    const struct config_http *config = &options->ops->config->http;
    struct api *api = calloc(1, sizeof(*api));
    struct http_server_options server = {
        .host = config->host,
        .port = config->port,
        .handler = api_handle,
        .answered = api_answered,
    };

    if (api == NULL)
        abort();
    api->options = *options;
    api->why_not_ready = "starting";
    list_init(&api->calls);
    server.arg = api;
    if (http_server_start(&api->server, options->ops->loop, &server, err) < 0) {
        free(api);
        return err->code;
    }
    *out = api;
    return 0;
}

int api_port(const struct api *api)
{
    return http_server_port(api->server);
}

void api_set_ready(struct api *api, const char *why_not)
{
    api->why_not_ready = why_not;
}

void api_drain(struct api *api)
{
    api->draining = true;
    api->why_not_ready = "shutting down";
}

bool api_is_idle(const struct api *api)
{
    return list_empty(&api->calls);
}

void api_close(struct api *api)
{
    assert(api_is_idle(api));
    http_server_close(api->server);
    free(api);
}
