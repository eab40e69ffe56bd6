/*
 * Happy path: the text's vector from the embedder, then one query of the
 * store. Failures: either's; nothing is tried again. Cancel: passed on to the
 * request at hand.
 */
#include "ops/search.h"

#include "ops/services.h"
#include <stdlib.h>

static void search_cancel(struct op *op)
{
    struct text_search_req *req = container_of(op, struct text_search_req, op);

    op_cancel(&req->embed.op);
    op_cancel(&req->search.op);
}

static void on_search_searched(struct op *op)
{
    struct text_search_req *req =
        container_of(op, struct text_search_req, search.op);

    req->hits = req->search.hits;
    req->nhits = req->search.nhits;
    op_finish(&req->op, &op->err);
}

static void on_search_text_embedded(struct op *op)
{
    struct text_search_req *req =
        container_of(op, struct text_search_req, embed.op);

    if (op->err.code != 0) {
        err_wrap(&op->err, "embed");
        op_finish(&req->op, &op->err);
        return;
    }
    req->search = (struct search_req){.arena = req->arena,
        .tenant = req->ops->config->sync.tenant,
        .service = services_stored_name(req->ops, req->arena, req->service),
        .vector = req->embed.vectors,
        .dimensions = req->embed.dimensions,
        .limit = req->limit};
    op_init(&req->search.op, on_search_searched);
    store_search(req->ops->store, &req->search);
}

void search_text(const struct ops *ops, struct text_search_req *req)
{
    int dimensions = ops->config->embedding.dimensions;
    struct trace_context trace;
    float *vector =
        arena_calloc(req->arena, (size_t)dimensions, sizeof(*vector));

    req->ops = ops;
    req->hits = NULL;
    req->nhits = 0;
    req->embed = (struct embed_req){.texts = &req->text,
        .n = 1,
        .query = true,
        .dimensions = dimensions,
        .vectors = vector};
    if (trace_context_read(&trace, req->traceparent))
        trace_context_next(&trace, req->embed.traceparent);
    op_init(&req->embed.op, on_search_text_embedded);
    op_init(&req->search.op, on_search_searched);
    op_begin(&req->op, &ops->loop->ready, search_cancel);
    if (vector == NULL)
        abort();
    ops->ports->embed(ops->ports->world, &req->embed);
}

static json_t *search_json_text(struct str s)
{
    return json_stringn(s.p != NULL ? s.p : "", s.len);
}

json_t *search_json(const struct text_search_req *req)
{
    json_t *array = json_array();

    for (size_t i = 0; i < req->nhits; i++) {
        const struct search_hit *hit = &req->hits[i];

        json_array_append_new(
            array, json_pack("{s:I, s:f, s:o, s:o, s:i, s:o, s:o}", "rank",
                       (json_int_t)i + 1, "similarity", hit->similarity,
                       "service", search_json_text(hit->service), "content_id",
                       search_json_text(hit->content_id), "chunk_index",
                       hit->chunk_index, "title", search_json_text(hit->title),
                       "preview", search_json_text(hit->preview)));
    }
    return array;
}
