/*
 * POST /admin/batch-sync/search: the stored items that answer a text.
 *
 * Happy path: the text is embedded, then looked up by vector and by words.
 * Failures: 400 for a wrong body, the embedder's or the database's as they are.
 * Cancel: a client that goes away does not stop it; it ends by itself.
 */
#include "api/api_impl.h"
#include "api/body.h"
#include "api/routes.h"
#include "ops/search/search.h"
#include <stdlib.h>

struct search_call {
    struct api_call call; /* freed through it */
    struct text_search_req req;
    struct arena arena;
    struct body_search body;
};

static void search_call_free(struct api_call *call)
{
    struct search_call *s = container_of(call, struct search_call, call);

    json_decref(s->body.body);
    arena_free(&s->arena);
    free(s);
}

static void on_search_ended(struct op *op)
{
    struct search_call *s = container_of(op, struct search_call, req.op);

    if (op->err.code != 0) {
        api_call_fail(&s->call, &op->err);
    } else {
        const char *note = search_note(&s->req);
        json_t *body = json_pack("{s:o, s:I, s:s}", "hits",
            search_json(&s->req, s->body.explain), "count",
            (json_int_t)s->req.nitems, "way", search_way_name(&s->req));

        if (note != NULL)
            json_object_set_new(body, "note", json_string(note));
        answer_set_now(body);
        api_call_answer(&s->call, 200, body);
    }
    api_call_end(&s->call);
}

void route_search(struct api *api, struct http_exchange *x, struct str id)
{
    struct search_call *s = calloc(1, sizeof(*s));
    const struct str *traceparent = http_header(x, "traceparent");
    struct err err;

    if (s == NULL)
        abort();
    arena_init(&s->arena, 0);
    s->req.arena = &s->arena;
    op_init(&s->req.op, on_search_ended);
    api_call_begin(&s->call, api, x, search_call_free);
    if (body_read_search(&s->body, x->body, &s->req, &err) < 0) {
        api_call_fail(&s->call, &err);
        api_call_end(&s->call);
        return;
    }
    if (traceparent != NULL)
        s->req.traceparent = *traceparent;
    search_text(api->options.ops, &s->req);
}
