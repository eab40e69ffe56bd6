/*
 * The reader: asks for the next page while the window has room, counted by what
 * its pages hold; a page that is still to come counts as the largest so far.
 * One page always may. After deaths it reads with care (record/pass/care.h).
 */
#include "sync/service/service_impl.h"

static bool service_read_is_over_max(struct service *s)
{
    struct err err;
    int max = s->p->options->max_pages;
    int usual = s->p->options->limit;
    int page = s->busy->care.mode == CARE_NONE
                   ? s->next_page
                   : (s->next_page - 1) * s->limit / usual + 1;

    if (max == 0 || page <= max)
        return false;
    err_set(&err, ERR_SOURCE,
        "the source has more than %d pages; raise BATCH_SYNC_MAX_PAGES if "
        "that is right",
        max);
    service_error(s, s->next_page, &err);
    s->more = false;
    return true;
}

/* For one more? */
static bool service_read_has_room(struct service *s)
{
    size_t held = 0, coming = 1, n = 0;

    list_for_each (at, &s->pages) {
        const struct page *page = container_of(at, struct page, link);
        size_t bytes = page_held(page);

        held += bytes;
        coming += page->state < PAGE_READY;
        s->largest = bytes > s->largest ? bytes : s->largest;
        n++;
    }
    return n == 0 || (n < WINDOW_PAGES && held + coming * s->largest <=
                                              s->p->options->window_bytes);
}

static void service_read_add(struct service *s, struct page *page)
{
    page->next_limit = s->limit;
    page->announced = s->pass.said;
    list_push(&s->pages, &page->link);
}

static void service_read_next(struct service *s, bool set_aside)
{
    struct page *page = page_start(&s->ctx, s->next_page, s->limit);

    s->more = false;
    page->set_aside = set_aside;
    service_read_add(s, page);
}

/* One page at a time; what must not be tried or read is only the first one. */
static void service_read_with_care(struct service *s)
{
    struct care *care = &s->busy->care;

    if (!list_empty(&s->pages))
        return;
    if (care->mode == CARE_SKIP) {
        service_read_add(s, page_skip(&s->ctx, s->next_page));
        s->judged = s->next_page++;
        s->pass.received++;
    } else {
        if (care_is_over(care, &s->next_page, &s->limit))
            s->judged = s->next_page - 1;
        service_read_next(s, care->mode == CARE_ASIDE);
    }
    care_go_on(care);
}

void service_read(struct service *s)
{
    if (!s->more || !service_read_has_room(s) || service_read_is_over_max(s))
        return;
    if (s->busy->care.mode != CARE_NONE)
        service_read_with_care(s);
    else
        service_read_next(s, false);
}
