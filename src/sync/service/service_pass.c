/*
 * What a page says decides whether the next one is asked for: once its ids are
 * known, before anything of it is paid for. A page that brings nothing new and
 * stands behind a short one is the end, and none of its items is taken again;
 * a source that repeats full pages is left.
 *
 * When the end has come the pass is weighed: it is complete when the end agrees
 * with what the source has said. If not, that is an error once, and told from
 * then on: there are sources whose total counts something else for ever.
 */
#include "sync/service/service_impl.h"

static struct log_ctx pass_log(const struct service *s, int page)
{
    return (struct log_ctx){
        .run = s->p->run_id, .service = s->result->service, .page = page};
}

static void service_pass_warn_odd_once(
    struct service *s, const struct page *page)
{
    struct str odd = page->view.has_more_odd;
    struct log_ctx ctx = pass_log(s, page->number);

    if (odd.len == 0 || s->busy->told_odd)
        return;
    s->busy->told_odd = true;
    log_warn(&ctx,
        "has_more is %.*s; true, false, 1, 0, yes and no are understood, so it "
        "counts as not said",
        STR_ARG(odd));
}

static void service_pass_leave_source(
    struct service *s, struct page *page, const struct err *err)
{
    s->more = false;
    page_leave_out(page);
    page_fail(page, err, false);
}

static void service_pass_leave_stuck_source(
    struct service *s, struct page *page)
{
    struct err err;

    err_set(&err, ERR_REPEATED,
        "source repeats: %llu pages in a row (%llu items) without an id that "
        "no page before them had",
        (unsigned long long)s->pass.stale_pages,
        (unsigned long long)s->pass.stale_items);
    service_pass_leave_source(s, page, &err);
}

/*
 * Page numbers of a smaller limit mean other items to a source that ignores
 * it: the range that was asked for would be passed over, and what comes next
 * taken for the end. An answer with as many as were asked for, or fewer, shows
 * that it does not; page 1 begins at the beginning in any case.
 */
static bool service_pass_limit_is_honoured(
    struct service *s, const struct page *page, struct err *err)
{
    int *shrunk = &s->busy->shrunk;
    size_t n = page->view.n;

    if (*shrunk == 0 || page->limit != *shrunk || page->unread)
        return true;
    if (n > (size_t)page->limit || page->view.limit > page->limit) {
        err_set(err, ERR_SOURCE,
            "the source ignores the limit: %zu items came where %d were asked "
            "for, so that its pages cannot be read in smaller parts",
            n, page->limit);
        return false;
    }
    if (n == 0 && page->number > 1) {
        err_set(err, ERR_SOURCE,
            "the source seems to ignore the limit: page %d of %d items each is "
            "empty, where a page of more items began; smaller parts of its "
            "pages cannot be read",
            page->number, page->limit);
        return false;
    }
    *shrunk = 0;
    return true;
}

static void service_pass_follow_page(
    struct service *s, struct page *page, uint64_t fresh)
{
    enum pass_next next = pass_take(&s->pass, &page->view, page->limit, fresh);

    page_note_ids(page, s->ids);
    s->more = next == PASS_MORE;
    s->read_all = next == PASS_END || next == PASS_REPEATED;
    if (next == PASS_REPEATED)
        page_leave_out(page);
    else if (next == PASS_STUCK)
        service_pass_leave_stuck_source(s, page);
}

void service_take_page(struct service *s, struct page *page)
{
    struct err err;
    long fresh;

    if (page == NULL || page->number <= s->judged || page->state < PAGE_READY ||
        page->state == PAGE_DONE)
        return;
    fresh = page_count_new(page, s->ids);
    if (fresh < 0)
        return;
    s->judged = page->number;
    if (!service_pass_limit_is_honoured(s, page, &err)) {
        service_pass_leave_source(s, page, &err);
        return;
    }
    s->ctx.rows.received += page->view.n;
    s->next_page = page->number + 1;
    if (page->view.limit > 0)
        s->limit = (int)page->view.limit;
    page->next_limit = s->limit;
    service_pass_warn_odd_once(s, page);
    service_pass_follow_page(s, page, (uint64_t)fresh);
    page->announced = s->pass.said;
    service_read_follow(s, page);
}

void service_weigh_pass(struct service *s)
{
    struct log_ctx ctx = pass_log(s, 0);
    struct pass_end *end = &s->result->pass;
    struct err why;

    if (!s->read_all || s->busy->failed)
        return;
    end->complete = pass_is_complete(&s->pass, &why);
    end->shortfall = (int64_t)pass_shortfall(&s->pass);
    if (end->complete)
        return;
    end->reason = arena_dup(s->arena, str_of(why.msg)).p;
    if (pass_is_worse(&s->pass, s->busy->claim->short_before))
        service_error(s, 0, &why);
    else
        log_warn(&ctx, "the pass is not complete, as before: %s", why.msg);
}

void service_warn(const struct service *s)
{
    struct log_ctx ctx = pass_log(s, 0);
    struct warnings warnings;

    counts_warn(&s->result->counts, &warnings);
    for (size_t i = 0; i < warnings.n; i++)
        log_warn(&ctx, "%s", warnings.texts[i]);
}
