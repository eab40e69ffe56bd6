/*
 * Counting. Everything is a number that only grows, or a gauge that is
 * overwritten; nothing allocates once a label set exists.
 *
 * An event carries a service's sums of the run so far; the part that was
 * counted before is subtracted, so that the counters grow by the difference.
 */
#include "metrics/metrics_impl.h"

#include "base/text.h"
#include "net/loop.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    LABEL_CHARS = 128,      /* of a label's value */
    LABELS_BYTES = 4 * 1024 /* of a whole set, escaped */
};
enum { TRIGGERS = 64, ROUTES = 64, REQUESTS = 512 }; /* caps of series */

const struct buckets metrics_call_buckets = {1000, 16,
    {1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000,
        300000}};

static const struct buckets lag_buckets = {
    1000, 10, {1, 2, 5, 10, 25, 50, 100, 250, 1000, 5000}};

static const struct buckets run_buckets = {1000, 14,
    {100, 500, 1000, 5000, 15000, 30000, 60000, 300000, 900000, 1800000,
        3600000, 7200000, 14400000, 43200000}};

/* Histograms and series */

void metrics_histogram_add(struct histogram *h, uint64_t value)
{
    int at = 0;

    while (at < h->buckets->n && value > h->buckets->le[at])
        at++;
    h->counts[at]++;
    h->sum += value;
}

static int metrics_series_init(struct series *s, struct arena *a, size_t cap,
    size_t value_bytes, struct str other)
{
    s->cap = cap;
    s->value_bytes = value_bytes;
    s->labels = arena_calloc(a, cap + 1, sizeof(*s->labels));
    s->values = arena_calloc(a, cap + 1, value_bytes);
    if (s->labels == NULL || s->values == NULL)
        return ERR_NOMEM;
    s->labels[cap] = other;
    return strmap_init(&s->index, a, cap);
}

/* The place for new labels; `cap`, which is "other", when there is no room. */
static size_t metrics_series_add(
    struct series *s, struct arena *a, struct str labels)
{
    bool found;

    if (s->n < s->cap)
        labels = arena_dup(a, labels);
    if (s->n == s->cap || labels.p == NULL) {
        s->full = true;
        return s->cap;
    }
    s->labels[s->n] = labels;
    *strmap_put(&s->index, labels, &found) = s->n;
    return s->n++;
}

/* The value of the labels in scratch. */
void *metrics_series_at(struct metrics *m, struct series *s)
{
    struct str labels = buf_view(&m->scratch);
    const size_t *known = strmap_get(&s->index, labels);
    size_t place =
        known != NULL ? *known : metrics_series_add(s, &m->arena, labels);

    return s->values + place * s->value_bytes;
}

/* Valid UTF-8, not too long, escaped for the format. */
static void metrics_add_value(struct buf *out, struct str value)
{
    struct buf clean;

    buf_init(&clean, LABELS_BYTES);
    value.len = value.len > LABEL_CHARS * 4 ? LABEL_CHARS * 4 : value.len;
    utf8_repair(&clean, value);
    clean.len = utf8_prefix(buf_view(&clean), LABEL_CHARS);
    for (size_t i = 0; i < clean.len; i++) {
        char c = clean.data[i];

        if (c == '\\' || c == '"')
            buf_char(out, '\\');
        buf_puts(out, c == '\n' ? "\\n" : (char[]){c, '\0'});
    }
    buf_free(&clean);
}

/* Puts names and values, NULL at the end, into scratch. */
void metrics_label(struct metrics *m, const char *name, ...)
{
    va_list args;

    buf_reset(&m->scratch);
    va_start(args, name);
    for (; name != NULL; name = va_arg(args, const char *)) {
        if (m->scratch.len > 0)
            buf_char(&m->scratch, ',');
        buf_printf(&m->scratch, "%s=\"", name);
        metrics_add_value(&m->scratch, str_of(va_arg(args, const char *)));
        buf_char(&m->scratch, '"');
    }
    va_end(args);
}

/* Beginning and end */

static int metrics_init_series(struct metrics *m)
{
    struct arena *a = &m->arena;

    if (metrics_series_init(&m->services, a, METRICS_SERVICES,
            sizeof(struct service_numbers), STR("service=\"other\"")) < 0 ||
        metrics_series_init(&m->triggers, a, TRIGGERS, sizeof(uint64_t),
            STR("trigger=\"other\",outcome=\"other\"")) < 0 ||
        metrics_series_init(&m->next_runs, a, METRICS_SERVICES, sizeof(int64_t),
            STR("schedule=\"other\"")) < 0 ||
        metrics_series_init(&m->webhooks, a, TRIGGERS, sizeof(uint64_t),
            STR("outcome=\"other\"")) < 0 ||
        metrics_series_init(&m->budgets, a, TRIGGERS,
            sizeof(struct budget_numbers), STR("budget=\"other\"")) < 0 ||
        metrics_series_init(&m->requests, a, REQUESTS, sizeof(uint64_t),
            STR("route=\"other\",method=\"other\",code=\"other\"")) < 0 ||
        metrics_series_init(&m->routes, a, ROUTES, sizeof(struct histogram),
            STR("route=\"other\"")) < 0)
        return ERR_NOMEM;
    return 0;
}

/* The usual ones exist from the start: a counter that appears with its first
 * event hides that event from increase(). */
static void metrics_init_triggers(struct metrics *m)
{
    static const char *const names[] = {"http", "schedule", "startup"};
    static const char *const outcomes[] = {"accepted", "already_running",
        "disabled", "coordinator_disabled", "shutting_down", "failed", "missed",
        "paused", "replaced"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        for (size_t k = 0; k < sizeof(outcomes) / sizeof(outcomes[0]); k++) {
            metrics_label(m, "trigger", names[i], "outcome", outcomes[k], NULL);
            metrics_series_at(m, &m->triggers);
        }
}

static void metrics_init_webhooks(struct metrics *m)
{
    static const char *const outcomes[] = {"delivered", "failed", "given_up"};

    for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
        metrics_label(m, "outcome", outcomes[i], NULL);
        metrics_series_at(m, &m->webhooks);
    }
}

static void metrics_init_histograms(struct metrics *m)
{
    m->run.duration.buckets = &run_buckets;
    m->loop.lag.buckets = &lag_buckets;
    for (int i = 0; i < CALL_KINDS; i++)
        m->calls.duration[i].buckets = &metrics_call_buckets;
}

int metrics_init(struct metrics **out, const char *version)
{
    struct metrics *m = calloc(1, sizeof(*m));

    if (m == NULL)
        return ERR_NOMEM;
    arena_init(&m->arena, 0);
    buf_init(&m->scratch, LABELS_BYTES);
    metrics_label(m, "version", version, NULL);
    m->version = arena_dup(&m->arena, buf_view(&m->scratch));
    m->started_ms = process_started_ms();
    metrics_init_histograms(m);
    if (m->version.p == NULL || metrics_init_series(m) < 0) {
        metrics_free(m);
        return ERR_NOMEM;
    }
    metrics_init_triggers(m);
    metrics_init_webhooks(m);
    *out = m;
    return 0;
}

void metrics_free(struct metrics *m)
{
    if (m == NULL)
        return;
    arena_free(&m->arena);
    buf_free(&m->scratch);
    free(m);
}

/* The pipeline's events */

const char *metrics_call_name(enum call_kind call)
{
    switch (call) {
    case CALL_FETCH:
        return "fetch";
    case CALL_EMBED:
        return "embed";
    case CALL_LOOKUP:
        return "lookup";
    case CALL_STORE:
        return "store";
    case CALL_CHECKPOINT:
        return "checkpoint";
    case CALL_LINK:
        return "link";
    case CALL_KINDS:
        break;
    }
    return "other";
}

struct service_numbers *metrics_service(struct metrics *m, const char *service)
{
    metrics_label(m, "service", service, NULL);
    return metrics_series_at(m, &m->services);
}

static struct service_numbers *metrics_service_of(
    struct metrics *m, const struct run_event *event)
{
    return metrics_service(m, event->service == NULL ? "" : event->service);
}

static void metrics_count_call(struct metrics *m, const struct run_event *event)
{
    struct call_numbers *calls = &m->calls;
    int code = event->err == NULL ? 0 : event->err->code;

    metrics_histogram_add(&calls->duration[event->call], event->duration_ms);
    if (code < 0 && -code <= ERR_COUNT)
        calls->errors[event->call][-code - 1]++;
    calls->in_flight = event->in_flight;
}

static void metrics_count_chunk(
    struct metrics *m, const struct run_event *event)
{
    if (event->err == NULL)
        m->calls.chunks++;
    else
        m->calls.failed_chunks++;
    m->calls.in_flight = event->in_flight;
}

static uint64_t metrics_grown(uint64_t now, uint64_t before)
{
    return now > before ? now - before : 0;
}

static void metrics_count_items(
    struct service_numbers *s, const struct run_event *event)
{
    const struct counts *now = event->counts;
    const struct counts *seen = &s->seen;

    if (now == NULL)
        return;
    s->items[0] += metrics_grown(now->stored, seen->stored);
    s->items[1] += metrics_grown(now->unchanged, seen->unchanged);
    s->items[2] += metrics_grown(now->deleted, seen->deleted);
    s->items[3] += metrics_grown(now->failed, seen->failed);
    s->items[4] += metrics_grown(now->collisions, seen->collisions);
    s->known_failures +=
        metrics_grown(now->known_failures, seen->known_failures);
    s->repaired += metrics_grown(now->repaired, seen->repaired);
    s->contested += metrics_grown(now->contested, seen->contested);
    s->embedded += metrics_grown(now->embedded, seen->embedded);
    s->tokens += metrics_grown(now->tokens, seen->tokens);
    s->tokens_guess += metrics_grown(now->tokens_guess, seen->tokens_guess);
#define X(name)                         \
    s->refused[EMBED_REFUSED_##name] += \
        metrics_grown(now->refused_##name, seen->refused_##name);
    EMBED_REFUSALS_MAP(X)
#undef X
    s->seen = *now;
}

static void metrics_end_service(
    struct metrics *m, const struct run_event *event)
{
    struct service_numbers *s = metrics_service_of(m, event);

    metrics_count_items(s, event);
    s->seen = (struct counts){0};
    s->passed = true;
    s->complete = event->complete;
    m->ends++;
    if (strcmp(event->outcome, "success") == 0)
        s->successes++;
    else
        s->failures++;
}

static enum run_status metrics_status_of(const struct run_event *event)
{
    if (event->err != NULL && event->err->code == ERR_CANCELED)
        return RUN_CANCELED;
    for (int i = 0; i < RUN_OUTCOMES; i++)
        if (strcmp(run_status_name((enum run_status)i), event->outcome) == 0)
            return (enum run_status)i;
    return RUN_FAILED;
}

/*
 * One that another process's run kept from beginning was none, and one that
 * another process begins and ends counts there.
 */
static void metrics_end_run(struct metrics *m, const struct run_event *event)
{
    struct run_numbers *run = &m->run;
    enum run_status status = metrics_status_of(event);

    if (event->err != NULL && event->err->code == ERR_ALREADY_RUNNING)
        return;
    m->calls.in_flight = 0;
    if (event->joined) {
        run->in_progress = false;
        return;
    }
    if (run->in_progress)
        metrics_histogram_add(&run->duration, event->duration_ms);
    run->outcomes[status]++;
    run->in_progress = false;
    run->ended = true;
    run->success = status == RUN_SUCCESS;
    if (run->success)
        run->last_success_ms = loop_wall_ms();
}

void metrics_event(struct metrics *m, const struct run_event *event)
{
    switch (event->kind) {
    case EVENT_RUN_BEGIN:
        m->run.in_progress = true;
        return;
    case EVENT_SERVICE_BEGIN:
        metrics_service_of(m, event)->seen = (struct counts){0};
        return;
    case EVENT_PAGE_READ:
        metrics_service_of(m, event)->pages_read++;
        return;
    case EVENT_PAGE_DONE:
        metrics_service_of(m, event)->pages += event->page > 0;
        metrics_count_items(metrics_service_of(m, event), event);
        return;
    case EVENT_SERVICE_END:
        metrics_end_service(m, event);
        return;
    case EVENT_CHUNK_DONE:
        metrics_count_chunk(m, event);
        return;
    case EVENT_CALL:
        metrics_count_call(m, event);
        return;
    case EVENT_CHUNK_BEGIN:
        m->calls.in_flight = event->in_flight;
        return;
    case EVENT_NOTE:
    case EVENT_STORED:
        return;
    case EVENT_RETRY:
        m->calls.retries[event->call]++;
        return;
    case EVENT_RUN_END:
        metrics_end_run(m, event);
        return;
    }
}
