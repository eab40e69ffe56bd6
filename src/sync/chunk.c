/*
 * Happy path: texts of changed items are collected, embedded in as few
 * requests as the provider's limits allow, and stored in one statement once
 * the page has its turn.
 *
 * Failures: transient ones are tried again (retry_start()); refusals narrow
 * the range down to the culprit; anything else ends the chunk with chunk->err
 * and leaves its items without an outcome.
 *
 * Cancel: the request or wait under way is canceled; its callback ends the
 * chunk. A chunk in TURN waits for nothing and ends at once.
 * Close: page_chunk_done() frees the chunk: the last thing a turn does.
 */
#include "sync/chunk.h"

#include "sync/chunk_store.h"
#include <assert.h>
#include <stdlib.h>

/* What one request may carry, by the provider's rules. */
enum { REQUEST_TEXTS = 2048, REQUEST_TOKENS = 300000 };

/* Vectors and texts of one chunk; more than this is a fault of the input. */
enum { CHUNK_ARENA_BYTES = 256 * 1024 * 1024 };

/* The moves the header draws. */
static const unsigned chunk_moves[] = {
    [CHUNK_EMBED] = 1u << CHUNK_EMBED | 1u << CHUNK_EMBED_WAIT |
                    1u << CHUNK_TURN | 1u << CHUNK_DONE,
    [CHUNK_EMBED_WAIT] = 1u << CHUNK_EMBED | 1u << CHUNK_DONE,
    [CHUNK_TURN] = 1u << CHUNK_STORE | 1u << CHUNK_DONE,
    [CHUNK_STORE] =
        1u << CHUNK_STORE | 1u << CHUNK_STORE_WAIT | 1u << CHUNK_DONE,
    [CHUNK_STORE_WAIT] = 1u << CHUNK_STORE | 1u << CHUNK_DONE,
    [CHUNK_DONE] = 0,
};

static bool holds_slot(enum chunk_state state)
{
    return state == CHUNK_EMBED || state == CHUNK_EMBED_WAIT;
}

static void chunk_move(struct chunk *c, enum chunk_state to)
{
    assert(chunk_moves[c->state] & 1u << to);
    if (holds_slot(c->state) && !holds_slot(to))
        c->p->embedding--;
    c->state = to;
}

static void chunk_step(struct chunk *c);

static void chunk_end(struct chunk *c)
{
    chunk_move(c, CHUNK_DONE);
    c->p->in_flight--;
    page_chunk_done(c->page, c);
}

/* *err may be c->err itself. */
static void chunk_fail(struct chunk *c, const struct err *err)
{
    if (c->err.code == 0)
        c->err = *err;
    chunk_end(c);
}

/* Collecting the texts */

static int add_text(struct chunk *c, size_t at, struct str text, size_t member)
{
    if (c->ntexts == c->texts_size) {
        size_t size = c->texts_size * 2 + 64;
        struct chunk_text *texts =
            arena_calloc(&c->arena, size, sizeof(*texts));

        if (texts == NULL)
            return ERR_NOMEM;
        if (c->ntexts > 0)
            memcpy(texts, c->texts, c->ntexts * sizeof(*texts));
        c->texts = texts;
        c->texts_size = size;
    }
    memmove(
        &c->texts[at + 1], &c->texts[at], (c->ntexts - at) * sizeof(*c->texts));
    c->texts[at] = (struct chunk_text){.text = text, .member = member};
    c->ntexts++;
    return 0;
}

static int collect_texts(struct chunk *c)
{
    size_t max_tokens = (size_t)c->p->options->max_tokens;

    for (size_t i = 0; i < c->nmembers; i++) {
        struct page_item *m = c->members[i];
        struct str *pieces;
        long n;

        if (m->change != CHANGE_TEXT)
            continue;
        n = text_split(&c->arena, m->item.content_text, max_tokens, &pieces);
        if (n < 0)
            return (int)n;
        for (long k = 0; k < n; k++)
            if (add_text(c, c->ntexts, pieces[k], i) < 0)
                return ERR_NOMEM;
    }
    return 0;
}

/* Cuts all texts into ranges that one request may carry. */
static int plan_requests(struct chunk *c)
{
    size_t hi = c->ntexts, tokens = 0;

    if (ranges_init(&c->ranges, &c->arena, c->ntexts) < 0)
        return ERR_NOMEM;
    for (size_t i = c->ntexts; i-- > 0;) {
        size_t more = text_tokens(c->texts[i].text);

        if (hi > i + 1 &&
            (tokens + more > REQUEST_TOKENS || hi - i > REQUEST_TEXTS)) {
            ranges_push(&c->ranges, (struct range){i + 1, hi, false});
            hi = i + 1;
            tokens = 0;
        }
        tokens += more;
    }
    if (hi > 0)
        ranges_push(&c->ranges, (struct range){0, hi, false});
    return 0;
}

/* Embedding */

static bool member_failed(const struct chunk *c, size_t text)
{
    return c->members[c->texts[text].member]->reason != NULL;
}

/* Drops from both ends of the range what belongs to items already failed. */
static bool next_embed_range(struct chunk *c)
{
    while (ranges_pop(&c->ranges, &c->range)) {
        while (c->range.lo < c->range.hi && member_failed(c, c->range.lo))
            c->range.lo++;
        while (c->range.lo < c->range.hi && member_failed(c, c->range.hi - 1))
            c->range.hi--;
        if (c->range.lo < c->range.hi)
            return true;
    }
    return false;
}

static void on_embedded(struct op *op);

static int embed_prepare(struct chunk *c)
{
    size_t n = c->range.hi - c->range.lo;
    size_t floats = n * (size_t)c->p->options->embedding.dimensions;
    struct str *texts = arena_calloc(&c->arena, n, sizeof(*texts));

    if (texts == NULL)
        return ERR_NOMEM;
    if (c->vectors == NULL || c->vectors_size < floats) {
        c->vectors = arena_alloc(&c->arena, floats * sizeof(*c->vectors));
        c->vectors_size = floats;
    }
    if (c->vectors == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        texts[i] = c->texts[c->range.lo + i].text;
    c->embed.texts = texts;
    c->embed.n = n;
    c->embed.dimensions = c->p->options->embedding.dimensions;
    c->embed.vectors = c->vectors;
    return 0;
}

static void embed_submit(struct chunk *c)
{
    const struct ports *ports = c->p->ports;

    op_init(&c->embed.op, on_embedded);
    pipeline_submit(c->p, ports->embed(ports->world, &c->embed), &c->embed.op);
}

static void fail_no_memory(struct chunk *c)
{
    struct err err;

    err_set(&err, ERR_NOMEM, "no memory for a chunk of %zu items", c->nmembers);
    chunk_fail(c, &err);
}

/* The texts of the range have their vectors: they keep that memory. */
static void embed_accept(struct chunk *c)
{
    size_t dimensions = (size_t)c->embed.dimensions;

    for (size_t i = 0; i < c->embed.n; i++)
        c->texts[c->range.lo + i].vector = c->vectors + i * dimensions;
    c->verdict.answered += c->embed.n;
    c->vectors = NULL;
}

/* One text alone was refused: its item is the culprit. */
static void embed_blame(struct chunk *c, const struct err *err)
{
    struct page_item *m = c->members[c->texts[c->range.lo].member];
    struct chunk_verdict *v = &c->verdict;
    struct str reason = arena_dup(&c->page->arena, str_of(err->msg));

    if (v->refused++ == 0) {
        v->first = *err;
        v->same_words = true;
    } else if (strcmp(v->first.msg, err->msg) != 0) {
        v->same_words = false;
    }
    m->reason = reason.p == NULL ? "refused by the embedder" : reason.p;
}

/* Where to cut a text in two: the code-point border nearest its middle. */
static size_t text_middle(struct str text)
{
    size_t at = text.len / 2;

    while (at > 0 && ((unsigned char)text.p[at] & 0xC0) == 0x80)
        at--;
    return at;
}

/* The provider's tokenizer found one text too long: two pieces instead. */
static bool embed_cut(struct chunk *c)
{
    size_t at = c->range.lo;
    struct str text = c->texts[at].text;
    size_t middle = text_middle(text);
    struct str left = {text.p, middle};
    struct str right = {text.p + middle, text.len - middle};

    if (text_trim(left).len == 0 || text_trim(right).len == 0)
        return false;
    if (add_text(c, at + 1, right, c->texts[at].member) < 0)
        return false;
    c->texts[at].text = left;
    ranges_shift(&c->ranges);
    ranges_push(&c->ranges, (struct range){at + 1, at + 2, false});
    ranges_push(&c->ranges, (struct range){at, at + 1, false});
    return true;
}

static bool is_refusal(const struct chunk *c, const struct err *err)
{
    return err->code == ERR_REFUSED || err->code == ERR_TOO_LONG ||
           err->code == ERR_TOO_LARGE ||
           (err->code == ERR_PROTOCOL && c->range.suspect);
}

static void embed_narrow(struct chunk *c, const struct err *err)
{
    if (c->range.hi - c->range.lo > 1)
        ranges_halve(&c->ranges, c->range, err->code == ERR_PROTOCOL);
    else if (err->code != ERR_TOO_LONG || !embed_cut(c))
        embed_blame(c, err);
}

/* The range under way is settled; the next one starts with fresh tries. */
static void next_range(struct chunk *c)
{
    c->retry.tries = 0;
    c->range = (struct range){0, 0, false};
    chunk_step(c);
}

static void on_waited(struct op *op)
{
    struct chunk *c = container_of(op, struct chunk, retry.timer.op);

    chunk_step(c);
}

/* Waits in state `wait` when *err is worth another try. */
static bool wait_and_retry(
    struct chunk *c, const struct err *err, enum chunk_state wait)
{
    if (c->canceled || !retry_start(&c->retry, c->p, err, on_waited))
        return false;
    pipeline_event(c->p, &(struct run_event){.kind = EVENT_RETRY,
                             .service = c->page->ctx->service,
                             .page = c->page->number,
                             .err = err});
    chunk_move(c, wait);
    return true;
}

static void embed_failed(struct chunk *c, const struct err *err)
{
    bool refused = is_refusal(c, err);

    if (!refused && wait_and_retry(c, err, CHUNK_EMBED_WAIT))
        return;
    if (!refused && err->code != ERR_PROTOCOL) {
        chunk_fail(c, err);
        return;
    }
    embed_narrow(c, err);
    next_range(c);
}

static void on_embedded(struct op *op)
{
    struct chunk *c = container_of(op, struct chunk, embed.op);
    struct err err = op->err;

    if (err.code != 0) {
        err_wrap(&err, "embed");
        embed_failed(c, &err);
        return;
    }
    embed_accept(c);
    next_range(c);
}

/* Nothing could be embedded and all say the same: it is not the items. */
static bool request_is_at_fault(const struct chunk *c)
{
    const struct chunk_verdict *v = &c->verdict;

    return v->answered == 0 && v->refused >= 2 && v->same_words;
}

static void count_embedded(struct chunk *c)
{
    for (size_t i = 0; i < c->nmembers; i++)
        if (c->members[i]->change == CHANGE_TEXT &&
            c->members[i]->reason == NULL)
            c->page->counts.embedded++;
}

static void embed_done(struct chunk *c)
{
    if (request_is_at_fault(c)) {
        struct err err = c->verdict.first;

        for (size_t i = 0; i < c->nmembers; i++)
            c->members[i]->reason = NULL;
        err.code = ERR_CONFIG;
        err_wrap(&err, "every item of the chunk was refused alike");
        chunk_fail(c, &err);
        return;
    }
    for (size_t i = 0; i < c->nmembers; i++)
        if (c->members[i]->reason != NULL)
            c->members[i]->outcome = ITEM_FAILED;
    count_embedded(c);
    chunk_move(c, CHUNK_TURN);
    chunk_step(c);
}

static void step_embed(struct chunk *c)
{
    if (c->range.lo == c->range.hi && !next_embed_range(c)) {
        embed_done(c);
        return;
    }
    if (embed_prepare(c) < 0) {
        fail_no_memory(c);
        return;
    }
    embed_submit(c);
}

/* Storing */

static void on_stored(struct op *op);

static void store_settle(
    struct chunk *c, enum outcome outcome, const char *reason)
{
    for (size_t i = c->range.lo; i < c->range.hi; i++) {
        struct page_item *m = c->members[i];

        if (m->outcome != ITEM_OPEN)
            continue;
        m->outcome = outcome;
        m->reason = reason;
    }
}

static void store_narrow(struct chunk *c, const struct err *err)
{
    struct str reason;

    if (c->range.hi - c->range.lo > 1) {
        ranges_halve(&c->ranges, c->range, false);
        return;
    }
    reason = arena_dup(&c->page->arena, str_of(err->msg));
    store_settle(c, ITEM_FAILED,
        reason.p == NULL ? "refused by the database" : reason.p);
}

static void store_failed(struct chunk *c, const struct err *err)
{
    if (err->code == ERR_DATA) {
        store_narrow(c, err);
        next_range(c);
        return;
    }
    if (!wait_and_retry(c, err, CHUNK_STORE_WAIT))
        chunk_fail(c, err);
}

static void on_stored(struct op *op)
{
    struct chunk *c = container_of(op, struct chunk, store.op);
    struct err err = op->err;

    if (err.code != 0) {
        err_wrap(&err, "store");
        store_failed(c, &err);
        return;
    }
    store_settle(c, ITEM_STORED, NULL);
    next_range(c);
}

static void step_turn(struct chunk *c)
{
    if (!c->page->has_turn)
        return;
    if (ranges_init(&c->ranges, &c->arena, c->nmembers) < 0) {
        fail_no_memory(c);
        return;
    }
    ranges_push(&c->ranges, (struct range){0, c->nmembers, false});
    chunk_move(c, CHUNK_STORE);
    next_range(c);
}

static void step_store(struct chunk *c)
{
    const struct ports *ports = c->p->ports;

    if (c->range.lo == c->range.hi && !ranges_pop(&c->ranges, &c->range)) {
        chunk_end(c);
        return;
    }
    if (chunk_store_prepare(c) < 0) {
        fail_no_memory(c);
        return;
    }
    if (c->store.nrows == 0) {
        next_range(c);
        return;
    }
    op_init(&c->store.op, on_stored);
    pipeline_submit(c->p, ports->store(ports->world, &c->store), &c->store.op);
}

static void chunk_canceled(struct chunk *c)
{
    struct err err;

    err_set(&err, ERR_CANCELED, "canceled");
    chunk_fail(c, &err);
}

/* Goes on from where it is; called when what it waited for has come. */
static void chunk_step(struct chunk *c)
{
    if (c->canceled) {
        chunk_canceled(c);
        return;
    }
    switch (c->state) {
    case CHUNK_EMBED_WAIT:
        chunk_move(c, CHUNK_EMBED);
        step_embed(c);
        break;
    case CHUNK_EMBED:
        step_embed(c);
        break;
    case CHUNK_TURN:
        step_turn(c);
        break;
    case CHUNK_STORE_WAIT:
        chunk_move(c, CHUNK_STORE);
        step_store(c);
        break;
    case CHUNK_STORE:
        step_store(c);
        break;
    case CHUNK_DONE:
        assert(!"a chunk that is done makes no step");
    }
}

/* Life */

void chunk_start(struct page *page, struct page_item **members, size_t nmembers)
{
    struct chunk *c = calloc(1, sizeof(*c));

    if (c == NULL)
        abort();
    c->page = page;
    c->p = page->ctx->p;
    c->members = members;
    c->nmembers = nmembers;
    c->state = CHUNK_EMBED;
    c->p->in_flight++;
    c->p->embedding++;
    arena_init(&c->arena, CHUNK_ARENA_BYTES);
    list_push(&page->chunks, &c->link);
    if (collect_texts(c) < 0 || plan_requests(c) < 0) {
        fail_no_memory(c);
        return;
    }
    chunk_step(c);
}

void chunk_turn(struct chunk *c)
{
    if (c->state == CHUNK_TURN)
        chunk_step(c);
}

void chunk_cancel(struct chunk *c)
{
    if (c->canceled)
        return;
    c->canceled = true;
    if (c->state == CHUNK_TURN) {
        chunk_step(c);
        return;
    }
    op_cancel(&c->embed.op);
    op_cancel(&c->store.op);
    op_cancel(&c->retry.timer.op);
}

void chunk_free(struct chunk *c)
{
    list_remove(&c->link);
    arena_free(&c->arena);
    free(c);
}
