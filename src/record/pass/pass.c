#include "record/pass/pass.h"

void pass_begin(struct pass *pass, int page_items, bool ignores_total,
    uint64_t received, int64_t said)
{
    *pass = (struct pass){.page_items = page_items,
        .ignores_total = ignores_total,
        .received = received,
        .total = ignores_total || said < (int64_t)received ? -1 : said,
        .said = said,
        .other_totals = received > 0};
}

/* An empty page that counts itself takes nothing back, and what has been added
 * since the page before it is the next pass's. */
static bool pass_is_no_news(
    const struct pass *pass, const struct page_view *view)
{
    return view->n == 0 &&
           (view->total == 0 || (pass->said >= 0 && view->total >= pass->said));
}

/*
 * A total below what has come counts something else, and so does one that is
 * the page's own count on every page.
 */
static void pass_take_total(struct pass *pass, const struct page_view *view)
{
    if (pass->ignores_total || view->total < 0 || pass_is_no_news(pass, view))
        return;
    pass->said = view->total;
    if ((uint64_t)view->total != view->n)
        pass->other_totals = true;
    pass->total = pass->other_totals && (uint64_t)view->total >= pass->received
                      ? view->total
                      : -1;
}

static bool pass_announces_more(const struct pass *pass)
{
    return pass->total >= 0 && pass->received < (uint64_t)pass->total;
}

/* So many pages, one after the other, without anything new. */
static bool pass_is_stuck(const struct pass *pass)
{
    return pass->stale_pages >= PASS_STALE_ANY ||
           (pass->stale_pages >= PASS_STALE_FULL &&
               pass->stale_items >=
                   PASS_STALE_FULL * (uint64_t)pass->page_items);
}

/* A short page that says nothing is followed by one more, which proves the
 * end. */
static bool pass_asks_again(
    const struct pass *pass, const struct page_view *view, bool full)
{
    return (view->has_more_known && view->has_more) ||
           pass_announces_more(pass) || full ||
           (!view->has_more_known && pass->total < 0);
}

enum pass_next pass_take(
    struct pass *pass, const struct page_view *view, int limit, uint64_t fresh)
{
    bool says_more = view->has_more_known && view->has_more;
    bool full = view->n >= (uint64_t)(view->limit > 0 ? view->limit : limit);
    bool stale = view->n > 0 && fresh == 0;
    bool repeated = stale && pass->was_short && !says_more;

    pass->was_short = !full;
    pass->stale_pages = stale ? pass->stale_pages + 1 : 0;
    pass->stale_items = stale ? pass->stale_items + view->n : 0;
    if (!repeated)
        pass->received += view->n;
    pass_take_total(pass, view);
    if (view->n == 0) {
        pass->more_at_end = says_more;
        return PASS_END;
    }
    if (pass_is_stuck(pass))
        return PASS_STUCK;
    if (repeated)
        return PASS_REPEATED;
    return pass_asks_again(pass, view, full) ? PASS_MORE : PASS_END;
}

uint64_t pass_shortfall(const struct pass *pass)
{
    return pass_announces_more(pass) ? (uint64_t)pass->total - pass->received
                                     : 0;
}

bool pass_is_complete(const struct pass *pass, struct err *why)
{
    if (pass_announces_more(pass)) {
        err_set(why, ERR_INCOMPLETE,
            "the source announced %lld items, and %llu came",
            (long long)pass->total, (unsigned long long)pass->received);
        return false;
    }
    if (pass->more_at_end) {
        err_set(why, ERR_INCOMPLETE,
            "the source says has_more on a page without items, after %llu "
            "items",
            (unsigned long long)pass->received);
        return false;
    }
    return true;
}

/* A tenth more, and two, is not clearly more. */
bool pass_is_worse(const struct pass *pass, int64_t before)
{
    uint64_t known = before < 0 ? 0 : (uint64_t)before;

    return before < 0 || pass_shortfall(pass) > known + known / 10 + 2;
}
