/*
 * READY -> LOOKUP -> DRAIN: the ids of the page are looked up in one query,
 * and each item is unchanged, or its row or its text has changed. The query
 * sees nothing of what the pages before are still writing: items with such ids
 * wait, and the same is done for them later, in DRAIN.
 */
#include "sync/page/page_impl.h"

#include "record/pieces/item_pieces.h"
#include <assert.h>

/* Compared in one iteration of the loop. */
enum { SLICE_ITEMS = 1000 };

static void on_page_compare_looked_up(struct op *op);

static void page_compare_end_again(struct page *page)
{
    page->busy->again = false;
    page->ctx->kick(page->ctx->arg);
}

/* The page has failed, here or before. */
static void page_compare_give_up(struct page *page)
{
    if (page->busy->again)
        page_compare_end_again(page);
    else
        page_finish(page);
}

void page_compare_submit(struct page *page)
{
    const struct ports *ports = page->ctx->p->ports;
    struct lookup_req *req = &page->busy->lookup;

    pipeline_op_init(page->ctx->p, &req->op, on_page_compare_looked_up);
    ports->lookup(ports->world, req);
}

int page_compare_plan(struct page *page, size_t n)
{
    struct page_work *busy = page->busy;
    struct str *ids = arena_calloc(&page->arena, n, sizeof(*ids));

    if (ids == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        ids[i] = busy->open[i]->item.content_id;
    busy->compared = busy->compared_rows = 0;
    busy->lookup = (struct lookup_req){.arena = &page->arena,
        .scope = page->ctx->scope,
        .ids = ids,
        .n = n,
        .with_letters = page->ctx->has_letters};
    return 0;
}

static int page_compare_collect_open(struct page *page)
{
    struct page_work *busy = page->busy;
    size_t n = 0;

    busy->open = arena_calloc(&page->arena, page->view.n, sizeof(*busy->open));
    page->work = arena_calloc(&page->arena, page->view.n, sizeof(*page->work));
    if (busy->open == NULL || page->work == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < page->view.n; i++)
        if (page->items[i].outcome == ITEM_TOMBSTONE ||
            (page->items[i].outcome == ITEM_OPEN && !page->items[i].waits))
            busy->open[n++] = &page->items[i];
    return page_compare_plan(page, n);
}

void page_compare(struct page *page, const struct list *window, bool replaces)
{
    struct err err;

    page_find_waiting(page, window, replaces);
    if (page_compare_collect_open(page) < 0) {
        err_set(
            &err, ERR_NOMEM, "no memory for a page of %zu items", page->view.n);
        page_fail(page, &err, false);
        return;
    }
    if (page->busy->lookup.n == 0) {
        page_move(page, PAGE_DRAIN);
        return;
    }
    page_move(page, PAGE_LOOKUP);
    page_compare_submit(page);
}

/* Comparing */

/* Of an item's rows, those that are its pieces 0, 1, ... with their hashes:
 * what lies behind them is another program's, or is left from another text. */
static size_t page_compare_count_own(const struct stored_row *rows, size_t n)
{
    size_t k = 0;

    while (k < n && rows[k].chunk_index == (int32_t)k && rows[k].hashed)
        k++;
    return k;
}

/* What its rows are compared with, beside its text. */
struct compare_with {
    const struct stored_row *rows;
    size_t n;
    struct piece_context context;
};

/*
 * A row that keeps its vector has its text rewritten piece by piece (blanks at
 * the ends of a text are not embedded): the pieces must be cut as the stored
 * ones are, which may be smaller because the embedder asked for it.
 */
static bool page_compare_cut_alike(struct page *page,
    const struct page_item *it, const struct compare_with *with,
    enum cut_rule rule, struct item_pieces *pieces)
{
    size_t max_tokens = (size_t)page->ctx->p->options->max_tokens;

    return item_pieces_cut(&with->context, it->item.content_text, max_tokens,
               rule, &page->busy->passing, pieces) == 0 &&
           pieces->n == with->n;
}

static enum change compare_cut(struct page *page, const struct page_item *it,
    const struct compare_with *with, enum cut_rule rule)
{
    const struct stored_row *rows = with->rows;
    struct item_pieces pieces;
    struct item_hashes now;
    bool same_text = true, same_row = true;

    item_hash(&it->item, page->ctx->schema, &page->ctx->p->options->embedding,
        with->n, rule, &with->context, &now);
    for (size_t k = 0; k < with->n; k++) {
        if (memcmp(rows[k].embed_hash, now.embed_hash, SHA256_BYTES) != 0)
            same_text = false;
        if (memcmp(rows[k].row_hash, now.row_hash, SHA256_BYTES) != 0)
            same_row = false;
    }
    if (same_text && same_row)
        return CHANGE_NONE;
    return same_text && page_compare_cut_alike(page, it, with, rule, &pieces)
               ? CHANGE_ROW
               : CHANGE_TEXT;
}

/* Rows keep the rule that they were cut by until their text changes. */
static enum change compare_pieces(
    struct page *page, struct page_item *it, const struct compare_with *with)
{
    enum change change;

    change = compare_cut(page, it, with, CUT_LAST_THIRD);
    if (change != CHANGE_TEXT || with->n == 1)
        return change;
    change = compare_cut(page, it, with, CUT_ANYWHERE);
    if (change != CHANGE_TEXT)
        it->cut = CUT_ANYWHERE;
    return change;
}

static bool page_compare_has_text(
    const struct stored_row *row, struct str piece)
{
    uint8_t hash[SHA256_BYTES];

    sha256_of(piece, hash);
    return memcmp(hash, row->text_hash, TEXT_HASH_BYTES) == 0;
}

/*
 * Of the pieces of an altered item whose text is the source's still, those that
 * nobody has changed are not paid for again. One that was sent with the end of
 * the piece before needs that to be what it was, too.
 */
static void page_compare_note_kept(
    struct page *page, struct page_item *it, const struct compare_with *with)
{
    size_t n = it->own_pieces;
    struct item_pieces pieces;
    bool *keeps = arena_calloc(&page->arena, n, sizeof(*keeps));
    bool before = true;

    if (keeps == NULL ||
        !page_compare_cut_alike(page, it, with, it->cut, &pieces))
        return;
    for (size_t k = 0; k < n; k++) {
        bool same = page_compare_has_text(&with->rows[k], pieces.list[k]);

        keeps[k] = !with->rows[k].altered && same &&
                   (before || with->context.overlap == 0);
        before = same;
    }
    it->keeps = keeps;
}

/*
 * What another program has done to rows that are the source's otherwise: text
 * or vector are other ones, so these are embedded again, unless that has
 * happened so often that the item is left as it is; or there are more rows than
 * pieces, which are dropped.
 */
static enum change compare_foreign(struct page *page, struct page_item *it,
    const struct compare_with *with, size_t n, enum change change)
{
    const struct stored_row *rows = with->rows;
    bool altered = false, extra = it->own_pieces < n;
    int repairs = 0;

    for (size_t k = 0; k < it->own_pieces; k++) {
        altered = altered || rows[k].altered;
        repairs = rows[k].repairs > repairs ? rows[k].repairs : repairs;
    }
    it->contested = altered && repairs >= REPAIRS_MOST && change != CHANGE_TEXT;
    if (it->contested)
        return CHANGE_NONE;
    if (altered && change != CHANGE_TEXT && it->own_pieces > 1)
        page_compare_note_kept(page, it, with);
    if (altered || (extra && change != CHANGE_TEXT))
        it->repairs = repairs + 1;
    if (altered)
        return CHANGE_TEXT;
    return extra && change == CHANGE_NONE ? CHANGE_EXTRA : change;
}

/* < 0: ERR_NOMEM. */
static int compare_item(struct page *page, struct page_item *it,
    const struct stored_row *rows, size_t n)
{
    const struct schema *schema = page->ctx->schema;
    struct compare_with with = {
        .rows = rows, .n = page_compare_count_own(rows, n)};

    it->cut = CUT_LAST_THIRD;
    it->own_pieces = with.n;
    it->change = CHANGE_TEXT;
    if (with.n == 0)
        return 0;
    if (item_pieces_context(schema, it->value,
            (size_t)page->ctx->p->options->max_tokens, &page->busy->passing,
            &with.context) < 0)
        return ERR_NOMEM;
    it->change =
        compare_foreign(page, it, &with, n, compare_pieces(page, it, &with));
    return 0;
}

/* The highest piece that is stored, and one: rows may have gaps. */
static size_t page_compare_pieces_of(const struct stored_row *rows, size_t n)
{
    return n == 0 ? 0 : (size_t)rows[n - 1].chunk_index + 1;
}

/* The next item; < 0: ERR_NOMEM. */
static int compare_next(struct page *page)
{
    struct page_work *busy = page->busy;
    const struct lookup_req *lookup = &busy->lookup;
    size_t i = busy->compared++, from = busy->compared_rows, end = from;
    struct page_item *it = busy->open[i];

    while (end < lookup->nrows && lookup->rows[end].item == i)
        end++;
    busy->compared_rows = end;
    it->stored_pieces = page_compare_pieces_of(lookup->rows + from, end - from);
    if (it->outcome == ITEM_TOMBSTONE) {
        it->is_news = it->is_news || end > from;
        return 0;
    }
    if (page_item_make(it, page->ctx->schema, &busy->passing, &busy->scratch) <
        0)
        return ERR_NOMEM;
    if (compare_item(page, it, lookup->rows + from, end - from) < 0)
        return ERR_NOMEM;
    if (it->change == CHANGE_NONE)
        it->outcome = ITEM_UNCHANGED;
    page_item_forget(it);
    arena_free(&busy->passing);
    return 0;
}

static void compare_slice(struct page *page);

static void on_compare_slice(struct op *op)
{
    compare_slice(page_of_timer(op));
}

/* Of a page that was left out, nothing. */
static void page_compare_plan_work(struct page *page)
{
    struct page_work *busy = page->busy;

    if (page->view.n == 0)
        return;
    for (size_t i = 0; i < busy->lookup.n; i++)
        if (busy->open[i]->change != CHANGE_NONE)
            page->work[page->nwork++] = busy->open[i];
    page->share.compared_ms =
        page->ctx->p->ports->now_ms(page->ctx->p->ports->world);
}

/* What is as it should be, after all, holds up no other item. */
static void page_compare_wake(struct page *page)
{
    for (size_t i = 0; i < page->busy->lookup.n; i++)
        if (page->busy->open[i]->outcome != ITEM_OPEN)
            page_wake_waiter(page->busy->open[i]);
}

/* Where little has changed the texts go, which are half of what the page holds:
 * those of what has are made again when their chunks begin. */
static void page_compare_forget_texts(struct page *page)
{
    struct arena *texts = &page->busy->texts;
    size_t bytes = 0;

    for (size_t i = 0; i < page->nwork; i++)
        bytes += page->work[i]->item.content_text.len +
                 page->work[i]->item.metadata.len;
    if (bytes > texts->used_bytes / 4)
        return;
    for (size_t i = 0; i < page->view.n; i++) {
        page->items[i].lean = true;
        page_item_forget(&page->items[i]);
    }
    arena_free(texts);
}

static void page_compared(struct page *page)
{
    buf_free(&page->busy->scratch);
    if (page->set_aside)
        page_set_aside(page);
    page_compare_plan_work(page);
    if (!page->busy->again)
        page_compare_forget_texts(page);
    page_compare_wake(page);
    if (page->busy->again)
        page_compare_end_again(page);
    else
        page_move(page, PAGE_DRAIN);
}

/* As much as one iteration of the loop takes, or in the pool all of it. */
static void compare_some(struct work_req *req)
{
    struct page_work *busy = container_of(req, struct page_work, computing);
    bool all = page_is_large(busy->page) && !busy->again;
    size_t end = all ? busy->lookup.n : busy->compared + SLICE_ITEMS;
    size_t bytes = 0;

    err_clear(&busy->why);
    while (busy->compared < busy->lookup.n && busy->compared < end &&
           (all || bytes < SLICE_BYTES)) {
        bytes += busy->open[busy->compared]->item.metadata.len;
        if (compare_next(busy->page) < 0) {
            err_set(&busy->why, ERR_NOMEM, "no memory to compare an item");
            return;
        }
    }
    if (busy->compared == busy->lookup.n)
        page_skip_known(busy->page);
}

static void on_page_compare_compared(struct op *op)
{
    struct page *page = page_of_computing(op);
    struct page_work *busy = page->busy;

    if (busy->why.code != 0)
        page_fail(page, &busy->why, false);
    if (page->share.failed)
        page_compare_give_up(page);
    else if (busy->compared == busy->lookup.n)
        page_compared(page);
    else
        page_later(page, on_compare_slice);
}

/* What was woken is compared here: chunks of the page use its memory. */
static void compare_slice(struct page *page)
{
    struct work_req *req = &page->busy->computing;

    if (page->share.failed) {
        page_compare_give_up(page);
    } else if (page->busy->again) {
        op_init(&req->op, on_page_compare_compared);
        compare_some(req);
        on_page_compare_compared(&req->op);
    } else {
        page_compute(page, compare_some, on_page_compare_compared);
    }
}

static void on_page_compare_lookup_waited(struct op *op)
{
    struct page *page = page_of_timer(op);

    if (page->share.failed) {
        page_compare_give_up(page);
        return;
    }
    if (!page->busy->again)
        page_move(page, PAGE_LOOKUP);
    page_compare_submit(page);
}

static void on_page_compare_looked_up(struct op *op)
{
    struct page *page = container_of(op, struct page_work, lookup.op)->page;
    struct err err = op->err;

    pipeline_measure(page->ctx->p, CALL_LOOKUP, op);
    if (err.code == 0 && page->share.failed)
        err = page->err;
    if (err.code != 0) {
        err_wrap(&err, "look up stored rows");
        if (page_retry(
                page, &err, PAGE_LOOKUP_WAIT, on_page_compare_lookup_waited))
            return;
        page_fail(page, &err, false);
        page_compare_give_up(page);
        return;
    }
    retry_reset(&page->busy->retry);
    compare_slice(page);
}
