/*
 * A service's pages as its source sends them now, one after another, for who
 * only looks: nothing is stored, no run is begun.
 *
 * Happy path: source_walk_begin(); for each page on_page(), after which the
 * owner says source_walk_next() or source_walk_stop(), at once or later; at the
 * end the request's callback. Failures: a page that fails for a passing reason
 * is asked for three times, then the walk ends with its error, wrapped with its
 * number. Cancel: op_cancel() of `op` ends it after the call in flight.
 */
#ifndef OPS_STORED_SOURCE_WALK_H
#define OPS_STORED_SOURCE_WALK_H

#include "base/io/trace_context.h"
#include "ops/ops.h"
#include "record/pass/pass.h"

struct source_walk {
    struct op op;
    /* In; borrowed. */
    const struct ops *ops; /* its ports, loop and config */
    const char *service;   /* registered name */
    const char *tenant;
    const struct schema *schema;
    struct str traceparent; /* the caller's, read at once; or empty */
    int most_pages;         /* > 0 */
    void (*on_page)(struct source_walk *w);

    /* The page at hand, until source_walk_next(). */
    struct page_view view;
    struct arena arena; /* of this page */
    int page;           /* its number, from 1 */

    /* Out. */
    uint64_t items;  /* received so far */
    bool at_end;     /* there is no other page; else it was cut off */
    bool complete;   /* at the end: all that was announced has come */
    struct err lack; /* at the end, not complete: why */

    /* Its own. */
    struct trace_context trace;
    struct page_req req;
    struct timer_req pause;
    struct pass pass;
    int limit, tries;
    bool stopped;
};

void source_walk_begin(struct source_walk *w);
void source_walk_next(struct source_walk *w);
void source_walk_stop(struct source_walk *w);

#endif
