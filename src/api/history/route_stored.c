/* GET /admin/batch-sync/items: what is stored of one item; its neighbourhood,
 * /admin/batch-sync/graph; and what
 * /admin/batch-sync/services?name= says of one service. */
#include "api/history/history_call.h"
#include "api/routes.h"
#include "ops/asked.h"
#include "ops/graph_look.h"
#include "ops/services.h"

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

static int item_read(struct history_call *h, struct err *err)
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

void route_item(struct api *api, struct http_exchange *x, struct str id)
{
    struct history_call *h = history_call_new(api, x);
    struct err err;

    history_call_submit(h, history_item, item_read(h, &err), &err);
}

/* Its neighbourhood in the graph */

static int graph_read(struct history_call *h, struct err *err)
{
    const char *depth = NULL;
    int rc = item_read(h, err);

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

    history_call_submit(h, history_graph, graph_read(h, &err), &err);
}

/* A service */

static json_t *service_add_schema(struct history_call *h, json_t *found)
{
    json_object_set_new(found, "schema",
        services_schema_json(
            h->call.api->options.ops, &h->arena, h->req.service));
    return found;
}

static int service_read(struct history_call *h, struct err *err)
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

    h->finish = service_add_schema;
    history_call_submit(h, history_service, service_read(h, &err), &err);
}
