/*
 * RENDER -> READY: id, text, metadata of each item, a slice per iteration of
 * the loop, or all of a large page in the pool; and which items have an id of a
 * later one. Failures: those of an item are its own; without memory the page
 * fails.
 */
#include "sync/page/page_impl.h"

#include "record/deletes/tombstone.h"

/* Rendered in one iteration of the loop. */
enum { SLICE_ITEMS = 128 };

static const char *page_keep_reason(struct page *page, const struct err *err)
{
    struct str copy = arena_dup(&page->arena, str_of(err->msg));

    return copy.p == NULL ? err_name(err->code) : copy.p;
}

/* Of two items with one id the later wins, a tombstone or a living one. */
static void page_take_id(struct page *page, size_t index)
{
    bool found;
    size_t *last =
        strmap_put(&page->ids, page->items[index].item.content_id, &found);

    if (found)
        page->items[*last].outcome = ITEM_COLLISION;
    *last = index;
}

/* One that cannot be stored leaves an earlier one its place; but it shows that
 * the item is alive. */
static void page_note_alive(struct page *page, struct str id)
{
    const size_t *last = id.len > 0 ? strmap_get(&page->ids, id) : NULL;

    if (last != NULL && page->items[*last].outcome == ITEM_TOMBSTONE)
        page->items[*last].outcome = ITEM_COLLISION;
}

/* Text and metadata in `a`; the id stays as long as the page. */
static int page_render_in(
    struct page *page, struct page_item *it, struct arena *a, struct err *err)
{
    struct str *id = &it->item.content_id;
    int rc = item_render(
        page->ctx->schema, it->value, a, &page->busy->scratch, &it->item, err);

    if (id->len == 0)
        return rc;
    *id = arena_dup(&page->arena, *id);
    return id->p != NULL
               ? rc
               : err_set(err, ERR_NOMEM, "no memory for an item's id");
}

/* Of a large page as of any, the texts of what has changed and is under way are
 * in memory. */
static int page_render_lean(
    struct page *page, struct page_item *it, struct err *err)
{
    int rc = page_render_in(page, it, &page->busy->passing, err);

    it->lean = true;
    page_item_forget(it);
    arena_free(&page->busy->passing);
    return rc;
}

static int page_render_kept_or_lean(
    struct page *page, struct page_item *it, struct err *err)
{
    size_t most = page->ctx->p->options->kept_bytes;
    size_t bytes = page->bytes > most ? json_size(it->value) : 0;

    if (page->busy->kept + bytes > most)
        return page_render_lean(page, it, err);
    page->busy->kept += bytes;
    return page_render_in(page, it, &page->busy->texts, err);
}

/* An item cannot be larger than its page, which is how large most are. */
static int page_render_or_refuse(
    struct page *page, struct page_item *it, struct err *err)
{
    size_t most = page->ctx->p->options->max_item_bytes;
    size_t bytes = page->bytes > most ? json_size(it->value) : 0;
    int rc;

    if (bytes <= most)
        return page_render_kept_or_lean(page, it, err);
    rc = item_identify(page->ctx->schema, it->value, &page->arena,
        &page->busy->scratch, &it->item, err);
    if (rc == ERR_NOMEM)
        return rc;
    return err_set(err, ERR_INVALID,
        "%zu bytes as JSON, more than BATCH_SYNC_MAX_ITEM_BYTES (%zu)", bytes,
        most);
}

/* Of a tombstone no more than the id, however large it is. */
static int page_render_tombstone(
    struct page *page, struct page_item *it, struct err *err)
{
    int rc = item_identify(page->ctx->schema, it->value, &page->arena,
        &page->busy->scratch, &it->item, err);

    if (rc == 0)
        it->outcome = ITEM_TOMBSTONE;
    return rc;
}

static int page_render_item(struct page *page, size_t index, struct err *err)
{
    struct page_item *it = &page->items[index];
    int rc;

    it->page = &page->share;
    it->value = page_view_item(&page->view, index);
    rc = tombstone_is(page->ctx->schema, it->value)
             ? page_render_tombstone(page, it, err)
             : page_render_or_refuse(page, it, err);
    page->counts.nuls_dropped += it->item.nuls;
    page->counts.replaced += it->item.replaced;
    if (rc == ERR_NOMEM)
        return rc;
    page->busy->keys[index] = it->item.content_id.len > 0
                                  ? id_key_of_id(it->item.content_id)
                                  : id_key_of_item(it->value);
    if (page->view.flaws != NULL && page->view.flaws[index] != NULL)
        rc = err_set(err, ERR_INVALID, "%s", page->view.flaws[index]);
    if (rc < 0) {
        it->outcome = ITEM_FAILED;
        it->reason = page_keep_reason(page, err);
        page_note_alive(page, it->item.content_id);
        return 0;
    }
    page_take_id(page, index);
    return 0;
}

static void on_page_slice(struct op *op)
{
    page_render(page_of_timer(op));
}

static int page_sort_keys(struct page *page)
{
    struct page_work *busy = page->busy;
    size_t n = page->view.n;

    busy->sorted = arena_alloc(&page->arena, n * sizeof(*busy->sorted));
    if (busy->sorted == NULL)
        return err_set(
            &busy->why, ERR_NOMEM, "no memory for a page of %zu items", n);
    if (n > 0)
        memcpy(busy->sorted, busy->keys, n * sizeof(*busy->sorted));
    id_keys_sort(busy->sorted, n);
    return 0;
}

/* As much as one iteration of the loop takes, or in the pool all of it. */
static void page_render_some(struct work_req *req)
{
    struct page_work *busy = container_of(req, struct page_work, computing);
    struct page *page = busy->page;
    bool all = page_is_large(page);
    size_t end = all ? page->view.n : busy->rendered + SLICE_ITEMS, bytes = 0;

    while (busy->rendered < page->view.n && busy->rendered < end &&
           (all || bytes < SLICE_BYTES)) {
        if (page_render_item(page, busy->rendered, &busy->why) < 0)
            return;
        bytes += page->items[busy->rendered++].item.metadata.len;
    }
    err_clear(&busy->why); /* those of items are theirs */
    if (busy->rendered == page->view.n)
        page_sort_keys(page);
}

static void on_page_rendered(struct op *op)
{
    struct page *page = page_of_computing(op);
    struct page_work *busy = page->busy;

    if (busy->why.code != 0)
        page_fail(page, &busy->why, false);
    if (page->share.failed) {
        page_finish(page);
    } else if (busy->rendered == page->view.n) {
        buf_free(&busy->scratch);
        page_move(page, PAGE_READY);
    } else {
        page_later(page, on_page_slice);
    }
}

void page_render(struct page *page)
{
    if (page->share.failed)
        page_finish(page);
    else
        page_compute(page, page_render_some, on_page_rendered);
}
