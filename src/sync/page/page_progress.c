/*
 * What a page brings that no page before it had. The filter of known ids proves
 * that one is new; one that it seems to know, and that none of the last pages
 * had, is known if the look-up has found it.
 */
#include "sync/page/page_impl.h"

/* The look-up did not ask for an item without an id, nor for one whose id a
 * later item has too. */
static bool page_progress_is_found(const struct page_item *it)
{
    return it->item.content_id.len == 0 || it->outcome == ITEM_COLLISION ||
           it->stored_pieces > 0 || it->has_letter;
}

long page_count_new(const struct page *page, const struct known_ids *ids)
{
    bool looked_up = page->state >= PAGE_DRAIN;
    long fresh = 0, unsure = 0;

    for (size_t i = 0; i < page->view.n; i++) {
        enum id_state state = known_ids_state(ids, &page->busy->keys[i]);

        if (state == ID_NEW || (state == ID_UNSURE && looked_up &&
                                   !page_progress_is_found(&page->items[i])))
            fresh++;
        else if (state == ID_UNSURE && !looked_up)
            unsure++;
    }
    return fresh == 0 && unsure > 0 ? -1 : fresh;
}

/* A page that is being read may be in another thread's hands. */
size_t page_held(const struct page *page)
{
    return page == NULL || page->state < PAGE_READY
               ? 0
               : page->arena.used_bytes + page->busy->texts.used_bytes;
}

void page_note_ids(struct page *page, struct known_ids *ids)
{
    known_ids_add_page(ids, page->busy->sorted, page->view.n);
}

void page_leave_out(struct page *page)
{
    page_forget_waiting(page);
    page->view.n = 0;
    page->counts = (struct counts){.received = 0};
    page->nwork = page->cursor = 0;
    page->busy->lookup.nletters = 0;
}
