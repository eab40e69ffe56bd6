/*
 * Happy path: a request is complete, its route is found, the handler answers
 * at once or begins an admin_call that answers later.
 *
 * Failures: no such path 404, no such method 405 with Allow, no token 401 or
 * 403. Cancel: a client that goes away stops nothing; its call ends unanswered.
 * Close: admin_drain() answers who waits for a run; admin_close() when
 * nothing is pending.
 */
#include "api/api_impl.h"

#include "base/crypto.h"
#include "base/log.h"
#include <assert.h>
#include <stdlib.h>

static const struct route {
    const char *method;
    const char *path; /* may end in, or hold, one {id} */
    route_handler handle;
} routes[] = {
    {"POST", "/admin/batch-sync/trigger", handle_trigger},
    {"GET", "/admin/batch-sync/services", handle_services},
    {"GET", "/admin/batch-sync/runs", handle_runs},
    {"GET", "/admin/batch-sync/runs/{id}", handle_run},
    {"POST", "/admin/batch-sync/runs/{id}/cancel", handle_cancel},
    {"GET", "/admin/batch-sync/dead-letters", handle_dead_letters},
    {"POST", "/admin/batch-sync/dead-letters/retry", handle_retry},
    {"GET", "/health/batch-sync", handle_scheduler_health},
    {"GET", "/health", handle_health},
    {"GET", "/livez", handle_livez},
    {"GET", "/readyz", handle_readyz},
    {"GET", "/metrics", handle_metrics},
};

enum { NROUTES = sizeof(routes) / sizeof(routes[0]) };

/* The token */

/* Takes the same time wherever the two differ. */
static bool same_secret(struct str a, struct str b)
{
    uint8_t x[SHA256_BYTES], y[SHA256_BYTES];
    unsigned char differ = 0;

    sha256_of(a, x);
    sha256_of(b, y);
    for (int i = 0; i < SHA256_BYTES; i++)
        differ |= x[i] ^ y[i];
    return differ == 0;
}

static bool has_token(const struct http_exchange *x, const char *token)
{
    static const char scheme[] = "bearer ";
    const struct str *value = http_header(x, "authorization");
    size_t len = sizeof(scheme) - 1;

    return value != NULL && value->len > len &&
           strncasecmp(value->p, scheme, len) == 0 &&
           same_secret(
               (struct str){value->p + len, value->len - len}, str_of(token));
}

/*
 * Is this the name of no machine but an address, or localhost? A web page in a
 * browser on this machine is a loopback client too: it gives itself away by
 * its Origin, or when its name was made to point here, by its Host.
 */
static bool is_plain_host(struct str host)
{
    static const struct str local = {"localhost", 9};

    if (host.len > 0 && host.p[0] == '[')
        return true;
    if (host.len >= local.len && strncasecmp(host.p, local.p, local.len) == 0)
        return host.len == local.len || host.p[local.len] == ':';
    for (size_t i = 0; i < host.len; i++)
        if (strchr("0123456789.:", host.p[i]) == NULL)
            return false;
    return true;
}

static bool is_from_a_page(const struct http_exchange *x)
{
    const struct str *host = http_header(x, "host");

    return http_header(x, "origin") != NULL ||
           (host != NULL && !is_plain_host(*host));
}

/* False: it has been answered. */
static bool authorize(struct admin *a, struct http_exchange *x)
{
    static const struct http_header_out bearer = {"WWW-Authenticate", "Bearer"};
    const char *token = a->options.config->http.admin_token;

    if (x->path.len < 7 || memcmp(x->path.p, "/admin/", 7) != 0)
        return true;
    if (token == NULL && x->peer_is_loopback && !is_from_a_page(x))
        return true;
    if (token == NULL) {
        http_answer_error(x, 403, NULL, 0,
            "without ADMIN_TOKEN only clients on this machine are answered; "
            "set ADMIN_TOKEN and send it as a Bearer token");
        return false;
    }
    if (has_token(x, token))
        return true;
    http_answer_error(x, 401, &bearer, 1,
        "this needs the header `Authorization: Bearer <ADMIN_TOKEN>`");
    return false;
}

static void answered(
    void *arg, const struct http_exchange *x, int status, uint64_t duration_ms)
{
    struct admin *a = arg;

    metrics_http(a->options.metrics, x->method,
        x->label == NULL ? "other" : x->label, status, duration_ms);
}

/* Routing */

/* Does the path match, and what stands for {id}? */
static bool path_matches(const char *pattern, struct str path, struct str *id)
{
    const char *hole = strstr(pattern, "{id}");
    size_t before, after, len;

    *id = (struct str){NULL, 0};
    if (hole == NULL)
        return str_eq(str_of(pattern), path);
    before = (size_t)(hole - pattern);
    after = strlen(hole + 4);
    if (path.len <= before + after || memcmp(path.p, pattern, before) != 0 ||
        memcmp(path.p + path.len - after, hole + 4, after) != 0)
        return false;
    len = path.len - before - after;
    *id = (struct str){path.p + before, len};
    return memchr(id->p, '/', len) == NULL;
}

/* HEAD is answered like GET; the server leaves the body out. */
static bool method_matches(const struct route *r, const char *method)
{
    return strcmp(r->method, method) == 0 ||
           (strcmp(method, "HEAD") == 0 && strcmp(r->method, "GET") == 0);
}

static void answer_unknown(struct http_exchange *x, const char *allowed)
{
    struct http_header_out allow = {"Allow", allowed};

    if (allowed == NULL)
        http_answer_error(x, 404, NULL, 0, "there is nothing at this path");
    else
        http_answer_error(x, 405, &allow, 1,
            strcmp(allowed, "POST") == 0 ? "only POST is allowed here"
                                         : "only GET is allowed here");
}

static void handle(void *arg, struct http_exchange *x)
{
    struct admin *a = arg;
    const char *allowed = NULL;
    struct str id;

    if (!authorize(a, x))
        return;
    for (int i = 0; i < NROUTES; i++) {
        if (!path_matches(routes[i].path, x->path, &id))
            continue;
        if (method_matches(&routes[i], x->method)) {
            x->label = routes[i].path;
            routes[i].handle(a, x, id);
            return;
        }
        allowed = strcmp(routes[i].method, "GET") == 0 ? "GET, HEAD" : "POST";
    }
    answer_unknown(x, allowed);
}

/* Answering */

void answer_text(
    struct http_exchange *x, int status, const char *type, struct str body)
{
    struct http_header_out headers[] = {
        {"Content-Type", type}, {"Cache-Control", "no-store"}};

    http_answer(x, status, headers, 2, body);
}

void answer_json(struct http_exchange *x, int status, json_t *body)
{
    char *text = json_dumps(body, JSON_COMPACT);

    json_decref(body);
    if (text == NULL) {
        http_answer_error(x, 500, NULL, 0, "no memory for the answer");
        return;
    }
    answer_text(x, status, "application/json", str_of(text));
    free(text);
}

int api_status_of(int code)
{
    switch (code) {
    case ERR_NOT_FOUND:
        return 404;
    case ERR_INVALID:
    case ERR_USAGE:
        return 400;
    case ERR_UNAVAILABLE:
    case ERR_TIMEOUT:
    case ERR_CANCELED:
    case ERR_BUSY:
        return 503;
    default:
        return 500;
    }
}

void json_set_now(json_t *object)
{
    char iso[ISO_BYTES];

    iso_from_ms(loop_wall_ms(), iso);
    json_object_set_new(object, "timestamp", json_string(iso));
}

/* Calls */

static void on_gone(struct http_exchange *x)
{
    struct admin_call *call = x->user;

    admin_call_answer(call, 503, json_object());
}

void admin_call_begin(struct admin_call *call, struct admin *a,
    struct http_exchange *x, void (*free)(struct admin_call *call))
{
    call->admin = a;
    call->x = x;
    call->free = free;
    list_push(&a->calls, &call->link);
    if (x == NULL)
        return;
    x->user = call;
    x->on_gone = on_gone;
}

void admin_call_answer(struct admin_call *call, int status, json_t *body)
{
    struct http_exchange *x = call->x;

    call->x = NULL;
    if (x != NULL)
        answer_json(x, status, body);
    else
        json_decref(body);
}

void admin_call_error(struct admin_call *call, int status, const char *message)
{
    struct http_exchange *x = call->x;

    call->x = NULL;
    if (x != NULL)
        http_answer_error(x, status, NULL, 0, message);
}

void admin_call_end(struct admin_call *call)
{
    admin_call_error(call, 500, "nothing came of it");
    list_remove(&call->link);
    call->free(call);
}

/* Life */

int admin_start(
    struct admin **out, const struct admin_options *options, struct err *err)
{
    struct admin *a = calloc(1, sizeof(*a));
    struct http_server_options server = {
        .host = options->config->http.host,
        .port = options->config->http.port,
        .handler = handle,
        .answered = answered,
    };

    if (a == NULL)
        abort();
    a->options = *options;
    a->why_not_ready = "starting";
    list_init(&a->calls);
    server.arg = a;
    if (http_server_start(&a->server, options->loop, &server, err) < 0) {
        free(a);
        return err->code;
    }
    *out = a;
    return 0;
}

int admin_port(const struct admin *a)
{
    return http_server_port(a->server);
}

void admin_set_ready(struct admin *a, const char *why_not)
{
    a->why_not_ready = why_not;
}

void admin_drain(struct admin *a)
{
    a->draining = true;
    a->why_not_ready = "shutting down";
}

bool admin_is_idle(const struct admin *a)
{
    return list_empty(&a->calls);
}

void admin_close(struct admin *a)
{
    assert(admin_is_idle(a));
    http_server_close(a->server);
    free(a);
}
