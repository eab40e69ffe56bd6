/* GET /admin/batch-sync/items: what is stored of one item; its neighbourhood,
 * /admin/batch-sync/graph; and what
 * /admin/batch-sync/services?name= says of one service. */
#include "api/history/history_call.h"
#include "api/routes.h"
#include "db/read/item_facts.h"
#include "ops/asked.h"
#include "ops/graph_look.h"
#include "ops/services.h"
#include "ops/stored/explain.h"
#include "ops/stored/forget.h"
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 256 };

/* Whose rows: of the tenant that was asked for, else of ours, under the name
 * that the schema gives the service. */
static void stored_resolve(struct history_call *h)
{
    const struct ops *ops = h->call.api->options.ops;

    if (h->req.tenant == NULL)
        h->req.tenant = ops->config->sync.tenant;
    h->req.stored = services_stored_name(ops, &h->arena, h->req.service);
}

static int stored_need(const char *value, const char *name, struct err *err)
{
    if (value != NULL)
        return 0;
    return err_set(err, ERR_INVALID, "\"%s\" is missing", name);
}

static int stored_item_read(struct history_call *h, struct err *err)
{
    struct history_req *req = &h->req;

    if (history_call_value(h, "service", NAME_BYTES, &req->service, err) < 0 ||
        stored_need(req->service, "service", err) < 0 ||
        history_call_value(h, "id", HISTORY_VALUE_BYTES, &req->id, err) < 0 ||
        stored_need(req->id, "id", err) < 0 || history_call_tenant(h, err) < 0)
        return err->code;
    stored_resolve(h);
    return 0;
}

/* The item, explained */

struct explain_call {
    struct history_call *h; /* which has it in its arena */
    bool asks;
    struct explain_source source;
};

static json_t *stored_item_explain(struct history_call *h, json_t *found)
{
    struct explain_call *e = h->data;

    return explain_add(h->call.api->options.ops, &h->arena, h->req.service,
        e->asks ? &e->source : NULL, found);
}

static void on_stored_source_asked(struct op *op)
{
    struct explain_call *e =
        container_of(op, struct explain_call, source.walk.op);
    struct history_call *h = e->h;

    if (op->err.code == 0) {
        item_facts(h->call.api->options.ops->look, &h->req);
        return;
    }
    api_call_fail(&h->call, &op->err);
    api_call_end(&h->call);
}

/* "source": true or false. */
static int stored_item_read_source(struct explain_call *e, struct err *err)
{
    struct history_call *h = e->h;
    const char *text = NULL;

    if (history_call_value(h, "source", NAME_BYTES, &text, err) < 0)
        return err->code;
    if (text != NULL && strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return err_set(err, ERR_INVALID, "\"source\" must be true or false");
    e->asks = text != NULL && strcmp(text, "true") == 0;
    return 0;
}

static void stored_item_ask_source(struct explain_call *e)
{
    struct history_call *h = e->h;
    const struct str *traceparent = http_header(h->call.x, "traceparent");

    if (traceparent != NULL)
        e->source.walk.traceparent = *traceparent;
    e->source.arena = &h->arena;
    e->source.id = h->req.id;
    e->source.walk.service = h->req.service;
    e->source.walk.tenant = h->req.tenant;
    op_init(&e->source.walk.op, on_stored_source_asked);
    explain_ask_source(h->call.api->options.ops, &e->source);
}

void route_item(struct api *api, struct http_exchange *x, struct str id)
{
    struct history_call *h = history_call_new(api, x);
    struct explain_call *e = arena_calloc(&h->arena, 1, sizeof(*e));
    struct err err;

    if (e == NULL)
        abort();
    e->h = h;
    h->data = e;
    h->finish = stored_item_explain;
    if (stored_item_read(h, &err) < 0 || stored_item_read_source(e, &err) < 0) {
        api_call_fail(&h->call, &err);
        api_call_end(&h->call);
        return;
    }
    h->req.always = e->asks;
    if (e->asks && x->role == AUTH_VIEWER) {
        api_call_error(&h->call, 403,
            "VIEWER_TOKEN does not read from sources; this needs ADMIN_TOKEN");
        api_call_end(&h->call);
    } else if (e->asks)
        stored_item_ask_source(e);
    else
        item_facts(api->options.ops->look, &h->req);
}

/* Its neighbourhood in the graph */

static int stored_graph_read(struct history_call *h, struct err *err)
{
    const char *depth = NULL;
    int rc = stored_item_read(h, err);

    if (rc == 0)
        rc = history_call_value(h, "depth", NAME_BYTES, &depth, err);
    if (rc == 0 && graph_look(h->call.api->options.ops, &h->arena, depth,
                       &h->req, err) < 0)
        rc = asked_subject(err, "\"depth\"");
    return rc;
}

void route_graph(struct api *api, struct http_exchange *x, struct str id)
{
    struct history_call *h = history_call_new(api, x);
    struct err err;

    history_call_submit(h, history_graph, stored_graph_read(h, &err), &err);
}

/* Forgetting it */

struct forget_call {
    struct history_call *h; /* which has it in its arena */
    struct forget_req req;
};

static void on_stored_item_forgotten(struct op *op)
{
    struct forget_call *f = container_of(op, struct forget_call, req.op);
    struct api_call *call = &f->h->call;

    if (op->err.code == ERR_ALREADY_RUNNING)
        api_call_error(call, 409, op->err.msg);
    else if (op->err.code != 0)
        api_call_fail(call, &op->err);
    else
        api_call_answer(call, 200, forget_json(&f->req));
    api_call_end(call);
}

void route_forget(struct api *api, struct http_exchange *x, struct str id)
{
    struct history_call *h = history_call_new(api, x);
    struct forget_call *f = arena_calloc(&h->arena, 1, sizeof(*f));
    struct err err;

    if (f == NULL)
        abort();
    if (stored_item_read(h, &err) < 0) {
        api_call_fail(&h->call, &err);
        api_call_end(&h->call);
        return;
    }
    f->h = h;
    f->req.tenant = h->req.tenant;
    f->req.content_id = h->req.id;
    op_init(&f->req.op, on_stored_item_forgotten);
    forget_item(api->options.ops, &h->arena, h->req.service, &f->req);
}

/* A service */

static json_t *stored_service_add_schema(struct history_call *h, json_t *found)
{
    json_object_set_new(found, "schema",
        services_schema_json(
            h->call.api->options.ops, &h->arena, h->req.service));
    return found;
}

static int stored_service_read(struct history_call *h, struct err *err)
{
    if (history_call_value(h, "name", NAME_BYTES, &h->req.service, err) < 0 ||
        stored_need(h->req.service, "name", err) < 0 ||
        history_call_tenant(h, err) < 0)
        return err->code;
    stored_resolve(h);
    return 0;
}

void route_service(struct api *api, struct http_exchange *x)
{
    struct history_call *h = history_call_new(api, x);
    struct err err;

    h->finish = stored_service_add_schema;
    history_call_submit(h, history_service, stored_service_read(h, &err), &err);
}
