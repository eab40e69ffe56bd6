/*
 * GET /admin/batch-sync/services: the services that a run would sync now, or
 * with ?name= one of them (route_stored.c).
 * Happy path and failures are the port's: it falls back by itself, so that
 * there is an answer without a coordinator, too.
 */
#include "api/api_impl.h"
#include "api/routes.h"
#include "ops/services.h"
#include <stdlib.h>

enum { SERVICES_NAME_BYTES = 4096 };

struct services_call {
    struct api_call call; /* freed through it */
    struct services_req req;
    struct arena arena;
};

static void services_call_free(struct api_call *call)
{
    struct services_call *s = container_of(call, struct services_call, call);

    arena_free(&s->arena);
    free(s);
}

static json_t *services_answer(const struct services_req *req)
{
    json_t *body = services_json(req);

    json_object_set_new(body, "success", json_true());
    json_object_set_new(
        body, "note", json_string(services_source_text(req->source)));
    answer_set_now(body);
    return body;
}

static void on_services_listed(struct op *op)
{
    struct services_call *s = container_of(op, struct services_call, req.op);

    if (op->err.code != 0)
        api_call_fail(&s->call, &op->err);
    else
        api_call_answer(&s->call, 200, services_answer(&s->req));
    api_call_end(&s->call);
}

static bool services_one_is_asked(const struct http_exchange *x)
{
    struct buf name;
    bool asked;

    buf_init(&name, SERVICES_NAME_BYTES);
    asked = http_query(x->query, "name", &name) != 0;
    buf_free(&name);
    return asked;
}

void route_services(struct api *api, struct http_exchange *x, struct str id)
{
    struct services_call *s;

    if (x->query.len > 0 && services_one_is_asked(x)) {
        route_service(api, x);
        return;
    }
    s = calloc(1, sizeof(*s));
    if (s == NULL)
        abort();
    arena_init(&s->arena, 0);
    s->req.arena = &s->arena;
    api_call_begin(&s->call, api, x, services_call_free);
    op_init(&s->req.op, on_services_listed);
    services_ask(api->options.ops, &s->req);
}
