/*
 * Happy path: the text's vector from the embedder, then one query of the store
 * by vector and one by words, at the same time; what they find is fused.
 * Failures: the first of any; nothing is tried again. Cancel: passed on to the
 * requests at hand.
 */
#include "ops/search/search.h"

#include "db/search/languages.h"
#include "ops/services.h"
#include "record/schema.h"
#include <math.h>
#include <stdlib.h>

/* Pieces that are looked at for so many items, since several may be of one. */
enum { PIECES_LEAST = 100, PIECES_EACH = 2 };

static void search_cancel(struct op *op)
{
    struct text_search_req *req = container_of(op, struct text_search_req, op);

    op_cancel(&req->embed.op);
    op_cancel(&req->by_vector.op);
    op_cancel(&req->by_text.op);
}

static void search_fuse_found(struct text_search_req *req)
{
    struct search_ranking vector = {req->by_vector.hits, req->by_vector.nhits};
    struct search_ranking text = {req->by_text.hits, req->by_text.nhits};

    req->items =
        arena_calloc(req->arena, vector.n + text.n, sizeof(*req->items));
    if (req->items == NULL)
        abort();
    req->nitems = search_fuse(req->items, vector, text);
    if (req->nitems > (size_t)req->limit)
        req->nitems = (size_t)req->limit;
}

/* One of the queries has ended; the first failure ends the other. */
static void search_ended(struct text_search_req *req, const struct err *err)
{
    if (err->code != 0 && req->op.err.code == 0) {
        req->op.err = *err;
        op_cancel(&req->by_vector.op);
        op_cancel(&req->by_text.op);
    }
    if (--req->running > 0)
        return;
    if (req->op.err.code == 0)
        search_fuse_found(req);
    op_finish(&req->op, &req->op.err);
}

static void on_search_by_vector(struct op *op)
{
    search_ended(
        container_of(op, struct text_search_req, by_vector.op), &op->err);
}

static void on_search_by_text(struct op *op)
{
    struct text_search_req *req =
        container_of(op, struct text_search_req, by_text.op);

    req->index = req->by_text.index;
    search_ended(req, &op->err);
}

static int search_pieces(const struct text_search_req *req)
{
    int pieces = req->limit * PIECES_EACH;

    return pieces > PIECES_LEAST ? pieces : PIECES_LEAST;
}

static void search_by_vector(struct text_search_req *req)
{
    req->by_vector = (struct search_vector_req){.arena = req->arena,
        .filter = &req->filter,
        .vector = req->embed.vectors,
        .dimensions = req->embed.dimensions,
        .limit = search_pieces(req)};
    op_init(&req->by_vector.op, on_search_by_vector);
    req->running++;
    search_vectors(req->ops->look, &req->by_vector);
}

/* Words alone are looked for whatever it costs: that was asked for. */
static void search_by_text(struct text_search_req *req)
{
    bool both = req->way == SEARCH_BOTH;

    req->by_text = (struct search_text_req){.arena = req->arena,
        .filter = &req->filter,
        .text = req->text,
        .vector = both ? req->embed.vectors : NULL,
        .dimensions = req->embed.dimensions,
        .limit = search_pieces(req),
        .passages = req->limit,
        .most = both ? SEARCH_ROWS_READ : 0};
    if (req->ops->schemas != NULL)
        req->by_text.languages = languages_of(
            req->ops->schemas, req->arena, &req->by_text.nlanguages);
    op_init(&req->by_text.op, on_search_by_text);
    req->running++;
    search_texts(req->ops->look, &req->by_text);
}

static void search_query(struct text_search_req *req)
{
    req->filter.tenant = req->ops->config->sync.tenant;
    req->filter.service =
        services_stored_name(req->ops, req->arena, req->service);
    if (req->way != SEARCH_TEXT)
        search_by_vector(req);
    if (req->way != SEARCH_VECTOR)
        search_by_text(req);
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
    search_query(req);
}

static void search_embed(struct text_search_req *req)
{
    int dimensions = req->ops->config->embedding.dimensions;
    struct trace_context trace;
    float *vector =
        arena_calloc(req->arena, (size_t)dimensions, sizeof(*vector));

    if (vector == NULL)
        abort();
    req->embed = (struct embed_req){.texts = &req->text,
        .n = 1,
        .query = true,
        .dimensions = dimensions,
        .vectors = vector};
    trace_context_begin(&trace, req->traceparent);
    trace_context_next(&trace, req->embed.traceparent);
    op_init(&req->embed.op, on_search_text_embedded);
    req->ops->ports->embed(req->ops->ports->world, &req->embed);
}

void search_text(const struct ops *ops, struct text_search_req *req)
{
    req->ops = ops;
    req->items = NULL;
    req->nitems = 0;
    req->running = 0;
    req->index = SEARCH_INDEXED;
    op_init(&req->embed.op, on_search_text_embedded);
    op_init(&req->by_vector.op, on_search_by_vector);
    op_init(&req->by_text.op, on_search_by_text);
    op_begin(&req->op, &ops->loop->ready, search_cancel);
    if (req->way == SEARCH_TEXT)
        search_query(req);
    else
        search_embed(req);
}

/* --- for people --- */

const char *search_way_name(const struct text_search_req *req)
{
    static const char *const names[] = {"hybrid", "vector", "text"};

    return req->index == SEARCH_TOO_LARGE ? names[SEARCH_VECTOR]
                                          : names[req->way];
}

const char *search_note(const struct text_search_req *req)
{
    if (req->way == SEARCH_VECTOR)
        return NULL;
    if (req->index == SEARCH_TOO_LARGE)
        return "words were not looked for: there is no full-text index, and "
               "too "
               "many texts to read them all; BATCH_SYNC_FULL_TEXT=true builds "
               "one, --text (\"way\": \"text\") reads them all the same";
    if (req->index == SEARCH_EXACT)
        return "every text was read for the words: there is no full-text "
               "index; BATCH_SYNC_FULL_TEXT=true builds one";
    return NULL;
}

static json_t *search_json_text(struct str s)
{
    json_t *text = json_stringn(s.p != NULL ? s.p : "", s.len);

    return text != NULL ? text : json_string("");
}

static json_t *search_json_number(double value)
{
    return isnan(value) ? json_null() : json_real(value);
}

static void search_json_explain(json_t *object, const struct search_item *item)
{
    json_object_set_new(object, "score", json_real(item->score));
    json_object_set_new(object, "vector",
        item->vector_rank == 0
            ? json_null()
            : json_pack("{s:i, s:o}", "rank", item->vector_rank, "similarity",
                  search_json_number(item->similarity)));
    json_object_set_new(object, "text",
        item->text_rank == 0
            ? json_null()
            : json_pack("{s:i, s:f, s:b}", "rank", item->text_rank, "score",
                  item->text_score, "phrase", item->phrase));
}

json_t *search_json(const struct text_search_req *req, bool explain)
{
    json_t *array = json_array();

    for (size_t i = 0; i < req->nitems; i++) {
        const struct search_item *item = &req->items[i];
        const struct search_hit *hit = item->hit;
        json_t *object = json_pack("{s:I, s:o, s:o, s:o, s:i, s:o, s:o}",
            "rank", (json_int_t)i + 1, "similarity",
            search_json_number(item->similarity), "service",
            search_json_text(hit->service), "content_id",
            search_json_text(hit->content_id), "chunk_index", hit->chunk_index,
            "title", search_json_text(hit->title), "preview",
            search_json_text(hit->preview));

        if (explain)
            search_json_explain(object, item);
        json_array_append_new(array, object);
    }
    return array;
}
