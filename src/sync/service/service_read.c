/*
 * The reader: asks for the next page while the window has room, counted by what
 * the pages of all services hold; a page that is still to come counts as the
 * largest of its service so far. One page always may. A service that has none
 * goes before those that have some, so none is kept from its next page for
 * longer than others' pages last. After deaths it reads with care
 * (record/pass/care.h).
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

/* What one more page of it takes: as much as its largest so far; before its
 * first, its share of the window. */
static size_t service_read_expects(const struct service *s)
{
    size_t parallel = (size_t)s->p->parallel;

    return s->largest > 0
               ? s->largest
               : (s->p->options->window_bytes + parallel - 1) / parallel;
}

/* What pages take of the window. */
struct read_room {
    size_t bytes, pages;
};

static struct read_room service_read_takes(struct service *s)
{
    struct read_room room = {0, 0};
    size_t coming = 0;

    list_for_each (at, &s->pages) {
        const struct page *page = container_of(at, struct page, link);
        size_t bytes = page_held(page);

        room.bytes += bytes;
        room.pages++;
        coming += page->state < PAGE_READY;
        s->largest = bytes > s->largest ? bytes : s->largest;
    }
    if (coming > 0)
        room.bytes += coming * service_read_expects(s);
    return room;
}

/* It has no page and wants one. */
static bool service_read_is_starved(const struct service *s)
{
    return s->state == SERVICE_PAGES && list_empty(&s->pages) && s->more &&
           !s->busy->failed;
}

/* Is there one that goes before this one: that has no page, while this one has
 * some, or takes its turn later? Then `expects` is what its page takes. */
static bool service_read_gives_way(const struct service *s, size_t *expects)
{
    bool earlier = true;

    list_for_each (at, &s->p->services) {
        const struct service *t = container_of(at, struct service, sibling);

        if (t == s)
            earlier = false;
        else if (service_read_is_starved(t) &&
                 (earlier || !list_empty(&s->pages))) {
            *expects = service_read_expects(t);
            return true;
        }
    }
    return false;
}

/* For one more, of all services' pages? One always is. */
bool service_read_has_room(struct service *s)
{
    size_t most = s->p->options->window_bytes, others = 0;
    struct read_room room = {0, 0};
    bool gives_way = service_read_gives_way(s, &others);

    list_for_each (at, &s->p->services) {
        struct read_room taken =
            service_read_takes(container_of(at, struct service, sibling));

        room.bytes += taken.bytes;
        room.pages += taken.pages;
    }
    if (room.pages == 0 && !gives_way)
        return true;
    return room.pages + gives_way < WINDOW_PAGES &&
           room.bytes + service_read_expects(s) + others <= most;
}

/* Beside others a service reads early within its share of the window: a slow
 * coordinator does not hold what they need. */
static bool service_read_is_in_share(struct service *s)
{
    size_t n = 0;
    struct read_room room = service_read_takes(s);

    list_for_each (at, &s->p->services)
        n++;
    return n == 1 || (room.pages < WINDOW_PAGES / n &&
                         room.bytes + service_read_expects(s) <=
                             s->p->options->window_bytes / n);
}

static void service_read_add(struct service *s, struct page *page)
{
    page->next_limit = s->limit;
    page->announced = s->pass.said;
    list_push(&s->pages, &page->link);
    service_took(s);
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
           service_read_is_in_share(s) &&
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
