/* Metrics that are fed with events like the pipeline's, and their text. */
#ifndef TESTS_METRICS_METRICS_FEED_H
#define TESTS_METRICS_METRICS_FEED_H

#include "metrics/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

struct fixture {
    struct metrics *m;
    struct buf text;
};

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_int_equal(metrics_init(&f->m, "1.2.3"), 0);
    buf_init(&f->text, METRICS_TEXT_BYTES);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;

    metrics_free(f->m);
    buf_free(&f->text);
    free(f);
    return 0;
}

static inline const char *text_of(struct fixture *f)
{
    buf_reset(&f->text);
    metrics_write(f->m, METRICS_TEXT, &f->text);
    assert_int_equal(f->text.error, 0);
    return f->text.data;
}

/* Whole lines, one below the other. */
static inline void expect(struct fixture *f, const char *lines)
{
    const char *text = text_of(f);
    const char *at = strstr(text, lines);

    if (at == NULL || (at != text && at[-1] != '\n'))
        fail_msg("no\n%sin\n%s", lines, text);
}

static inline void expect_none(struct fixture *f, const char *piece)
{
    const char *text = text_of(f);

    if (strstr(text, piece) != NULL)
        fail_msg("\"%s\" is in\n%s", piece, text);
}

/* Events, short */

static inline void run_begin(struct fixture *f)
{
    metrics_event(
        f->m, &(struct run_event){.kind = EVENT_RUN_BEGIN, .run_id = "r1"});
}

static inline void run_end(struct fixture *f, const char *outcome, int code)
{
    struct err err = {.code = code};

    metrics_event(f->m, &(struct run_event){.kind = EVENT_RUN_END,
                            .outcome = outcome,
                            .duration_ms = 1500,
                            .err = code == 0 ? NULL : &err});
}

static inline void service_begin(struct fixture *f, const char *service)
{
    metrics_event(f->m,
        &(struct run_event){.kind = EVENT_SERVICE_BEGIN, .service = service});
}

static inline void page_done(
    struct fixture *f, const char *service, const struct counts *counts)
{
    metrics_event(
        f->m, &(struct run_event){.kind = EVENT_PAGE_READ, .service = service});
    metrics_event(f->m, &(struct run_event){.kind = EVENT_PAGE_DONE,
                            .page = 1,
                            .service = service,
                            .counts = counts});
}

static inline void service_end(
    struct fixture *f, const char *service, const struct counts *counts)
{
    metrics_event(f->m, &(struct run_event){.kind = EVENT_SERVICE_END,
                            .service = service,
                            .counts = counts,
                            .outcome = "success"});
}

static inline void call(
    struct fixture *f, enum call_kind kind, uint64_t duration_ms, int code)
{
    struct err err = {.code = code};

    metrics_event(f->m, &(struct run_event){.kind = EVENT_CALL,
                            .call = kind,
                            .duration_ms = duration_ms,
                            .in_flight = 3,
                            .err = code == 0 ? NULL : &err});
}

#endif
