/*
 * Between the files of the metrics: metrics.c counts the pipeline's events,
 * metrics_told.c what is told directly, metrics_text.c writes it down
 * (metrics_services.c what there is of each service), metrics_open.c in which
 * format, metrics_process.c knows what the kernel counts.
 *
 *   series   a metric family's label sets, each with its value, as they come
 *   labels   a label set as the text format has it, service="a",page="1"
 *
 * Times are whole milliseconds inside, turns of the loop microseconds, and
 * seconds in the text.
 */
#ifndef METRICS_METRICS_IMPL_H
#define METRICS_METRICS_IMPL_H

#include "base/strmap.h"
#include "metrics/metrics.h"

enum { BUCKETS_MOST = 16, RUN_OUTCOMES = 5 };

/* Upper bounds, ascending; what is longer falls under +Inf. */
struct buckets {
    unsigned per_second; /* 1000: the bounds are milliseconds */
    int n;
    uint64_t le[BUCKETS_MOST];
};

struct histogram {
    const struct buckets *buckets;     /* static */
    uint64_t counts[BUCKETS_MOST + 1]; /* each bucket alone, +Inf last */
    uint64_t sum;
};

struct series {
    struct strmap index; /* labels to place */
    struct str *labels;  /* cap + 1; the last one is "other" */
    uint8_t *values;     /* cap + 1 times value_bytes */
    size_t value_bytes;
    size_t n, cap;
    bool full; /* "other" is in use */
};

/* What service_items has; the names are in service_outcomes[]. */
enum { ITEM_OUTCOMES = 5 };

struct service_numbers {
    uint64_t successes, failures; /* times it was synced */
    uint64_t pages_read, pages;
    uint64_t items[ITEM_OUTCOMES];
    uint64_t known_failures, embedded;
    uint64_t repaired, contested;  /* changed by another program */
    uint64_t tokens, tokens_guess; /* billed, estimated */
    uint64_t refused[EMBED_REFUSALS];
    bool passed, complete; /* it has been synced, and then how */
    uint64_t letters;      /* open ones */
    int64_t success_ms;    /* since 1970, of its last; 0: none known */
    struct counts seen;    /* of the run under way, already counted */
};

struct run_numbers {
    uint64_t outcomes[RUN_OUTCOMES]; /* by enum run_status */
    struct histogram duration;
    bool in_progress;
    bool ended;              /* a run has ended in this process */
    bool success;            /* the last one that did */
    int64_t last_success_ms; /* since 1970; 0: none in this process */
};

struct call_numbers {
    struct histogram duration[CALL_KINDS];
    uint64_t errors[CALL_KINDS][ERR_COUNT];
    uint64_t retries[CALL_KINDS];
    uint64_t chunks, failed_chunks;
    size_t in_flight; /* chunks */
};

struct loop_numbers {
    uint64_t last_ms;
    struct histogram lag;
    struct loop_turns turns;
    bool queue_known;
    uint64_t queue; /* items that wait to be linked */
};

struct budget_numbers {
    uint64_t limit, used; /* tokens */
};

struct metrics {
    struct arena arena;
    struct buf scratch; /* labels on their way to a series */
    int64_t started_ms; /* since 1970; 0: unknown */
    struct str version; /* as a label set */
    struct run_numbers run;
    struct call_numbers calls;
    struct loop_numbers loop;
    struct index_progress index;
    struct linker_progress linker;
    struct series services; /* struct service_numbers */
    struct series triggers; /* uint64_t */
    struct series requests; /* uint64_t; HTTP */
    struct series routes;   /* struct histogram; HTTP */
    struct series webhooks; /* uint64_t */
    uint64_t webhooks_waiting;
    struct series budgets;   /* struct budget_numbers */
    uint64_t ends;           /* of services, here */
    struct series next_runs; /* int64_t, ms since 1970; 0: none */
    bool paused;
    int64_t verified_s; /* since 1970; 0: not yet */
    uint64_t verify_left;
    uint64_t refused; /* HTTP requests without the rights they need */
};

/* --- metrics.c --- */

extern const struct buckets metrics_call_buckets;

/* Puts names and values, NULL at the end, into scratch; the value of the labels
 * that are there. */
void metrics_label(struct metrics *m, const char *name, ...)
    __attribute__((sentinel));
void *metrics_series_at(struct metrics *m, struct series *s);

struct service_numbers *metrics_service(struct metrics *m, const char *service);
void metrics_histogram_add(struct histogram *h, uint64_t value);

/* The name of a call in labels. */
const char *metrics_call_name(enum call_kind call);

static inline const void *series_value(const struct series *s, size_t place)
{
    return s->values + place * s->value_bytes;
}

/* --- metrics_text.c --- */

void metrics_write_text(const struct metrics *m, struct buf *out);

/* HELP and TYPE of a family; names are without their prefix. */
void exposition_family(
    struct buf *out, const char *name, const char *type, const char *help);

/* A line up to its value; `more` is a further label, or "". Then the value. */
void exposition_sample(
    struct buf *out, const char *name, struct str labels, const char *more);
void exposition_number(struct buf *out, uint64_t value);
void exposition_seconds(struct buf *out, uint64_t ms);

/* Calls back for every label set that has a value. */
void exposition_each(struct buf *out, const struct series *s,
    void (*write)(struct buf *out, struct str labels, const void *value));

/* --- metrics_services.c --- */

void metrics_write_services(const struct metrics *m, struct buf *out);

/* --- metrics_process.c --- */

/* What could not be found out is < 0. */
struct process_usage {
    int64_t cpu_ms; /* user and system */
    int64_t resident_bytes, virtual_bytes;
    int64_t open_fds, max_fds;
};

void process_read(struct process_usage *u);

/* When the process began, in milliseconds since 1970; 0: unknown. */
int64_t process_started_ms(void);

#endif
