/*
 * The reader: asks for the next page while the window has room, counted by what
 * its pages hold; a page that is still to come counts as the largest so far.
 * One page always may. After deaths it reads with care (record/pass/care.h).
 *
 * Whether there is a next page the last one says, once it has been judged.
 * Where the source tells its total, pages behind that may be asked for early,
 * up to `fetches` of them at once, however they come they are judged in their
 * order. What is early counts for nothing until the page before it has been
 * judged: then it is the next one, or, where that was the last page, has
 * failed or is followed by pages of another limit, it is discarded as if it
 * had never been read.
 */
#include "sync/service/service_impl.h"

static bool service_read_is_over_max(const struct service *s, int number)
{
    int max = s->p->options->max_pages;
    int usual = s->p->options->limit;
    int page = s->busy->care.mode == CARE_NONE
                   ? number
                   : (number - 1) * s->limit / usual + 1;

    return max > 0 && page > max;
}

static void service_read_end_at_max(struct service *s)
{
    struct err err;

    err_set(&err, ERR_SOURCE,
        "the source has more than %d pages; raise BATCH_SYNC_MAX_PAGES if "
        "that is right",
        s->p->options->max_pages);
    service_error(s, s->next_page, &err);
    s->more = false;
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

static struct page *service_read_page(struct service *s, int number)
{
    struct page *page = page_start(&s->ctx, number, s->limit);

    service_read_add(s, page);
    return page;
}

static struct page *service_read_next(struct service *s)
{
    s->more = false;
    return service_read_page(s, s->next_page);
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
        service_read_next(s)->set_aside = care->mode == CARE_ASIDE;
    }
    care_go_on(care);
}

/* Early pages */

/* Pages that have been asked for and are not judged. */
static int service_read_count_unjudged(const struct service *s)
{
    int n = 0;

    list_for_each (at, &s->pages) {
        const struct page *page = container_of(at, struct page, link);

        n += page->early ? !page->discarded : page->number > s->judged;
    }
    return n;
}

/* One more, behind so many that are not judged? These are not all that has been
 * announced, or the last of them is full, which asks for one more in any case;
 * and how much room a page takes is known. */
static bool service_read_may_be_early(const struct service *s, int unjudged)
{
    const struct pass *pass = &s->pass;
    uint64_t before = pass->received + (uint64_t)unjudged * (uint64_t)s->limit;

    return unjudged > 0 && unjudged < s->p->options->fetches &&
           s->busy->care.mode == CARE_NONE && s->busy->shrunk == 0 &&
           s->largest > 0 && !pass->was_short && pass->total >= 0 &&
           before <= (uint64_t)pass->total;
}

static void service_read_early(struct service *s)
{
    int unjudged = service_read_count_unjudged(s);

    while (service_read_may_be_early(s, unjudged) && service_read_has_room(s) &&
           !service_read_is_over_max(s, s->next_page + unjudged))
        service_read_page(s, s->next_page + unjudged++)->early = true;
}

void service_read_discard(struct page *page)
{
    struct err err;

    err_set(&err, ERR_CANCELED, "asked for too early");
    page->discarded = true;
    page_fail(page, &err, true);
}

/* The first early page behind that one that is not discarded; NULL: none. */
static struct page *service_read_early_behind(
    const struct service *s, const struct page *page)
{
    for (struct list *at = page->link.next; at != &s->pages; at = at->next) {
        struct page *next = container_of(at, struct page, link);

        if (next->early && !next->discarded)
            return next;
    }
    return NULL;
}

void service_read_discard_behind(struct service *s, const struct page *page)
{
    struct page *next;

    while ((next = service_read_early_behind(s, page)) != NULL)
        service_read_discard(next);
}

void service_read_follow(struct service *s, const struct page *page)
{
    struct page *next = service_read_early_behind(s, page);

    if (next == NULL)
        return;
    if (s->more && next->number == s->next_page && next->limit == s->limit)
        s->more = next->early = false; /* it has been asked for */
    else
        service_read_discard_behind(s, page);
}

static void service_read_on(struct service *s)
{
    if (service_read_is_over_max(s, s->next_page))
        service_read_end_at_max(s);
    else if (s->busy->care.mode != CARE_NONE)
        service_read_with_care(s);
    else
        service_read_next(s);
}

void service_read(struct service *s)
{
    if (s->more && service_read_has_room(s))
        service_read_on(s);
    service_read_early(s);
}
