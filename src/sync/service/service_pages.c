/*
 * The decisions about pages. One step, in this order: settle what is done, ask
 * whether there is more, wind down when the run should end or a page has
 * failed, read, compare, start chunks, checkpoint, store; and when nothing is
 * left, end. Requests to the embedder go out before rows to the database,
 * because the embedder takes longer to answer.
 *
 * A page that fails ends the reading. Pages before it go on; of those behind it
 * what is embedded is stored, but they are not checkpointed.
 */
#include "sync/service/service_impl.h"

#include <assert.h>

enum { LOOKUPS = 2 }; /* of pages that the database is asked for at once */

/* Settling */

/* The next smaller limit that covers the same range with whole pages. */
static int service_pages_largest_proper_divisor(int n)
{
    for (int d = 2; d <= n / d; d++)
        if (n % d == 0)
            return n / d;
    return 1;
}

/* An answer that is too large: the same range again, in smaller pages. */
static bool service_pages_shrink(struct service *s, const struct page *page)
{
    int smaller = service_pages_largest_proper_divisor(page->limit);
    struct log_ctx ctx = {.run = s->p->run_id,
        .service = s->result->service,
        .page = page->number};

    if (!page->too_large || page->limit <= 1 || page->letters != NULL)
        return false;
    s->next_page = (page->number - 1) * (page->limit / smaller) + 1;
    s->limit = s->busy->shrunk = smaller;
    s->more = true;
    log_warn(&ctx, "%s; asking again with limit %d", page->err.msg, smaller);
    return true;
}

/* First met by this run; the first of them, unless all were skipped because an
 * interrupted life of it has met them already. */
static void service_pages_note_letters(
    struct service *s, const struct page *page)
{
    uint64_t fresh = page_new_letters(page);
    const struct page_item *first = page_first_failure(page);
    struct str id = first == NULL ? STR("") : first->item.content_id;
    struct err err;

    if (service_ids_note(s, page) || fresh == 0)
        return;
    err_set(&err, ERR_INVALID,
        "%llu of %llu items could not be stored and are dead letters%s%s%.*s"
        "%s%s",
        (unsigned long long)fresh, (unsigned long long)page->counts.received,
        first == NULL ? "" : "; first: ", id.len > 0 ? "item " : "",
        (int)(id.len < 100 ? id.len : 100), id.len > 0 ? id.p : "",
        id.len > 0 ? ": " : "", first == NULL ? "" : first->reason);
    service_error(s, page->number, &err);
}

/* None of the pages behind `failed` may end well. What has been embedded of
 * them is stored all the same, for it has been paid for. */
static void service_pages_give_up_behind(
    struct service *s, const struct page *failed)
{
    struct err err;

    service_read_discard_behind(s, failed);
    err_set(&err, failed->err.code, "given up because page %d failed",
        failed->number);
    for (struct list *at = failed->link.next; at != &s->pages; at = at->next) {
        struct page *page = container_of(at, struct page, link);

        if (page->early)
            continue;
        page->given_up = page->given_up || !page->share.failed;
        page_fail(page, &err, failed->unstorable || page->state < PAGE_DRAIN);
    }
}

static void log_page(const struct service *s, const struct page *page)
{
    const struct counts *c = &page->counts;

    log_info(&(struct log_ctx){.run = s->p->run_id,
                 .service = s->result->service,
                 .page = page->number},
        "%s: %llu items: %llu %s, %llu unchanged, %llu failed",
        page->letters != NULL ? "dead letters that were due" : "page",
        (unsigned long long)c->received, (unsigned long long)c->stored,
        pipeline_stored_word(s->p), (unsigned long long)c->unchanged,
        (unsigned long long)c->failed);
}

/* Of the pages that are given up the first one tells. */
static void service_pages_note_failure(
    struct service *s, const struct page *page)
{
    if (!page->given_up || !s->busy->told_given_up)
        service_error(s, page->number, &page->err);
    s->busy->told_given_up = s->busy->told_given_up || page->given_up;
    s->busy->failed = true;
    s->more = false;
    service_pages_give_up_behind(s, page);
}

static void settle_page(struct service *s, struct page *page)
{
    assert(!page->early || page->discarded);
    if (page->early)
        return;
    log_page(s, page);
    counts_add(
        page->letters != NULL ? &s->busy->of_letters : &s->result->counts,
        &page->counts);
    service_pages_note_letters(s, page);
    altered_note(&s->busy->altered, page);
    if (page->err.code == 0) {
        s->result->pages += page->letters == NULL;
        s->suspect =
            s->suspect && care_deaths(&s->busy->care, page->next_limit) > 0;
    } else if (service_pages_shrink(s, page)) {
        service_read_discard_behind(s, page);
    } else {
        service_pages_note_failure(s, page);
    }
    pipeline_event(
        s->p, &(struct run_event){.kind = EVENT_PAGE_DONE,
                  .service = s->result->service,
                  .page = page->number,
                  .announced = s->pass.total < 0 ? 0 : (uint64_t)s->pass.total,
                  .counts = &s->result->counts});
}

static void pages_settle(struct service *s)
{
    struct page *page;

    while ((page = service_first_page(s)) != NULL && page->state == PAGE_DONE) {
        settle_page(s, page);
        page_free(page);
        service_kick_siblings(s);
    }
}

/* Winding down */

/* Can the page still be completed although nothing new may start? */
static bool page_can_end(const struct page *page)
{
    return page->state > PAGE_DRAIN ||
           (page->state == PAGE_DRAIN && !page_has_work(page));
}

/* The first page that cannot ends with it, and so do those behind. */
static void service_pages_wind_down(struct service *s)
{
    struct err why = s->p->fatal;

    if (why.code == 0)
        err_set(&why, ERR_CANCELED,
            "stopped before everything of the page was stored");
    list_for_each (at, &s->pages) {
        struct page *page = container_of(at, struct page, link);

        if (page->early)
            continue; /* the one before it fails, and says what becomes of it */
        if (s->p->aborting) {
            page_fail(page, &why, true);
        } else if (!page->share.failed && !page_can_end(page)) {
            page_fail(page, &why, page->state < PAGE_DRAIN);
            return;
        }
    }
}

/* The database takes nothing more: nor of the pages before. What has committed
 * may still be checkpointed. */
static void service_pages_note_unstorable(struct service *s)
{
    list_for_each (at, &s->pages) {
        struct page *page = container_of(at, struct page, link);

        if (page->early || page->state > PAGE_DRAIN ||
            (page->state == PAGE_DRAIN && !page->share.failed &&
                page_is_drained(page)))
            continue;
        page->unstorable = true;
        page_fail(page, &s->busy->unstorable, true);
        return;
    }
}

/* Has a page failed? Those behind it do, too. */
static bool service_pages_has_failed(struct service *s)
{
    list_for_each (at, &s->pages) {
        struct page *page = container_of(at, struct page, link);

        if (page->early || !page->share.failed)
            continue;
        service_pages_give_up_behind(s, page);
        return true;
    }
    return s->busy->failed;
}

/* Going on */

static void service_pages_take(struct service *s)
{
    list_for_each (at, &s->pages) {
        struct page *page = container_of(at, struct page, link);

        if (page->early)
            continue;
        service_take_page(s, page);
        if (page->number > s->judged)
            return;
    }
}

/*
 * Each once those before it know what they write. But while the database looks
 * up one, the next is looked up, too, unless an id of it is in both. `behind`:
 * pages before it that do not know yet.
 */
static bool service_pages_compare_one(
    struct service *s, struct page *page, int behind)
{
    if (page->state == PAGE_READY &&
        (behind == 0 || (behind < LOOKUPS && page_is_apart(page, &s->pages))))
        page_compare(page, &s->pages, page->number <= s->judged);
    if (behind == 0 && page->state == PAGE_DRAIN) {
        page_compare_again(page);
        service_fill_take(s, page);
    }
    return page->state >= PAGE_DRAIN;
}

static void service_pages_compare(struct service *s)
{
    int behind = 0;

    list_for_each (at, &s->pages) {
        struct page *page = container_of(at, struct page, link);

        if (page->early || service_pages_compare_one(s, page, behind))
            continue;
        if (!page_is_looking_up(page))
            return;
        behind++;
    }
}

static void service_pages_checkpoint(struct service *s)
{
    struct page *page = service_first_page(s);

    if (page == NULL || page->state != PAGE_DRAIN || !page_is_drained(page))
        return;
    if (s->busy->failed)
        page_drop(page);
    else
        page_checkpoint(page, &s->result->counts,
            care_deaths(&s->busy->care, page->next_limit));
}

/* Stopped between two pages: nothing failed, and yet it is not complete. */
static void service_pages_note_rest(struct service *s)
{
    struct err err = s->p->fatal;

    if (!s->more || s->busy->failed)
        return;
    if (err.code == 0)
        err_set(&err, ERR_CANCELED, "stopped before this page was read");
    service_error(s, s->next_page, &err);
}

/* In the log, and in R. */
static void service_pages_tell_altered(struct service *s)
{
    struct err why;

    if (!altered_say(&s->busy->altered, s->result->counts.altered, &why))
        return;
    s->result->altered = arena_dup(s->arena, str_of(why.msg)).p;
    log_warn(
        &(struct log_ctx){.run = s->p->run_id, .service = s->result->service},
        "%s", why.msg);
}

static void service_pages_curb(struct service *s)
{
    bool failed;

    if (s->busy->unstorable.code != 0)
        service_pages_note_unstorable(s);
    if (!pipeline_open(s->p))
        service_pages_wind_down(s);
    failed = service_pages_has_failed(s);
    if (failed || !pipeline_open(s->p)) {
        service_fill_drop_failed(s);
        service_fill_curb(s);
    } else {
        service_read(s);
    }
}

/* All pages have ended. */
static void service_pages_end(struct service *s)
{
    if (!service_fill_close(s) || service_try_letters(s))
        return;
    counts_add(&s->result->counts, &s->busy->of_letters);
    service_warn(s);
    service_ids_report(s);
    service_pages_tell_altered(s);
    service_pages_note_rest(s);
    service_weigh_pass(s);
    service_sweep(s);
}

void service_step_pages(struct service *s)
{
    assert(s->state == SERVICE_PAGES);
    pages_settle(s);
    service_pages_take(s);
    service_pages_curb(s);
    service_pages_compare(s);
    service_fill_start(s);
    service_pages_checkpoint(s);
    pages_settle(s);
    service_fill_store(s);
    if (!list_empty(&s->pages) || op_pending(&s->busy->kick.op))
        return;
    if (!s->more || !pipeline_open(s->p) || s->busy->failed)
        service_pages_end(s);
    else if (service_read_has_room(s))
        service_kick(s); /* else who gives some back does so */
}
