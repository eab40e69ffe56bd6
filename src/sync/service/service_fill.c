/*
 * The filler: changed items, in order, into chunks, across the borders of their
 * pages. A chunk is sent when it is full, when nothing that is under way can
 * fill it, or FILL_MS after its first item was found.
 *
 * A page can that is being read or compared. Where the window is full, so can
 * the oldest page, as long as it waits for what has been sent: its checkpoint
 * makes room for pages that are still to be read. A chunk that has one of its
 * items is what it waits for itself, and is sent as it is: so reading never
 * stands still for a chunk, however small the window.
 *
 * Failures: items of a page that has failed are dropped before they are in a
 * chunk. A chunk that fails takes those pages along of which it had an item
 * that has no outcome. Cancel: service_fill_curb(). Close:
 * service_fill_close().
 */
#include "sync/service/service_impl.h"

#include <assert.h>

enum { FILL_MS = 2000 };

/* Queues */

static void service_fill_push(struct service *s, struct page_item *it)
{
    struct work_queue *queue = &s->work[it->change];

    it->next = NULL;
    if (queue->first == NULL)
        queue->first = it;
    else
        queue->last->next = it;
    queue->last = it;
    it->page->queued++;
}

void service_fill_take(struct service *s, struct page *page)
{
    while (!page->share.failed && page->cursor < page->nwork)
        service_fill_push(s, page->work[page->cursor++]);
}

static void service_fill_filter(struct work_queue *queue)
{
    struct page_item **at = &queue->first, *it;

    queue->last = NULL;
    while ((it = *at) != NULL) {
        if (it->page->failed) {
            it->page->queued--;
            *at = it->next;
        } else {
            queue->last = it;
            at = &it->next;
        }
    }
}

void service_fill_drop_failed(struct service *s)
{
    for (int kind = CHANGE_EXTRA; kind <= CHANGE_TEXT; kind++)
        service_fill_filter(&s->work[kind]);
}

/* Starting */

/* How many the next chunk has, as many as it may have, and with texts that a
 * request can carry: at least one. Is it full? */
static size_t service_fill_count(
    const struct service *s, const struct work_queue *queue, bool *full)
{
    const struct run_options *o = s->p->options;
    const struct page_item *it = queue->first;
    size_t n = 1, bytes = it->item.content_text.len;

    while ((it = it->next) != NULL && n < (size_t)o->chunk_size) {
        bytes += it->item.content_text.len;
        if (bytes > o->chunk_bytes)
            break;
        n++;
    }
    *full = it != NULL || n == (size_t)o->chunk_size || bytes > o->chunk_bytes;
    return n;
}

/* Does the oldest page wait for it? */
static bool service_fill_holds_up(
    const struct service *s, const struct work_queue *queue)
{
    const struct page *oldest = service_first_page(s);

    for (const struct page_item *it = queue->first; it != NULL; it = it->next)
        if (it->page == &oldest->share)
            return true;
    return false;
}

static bool service_fill_may_grow(
    const struct service *s, const struct work_queue *queue)
{
    list_for_each (at, &s->pages)
        if (page_is_comparing(container_of(at, struct page, link)))
            return true;
    return s->more && !service_fill_holds_up(s, queue);
}

static uint64_t service_fill_age_ms(
    const struct service *s, const struct work_queue *queue)
{
    return s->p->ports->now_ms(s->p->ports->world) -
           queue->first->page->compared_ms;
}

/* The size of the chunk that is to be sent now; 0: none. */
static size_t service_fill_due(
    const struct service *s, const struct work_queue *queue)
{
    bool full;
    size_t n;

    if (queue->first == NULL)
        return 0;
    n = service_fill_count(s, queue, &full);
    return full || !service_fill_may_grow(s, queue) ||
                   service_fill_age_ms(s, queue) >= FILL_MS
               ? n
               : 0;
}

static void service_fill_send(
    struct service *s, struct work_queue *queue, size_t n)
{
    struct page_item *first = queue->first;

    for (size_t i = 0; i < n; i++)
        queue->first = queue->first->next;
    service_took(s);
    chunk_start(&s->chunks, first, n);
}

static void on_service_filled(struct op *op)
{
    struct service *s = container_of(op, struct service_busy, fill.op)->service;

    s->ctx.kick(s->ctx.arg);
}

static void service_fill_wait(struct service *s, const struct work_queue *queue)
{
    const struct ports *ports = s->p->ports;
    struct timer_req *timer = &s->busy->fill;
    uint64_t age_ms;

    if (queue->first == NULL || op_pending(&timer->op))
        return;
    age_ms = service_fill_age_ms(s, queue);
    if (age_ms >= FILL_MS)
        return; /* it waits for room */
    op_init(&timer->op, on_service_filled);
    ports->timer(ports->world, timer, FILL_MS - age_ms);
}

/* As a chunk goes on it may take others along: from the first one anew. */
static bool service_fill_resume_one(struct service *s)
{
    list_for_each (at, &s->chunks.list)
        if (chunk_resume(container_of(at, struct chunk, link)))
            return true;
    return false;
}

/* All that are due, or, beside others, one: then it is their turn. */
static bool service_fill_start_some(struct service *s, int kind)
{
    struct work_queue *queue = &s->work[kind];
    size_t n;

    while (pipeline_open(s->p) &&
           pipeline_has_room(s->p, kind == CHANGE_TEXT) &&
           (n = service_fill_due(s, queue)) > 0) {
        service_fill_send(s, queue, n);
        if (!service_is_alone(s)) {
            s->ctx.kick(s->ctx.arg);
            return false;
        }
    }
    service_fill_wait(s, queue);
    return true;
}

/* Texts first: what the embedder has to do takes longest. */
void service_fill_start(struct service *s)
{
    while (service_fill_resume_one(s))
        ;
    for (int kind = CHANGE_TEXT; kind >= CHANGE_EXTRA; kind--)
        if (!service_fill_start_some(s, kind))
            return;
}

bool service_fill_close(struct service *s)
{
    op_cancel(&s->busy->fill.op);
    return !op_pending(&s->busy->fill.op);
}

/* Chunks */

/* All of its pages have failed; *cancel: and nothing of them may go on. */
static bool service_fill_is_in_vain(const struct chunk *c, bool *cancel)
{
    *cancel = true;
    for (size_t i = 0; i < c->nmembers; i++) {
        if (!c->members[i]->page->failed)
            return false;
        *cancel = *cancel && c->members[i]->page->canceled;
    }
    return true;
}

/* Nothing new is to be tried: chunks that wait to try a text again give up, and
 * store what they have. */
void service_fill_curb(struct service *s)
{
    struct list *next;

    for (struct list *at = s->chunks.list.next; at != &s->chunks.list;
         at = next) {
        struct chunk *c = container_of(at, struct chunk, link);
        bool cancel, in_vain = service_fill_is_in_vain(c, &cancel);

        next = at->next;
        if (in_vain && cancel)
            chunk_cancel(c);
        else if (in_vain || !pipeline_open(s->p))
            chunk_release(c);
    }
}

void service_fill_store(struct service *s)
{
    struct list *next;

    for (struct list *at = s->chunks.list.next; at != &s->chunks.list;
         at = next) {
        next = at->next;
        chunk_store_now(container_of(at, struct chunk, link));
    }
}

/* What it leaves without an outcome fails its page. */
static void service_fill_settle_members(
    const struct chunk *c, const struct err *err)
{
    for (size_t i = 0; i < c->nmembers; i++) {
        struct page_item *it = c->members[i];

        if (it->outcome != ITEM_OPEN) {
            page_wake_waiter(it);
            continue;
        }
        assert(err->code != 0);
        page_fail(
            container_of(it->page, struct page, share), err, c->unstorable);
    }
}

static void service_fill_chunk_done(
    struct chunk_group *group, struct chunk *chunk)
{
    struct service *s = container_of(group, struct service, chunks);
    struct counts *counts = chunk->members[0]->page->counts;
    int page = chunk_page(chunk);
    struct err err = chunk->err;

    counts->tokens += chunk->tokens;
    counts->tokens_guess += chunk->tokens_guess;
#define X(name) counts->refused_##name += chunk->refused[EMBED_REFUSED_##name];
    EMBED_REFUSALS_MAP(X)
#undef X
    if (chunk->unstorable)
        s->busy->unstorable = err;
    if (err_is_fatal(err.code) && s->p->fatal.code == 0)
        s->p->fatal = err;
    service_fill_settle_members(chunk, &err);
    chunk_free(chunk);
    pipeline_event(s->p, &(struct run_event){.kind = EVENT_CHUNK_DONE,
                             .service = s->result->service,
                             .page = page,
                             .in_flight = (size_t)s->p->window.in_flight,
                             .err = err.code == 0 ? NULL : &err});
    s->ctx.kick(s->ctx.arg);
}

void service_fill_init(struct service *s)
{
    s->chunks = (struct chunk_group){.p = s->p,
        .schema = s->schema,
        .scope = &s->scope,
        .service = s->result->service,
        .rows = &s->ctx.rows,
        .kick = s->ctx.kick,
        .arg = s->ctx.arg,
        .done = service_fill_chunk_done};
    list_init(&s->chunks.list);
}
