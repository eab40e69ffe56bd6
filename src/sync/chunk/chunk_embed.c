/*
 * EMBED: the texts of changed items, in as few requests as the provider's
 * limits allow. Happy path: one request, all vectors; its answer, still to be
 * read, frees the slot. Failures: chunk.h says how a refusal narrows down to
 * the culprit. Cancel and close: chunk.c.
 */
#include "sync/chunk/chunk_impl.h"

/* What one request may carry, by the provider's rules. */
enum { REQUEST_TEXTS = 2048, REQUEST_TOKENS = 300000 };

/* Collecting the texts */

int chunk_embed_add_text(
    struct chunk *c, size_t at, struct str text, size_t member)
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

/* Those that the page does not keep, as long as the chunk lives. */
static int chunk_embed_make_members(struct chunk *c)
{
    struct buf scratch;
    int rc = 0;

    buf_init(&scratch, TEXT_BYTES);
    for (size_t i = 0; i < c->nmembers && rc == 0; i++)
        rc = page_item_make(
            c->members[i], c->group->schema, &c->arena, &scratch);
    buf_free(&scratch);
    return rc;
}

static int chunk_embed_collect_texts(struct chunk *c)
{
    if (chunk_sent_init(c) < 0)
        return ERR_NOMEM;
    for (size_t i = 0; i < c->nmembers; i++) {
        struct page_item *m = c->members[i];
        struct item_pieces pieces;

        if (m->change != CHANGE_TEXT)
            continue;
        if (chunk_sent_cut(c, i, &pieces) < 0)
            return ERR_NOMEM;
        for (size_t k = 0; k < pieces.n; k++) {
            if (chunk_embed_add_text(c, c->ntexts, pieces.list[k], i) < 0)
                return ERR_NOMEM;
            c->texts[c->ntexts - 1].kept = m->keeps != NULL && m->keeps[k];
        }
    }
    return 0;
}

static void chunk_embed_plan_request(struct chunk *c, size_t lo, size_t hi)
{
    if (lo < hi)
        ranges_push(&c->ranges, (struct range){lo, hi});
}

/* Cuts all texts into ranges that one request may carry, the last one first;
 * those whose rows keep their vectors are in none. */
static int chunk_embed_plan_requests(struct chunk *c)
{
    size_t hi = c->ntexts, tokens = 0;

    if (ranges_init(&c->ranges, &c->arena, c->ntexts) < 0)
        return ERR_NOMEM;
    for (size_t i = c->ntexts; i-- > 0;) {
        size_t more = chunk_sent_tokens(c, i);

        if (c->texts[i].kept ||
            (hi > i + 1 &&
                (tokens + more > REQUEST_TOKENS || hi - i > REQUEST_TEXTS))) {
            chunk_embed_plan_request(c, i + 1, hi);
            hi = c->texts[i].kept ? i : i + 1;
            tokens = 0;
        }
        tokens += more;
    }
    chunk_embed_plan_request(c, 0, hi);
    return 0;
}

/* Embedding */

/* Its item has failed already, or it has its vector. */
static bool embed_settled(const struct chunk *c, size_t text)
{
    return c->texts[text].vector != NULL || c->texts[text].kept ||
           c->members[c->texts[text].member]->reason != NULL;
}

/* Drops from both ends of the range what is settled; false: all of it is. */
static bool embed_trim(struct chunk *c)
{
    while (c->range.lo < c->range.hi && embed_settled(c, c->range.lo))
        c->range.lo++;
    while (c->range.lo < c->range.hi && embed_settled(c, c->range.hi - 1))
        c->range.hi--;
    return c->range.lo < c->range.hi;
}

/* What a request may carry now: until the settings are proven, one text. */
static void chunk_embed_limit_range(struct chunk *c)
{
    const struct embed_record *record = &c->p->embed;
    size_t most = record->proven ? embed_record_cap(record) : 1;
    struct range rest = c->range;

    if (c->range.hi - c->range.lo <= most)
        return;
    rest.lo = c->range.hi = c->range.lo + most;
    ranges_push(&c->ranges, rest);
}

static bool next_embed_range(struct chunk *c)
{
    while (ranges_pop(&c->ranges, &c->range)) {
        if (embed_trim(c)) {
            chunk_cut_long(c);
            chunk_embed_limit_range(c);
            return true;
        }
    }
    return false;
}

static void on_chunk_embed_embedded(struct op *op);

static int embed_prepare(struct chunk *c)
{
    size_t n = c->range.hi - c->range.lo;
    size_t floats = n * (size_t)c->p->options->embedding.dimensions;
    struct str *texts = arena_calloc(&c->arena, n, sizeof(*texts));
    uint8_t *outcomes = arena_calloc(&c->arena, n, sizeof(*outcomes));

    if (texts == NULL || outcomes == NULL)
        return ERR_NOMEM;
    if (c->vectors == NULL || c->vectors_size < floats) {
        c->vectors = arena_alloc(&c->arena, floats * sizeof(*c->vectors));
        c->vectors_size = floats;
    }
    if (c->vectors == NULL)
        return ERR_NOMEM;
    arena_free(&c->sent);
    c->sent_from = c->range.lo;
    for (size_t i = 0; i < n; i++) {
        if (chunk_sent_text(c, c->range.lo + i, &texts[i]) < 0)
            return ERR_NOMEM;
        outcomes[i] =
            c->texts[c->range.lo + i].vector != NULL ? EMBED_GOOD : EMBED_OPEN;
    }
    c->embed.texts = texts;
    c->embed.outcomes = outcomes;
    c->embed.n = n;
    c->embed.dimensions = c->p->options->embedding.dimensions;
    c->embed.vectors = c->vectors;
    return 0;
}

/* The next chunk's request need not wait until this answer has been read. */
static void on_chunk_embed_answered(struct embed_req *req)
{
    struct chunk *c = container_of(req, struct chunk, embed);

    if (c->ranges.n > 0 || c->trial.witnessing || chunk_has_suspect(c))
        return;
    chunk_free_slot(c);
    c->group->kick(c->group->arg);
}

static void embed_submit(struct chunk *c)
{
    const struct ports *ports = c->p->ports;

    pipeline_op_init(c->p, &c->embed.op, on_chunk_embed_embedded);
    c->embed.answered = on_chunk_embed_answered;
    c->embed.run = c->p->run_id;
    trace_context_next(&c->p->trace, c->embed.traceparent);
    ports->embed(ports->world, &c->embed);
}

/* Texts of the range have their vectors, all of them after a success: they keep
 * that memory. */
static void embed_accept(struct chunk *c, bool all)
{
    size_t dimensions = (size_t)c->embed.dimensions, kept = 0;

    for (size_t i = 0; i < c->embed.n; i++) {
        struct chunk_text *text = &c->texts[c->range.lo + i];

        if (text->vector != NULL ||
            (!all && c->embed.outcomes[i] != EMBED_GOOD))
            continue;
        text->vector = c->vectors + i * dimensions;
        kept++;
    }
    c->verdict.passed += kept;
    if (kept > 0) {
        c->vectors = NULL;
        chunk_note_pass(c, kept);
    }
}

/* Those that got no vector worth the name, alone as well. */
static void embed_blame_bad(struct chunk *c, const struct err *err)
{
    for (size_t i = 0; i < c->embed.n; i++) {
        size_t text = c->range.lo + i;

        if (c->embed.outcomes[i] == EMBED_BAD && !embed_settled(c, text))
            chunk_blame(c, c->members[c->texts[text].member], err, err->msg);
    }
}

static bool chunk_embed_is_refusal(const struct chunk *c, const struct err *err)
{
    return err->code == ERR_REFUSED || err->code == ERR_TOO_LONG ||
           (err->code == ERR_PROTOCOL && c->range.suspect);
}

void chunk_halve(struct chunk *c)
{
    c->range.doubted = true;
    ranges_halve(&c->ranges, c->range);
    chunk_next_range(c);
}

static void embed_narrow(struct chunk *c, const struct err *err)
{
    c->range.suspect = err->code == ERR_PROTOCOL;
    if (err->code == ERR_TOO_LONG && chunk_note_too_long(c))
        return;
    if (c->range.hi - c->range.lo > 1)
        ranges_halve(&c->ranges, c->range);
    else if (err->code != ERR_TOO_LONG || !chunk_cut_range(c))
        chunk_blame(c, c->members[c->texts[c->range.lo].member], err, err->msg);
}

void chunk_embed_refused(struct chunk *c, const struct err *err)
{
    bool refused = chunk_embed_is_refusal(c, err);

    if (!refused && chunk_retry(c, err, CALL_EMBED, CHUNK_EMBED_WAIT))
        return;
    if (!refused && err->code != ERR_PROTOCOL) {
        chunk_stop_embedding(c, err);
        return;
    }
    embed_narrow(c, err);
    chunk_next_range(c);
}

static void embed_failed(struct chunk *c, const struct err *err)
{
    bool unsure = err->code == ERR_REFUSED || err->code == ERR_PROTOCOL;

    if (c->canceled)
        chunk_step(c);
    else if (chunk_is_passing(err->code))
        chunk_doubt(c, err);
    else if (unsure && c->p->embed.passed == 0)
        chunk_prove(c, err);
    else
        chunk_embed_refused(c, err);
}

static void on_chunk_embed_embedded(struct op *op)
{
    struct chunk *c = container_of(op, struct chunk, embed.op);
    struct err err = op->err;

    pipeline_measure(c->p, CALL_EMBED, op);
    pipeline_pace(c->p, op);
    c->tokens += c->embed.tokens;
    c->tokens_guess += c->embed.tokens_guess;
    for (int i = 0; i < EMBED_REFUSALS; i++)
        c->refused[i] += c->embed.refused[i];
    if (err.code != 0) {
        chunk_want_slot(c); /* an answer that was none, after all */
        err_wrap(&err, "embed");
    }
    if (c->trial.witnessing) {
        chunk_witnessed(c, &err);
        return;
    }
    if (err.code != 0) {
        embed_accept(c, false);
        embed_blame_bad(c, &err);
        if (embed_trim(c)) {
            embed_failed(c, &err);
            return;
        }
    } else {
        embed_accept(c, true);
    }
    chunk_next_range(c);
}

static void chunk_embed_count_embedded(struct chunk *c)
{
    for (size_t i = 0; i < c->nmembers; i++)
        if (c->members[i]->change == CHANGE_TEXT &&
            c->members[i]->reason == NULL && !c->members[i]->unembedded)
            c->members[i]->page->counts->embedded++;
}

static void embed_done(struct chunk *c)
{
    if (!chunk_judge(c))
        return;
    chunk_embed_count_embedded(c);
    chunk_move(c, CHUNK_READY);
}

void chunk_send_witness(struct chunk *c)
{
    size_t floats = (size_t)c->p->options->embedding.dimensions;
    struct str *text = arena_calloc(&c->arena, 1, sizeof(*text));
    float *vector = arena_alloc(&c->arena, floats * sizeof(*vector));
    char word[WITNESS_BYTES];

    if (text == NULL || vector == NULL) {
        chunk_fail_no_memory(c);
        return;
    }
    embed_record_witness(c->p->ports->random(c->p->ports->world), word);
    *text = arena_dup(&c->arena, str_of(word));
    c->embed.texts = text;
    c->embed.n = 1;
    c->embed.dimensions = c->p->options->embedding.dimensions;
    c->embed.vectors = vector;
    c->embed.outcomes = NULL;
    embed_submit(c);
}

static bool chunk_embed_is_complete(
    const struct chunk *c, size_t member, size_t *at)
{
    bool complete = true;

    for (; *at < c->ntexts && c->texts[*at].member == member; ++*at)
        complete =
            complete && (c->texts[*at].vector != NULL || c->texts[*at].kept);
    return complete;
}

void chunk_stop_embedding(struct chunk *c, const struct err *err)
{
    size_t at = 0, left = 0;

    if (c->err.code == 0)
        c->err = *err;
    if (err_is_fatal(err->code) && c->p->fatal.code == 0)
        c->p->fatal = *err;
    if (err->code == ERR_BUDGET)
        c->p->stopping = true; /* what is left is the next run's */
    c->ranges.n = 0;
    c->range = (struct range){0, 0};
    c->trial.witnessing = false;
    for (size_t i = 0; i < c->nmembers; i++) {
        struct page_item *m = c->members[i];

        m->unembedded =
            !chunk_embed_is_complete(c, i, &at) || m->reason != NULL;
        m->reason = NULL;
        left += !m->unembedded;
    }
    if (left == 0) {
        chunk_end(c);
        return;
    }
    c->verdict = (struct chunk_verdict){.passed = 0};
    chunk_embed_count_embedded(c);
    chunk_move(c, CHUNK_READY);
}

void chunk_step_embed(struct chunk *c)
{
    if (chunk_step_doubt(c))
        return;
    if (c->range.lo == c->range.hi && !next_embed_range(c)) {
        if (chunk_has_suspect(c))
            chunk_step(c); /* what was left of the ranges had failed already */
        else
            embed_done(c);
        return;
    }
    if (c->p->fatal.code != 0) {
        chunk_stop_embedding(c, &c->p->fatal);
        return;
    }
    if (c->wants_slot && !pipeline_has_slot(c->p))
        return; /* until chunk_resume() */
    chunk_take_slot(c);
    if (embed_prepare(c) < 0) {
        chunk_fail_no_memory(c);
        return;
    }
    embed_submit(c);
}

int chunk_collect(struct chunk *c)
{
    int rc = chunk_embed_make_members(c);

    if (rc == 0)
        rc = chunk_embed_collect_texts(c);
    return rc < 0 ? rc : chunk_embed_plan_requests(c);
}
