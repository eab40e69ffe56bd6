/*
 * DRAIN -> CHECKPOINT -> DONE: chunks are started and come back; when none is
 * left the page is checkpointed, its dead letters in the same transaction, and
 * every item is counted out.
 */
#include "sync/page/page_impl.h"

#include <assert.h>

bool page_has_work(const struct page *page)
{
    return !page->failed && page->cursor < page->nwork;
}

bool page_next_embeds(const struct page *page)
{
    return page->work[page->cursor]->change == CHANGE_TEXT;
}

/* As many as a chunk may have, of one kind, and with texts that a request can
 * carry: at least one. */
static size_t page_checkpoint_count_members(const struct page *page)
{
    const struct run_options *o = page->ctx->p->options;
    struct page_item **members = page->work + page->cursor;
    size_t left = page->nwork - page->cursor, n = 1;
    size_t bytes = members[0]->item.content_text.len;

    while (n < left && n < (size_t)o->chunk_size &&
           members[n]->change == members[0]->change) {
        bytes += members[n]->item.content_text.len;
        if (bytes > o->chunk_bytes)
            break;
        n++;
    }
    return n;
}

void page_start_chunk(struct page *page)
{
    struct page_item **members = page->work + page->cursor;
    size_t n = page_checkpoint_count_members(page);

    page->cursor += n;
    chunk_start(&page->chunks, members, n);
}

static bool page_checkpoint_resume_one(struct page *page)
{
    list_for_each (at, &page->chunks.list)
        if (chunk_resume(container_of(at, struct chunk, link)))
            return true;
    return false;
}

/* From the first one anew: a chunk that goes on may take others along. */
void page_resume(struct page *page)
{
    while (page_checkpoint_resume_one(page))
        ;
}

void page_release(struct page *page)
{
    list_for_each (at, &page->chunks.list)
        chunk_release(container_of(at, struct chunk, link));
}

void page_store(struct page *page)
{
    struct list *next;

    for (struct list *at = page->chunks.list.next; at != &page->chunks.list;
         at = next) {
        next = at->next;
        chunk_store_now(container_of(at, struct chunk, link));
    }
}

bool page_is_drained(const struct page *page)
{
    return list_empty(&page->chunks.list) && !page_has_work(page);
}

static void page_checkpoint_chunk_done(
    struct chunk_group *group, struct chunk *chunk)
{
    struct page *page = container_of(group, struct page, chunks);
    struct err err = chunk->err;
    bool unstorable = chunk->unstorable;

    page->counts.embedded += chunk->embedded;
    page->counts.tokens += chunk->tokens;
    page->counts.tokens_guess += chunk->tokens_guess;
    chunk_free(chunk);
    page->unstorable = page->unstorable || unstorable;
    if (err_is_fatal(err.code) && page->ctx->p->fatal.code == 0)
        page->ctx->p->fatal = err;
    if (err.code != 0)
        page_fail(page, &err, unstorable);
    pipeline_event(
        page->ctx->p, &(struct run_event){.kind = EVENT_CHUNK_DONE,
                          .service = page->ctx->service,
                          .page = page->number,
                          .in_flight = (size_t)page->ctx->p->window.in_flight,
                          .err = err.code == 0 ? NULL : &err});
    page->ctx->kick(page->ctx->arg);
}

void page_init_chunks(struct page *page)
{
    struct page_context *ctx = page->ctx;

    page->chunks = (struct chunk_group){.p = ctx->p,
        .schema = ctx->schema,
        .scope = ctx->scope,
        .service = ctx->service,
        .page = page->number,
        .arena = &page->arena,
        .rows = &ctx->rows,
        .kick = ctx->kick,
        .arg = ctx->arg,
        .done = page_checkpoint_chunk_done};
    list_init(&page->chunks.list);
}

static void page_checkpoint_cancel_all(struct page *page)
{
    struct page_work *busy = page->busy;
    struct list *next;

    op_cancel(&busy->fetch.op);
    op_cancel(&busy->computing.op);
    op_cancel(&busy->lookup.op);
    op_cancel(&busy->checkpoint.op);
    op_cancel(&busy->retry.timer.op);
    for (struct list *at = page->chunks.list.next; at != &page->chunks.list;
         at = next) {
        next = at->next;
        chunk_cancel(container_of(at, struct chunk, link));
    }
}

void page_fail(struct page *page, const struct err *err, bool cancel)
{
    if (page->state == PAGE_DONE)
        return;
    if (!page->failed)
        page->err = *err;
    page->failed = true;
    if (cancel)
        page_checkpoint_cancel_all(page);
    else
        page_release(page);
    if (page->state == PAGE_READY)
        page_finish(page);
    else
        page->ctx->kick(page->ctx->arg);
}

/* Counting out */

static void checkpoint_count_items(
    const struct page *page, struct counts *counts)
{
    counts->received += page->view.n + page->unread;
    counts->failed += page->unread;
    for (size_t i = 0; i < page->view.n; i++) {
        const struct page_item *it = &page->items[i];

        switch (it->outcome) {
        case ITEM_UNCHANGED:
            counts->unchanged++;
            counts->contested += it->contested;
            break;
        case ITEM_COLLISION:
            counts->collisions++;
            break;
        case ITEM_STORED:
            counts->stored++;
            counts->repaired += it->repairs > 0;
            counts->altered += it->altered != 0;
            break;
        case ITEM_OPEN: /* the page was cut short */
        case ITEM_FAILED:
            counts->failed++;
            break;
        }
    }
}

void page_finish(struct page *page)
{
    checkpoint_count_items(page, &page->counts);
    page->counts.known_failures = page->busy->checkpoint.known_letters;
    page_move(page, PAGE_DONE);
}

/* The checkpoint */

/* Whatever became of them: what a source still has is not deleted. */
static int page_checkpoint_note_seen(struct page *page)
{
    struct checkpoint_req *req = &page->busy->checkpoint;
    struct str *seen = arena_calloc(&page->arena, page->view.n, sizeof(*seen));

    if (seen == NULL)
        return ERR_NOMEM;
    req->marks = true;
    req->seen = seen;
    for (size_t i = 0; i < page->view.n; i++)
        if (page->items[i].item.content_id.len > 0)
            seen[req->nseen++] = page->items[i].item.content_id;
    return 0;
}

/* Of items that are stored as they are on this page: what a failed one, or one
 * that a later one has replaced, declares is nobody's. */
static bool page_checkpoint_is_as_it_came(const struct page_item *it)
{
    return it->outcome == ITEM_STORED || it->outcome == ITEM_UNCHANGED;
}

static int page_checkpoint_note_links(struct page *page)
{
    struct checkpoint_req *req = &page->busy->checkpoint;
    struct str *ids = arena_calloc(&page->arena, page->view.n, sizeof(*ids));
    struct item_links links = {.n = 0};
    struct buf scratch;
    int rc = ids == NULL ? ERR_NOMEM : 0;

    buf_init(&scratch, CONTENT_ID_BYTES);
    for (size_t i = 0; rc == 0 && i < page->view.n; i++) {
        const struct page_item *it = &page->items[i];

        if (!page_checkpoint_is_as_it_came(it))
            continue;
        ids[req->nlinked++] = it->item.content_id;
        rc = item_links_add(&links, page->ctx->schema, it->value,
            it->item.content_id, &page->arena, &scratch);
    }
    buf_free(&scratch);
    req->declares = true;
    req->linked = ids;
    req->links = links.links;
    req->nlinks = links.n;
    return rc;
}

/* What the checkpoint says of the items, beside their dead letters. */
static int page_checkpoint_note_items(struct page *page)
{
    const struct schema *schema = page->ctx->schema;

    if (page->failed)
        return 0;
    if (schema->delete_missing && page->letters == NULL &&
        page_checkpoint_note_seen(page) < 0)
        return ERR_NOMEM;
    if (schema->nlinks > 0 && page->ctx->p->ports->link != NULL)
        return page_checkpoint_note_links(page);
    return 0;
}

static void on_page_checkpoint_checkpointed(struct op *op);

static void checkpoint_submit(struct page *page)
{
    const struct ports *ports = page->ctx->p->ports;
    struct checkpoint_req *req = &page->busy->checkpoint;

    pipeline_op_init(page->ctx->p, &req->op, on_page_checkpoint_checkpointed);
    ports->checkpoint(ports->world, req);
}

static void on_checkpoint_waited(struct op *op)
{
    struct page *page = page_of_timer(op);

    if (op->err.code != 0) {
        page_finish(page);
        return;
    }
    page_move(page, PAGE_CHECKPOINT);
    checkpoint_submit(page);
}

static void on_page_checkpoint_checkpointed(struct op *op)
{
    struct page *page = container_of(op, struct page_work, checkpoint.op)->page;
    struct err err = op->err;

    pipeline_measure(page->ctx->p, CALL_CHECKPOINT, op);
    if (err.code != 0) {
        err_wrap(&err, "checkpoint");
        if (page_retry(page, &err, PAGE_CHECKPOINT_WAIT, on_checkpoint_waited))
            return;
        page_fail(page, &err, false);
    }
    page_finish(page);
}

void page_drop(struct page *page)
{
    assert(page->state == PAGE_DRAIN && page->failed);
    page_finish(page);
}

void page_checkpoint(struct page *page, const struct counts *total,
    int next_limit, int64_t announced, int deaths)
{
    const struct pipeline *p = page->ctx->p;
    struct page_work *busy = page->busy;
    struct err err;

    if (p->all_refused && page_clear_blame(page))
        page_fail(page, &p->fatal, false);
    busy->so_far = *total; /* of the source's items: a service that goes on
                              counts by them */
    if (page->letters == NULL) {
        counts_add(&busy->so_far, &page->counts);
        checkpoint_count_items(page, &busy->so_far);
    }
    busy->checkpoint = (struct checkpoint_req){.scope = page->ctx->scope,
        .next_page = page->failed ? 0 : page->next_page,
        .limit = next_limit,
        .deaths = deaths,
        .announced = announced,
        .counts = &busy->so_far};
    if (page_write_letters(page) < 0 || page_checkpoint_note_items(page) < 0) {
        err_set(&err, ERR_NOMEM, "no memory for the checkpoint");
        page_fail(page, &err, false);
    }
    if (p->aborting || (page->failed && busy->checkpoint.nletters == 0)) {
        busy->checkpoint.nletters = 0;
        page_finish(page);
        return;
    }
    page_move(page, PAGE_CHECKPOINT);
    checkpoint_submit(page);
}
