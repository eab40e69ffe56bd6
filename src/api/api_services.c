/*
 * GET /admin/batch-sync/services: the services that a run would sync now.
 * Happy path and failures are the port's: it falls back by itself, so that
 * there is an answer without a coordinator too.
 */
#include "api/api_impl.h"

#include "ops/result_json.h"

#include <stdlib.h>

struct services_call {
    struct admin_call call; /* freed through it */
    struct services_req req;
    struct arena arena;
};

static void services_api_free_call(struct admin_call *call)
{
    struct services_call *s = container_of(call, struct services_call, call);

    arena_free(&s->arena);
    free(s);
}

static const char *note_of(const char *source)
{
    if (strcmp(source, "env") == 0)
        return "from BATCH_SYNC_SERVICES";
    if (strcmp(source, "coordinator") == 0)
        return "as the coordinator lists them";
    return "the fallback list: the coordinator named none";
}

static json_t *services_json(const struct services_req *req)
{
    json_t *body = json_object(), *names = json_array();

    for (size_t i = 0; i < req->n; i++)
        json_array_append_new(names, result_json_text(req->names[i]));
    json_object_set_new(body, "success", json_true());
    json_object_set_new(body, "services", names);
    json_object_set_new(body, "count", json_integer((json_int_t)req->n));
    json_object_set_new(body, "source", json_string(req->source));
    json_object_set_new(body, "note", json_string(note_of(req->source)));
    json_set_now(body);
    return body;
}

static void on_services_api_listed(struct op *op)
{
    struct services_call *s = container_of(op, struct services_call, req.op);

    if (op->err.code != 0)
        admin_call_error(&s->call, api_status_of(op->err.code), op->err.msg);
    else
        admin_call_answer(&s->call, 200, services_json(&s->req));
    admin_call_end(&s->call);
}

void handle_services(struct admin *a, struct http_exchange *x, struct str id)
{
    const struct ports *ports = a->options.ports;
    struct services_call *s = calloc(1, sizeof(*s));

    if (s == NULL)
        abort();
    arena_init(&s->arena, 0);
    s->req.arena = &s->arena;
    admin_call_begin(&s->call, a, x, services_api_free_call);
    op_init(&s->req.op, on_services_api_listed);
    if (ports->list_services(ports->world, &s->req) < 0) {
        admin_call_error(
            &s->call, api_status_of(s->req.op.err.code), s->req.op.err.msg);
        admin_call_end(&s->call);
    }
}
