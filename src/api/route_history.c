/*
 * The history: runs, one run, dead letters. Happy path: PostgreSQL writes the
 * JSON, which is passed on. Failures: 400 for wrong parameters, 404 for an
 * unknown run, 503 when the database is down. Cancel: none; the query is short
 * and bounded.
 */
#include "api/api_impl.h"
#include "api/routes.h"
#include "ops/asked.h"
#include <stdlib.h>

enum { VALUE_BYTES = 256 };

struct history_call {
    struct api_call call; /* freed through it */
    struct history_req req;
    struct buf id, before, status, tenant, service, limit; /* decoded */
};

static void history_call_free(struct api_call *call)
{
    struct history_call *h = container_of(call, struct history_call, call);

    buf_free(&h->id);
    buf_free(&h->before);
    buf_free(&h->status);
    buf_free(&h->tenant);
    buf_free(&h->service);
    buf_free(&h->limit);
    history_req_clear(&h->req);
    free(h);
}

static void on_history_read(struct op *op)
{
    struct history_call *h = container_of(op, struct history_call, req.op);
    struct http_exchange *x = h->call.x;

    if (op->err.code != 0) {
        api_call_fail(&h->call, &op->err);
    } else if (x != NULL) {
        h->call.x = NULL;
        answer_text(x, 200, "application/json", buf_view(&h->req.json));
    }
    api_call_end(&h->call);
}

static struct history_call *history_call_new(
    struct api *api, struct http_exchange *x)
{
    struct history_call *h = calloc(1, sizeof(*h));

    if (h == NULL)
        abort();
    buf_init(&h->id, VALUE_BYTES);
    buf_init(&h->before, VALUE_BYTES);
    buf_init(&h->status, VALUE_BYTES);
    buf_init(&h->tenant, VALUE_BYTES);
    buf_init(&h->service, VALUE_BYTES);
    buf_init(&h->limit, VALUE_BYTES);
    op_init(&h->req.op, on_history_read);
    api_call_begin(&h->call, api, x, history_call_free);
    return h;
}

typedef void (*history_query)(
    struct pg_pool *pool, struct loop *loop, struct history_req *req);

/* Starts the query; with rc < 0 the call ends with *err instead. */
static void history_submit(
    struct history_call *h, history_query query, int rc, const struct err *err)
{
    const struct ops *ops = h->call.api->options.ops;

    if (rc == 0) {
        query(ops->history, ops->loop, &h->req);
        return;
    }
    api_call_fail(&h->call, err);
    api_call_end(&h->call);
}

/* A parameter into `out`, and *value to it; ERR_INVALID: it is malformed. */
static int history_parameter(const struct history_call *h, const char *name,
    struct buf *out, const char **value, struct err *err)
{
    int rc = http_query(h->call.x->query, name, out);

    if (rc < 0 || out->error != 0 || (rc > 0 && !utf8_valid(buf_view(out))))
        return err_set(err, ERR_INVALID,
            "\"%s\" must be UTF-8 of at most %d bytes, percent-encoded", name,
            VALUE_BYTES);
    *value = rc > 0 && out->len > 0 ? out->data : NULL;
    return 0;
}

static int history_read_limit(struct history_call *h, struct err *err)
{
    const char *text = NULL;

    if (history_parameter(h, "limit", &h->limit, &text, err) < 0)
        text = ""; /* is not a number, either */
    if (asked_limit(text, &h->req.limit, err) < 0)
        return asked_subject(err, "\"limit\"");
    return 0;
}

static int history_read_runs(struct history_call *h, struct err *err)
{
    struct history_req *req = &h->req;

    if (history_parameter(h, "status", &h->status, &req->status, err) < 0)
        return err->code;
    if (asked_run_status(req->status, err) < 0)
        return asked_subject(err, "\"status\"");
    if (history_read_limit(h, err) < 0 ||
        history_parameter(h, "before", &h->before, &req->before, err) < 0 ||
        history_parameter(h, "tenant_id", &h->tenant, &req->tenant, err) < 0)
        return err->code;
    return 0;
}

static int history_read_letters(struct history_call *h, struct err *err)
{
    struct history_req *req = &h->req;
    const char *status;

    if (history_parameter(h, "status", &h->status, &status, err) < 0)
        return err->code;
    if (asked_letters(status, &req->letters, err) < 0)
        return asked_subject(err, "\"status\"");
    if (history_read_limit(h, err) < 0 ||
        history_parameter(h, "service", &h->service, &req->service, err) < 0 ||
        history_parameter(h, "tenant_id", &h->tenant, &req->tenant, err) < 0)
        return err->code;
    return 0;
}

static int history_read_id(
    struct history_call *h, struct str id, struct err *err)
{
    if (http_decode(id, &h->id) < 0 || h->id.error != 0 ||
        !utf8_valid(buf_view(&h->id)))
        return err_set(err, ERR_INVALID, "the id of the run is not valid");
    h->req.id = h->id.data;
    return 0;
}

void route_runs(struct api *api, struct http_exchange *x, struct str id)
{
    struct history_call *h = history_call_new(api, x);
    struct err err;

    history_submit(h, history_runs, history_read_runs(h, &err), &err);
}

void route_run(struct api *api, struct http_exchange *x, struct str id)
{
    struct history_call *h = history_call_new(api, x);
    struct err err;

    history_submit(h, history_run, history_read_id(h, id, &err), &err);
}

void route_dead_letters(struct api *api, struct http_exchange *x, struct str id)
{
    struct history_call *h = history_call_new(api, x);
    struct err err;

    history_submit(
        h, history_dead_letters, history_read_letters(h, &err), &err);
}
