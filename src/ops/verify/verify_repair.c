/*
 * Mending a batch: what goes through the link queue, what is deleted, what is
 * marked for the run to come, then vectors: read, embedded once, written.
 *
 * An embedding that fails for a passing reason is asked for three times; texts
 * that had their vector are not sent again.
 */
#include "ops/verify/verify_impl.h"

#include <stdlib.h>

enum { EMBED_TRIES = 3, VERIFY_TEXT_BYTES = 64 * 1024 * 1024 };

static void verify_repair_next(struct verify_state *v);
static void verify_repair_embed(struct verify_state *v);

static struct str *verify_repair_list(struct verify_state *v)
{
    struct str *list = arena_calloc(&v->batch, v->scan.n, sizeof(*list));

    if (list == NULL)
        abort();
    return list;
}

/* Is there more wrong with the item, which only the source can mend? Then the
 * run embeds it, vectors and all. */
static bool verify_repair_needs_source(
    const struct verify_state *v, const struct verify_finding *f)
{
    for (size_t i = 0; i < v->scan.n; i++)
        if (verify_kind_mend(v->scan.findings[i].kind) == MEND_SOURCE &&
            str_eq(v->scan.findings[i].content_id, f->content_id))
            return true;
    return false;
}

static void verify_repair_sort_vector(
    struct verify_state *v, const struct verify_finding *f)
{
    struct verify_lists *l = &v->lists;

    if (!verify_repair_needs_source(v, f)) {
        l->vectors[l->nvectors++] = f->row;
    } else if (v->req->ask.source) {
        l->mark[l->nmark++] = f->row;
        v->left_to_run[f->kind]++;
    }
}

static void verify_repair_sort_row(
    struct verify_lists *l, const struct verify_finding *f)
{
    l->hashes[l->nrows] = f->hash.len > 0 ? f->hash : STR("");
    l->rows[l->nrows++] = f->row;
}

static void verify_repair_sort(
    struct verify_state *v, const struct verify_finding *f)
{
    const struct verify_ask *ask = &v->req->ask;
    struct verify_lists *l = &v->lists;
    enum verify_mend mend = verify_kind_mend(f->kind);

    if (f->kind == VERIFY_LINK_WITHOUT_EDGE)
        l->links[l->nlinks++] = f->content_id;
    else if (mend == MEND_LINK)
        l->queue[l->nqueue++] = f->content_id;
    else if (mend == MEND_EMBED)
        verify_repair_sort_vector(v, f);
    else if (mend == MEND_DELETE && ask->deletes)
        verify_repair_sort_row(l, f);
    else if (f->kind == VERIFY_TEXT_CHANGED && ask->source)
        l->mark[l->nmark++] = f->row;
}

/* Each kind of this batch, mended so many times. What goes through the link
 * queue is mended when it is queued, of whatever kind it was. */
static void verify_repair_count(
    struct verify_state *v, enum verify_mend mend, uint64_t most)
{
    for (size_t i = 0; i < v->scan.n && most > 0; i++) {
        const struct verify_finding *f = &v->scan.findings[i];

        if (verify_kind_mend(f->kind) != mend ||
            (mend == MEND_EMBED && verify_repair_needs_source(v, f)))
            continue;
        v->req->tallies[f->kind].mended += f->n;
        most--;
    }
}

/* --- statements ----------------------------------------------------------- */

static void on_verify_repaired(struct op *op)
{
    struct verify_state *v = container_of(op, struct verify_state, mend.op);

    if (verify_failed(v, op, "mend"))
        return;
    if (v->mend.step == MEND_STEP_ROWS)
        verify_repair_count(v, MEND_DELETE, v->mend.changed);
    verify_repair_next(v);
}

static void verify_repair_send(struct verify_state *v,
    enum verify_mend_step step, const struct str *ids, size_t n)
{
    v->mend = (struct verify_mend_req){.step = step,
        .tenant = v->scan.tenant,
        .microservice_id = v->scan.microservice_id,
        .ids = ids,
        .n = n};
    if (step == MEND_STEP_ROWS)
        v->mend.hashes = v->lists.hashes;
    op_init(&v->mend.op, on_verify_repaired);
    verify_mend(v->req->ops->store, &v->mend);
}

/* --- vectors -------------------------------------------------------------- */

static void on_verify_written(struct op *op)
{
    struct verify_state *v = container_of(op, struct verify_state, write.op);

    if (verify_failed(v, op, "write vectors"))
        return;
    verify_repair_count(v, MEND_EMBED, v->write.changed);
    verify_repair_next(v);
}

static void verify_repair_write(struct verify_state *v)
{
    size_t dimensions = (size_t)v->embed.dimensions;

    for (size_t i = 0; i < v->embed.n; i++)
        if (v->embed.outcomes[i] == EMBED_GOOD || v->embed.op.err.code == 0)
            v->read.rows[v->embedded[i]].vector =
                v->embed.vectors + i * dimensions;
    v->write = (struct verify_write_req){.tenant = v->scan.tenant,
        .rows = v->read.rows,
        .nrows = v->read.nrows,
        .dimensions = v->embed.dimensions,
        .queues = v->req->ops->config->graph.enabled};
    op_init(&v->write.op, on_verify_written);
    verify_write(v->req->ops->store, &v->write);
}

static void on_verify_embed_waited(struct op *op)
{
    struct verify_state *v = container_of(op, struct verify_state, pause.op);

    if (!verify_failed(v, op, "embed"))
        verify_repair_embed(v);
}

/* What has its vector is stored even if others failed; then the job ends. */
static void on_verify_embedded(struct op *op)
{
    struct verify_state *v = container_of(op, struct verify_state, embed.op);
    struct verify_request *req = v->req;

    req->texts += v->embed.sent;
    req->tokens += v->embed.tokens;
    if (op->err.code != 0 && err_is_transient(op->err.code) && !v->canceled &&
        ++v->tries < EMBED_TRIES) {
        op_init(&v->pause.op, on_verify_embed_waited);
        loop_timer(req->ops->loop, &v->pause,
            (uint64_t)req->ops->config->sync.retry_base_ms << v->tries);
        return;
    }
    if (op->err.code != 0)
        v->embed_err = op->err;
    verify_repair_write(v);
}

static void verify_repair_embed(struct verify_state *v)
{
    trace_context_next(&v->trace, v->embed.traceparent);
    op_init(&v->embed.op, on_verify_embedded);
    v->req->ops->ports->embed(v->req->ops->ports->world, &v->embed);
}

/* What the item's later pieces are sent with, and were if its hash says so. */
static void verify_repair_context(struct verify_state *v,
    const struct verify_broken *row, struct piece_context *out)
{
    const struct schema_pieces pieces = verify_walk_pieces(v);

    piece_context_init(out, &pieces, row->title,
        (size_t)v->req->ops->config->embedding.max_tokens);
}

/* Of the same settings: with others the next run embeds it anyway, and one
 * vector of another model would be none of its neighbours'. */
static bool verify_repair_is_ours(struct verify_state *v,
    const struct verify_broken *row, const struct piece_context *context)
{
    static const enum cut_rule rules[] = {CUT_LAST_THIRD, CUT_ANYWHERE};
    uint8_t hash[SHA256_BYTES];

    for (int i = 0; i < 2 && row->hash.len == SHA256_BYTES; i++) {
        item_embed_hash(row->item, &v->req->ops->embedding, row->pieces,
            rules[i], context, hash);
        if (memcmp(hash, row->hash.p, SHA256_BYTES) == 0)
            return true;
    }
    return false;
}

/* As a run sends it. */
static struct str verify_repair_text(struct verify_state *v,
    const struct verify_broken *row, const struct piece_context *context)
{
    struct str text;
    struct buf sent;

    if (row->before.len == 0)
        return text_trim(row->text);
    buf_init(&sent, VERIFY_TEXT_BYTES);
    piece_sent_write(&sent, context, row->before, row->text);
    text = arena_dup(&v->batch, text_trim(buf_view(&sent)));
    if (text.p == NULL || sent.error != 0)
        abort();
    buf_free(&sent);
    return text;
}

static size_t verify_repair_choose(struct verify_state *v, struct str *texts)
{
    size_t n = 0;

    for (size_t i = 0; i < v->read.nrows; i++) {
        const struct verify_broken *row = &v->read.rows[i];
        struct piece_context context;

        verify_repair_context(v, row, &context);
        if (!verify_repair_is_ours(v, row, &context)) {
            v->req->other_settings++;
            continue;
        }
        texts[n] = verify_repair_text(v, row, &context);
        v->embedded[n++] = i;
    }
    return n;
}

static void on_verify_broken_read(struct op *op)
{
    struct verify_state *v = container_of(op, struct verify_state, read.op);
    size_t n = v->read.nrows, dimensions;
    struct str *texts;

    if (verify_failed(v, op, "read rows to mend"))
        return;
    texts = arena_calloc(&v->batch, n + 1, sizeof(*texts));
    v->embedded = arena_calloc(&v->batch, n + 1, sizeof(*v->embedded));
    if (texts == NULL || v->embedded == NULL)
        abort();
    n = verify_repair_choose(v, texts);
    dimensions = (size_t)v->scan.dimensions;
    v->embed = (struct embed_req){.texts = texts,
        .n = n,
        .dimensions = v->scan.dimensions,
        .vectors = arena_calloc(&v->batch, (n + 1) * dimensions, sizeof(float)),
        .outcomes = arena_calloc(&v->batch, n + 1, 1)};
    if (v->embed.vectors == NULL || v->embed.outcomes == NULL)
        abort();
    v->tries = 0;
    if (n > 0)
        verify_repair_embed(v);
    else
        verify_repair_next(v);
}

static void verify_repair_read(struct verify_state *v)
{
    v->read = (struct verify_broken_req){.arena = &v->batch,
        .tenant = v->scan.tenant,
        .ids = v->lists.vectors,
        .n = v->lists.nvectors};
    op_init(&v->read.op, on_verify_broken_read);
    verify_read_broken(v->req->ops->look, &v->read);
}

/* --- one after another ---------------------------------------------------- */

enum { STEP_QUEUE, STEP_LINKS, STEP_MARK, STEP_ROWS, STEP_VECTORS, STEP_OVER };

static void verify_repair_over(struct verify_state *v)
{
    struct err err = v->embed_err;

    if (err.code == 0) {
        verify_rest(v, verify_scan_next);
        return;
    }
    err_wrap(&err, "embed");
    verify_end(v, &err);
}

static void verify_repair_next(struct verify_state *v)
{
    struct verify_lists *l = &v->lists;

    switch (v->step++) {
    case STEP_QUEUE:
        verify_repair_count(v, MEND_LINK, UINT64_MAX);
        verify_repair_send(v, MEND_STEP_QUEUE, l->queue, l->nqueue);
        break;
    case STEP_LINKS:
        verify_repair_send(v, MEND_STEP_LINKS, l->links, l->nlinks);
        break;
    case STEP_MARK:
        verify_repair_send(v, MEND_STEP_MARK, l->mark, l->nmark);
        break;
    case STEP_ROWS:
        verify_repair_send(v, MEND_STEP_ROWS, l->rows, l->nrows);
        break;
    case STEP_VECTORS:
        verify_repair_read(v);
        break;
    default:
        verify_repair_over(v);
    }
}

void verify_repair(struct verify_state *v)
{
    v->lists = (struct verify_lists){.queue = verify_repair_list(v),
        .links = verify_repair_list(v),
        .mark = verify_repair_list(v),
        .rows = verify_repair_list(v),
        .hashes = verify_repair_list(v),
        .vectors = verify_repair_list(v)};
    for (size_t i = 0; i < v->scan.n; i++)
        verify_repair_sort(v, &v->scan.findings[i]);
    v->step = STEP_QUEUE;
    verify_repair_next(v);
}
