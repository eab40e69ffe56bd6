/*
 * Order, for each id and nowhere else: an item waits while an item of a page
 * before it, with the same id, is on its way into the store. When that one is
 * settled, stored or not, the item is looked up and compared again, in DRAIN.
 * One that waits is replaced by a later one of its id, as within a page.
 *
 * The item that is waited for knows its waiter, and its page is the older one,
 * which lives longer. Failures: a page that has failed compares nothing again;
 * those behind it have failed, too.
 */
#include "sync/page/page_impl.h"

/* The item of the id that the page would store; NULL: it has none. */
static struct page_item *page_wait_item_of(
    const struct page *page, struct str content_id)
{
    const size_t *index = strmap_get(&page->ids, content_id);

    return index == NULL ? NULL : &page->items[*index];
}

static bool page_wait_meets(const struct page *page, const struct page *before)
{
    for (size_t i = 0; i < page->view.n; i++)
        if (page->items[i].item.content_id.len > 0 &&
            page_wait_item_of(before, page->items[i].item.content_id) != NULL)
            return true;
    return false;
}

bool page_is_apart(struct page *page, const struct list *window)
{
    for (struct list *at = page->link.prev; at != window && !page->busy->meets;
         at = at->prev) {
        const struct page *before = container_of(at, struct page, link);

        if (!before->early && before->state < PAGE_DRAIN)
            page->busy->meets = page_wait_meets(page, before);
    }
    return !page->busy->meets;
}

static void page_wait_replace(struct page_item *it)
{
    it->waits = false;
    it->outcome = ITEM_COLLISION;
    page_of_item(it)->busy->waiting--;
}

/* What the item has to wait for; NULL: nothing. */
static struct page_item *page_wait_find(const struct page *page,
    const struct list *window, struct str id, bool replaces)
{
    for (struct list *at = page->link.prev; at != window; at = at->prev) {
        const struct page *before = container_of(at, struct page, link);
        struct page_item *it;

        if (before->early)
            continue; /* discarded: it stores nothing */
        it = page_wait_item_of(before, id);
        if (it == NULL || it->outcome == ITEM_COLLISION ||
            it->outcome == ITEM_TOMBSTONE)
            continue; /* it writes nothing; what was before it may */
        if (it->outcome != ITEM_OPEN)
            return NULL; /* and so is what was before it */
        if (!it->waits || !replaces)
            return it;
        page_wait_replace(it);
        replaces = false;
    }
    return NULL;
}

void page_find_waiting(
    struct page *page, const struct list *window, bool replaces)
{
    for (size_t i = 0; i < page->view.n; i++) {
        struct page_item *it = &page->items[i], *before;

        if (it->outcome == ITEM_TOMBSTONE)
            it->is_news = page_wait_find(
                              page, window, it->item.content_id, false) != NULL;
        if (it->outcome != ITEM_OPEN)
            continue;
        before = page_wait_find(page, window, it->item.content_id, replaces);
        if (before == NULL)
            continue;
        before->waiter = it;
        it->waits = true;
        page->busy->waiting++;
    }
}

void page_wake_waiter(struct page_item *it)
{
    struct page_item *waiter = it->waiter;
    struct page_work *busy;

    it->waiter = NULL;
    if (waiter == NULL || !waiter->waits)
        return;
    busy = page_of_item(waiter)->busy;
    waiter->waits = false;
    waiter->next = busy->woken;
    busy->woken = waiter;
    busy->nwoken++;
    busy->waiting--;
}

void page_forget_waiting(struct page *page)
{
    for (size_t i = 0; i < page->view.n; i++)
        page->items[i].waits = false;
    page->busy->waiting = page->busy->nwoken = 0;
    page->busy->woken = NULL;
}

void page_compare_again(struct page *page)
{
    struct page_work *busy = page->busy;
    size_t n = busy->nwoken;
    struct err err;

    if (page->share.failed || busy->again || n == 0)
        return;
    busy->open = arena_calloc(&page->arena, n, sizeof(*busy->open));
    for (size_t i = n; busy->open != NULL && i-- > 0;
         busy->woken = busy->woken->next)
        busy->open[i] = busy->woken;
    busy->nwoken = 0;
    if (busy->open == NULL || page_compare_plan(page, n) < 0) {
        err_set(&err, ERR_NOMEM, "no memory to compare %zu items again", n);
        page_fail(page, &err, false);
        return;
    }
    busy->again = true;
    retry_reset(&busy->retry);
    page_compare_submit(page);
}
