/*
 * Happy path: a request is complete, its route is found, the handler answers
 * at once or begins an api_call that answers later.
 *
 * Failures: no such path 404, no such method 405 with Allow, no token 401 or
 * 403. Cancel: a client that goes away stops nothing; its call ends unanswered.
 * Close: api_drain() answers clients that wait for a run; after api_shut()
 * nothing new begins, and api_close() comes when nothing is pending.
 */
#include "api/api.h"

#include "api/api_impl.h"
#include "api/live/live.h"
#include "api/routes.h"
#include "ops/plan/plan.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { GET_BODY_BYTES = 4 * 1024, POST_BODY_BYTES = 1024 * 1024 };

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

/* Why a route is not for this request now; NULL: it is. */
static const struct auth_refusal *api_refusal(const struct api *api,
    const struct http_exchange *x, const struct route *route, bool guarded)
{
    static const struct auth_refusal ending = {
        .status = 503, .message = "the service is shutting down"};
    static const struct auth_refusal looks = {.status = 403,
        .message = "VIEWER_TOKEN may look and search; this needs ADMIN_TOKEN"};

    if (api->shut && guarded)
        return &ending;
    return x->role == AUTH_VIEWER && !route->viewer ? &looks : NULL;
}

/* Finds the route; NULL: the request has been answered, or will be. */
static const struct route *api_find(
    struct api *api, struct http_exchange *x, struct str *id)
{
    const struct auth_refusal *refusal;
    struct route_match match;
    bool guarded = auth_is_guarded(x);

    if (access_check(api->access, x) == AUTH_NOBODY && guarded)
        return NULL;
    router_find(api_routes, NROUTES, x->method, x->path, &match);
    *id = match.id;
    if (match.route == NULL) {
        api_answer_unknown(x, &match);
        return NULL;
    }
    x->label = match.route->path;
    refusal = api_refusal(api, x, match.route, guarded);
    if (refusal == NULL)
        return match.route;
    access_answer(x, refusal);
    return NULL;
}

static void api_handle(void *arg, struct http_exchange *x)
{
    struct api *api = arg;
    struct str id;
    const struct route *route = api_find(api, x, &id);

    if (route != NULL)
        route->handle(api, x, id);
}

/* Bodies are for those who may send them. */
static long api_admit(void *arg, struct http_exchange *x)
{
    struct str id;
    const struct route *route = api_find(arg, x, &id);

    if (route == NULL)
        return -1;
    return strcmp(route->method, "GET") == 0 ? GET_BODY_BYTES : POST_BODY_BYTES;
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
        .admit = api_admit,
        .answered = api_answered,
    };

    if (api == NULL)
        abort();
    api->options = *options;
    api->why_not_ready = "starting";
    list_init(&api->calls);
    api->access = access_new(options->ops->loop, config, options->metrics);
    api->live = live_new(api);
    server.arg = api;
    if (http_server_start(&api->server, options->ops->loop, &server, err) < 0) {
        access_close(api->access);
        live_free(api->live);
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

void api_reload(struct api *api)
{
    access_reload(api->access);
}

void api_set_ready(struct api *api, const char *why_not)
{
    api->why_not_ready = why_not;
}

void api_drain(struct api *api)
{
    api->draining = true;
    access_drain(api->access);
    api->why_not_ready = "shutting down";
    live_drain(api->live);
    if (api->planning != NULL)
        op_cancel(&api->planning->op);
}

void api_shut(struct api *api)
{
    api->shut = true;
}

bool api_is_idle(const struct api *api)
{
    return list_empty(&api->calls) && live_is_idle(api->live);
}

void api_close(struct api *api)
{
    assert(api_is_idle(api));
    http_server_close(api->server);
    access_close(api->access);
    live_free(api->live);
    free(api);
}
