/*
 * POST /admin/batch-sync/search: the stored items nearest to a text.
 *
 * Happy path: the text is embedded, then looked up. Failures: 400 for a wrong
 * body, the embedder's or the database's as they are. Cancel: a client that
 * goes away does not stop it; it ends by itself.
 */
#include "api/api_impl.h"
#include "api/body.h"
#include "api/routes.h"
#include "ops/search.h"
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
        json_t *body = json_pack("{s:o, s:I}", "hits", search_json(&s->req),
            "count", (json_int_t)s->req.nhits);

        answer_set_now(body);
        api_call_answer(&s->call, 200, body);
    }
    api_call_end(&s->call);
}

static int search_call_read(
    struct search_call *s, struct str text, struct err *err)
{
    int rc = body_read_search(&s->body, text, err);

    s->req.text = s->body.query;
    s->req.service = s->body.service;
    s->req.limit = s->body.limit;
    return rc;
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
    if (search_call_read(s, x->body, &err) < 0) {
        api_call_fail(&s->call, &err);
        api_call_end(&s->call);
        return;
    }
    if (traceparent != NULL)
        s->req.traceparent = *traceparent;
    search_text(api->options.ops, &s->req);
}
