/*
 * DRAIN -> CHECKPOINT -> DONE: when each of its items has an outcome the page
 * is checkpointed, its dead letters in the same transaction, and every item is
 * counted out. What the checkpoint says of the items is gathered first, of a
 * large page in the pool: letters, ids and links may be as much as the page.
 *
 * Failures: as the page's own; letters are written all the same. Cancel: what
 * is being gathered is, and is not sent.
 */
#include "sync/page/page_impl.h"

#include <assert.h>

bool page_has_work(const struct page *page)
{
    const struct page_work *busy = page->busy;

    return !page->share.failed &&
           (page->cursor < page->nwork || page->share.queued > 0 ||
               busy->waiting > 0 || busy->nwoken > 0);
}

bool page_is_looking_up(const struct page *page)
{
    return page->state == PAGE_LOOKUP && op_pending(&page->busy->lookup.op);
}

bool page_is_comparing(const struct page *page)
{
    return page->state < PAGE_DRAIN || page->busy->again ||
           (!page->share.failed && page->busy->nwoken > 0);
}

bool page_is_drained(const struct page *page)
{
    return page->share.under_way == 0 && page->share.queued == 0 &&
           !page->busy->again && !page_has_work(page);
}

static void page_checkpoint_cancel_all(struct page *page)
{
    struct page_work *busy = page->busy;

    page->share.canceled = true;
    op_cancel(&busy->fetch.op);
    op_cancel(&busy->computing.op);
    op_cancel(&busy->lookup.op);
    op_cancel(&busy->checkpoint.op);
    op_cancel(&busy->retry.timer.op);
}

void page_fail(struct page *page, const struct err *err, bool cancel)
{
    if (page->state == PAGE_DONE ||
        (page->share.failed && page->share.canceled >= cancel))
        return;
    if (!page->share.failed)
        page->err = *err;
    page->share.failed = true;
    if (cancel)
        page_checkpoint_cancel_all(page);
    if (page->state == PAGE_READY)
        page_finish(page);
    else
        page->ctx->kick(page->ctx->arg);
}

/* Counting out */

/* Of an id that is not stored it tells nothing new. */
static void checkpoint_count_tombstone(
    const struct page *page, const struct page_item *it, struct counts *counts)
{
    if (page->share.failed)
        counts->failed++;
    else if (it->is_news)
        counts->tombstones++;
    else
        counts->unchanged++;
}

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
        case ITEM_TOMBSTONE: /* recorded with the page, or not at all */
            checkpoint_count_tombstone(page, it, counts);
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

/* Is the last that the page says of the item's id that it is deleted? */
static bool page_checkpoint_is_deleted(
    const struct page *page, const struct page_item *it)
{
    const size_t *last = strmap_get(&page->ids, it->item.content_id);

    return last != NULL && page->items[*last].outcome == ITEM_TOMBSTONE;
}

/* Whatever became of them: what a source still has is not deleted. */
static int page_checkpoint_note_seen(struct page *page)
{
    struct checkpoint_req *req = &page->busy->checkpoint;
    struct str *seen =
        arena_calloc(&page->busy->passing, page->view.n, sizeof(*seen));

    if (seen == NULL)
        return ERR_NOMEM;
    req->seen = seen;
    for (size_t i = 0; i < page->view.n; i++)
        if (page->items[i].item.content_id.len > 0 &&
            !page_checkpoint_is_deleted(page, &page->items[i]))
            seen[req->nseen++] = page->items[i].item.content_id;
    return 0;
}

static int page_checkpoint_note_tombstones(struct page *page)
{
    struct checkpoint_req *req = &page->busy->checkpoint;
    struct str *ids =
        arena_calloc(&page->busy->passing, page->view.n, sizeof(*ids));

    if (ids == NULL)
        return ERR_NOMEM;
    req->deletes = true;
    req->tombstones = ids;
    for (size_t i = 0; i < page->view.n; i++)
        if (page->items[i].outcome == ITEM_TOMBSTONE)
            ids[req->ntombstones++] = page->items[i].item.content_id;
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
    struct arena *passing = &page->busy->passing;
    struct str *ids = arena_calloc(passing, page->view.n, sizeof(*ids));
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
            it->item.content_id, passing, &scratch);
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
    struct page_work *busy = page->busy;

    if (page->share.failed)
        return 0;
    busy->checkpoint.marks = schema->delete_missing && page->letters == NULL;
    if ((busy->checkpoint.marks || schema->deleted_when != NULL) &&
        page_checkpoint_note_seen(page) < 0)
        return ERR_NOMEM;
    if (schema->deleted_when != NULL &&
        page_checkpoint_note_tombstones(page) < 0)
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
    assert(page->state == PAGE_DRAIN && page->share.failed);
    page_finish(page);
}

/* Without its checkpoint a page has not ended well: what it counts as failed is
 * told by its error, since its letters are not written. */
static void page_checkpoint_note_abort(struct page *page)
{
    struct err err;

    err_set(&err, ERR_CANCELED, "stopped before the page was checkpointed");
    page_fail(page, &err, false);
}

/* Nothing is written of a page that ends with its run, or only of letters. */
static void page_checkpoint_gathered(struct page *page)
{
    struct page_work *busy = page->busy;
    struct checkpoint_req *req = &busy->checkpoint;

    page_note_letters(page);
    if (page->ctx->p->aborting)
        page_checkpoint_note_abort(page);
    if (page->ctx->p->aborting || (page->share.failed && req->nletters == 0)) {
        req->nletters = 0;
        page_finish(page);
        return;
    }
    if (page->letters == NULL) {
        counts_add(&busy->so_far, &page->counts);
        checkpoint_count_items(page, &busy->so_far);
    }
    req->next_page = page->share.failed ? 0 : page->next_page;
    checkpoint_submit(page);
}

static void on_page_checkpoint_gathered(struct op *op)
{
    struct page *page = page_of_computing(op);

    if (page->busy->why.code != 0)
        page_fail(page, &page->busy->why, false);
    page_checkpoint_gathered(page);
}

static void page_checkpoint_gather(struct work_req *req)
{
    struct page_work *busy = container_of(req, struct page_work, computing);

    err_clear(&busy->why);
    if (page_write_letters(busy->page) < 0 ||
        page_checkpoint_note_items(busy->page) < 0)
        err_set(&busy->why, ERR_NOMEM, "no memory for the checkpoint");
}

void page_checkpoint(struct page *page, const struct counts *total, int deaths)
{
    const struct pipeline *p = page->ctx->p;
    struct page_work *busy = page->busy;

    if (p->all_refused && page_clear_blame(page))
        page_fail(page, &p->fatal, false);
    busy->so_far = *total; /* of the source's items: a service that goes on
                              counts by them */
    busy->checkpoint = (struct checkpoint_req){.scope = page->ctx->scope,
        .limit = page->next_limit,
        .deaths = deaths,
        .announced = page->announced,
        .counts = &busy->so_far};
    page_move(page, PAGE_CHECKPOINT);
    page_compute(page, page_checkpoint_gather, on_page_checkpoint_gathered);
}
