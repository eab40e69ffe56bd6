/*
 * A pass over a service: what its pages have said so far, and what follows
 * from that. Is there another page, does the source repeat itself, and at the
 * end: has everything come that was announced? Pure.
 */
#ifndef RECORD_PASS_PASS_H
#define RECORD_PASS_PASS_H

#include "record/envelope.h"

enum pass_next {
    PASS_MORE,
    PASS_END,      /* the page was the last one, or proves that there is none */
    PASS_REPEATED, /* the same, and none of its items is to be taken again */
    PASS_STUCK     /* the source repeats itself and would never end */
};

enum {
    PASS_STALE_FULL = 3, /* pages without a new id that are too many: full */
    PASS_STALE_ANY = 6   /* ones, or any */
};

struct pass {
    int page_items;       /* the configured limit */
    bool ignores_total;   /* the schema says "total": "ignore" */
    uint64_t received;    /* items, without those of a repeated last page */
    int64_t total;        /* as last announced; -1: none */
    int64_t said;         /* what the last page that said any called it */
    bool other_totals;    /* not each total was its own page's count */
    bool was_short;       /* the last page was */
    bool more_at_end;     /* the last page had nothing, and has_more */
    uint64_t stale_pages; /* the last ones, without a new id */
    uint64_t stale_items;
};

/* A pass that goes on where another process stopped has its `received` and
 * `said`; a new one 0 and -1. */
void pass_begin(struct pass *pass, int page_items, bool ignores_total,
    uint64_t received, int64_t said);

/*
 * The next page: `limit` is the one in force when it was asked for, `fresh`
 * how many of its items have ids that no page before it had.
 */
enum pass_next pass_take(
    struct pass *pass, const struct page_view *view, int limit, uint64_t fresh);

/* At the end. */

/* Announced items that have not come. */
uint64_t pass_shortfall(const struct pass *pass);

/* Does the end agree with what the source has said? If not, *why says so. */
bool pass_is_complete(const struct pass *pass, struct err *why);

/*
 * Is an incomplete pass an error? `before` is by how many items the service's
 * last pass fell short; -1: it was complete, or there is none. A source whose
 * total counts something else falls short for ever, by about as many items.
 */
bool pass_is_worse(const struct pass *pass, int64_t before);

#endif
