/*
 * The sample: each row is searched for twice, and all of them are embedded
 * again, in one request of the port. These texts are paid for.
 */
#include "ops/verify/verify_impl.h"

#include <math.h>
#include <stdlib.h>

#define SAME_COSINE 0.999

enum { RECALL_LEAST = 9 }; /* of ten */

static void verify_check_search(struct verify_state *v);

static void verify_check_note(struct verify_state *v, enum verify_kind kind,
    const struct verify_sampled *row)
{
    struct verify_finding f = {
        .kind = kind, .content_id = row->content_id, .piece = 0, .n = 1};

    verify_note(v->req, row->service, &f);
}

/* --- embeddings ----------------------------------------------------------- */

static double verify_check_cosine(const float *a, const float *b, int n)
{
    double dot = 0, aa = 0, bb = 0;

    for (int i = 0; i < n; i++) {
        dot += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return dot / sqrt(aa * bb);
}

static void on_verify_check_embedded(struct op *op)
{
    struct verify_state *v = container_of(op, struct verify_state, embed.op);
    size_t dimensions = (size_t)v->embed.dimensions;

    v->req->texts += v->embed.sent;
    v->req->tokens += v->embed.tokens;
    if (verify_failed(v, op, "embed the sample"))
        return;
    for (size_t i = 0; i < v->embed.n; i++) {
        const struct verify_sampled *row = &v->sample.rows[v->embedded[i]];
        double cosine = verify_check_cosine(row->vector,
            v->embed.vectors + i * dimensions, v->embed.dimensions);

        if (!(cosine > SAME_COSINE))
            verify_check_note(v, VERIFY_EMBEDDING_DIFFERS, row);
    }
    verify_over(v);
}

/* Of the settings of today: with others, another vector is no wonder. */
static bool verify_check_is_ours(
    const struct verify_state *v, const struct verify_sampled *row)
{
    uint8_t hash[SHA256_BYTES];

    item_embed_hash(
        row->text, &v->req->ops->embedding, 1, CUT_LAST_THIRD, NULL, hash);
    return row->hash.len == SHA256_BYTES &&
           memcmp(hash, row->hash.p, SHA256_BYTES) == 0;
}

static void verify_check_embed(struct verify_state *v)
{
    size_t n = v->sample.n, count = 0;
    struct str *texts = arena_calloc(&v->batch, n + 1, sizeof(*texts));

    v->embedded = arena_calloc(&v->batch, n + 1, sizeof(*v->embedded));
    if (texts == NULL || v->embedded == NULL)
        abort();
    for (size_t i = 0; i < n; i++) {
        if (!verify_check_is_ours(v, &v->sample.rows[i]))
            continue;
        texts[count] = text_trim(v->sample.rows[i].text);
        v->embedded[count++] = i;
    }
    v->embed = (struct embed_req){.texts = texts,
        .n = count,
        .dimensions = v->sample.dimensions,
        .vectors = arena_calloc(&v->batch,
            (count + 1) * (size_t)v->sample.dimensions, sizeof(float))};
    if (v->embed.vectors == NULL)
        abort();
    if (count == 0) {
        verify_over(v);
        return;
    }
    trace_context_next(&v->trace, v->embed.traceparent);
    op_init(&v->embed.op, on_verify_check_embedded);
    v->req->ops->ports->embed(v->req->ops->ports->world, &v->embed);
}

/* --- recall --------------------------------------------------------------- */

static void on_verify_check_searched(struct op *op)
{
    struct verify_state *v = container_of(op, struct verify_state, recall.op);

    if (verify_failed(v, op, "search for the sample"))
        return;
    v->wanted += (uint64_t)v->recall.wanted;
    v->found += (uint64_t)v->recall.found;
    if (v->recall.wanted == 10 && v->recall.found < RECALL_LEAST)
        verify_check_note(v, VERIFY_RECALL_LOW, &v->sample.rows[v->at]);
    v->at++;
    verify_rest(v, verify_check_search);
}

static void verify_check_search(struct verify_state *v)
{
    if (v->at == v->sample.n || !v->survey.vector_index) {
        if (v->wanted > 0)
            v->req->recall = (double)v->found / (double)v->wanted;
        verify_check_embed(v);
        return;
    }
    v->batch_ms = loop_now_ms(v->req->ops->loop);
    v->recall = (struct verify_recall_req){
        .tenant = v->sample.tenant, .id = v->sample.rows[v->at].id};
    op_init(&v->recall.op, on_verify_check_searched);
    verify_recall(v->req->ops->look, &v->recall);
}

static void on_verify_check_sampled(struct op *op)
{
    struct verify_state *v = container_of(op, struct verify_state, sample.op);

    if (verify_failed(v, op, "draw a sample"))
        return;
    v->req->sampled = v->sample.n;
    v->at = 0;
    verify_check_search(v);
}

void verify_sample_begin(struct verify_state *v)
{
    const struct config *config = v->req->ops->config;

    if (v->req->ask.sample == 0 || v->survey.nservices == 0) {
        verify_over(v);
        return;
    }
    arena_free(&v->batch);
    arena_init(&v->batch, 0);
    v->sample = (struct verify_sample_req){.arena = &v->batch,
        .tenant = config->sync.tenant,
        .services = v->nodes.services,
        .nservices = v->survey.nservices,
        .dimensions = config->embedding.dimensions,
        .limit = v->req->ask.sample};
    op_init(&v->sample.op, on_verify_check_sampled);
    verify_sample(v->req->ops->look, &v->sample);
}
