/*
 * The decisions about pages. One step, in this order: settle what is done,
 * wind down when the run should end, ask whether there is more, fetch,
 * compare, start chunks, checkpoint, store; and when nothing is left, end.
 * Requests to the embedder go out before rows to the database, because the
 * embedder takes longer to answer.
 */
#include "sync/service_impl.h"

#include <assert.h>

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

/* None of the pages after `failed` may end well. What has been embedded of
 * them is stored all the same, for it has been paid for. */
static void fail_pages(struct service *s, const struct page *failed)
{
    struct page *after[] = {s->head, s->ahead};
    struct err err;

    s->busy->failed = true;
    s->more = false;
    err_set(&err, failed->err.code, "given up because page %d failed",
        failed->number);
    for (int i = 0; i < 2; i++)
        if (after[i] != NULL && after[i] != failed)
            page_fail(after[i], &err,
                failed->unstorable || after[i]->state < PAGE_DRAIN);
}

static void log_page(const struct service *s, const struct page *page)
{
    const struct counts *c = &page->counts;

    log_info(&(struct log_ctx){.run = s->p->run_id,
                 .service = s->result->service,
                 .page = page->number},
        "%s: %llu items: %llu stored, %llu unchanged, %llu failed",
        page->letters != NULL ? "dead letters that were due" : "page",
        (unsigned long long)c->received, (unsigned long long)c->stored,
        (unsigned long long)c->unchanged, (unsigned long long)c->failed);
}

static void settle_page(struct service *s, struct page *page)
{
    log_page(s, page);
    counts_add(
        page->letters != NULL ? &s->busy->of_letters : &s->result->counts,
        &page->counts);
    service_pages_note_letters(s, page);
    altered_note(&s->busy->altered, page);
    if (page->err.code == 0) {
        s->result->pages += page->letters == NULL;
    } else if (!service_pages_shrink(s, page)) {
        service_error(s, page->number, &page->err);
        fail_pages(s, page);
    }
    pipeline_event(
        s->p, &(struct run_event){.kind = EVENT_PAGE_DONE,
                  .service = s->result->service,
                  .page = page->number,
                  .announced = s->pass.total < 0 ? 0 : (uint64_t)s->pass.total,
                  .counts = &s->result->counts});
}

/* Everything of the page at hand has committed, or will never: the next. */
static void service_pages_advance(struct service *s)
{
    s->head = s->ahead;
    s->ahead = NULL;
}

static void pages_settle(struct service *s)
{
    struct page *page;

    for (;;) {
        page = s->checkpointing != NULL ? s->checkpointing : s->head;
        if (page == NULL || page->state != PAGE_DONE)
            return;
        settle_page(s, page);
        if (page == s->checkpointing)
            s->checkpointing = NULL;
        else
            service_pages_advance(s);
        page_free(page);
    }
}

/* Winding down */

/* Can the page still be completed although nothing new may start? */
static bool page_can_end(const struct page *page)
{
    return page->state == PAGE_CHECKPOINT ||
           page->state == PAGE_CHECKPOINT_WAIT || page->state == PAGE_DONE ||
           (page->state == PAGE_DRAIN && !page_has_work(page));
}

static void wind_down_page(struct service *s, struct page *page)
{
    struct err why = s->p->fatal;
    bool idle = page->state < PAGE_DRAIN;

    page_release(page);
    if (page->failed && !s->p->aborting && !idle)
        return;
    if (why.code == 0)
        err_set(&why, ERR_CANCELED,
            "stopped before everything of the page was stored");
    if (s->p->aborting || idle)
        page_fail(page, &why, true);
    else if (page == s->head && !page_can_end(page))
        page_fail(page, &why, false);
}

static void service_pages_wind_down(struct service *s)
{
    struct page *pages[] = {s->checkpointing, s->head, s->ahead};

    for (int i = 0; i < 3; i++)
        if (pages[i] != NULL)
            wind_down_page(s, pages[i]);
}

/* Going on */

static bool over_max_pages(struct service *s)
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

/* For one more, as large as the largest of the service so far? */
static bool service_pages_window_has_room(struct service *s)
{
    size_t held = page_held(s->checkpointing) + page_held(s->head);

    if (s->largest < page_held(s->head))
        s->largest = page_held(s->head);
    return held == 0 || held + s->largest <= s->p->options->window_bytes;
}

static bool service_pages_may_read_ahead(const struct service *s)
{
    return s->busy->care.mode == CARE_NONE && s->ahead == NULL &&
           s->judged == s->head->number && !s->head->failed;
}

/* One page at a time; what must not be tried or read is only the first one. */
static void service_pages_fetch_with_care(struct service *s)
{
    struct care *care = &s->busy->care;

    if (s->head != NULL || s->checkpointing != NULL)
        return;
    if (care->mode == CARE_SKIP) {
        s->head = page_skip(&s->ctx, s->next_page);
        s->judged = s->next_page++;
        s->pass.received++;
    } else {
        s->more = false;
        if (care_is_over(care, &s->next_page, &s->limit))
            s->judged = s->next_page - 1;
        s->head = page_start(&s->ctx, s->next_page, s->limit);
        s->head->set_aside = care->mode == CARE_ASIDE;
    }
    care_go_on(care);
}

static void service_pages_fetch(struct service *s)
{
    if (!s->more || !service_pages_window_has_room(s) || over_max_pages(s))
        return;
    if (s->busy->care.mode != CARE_NONE) {
        service_pages_fetch_with_care(s);
    } else if (s->head == NULL) {
        s->more = false;
        s->head = page_start(&s->ctx, s->next_page, s->limit);
    } else if (service_pages_may_read_ahead(s)) {
        s->more = false;
        s->ahead = page_start(&s->ctx, s->next_page, s->limit);
    }
}

static void pages_compare_heads(struct service *s)
{
    if (s->head != NULL && s->head->state == PAGE_READY)
        page_compare(s->head, NULL);
    if (s->ahead != NULL && s->head != NULL && s->ahead->state == PAGE_READY &&
        s->head->state >= PAGE_DRAIN && s->head->state != PAGE_DONE)
        page_compare(s->ahead, s->head);
}

static struct page *page_with_work(struct service *s)
{
    struct page *pages[] = {s->head, s->ahead};

    for (int i = 0; i < 2; i++)
        if (pages[i] != NULL && pages[i]->state == PAGE_DRAIN &&
            page_has_work(pages[i]))
            return pages[i];
    return NULL;
}

static void service_pages_start_chunks(struct service *s)
{
    struct page *page;

    if (s->head != NULL)
        page_resume(s->head);
    if (s->ahead != NULL)
        page_resume(s->ahead);
    while (pipeline_open(s->p) && (page = page_with_work(s)) != NULL &&
           pipeline_has_room(s->p, page_next_embeds(page)))
        page_start_chunk(page);
}

/*
 * Checkpoints come one after the other. A page that is as it should be gives
 * way to the next one meanwhile: all of it has committed.
 */
static void service_pages_checkpoint(struct service *s)
{
    struct page *page = s->head;

    if (s->checkpointing != NULL || page == NULL || page->state != PAGE_DRAIN ||
        !page_is_drained(page))
        return;
    if (s->busy->failed) {
        page_drop(page);
        return;
    }
    page_checkpoint(page, &s->result->counts, s->limit, s->pass.said,
        care_deaths(&s->busy->care, s->limit));
    if (page->state != PAGE_CHECKPOINT || page->failed)
        return;
    s->checkpointing = page;
    service_pages_advance(s);
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

void service_step_pages(struct service *s)
{
    assert(s->state == SERVICE_PAGES);
    pages_settle(s);
    service_take_page(s, s->head);
    service_take_page(s, s->ahead);
    if (!pipeline_open(s->p))
        service_pages_wind_down(s);
    else if (!s->busy->failed)
        service_pages_fetch(s);
    pages_compare_heads(s);
    service_pages_start_chunks(s);
    service_pages_checkpoint(s);
    pages_settle(s);
    if (s->head != NULL)
        page_store(s->head);
    if (s->checkpointing != NULL || s->head != NULL ||
        op_pending(&s->busy->kick.op))
        return;
    if (s->more && pipeline_open(s->p) && !s->busy->failed) {
        service_kick(s);
        return;
    }
    if (service_try_letters(s))
        return;
    counts_add(&s->result->counts, &s->busy->of_letters);
    service_warn(s);
    service_ids_report(s);
    service_pages_tell_altered(s);
    service_pages_note_rest(s);
    service_weigh_pass(s);
    service_sweep(s);
}
