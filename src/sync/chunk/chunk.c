/*
 * Happy path: texts of changed items are collected, embedded in as few
 * requests as the provider's limits allow, and stored in one statement.
 *
 * Failures: transient ones are tried again (retry_start(), chunk_doubt.c);
 * refusals narrow the range down to the culprit; anything else ends the chunk
 * with chunk->err. Items that have their vectors by then are stored all the
 * same, for they have been paid for; the others have no outcome.
 *
 * Cancel: the request or wait under way is canceled; its callback ends the
 * chunk. A chunk in READY, or one without a slot, waits for nothing and ends at
 * once. */
#include "sync/chunk/chunk_impl.h"

#include <assert.h>
#include <stdlib.h>

/* Vectors and texts of one chunk; more than this is a fault of the input. */
enum { CHUNK_ARENA_BYTES = 256 * 1024 * 1024 };

/* Making an item anew takes so many times as long as reading it, and several
 * chunks may start in one iteration of the loop. */
enum { RENDER_FACTOR = 16 };

/* The moves the header draws. */
static const unsigned chunk_moves[] = {
    [CHUNK_EMBED] = 1u << CHUNK_EMBED | 1u << CHUNK_EMBED_WAIT |
                    1u << CHUNK_SUSPECT_WAIT | 1u << CHUNK_READY |
                    1u << CHUNK_DONE,
    [CHUNK_EMBED_WAIT] = 1u << CHUNK_EMBED | 1u << CHUNK_DONE,
    [CHUNK_SUSPECT_WAIT] = 1u << CHUNK_EMBED | 1u << CHUNK_DONE,
    [CHUNK_READY] = 1u << CHUNK_STORE | 1u << CHUNK_DONE,
    [CHUNK_STORE] =
        1u << CHUNK_STORE | 1u << CHUNK_STORE_WAIT | 1u << CHUNK_DONE,
    [CHUNK_STORE_WAIT] = 1u << CHUNK_STORE | 1u << CHUNK_DONE,
    [CHUNK_DONE] = 0,
};

static bool chunk_holds_slot(enum chunk_state state)
{
    return state == CHUNK_EMBED || state == CHUNK_EMBED_WAIT;
}

static void chunk_set_slot(struct chunk *c, bool has, bool wants)
{
    c->p->window.embedding += has - c->has_slot;
    c->p->window.owed += wants - c->wants_slot;
    c->has_slot = has;
    c->wants_slot = wants;
}

void chunk_take_slot(struct chunk *c)
{
    chunk_set_slot(c, true, false);
}

void chunk_want_slot(struct chunk *c)
{
    chunk_set_slot(c, c->has_slot, !c->has_slot);
}

void chunk_free_slot(struct chunk *c)
{
    chunk_set_slot(c, false, false);
}

/* Nothing is under way then. */
static bool chunk_waits_for_slot(const struct chunk *c)
{
    return c->state == CHUNK_EMBED && c->wants_slot;
}

void chunk_move(struct chunk *c, enum chunk_state to)
{
    assert(chunk_moves[c->state] & 1u << to);
    if (chunk_holds_slot(c->state) && !chunk_holds_slot(to)) {
        chunk_free_slot(c);
        c->group->kick(c->group->arg);
    }
    c->state = to;
}

void chunk_end(struct chunk *c)
{
    chunk_move(c, CHUNK_DONE);
    c->p->window.in_flight--;
    c->group->done(c->group, c);
}

/*
 * *err may be c->err itself. Blamed items whose chunk was not judged as a whole
 * get no outcome and no dead letter.
 */
void chunk_fail(struct chunk *c, const struct err *err)
{
    if (c->err.code == 0)
        c->err = *err;
    for (size_t i = 0; i < c->nmembers; i++)
        if (c->members[i]->outcome == ITEM_OPEN)
            c->members[i]->reason = NULL;
    chunk_end(c);
}

void chunk_fail_no_memory(struct chunk *c)
{
    struct err err;

    err_set(&err, ERR_NOMEM, "no memory for a chunk of %zu items", c->nmembers);
    chunk_fail(c, &err);
}

/* The range under way is settled; the next one starts with fresh tries. */
void chunk_next_range(struct chunk *c)
{
    retry_reset(&c->retry);
    c->range = (struct range){0, 0};
    c->unwritten = 0;
    c->trial.failures = 0;
    chunk_step(c);
}

static void on_chunk_waited(struct op *op)
{
    struct chunk *c = container_of(op, struct chunk, retry.timer.op);

    chunk_step(c);
}

void chunk_note_retry(
    const struct chunk *c, enum call_kind call, const struct err *err)
{
    pipeline_note_retry(c->p, c->group->service, chunk_page(c), call, err);
}

/* Waits in state `wait` when *err is worth another try. */
bool chunk_retry(struct chunk *c, const struct err *err, enum call_kind call,
    enum chunk_state wait)
{
    if (c->canceled ||
        !retry_start(&c->retry, c->p, call, err, on_chunk_waited))
        return false;
    chunk_note_retry(c, call, err);
    chunk_move(c, wait);
    return true;
}

static void chunk_canceled(struct chunk *c)
{
    struct err err;

    err_set(&err, ERR_CANCELED, "canceled");
    chunk_fail(c, &err);
}

/* Goes on from where it is; called when what it waited for has come. */
void chunk_step(struct chunk *c)
{
    if (c->canceled) {
        chunk_canceled(c);
        return;
    }
    switch (c->state) {
    case CHUNK_SUSPECT_WAIT:
        chunk_move(c, CHUNK_EMBED);
        chunk_want_slot(c);
        chunk_step_embed(c);
        break;
    case CHUNK_EMBED_WAIT:
        chunk_move(c, CHUNK_EMBED);
        chunk_step_embed(c);
        break;
    case CHUNK_EMBED:
        chunk_step_embed(c);
        break;
    case CHUNK_READY:
        chunk_step_ready(c);
        break;
    case CHUNK_STORE_WAIT:
        chunk_move(c, CHUNK_STORE);
        chunk_step_store(c);
        break;
    case CHUNK_STORE:
        chunk_step_store(c);
        break;
    case CHUNK_DONE:
        abort(); /* A chunk that is done makes no step. */
    }
}

/* Life */

/* In the pool or not; nothing else looks at the chunk meanwhile. */
static void chunk_collect_items(struct work_req *req)
{
    struct chunk *c = container_of(req, struct chunk, collecting);

    c->collected = chunk_collect(c);
}

static void on_chunk_collected(struct op *op)
{
    struct chunk *c = container_of(op, struct chunk, collecting.op);

    c->p->embed.texts += c->ntexts;
    if (c->collected < 0)
        chunk_fail_no_memory(c);
    else
        chunk_step(c);
}

static size_t chunk_bytes_to_make(const struct chunk *c)
{
    size_t bytes = 0;

    for (size_t i = 0; i < c->nmembers; i++)
        if (c->members[i]->lean)
            bytes += c->members[i]->item.content_text.len +
                     c->members[i]->item.metadata.len;
    return bytes;
}

static void chunk_take_members(
    struct chunk *c, struct page_item *first, size_t n)
{
    c->members = arena_calloc(&c->arena, n, sizeof(*c->members));
    if (c->members == NULL)
        abort();
    c->nmembers = n;
    for (size_t i = 0; i < n; i++, first = first->next) {
        c->members[i] = first;
        first->page->queued--;
        first->page->under_way++;
    }
}

int chunk_page(const struct chunk *c)
{
    return c->members[0]->page->number;
}

void chunk_start(struct chunk_group *group, struct page_item *first, size_t n)
{
    struct chunk *c = calloc(1, sizeof(*c));

    if (c == NULL)
        abort();
    c->group = group;
    c->p = group->p;
    arena_init(&c->arena, CHUNK_ARENA_BYTES);
    arena_init(&c->sent, CHUNK_ARENA_BYTES);
    chunk_take_members(c, first, n);
    c->state = CHUNK_EMBED;
    c->p->window.in_flight++;
    chunk_take_slot(c);
    list_push(&group->list, &c->link);
    pipeline_event(c->p, &(struct run_event){.kind = EVENT_CHUNK_BEGIN,
                             .service = group->service,
                             .in_flight = (size_t)c->p->window.in_flight});
    op_init(&c->collecting.op, on_chunk_collected);
    c->collecting.work = chunk_collect_items;
    if (chunk_bytes_to_make(c) > c->p->options->loop_bytes / RENDER_FACTOR) {
        c->p->ports->work(c->p->ports->world, &c->collecting);
        return;
    }
    chunk_collect_items(&c->collecting);
    on_chunk_collected(&c->collecting.op);
}

bool chunk_resume(struct chunk *c)
{
    if (!chunk_waits_for_slot(c) || !pipeline_has_slot(c->p))
        return false;
    chunk_step(c);
    return true;
}

void chunk_store_now(struct chunk *c)
{
    if (c->state == CHUNK_READY)
        chunk_step(c);
}

void chunk_cancel(struct chunk *c)
{
    if (c->canceled)
        return;
    c->canceled = true;
    if (c->state == CHUNK_READY || chunk_waits_for_slot(c)) {
        chunk_step(c);
        return;
    }
    op_cancel(&c->collecting.op);
    op_cancel(&c->embed.op);
    op_cancel(&c->store.op);
    op_cancel(&c->retry.timer.op);
}

void chunk_release(struct chunk *c)
{
    bool doubts = c->state == CHUNK_EMBED_WAIT &&
                  (c->trial.failures > 0 || c->trial.witnessing);

    if (c->released)
        return;
    c->released = true;
    if (doubts || c->state == CHUNK_SUSPECT_WAIT)
        op_cancel(&c->retry.timer.op);
}

void chunk_free(struct chunk *c)
{
    for (size_t i = 0; i < c->nmembers; i++) {
        page_item_forget(c->members[i]);
        c->members[i]->page->under_way--;
    }
    list_remove(&c->link);
    arena_free(&c->sent);
    arena_free(&c->arena);
    free(c);
}
