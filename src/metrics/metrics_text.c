/*
 * The text exposition format 0.0.4: a family is its HELP, its TYPE and a line
 * for each label set. Integers and milliseconds are written digit by digit, so
 * no locale and no rounding gets in between.
 */
#include "metrics/metrics_impl.h"

#include "base/log.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What is ours, as against what every client library names alike. */
static const char *metrics_text_prefix_of(const char *name)
{
    return strncmp(name, "process_", strlen("process_")) == 0 ? ""
                                                              : "batchsync_";
}

void exposition_family(
    struct buf *out, const char *name, const char *type, const char *help)
{
    const char *prefix = metrics_text_prefix_of(name);

    buf_printf(out, "# HELP %s%s %s\n# TYPE %s%s %s\n", prefix, name, help,
        prefix, name, type);
}

/* A line up to its value; `more` is a further label, or "". */
void exposition_sample(
    struct buf *out, const char *name, struct str labels, const char *more)
{
    bool some = labels.len > 0 || more[0] != '\0';

    buf_printf(
        out, "%s%s%s", metrics_text_prefix_of(name), name, some ? "{" : "");
    buf_str(out, labels);
    if (labels.len > 0 && more[0] != '\0')
        buf_char(out, ',');
    buf_printf(out, "%s%s ", more, some ? "}" : "");
}

void exposition_number(struct buf *out, uint64_t value)
{
    buf_printf(out, "%" PRIu64 "\n", value);
}

/* Seconds without zeroes at the end: 1500 ms is 1.5, 2000 is 2. */
static void metrics_text_put_seconds(
    struct buf *out, uint64_t time, unsigned per_second)
{
    unsigned rest = (unsigned)(time % per_second);
    int digits = per_second == 1000 ? 3 : 6;

    buf_printf(out, "%" PRIu64, time / per_second);
    if (rest == 0)
        return;
    while (rest % 10 == 0) {
        rest /= 10;
        digits--;
    }
    buf_printf(out, ".%0*u", digits, rest);
}

void exposition_seconds(struct buf *out, uint64_t ms)
{
    metrics_text_put_seconds(out, ms, 1000);
    buf_char(out, '\n');
}

static void metrics_text_plain(struct buf *out, const char *name,
    const char *type, const char *help, uint64_t value)
{
    exposition_family(out, name, type, help);
    exposition_sample(out, name, STR(""), "");
    exposition_number(out, value);
}

static void metrics_text_plain_seconds(struct buf *out, const char *name,
    const char *type, const char *help, uint64_t ms)
{
    exposition_family(out, name, type, help);
    exposition_sample(out, name, STR(""), "");
    exposition_seconds(out, ms);
}

/* Histograms */

static void metrics_text_bucket(
    struct buf *out, const char *name, struct str labels)
{
    buf_printf(out, "batchsync_%s_bucket{", name);
    buf_str(out, labels);
    buf_printf(out, "%sle=\"", labels.len > 0 ? "," : "");
}

static void metrics_text_histogram(struct buf *out, const char *name,
    struct str labels, const struct histogram *h)
{
    uint64_t total = 0;
    char full[128];

    for (int i = 0; i < h->buckets->n; i++) {
        total += h->counts[i];
        metrics_text_bucket(out, name, labels);
        metrics_text_put_seconds(
            out, h->buckets->le[i], h->buckets->per_second);
        buf_printf(out, "\"} %" PRIu64 "\n", total);
    }
    total += h->counts[h->buckets->n];
    metrics_text_bucket(out, name, labels);
    buf_printf(out, "+Inf\"} %" PRIu64 "\n", total);
    snprintf(full, sizeof(full), "%s_sum", name);
    exposition_sample(out, full, labels, "");
    metrics_text_put_seconds(out, h->sum, h->buckets->per_second);
    buf_char(out, '\n');
    snprintf(full, sizeof(full), "%s_count", name);
    exposition_sample(out, full, labels, "");
    exposition_number(out, total);
}

static void metrics_text_plain_histogram(struct buf *out, const char *name,
    const char *help, const struct histogram *h)
{
    exposition_family(out, name, "histogram", help);
    metrics_text_histogram(out, name, STR(""), h);
}

/* Series */

void exposition_each(struct buf *out, const struct series *s,
    void (*write)(struct buf *out, struct str labels, const void *value))
{
    for (size_t i = 0; i < s->n; i++)
        write(out, s->labels[i], series_value(s, i));
    if (s->full)
        write(out, s->labels[s->cap], series_value(s, s->cap));
}

static void metrics_text_write_trigger(
    struct buf *out, struct str labels, const void *value)
{
    exposition_sample(out, "triggers_total", labels, "");
    exposition_number(out, *(const uint64_t *)value);
}

static void metrics_text_write_next_run(
    struct buf *out, struct str labels, const void *value)
{
    int64_t next_ms = *(const int64_t *)value;

    if (next_ms == 0)
        return;
    exposition_sample(out, "schedule_next_run_timestamp_seconds", labels, "");
    exposition_seconds(out, (uint64_t)next_ms);
}

static void metrics_text_write_webhook(
    struct buf *out, struct str labels, const void *value)
{
    exposition_sample(out, "webhooks_total", labels, "");
    exposition_number(out, *(const uint64_t *)value);
}

static void metrics_text_write_request(
    struct buf *out, struct str labels, const void *value)
{
    exposition_sample(out, "http_requests_total", labels, "");
    exposition_number(out, *(const uint64_t *)value);
}

static void metrics_text_write_route(
    struct buf *out, struct str labels, const void *value)
{
    metrics_text_histogram(out, "http_request_duration_seconds", labels, value);
}

/* What is written, in order */

static void metrics_text_write_runs(const struct metrics *m, struct buf *out)
{
    const struct run_numbers *run = &m->run;
    char more[64];

    exposition_family(out, "triggers_total", "counter",
        "Triggers of runs, by origin and outcome.");
    exposition_each(out, &m->triggers, metrics_text_write_trigger);
    exposition_family(
        out, "runs_total", "counter", "Runs that ended, by their outcome.");
    for (int i = 0; i < RUN_OUTCOMES; i++) {
        snprintf(more, sizeof(more), "outcome=\"%s\"",
            run_status_name((enum run_status)i));
        exposition_sample(out, "runs_total", STR(""), more);
        exposition_number(out, run->outcomes[i]);
    }
    metrics_text_plain_histogram(
        out, "run_duration_seconds", "Duration of runs.", &run->duration);
    metrics_text_plain(out, "run_in_progress", "gauge",
        "1 while this process syncs.", run->in_progress);
}

/* Absent until there is a value. */
static void metrics_text_write_last_run(
    const struct metrics *m, struct buf *out)
{
    const struct run_numbers *run = &m->run;

    if (run->ended)
        metrics_text_plain(out, "last_run_success", "gauge",
            "1 if the last run succeeded, 0 if not.", run->success);
    if (run->last_success_ms != 0)
        metrics_text_plain_seconds(out, "last_success_timestamp_seconds",
            "gauge", "When the last successful run ended, since 1970.",
            (uint64_t)run->last_success_ms);
    exposition_family(out, "schedule_next_run_timestamp_seconds", "gauge",
        "When the schedule fires next, since 1970; with a label, the service's "
        "own.");
    exposition_each(out, &m->next_runs, metrics_text_write_next_run);
    metrics_text_plain(out, "schedule_paused", "gauge",
        "1 while no schedule begins a run, because somebody has paused them.",
        m->paused);
}

/* Nothing before the first one: zero would mean that all is well. */
static void metrics_text_write_verify(const struct metrics *m, struct buf *out)
{
    if (m->verified_s == 0)
        return;
    metrics_text_plain(out, "verify_wrong", "gauge",
        "What the last verification here found wrong and did not mend.",
        m->verify_left);
    metrics_text_plain(out, "verify_timestamp_seconds", "gauge",
        "When the last verification here ended, since 1970.",
        (uint64_t)m->verified_s);
}

static void metrics_text_write_webhooks(
    const struct metrics *m, struct buf *out)
{
    exposition_family(out, "webhooks_total", "counter",
        "Tries to deliver a message to the webhook, by outcome.");
    exposition_each(out, &m->webhooks, metrics_text_write_webhook);
    metrics_text_plain(out, "webhooks_waiting", "gauge",
        "Messages to the webhook that are not delivered yet.",
        m->webhooks_waiting);
}

static void metrics_text_write_budget(
    struct buf *out, struct str labels, const void *value)
{
    exposition_sample(out, "embedding_budget_tokens", labels, "");
    exposition_number(out, ((const struct budget_numbers *)value)->limit);
}

static void metrics_text_write_budget_used(
    struct buf *out, struct str labels, const void *value)
{
    exposition_sample(out, "embedding_budget_used_tokens", labels, "");
    exposition_number(out, ((const struct budget_numbers *)value)->used);
}

/* Of those that are set. */
static void metrics_text_write_budgets(const struct metrics *m, struct buf *out)
{
    if (m->budgets.n == 0)
        return;
    exposition_family(out, "embedding_budget_tokens", "gauge",
        "Limit of a budget: of a day, for all replicas, or of a run.");
    exposition_each(out, &m->budgets, metrics_text_write_budget);
    exposition_family(out, "embedding_budget_used_tokens", "gauge",
        "Tokens of it that are billed or held, as far as this replica knows.");
    exposition_each(out, &m->budgets, metrics_text_write_budget_used);
}

static void metrics_text_write_durations(
    const struct metrics *m, struct buf *out)
{
    const struct histogram *h = m->calls.duration;
    const char *database = "database_request_duration_seconds";
    char labels[64];

    metrics_text_plain_histogram(out, "coordinator_request_duration_seconds",
        "Duration of requests for a page.", &h[CALL_FETCH]);
    metrics_text_plain_histogram(out, "embedding_request_duration_seconds",
        "Duration of requests to the embedder.", &h[CALL_EMBED]);
    exposition_family(out, database, "histogram",
        "Duration of database requests, including the wait for a connection.");
    for (int i = CALL_LOOKUP; i < CALL_KINDS; i++) {
        snprintf(labels, sizeof(labels), "operation=\"%s\"",
            metrics_call_name((enum call_kind)i));
        metrics_text_histogram(out, database, str_of(labels), &h[i]);
    }
}

static void metrics_text_write_errors(const struct metrics *m, struct buf *out)
{
    char labels[128];

    exposition_family(out, "request_errors_total", "counter",
        "Requests that failed, by call and kind of error.");
    for (int i = 0; i < CALL_KINDS; i++)
        for (int e = 0; e < ERR_COUNT; e++) {
            snprintf(labels, sizeof(labels), "call=\"%s\",error=\"%s\"",
                metrics_call_name((enum call_kind)i), err_name(-e - 1));
            exposition_sample(out, "request_errors_total", str_of(labels), "");
            exposition_number(out, m->calls.errors[i][e]);
        }
}

static void metrics_text_write_retries(const struct metrics *m, struct buf *out)
{
    char labels[64];

    exposition_family(out, "retries_total", "counter",
        "Requests that were tried again, by call.");
    for (int i = 0; i < CALL_KINDS; i++) {
        snprintf(labels, sizeof(labels), "call=\"%s\"",
            metrics_call_name((enum call_kind)i));
        exposition_sample(out, "retries_total", str_of(labels), "");
        exposition_number(out, m->calls.retries[i]);
    }
}

static void metrics_text_write_chunks(const struct metrics *m, struct buf *out)
{
    exposition_family(
        out, "chunks_total", "counter", "Chunks of items, by outcome.");
    exposition_sample(out, "chunks_total", STR("outcome=\"success\""), "");
    exposition_number(out, m->calls.chunks);
    exposition_sample(out, "chunks_total", STR("outcome=\"failed\""), "");
    exposition_number(out, m->calls.failed_chunks);
    metrics_text_plain(out, "chunks_in_flight", "gauge",
        "Chunks that are being embedded or stored.", m->calls.in_flight);
    if (m->loop.queue_known)
        metrics_text_plain(out, "link_queue_length", "gauge",
            "Items that wait to be linked in the graph, as last counted.",
            m->loop.queue);
}

/* Links that a schema declares are counted apart: an item may have many. */
static void metrics_text_write_linker(
    const struct linker_progress *p, struct buf *out)
{
    char label[32];

    exposition_family(out, "items_linked_total", "counter",
        "Items that were linked to their nearest, by how those were found.");
    for (int i = LINK_EXACT; i <= LINK_INDEX; i++) {
        snprintf(label, sizeof(label), "method=\"%s\"",
            link_method_name((enum link_method)i));
        exposition_sample(out, "items_linked_total", str_of(label), "");
        exposition_number(out, p->done[i]);
    }
    metrics_text_plain(out, "declared_links_total", "counter",
        "Declared links that were looked at: made, removed or left waiting.",
        p->done[LINK_DECLARED]);
}

static void metrics_text_write_index(
    const struct index_progress *p, struct buf *out)
{
    char label[96];

    metrics_text_plain(out, "vector_index_building", "gauge",
        "1 while this process builds the vector index.", p->building);
    if (!p->building)
        return;
    snprintf(label, sizeof(label), "phase=\"%s\"", p->phase);
    exposition_family(out, "vector_index_build_phase", "gauge",
        "Always 1; the label is PostgreSQL's name of the phase.");
    exposition_sample(out, "vector_index_build_phase", str_of(label), "");
    exposition_number(out, 1);
    metrics_text_plain(out, "vector_index_build_blocks_done", "gauge",
        "Blocks of the table read so far.", (uint64_t)p->blocks_done);
    metrics_text_plain(out, "vector_index_build_blocks", "gauge",
        "Blocks of the table.", (uint64_t)p->blocks_total);
    metrics_text_plain(out, "vector_index_build_rows_done", "gauge",
        "Rows in the index so far.", (uint64_t)p->rows_done);
    metrics_text_plain(out, "vector_index_build_rows", "gauge",
        "Rows of the table.", (uint64_t)p->rows_total);
    metrics_text_plain_seconds(out, "vector_index_build_seconds", "gauge",
        "Duration of the build so far.", (uint64_t)p->elapsed_ms);
}

/* The loop's own counts, in the form that all histograms have here. */
static void metrics_text_write_turns(
    const struct loop_turns *turns, struct buf *out)
{
    struct buckets buckets = {.per_second = 1000000, .n = LOOP_BUCKETS};
    struct histogram h = {.buckets = &buckets, .sum = turns->sum_us};

    memcpy(buckets.le, loop_bucket_us, sizeof(loop_bucket_us));
    memcpy(h.counts, turns->counts, sizeof(turns->counts));
    metrics_text_plain_histogram(out, "event_loop_turn_cpu_seconds",
        "Processor time used by turns of the event loop.", &h);
    exposition_family(out, "event_loop_turn_cpu_max_seconds", "gauge",
        "The longest turn of the event loop, in processor time.");
    exposition_sample(out, "event_loop_turn_cpu_max_seconds", STR(""), "");
    metrics_text_put_seconds(out, turns->most_us, buckets.per_second);
    buf_char(out, '\n');
}

static void metrics_text_write_log(struct buf *out)
{
    char labels[32];

    exposition_family(
        out, "log_messages_total", "counter", "Log messages, by level.");
    for (int i = 0; i < LOG_LEVELS; i++) {
        snprintf(labels, sizeof(labels), "level=\"%s\"",
            log_level_name((enum log_level)i));
        exposition_sample(out, "log_messages_total", str_of(labels), "");
        exposition_number(out, log_messages((enum log_level)i));
    }
}

static void metrics_text_write_server(const struct metrics *m, struct buf *out)
{
    exposition_family(out, "http_requests_total", "counter",
        "HTTP requests answered, by route, method and status.");
    exposition_each(out, &m->requests, metrics_text_write_request);
    metrics_text_write_log(out);
    metrics_text_plain(out, "log_lines_dropped_total", "counter",
        "Lines of the log that were dropped because nobody read it.",
        log_dropped());
    metrics_text_plain(out, "http_refused_total", "counter",
        "HTTP requests without the rights that they need.", m->refused);
    exposition_family(out, "http_request_duration_seconds", "histogram",
        "Duration of HTTP requests.");
    exposition_each(out, &m->routes, metrics_text_write_route);
    metrics_text_plain_seconds(out, "event_loop_lag_seconds", "gauge",
        "Lag of the event loop, as last measured.", m->loop.last_ms);
    metrics_text_plain_histogram(out, "event_loop_lag_duration_seconds",
        "Lag of the event loop, each time it was measured.", &m->loop.lag);
    metrics_text_write_turns(&m->loop.turns, out);
}

static void metrics_text_known(
    struct buf *out, const char *name, const char *help, int64_t value)
{
    if (value >= 0)
        metrics_text_plain(out, name, "gauge", help, (uint64_t)value);
}

static void metrics_text_write_process(const struct metrics *m, struct buf *out)
{
    struct process_usage u;

    process_read(&u);
    if (u.cpu_ms >= 0)
        metrics_text_plain_seconds(out, "process_cpu_seconds_total", "counter",
            "Processor time used, user and system.", (uint64_t)u.cpu_ms);
    metrics_text_known(out, "process_resident_memory_bytes", "Memory in use.",
        u.resident_bytes);
    metrics_text_known(out, "process_virtual_memory_bytes",
        "Address space in use.", u.virtual_bytes);
    metrics_text_known(
        out, "process_open_fds", "Open file descriptors.", u.open_fds);
    metrics_text_known(
        out, "process_max_fds", "Limit of open file descriptors.", u.max_fds);
    if (m->started_ms > 0)
        metrics_text_plain_seconds(out, "process_start_time_seconds", "gauge",
            "When the process began, since 1970.", (uint64_t)m->started_ms);
}

void metrics_write_text(const struct metrics *m, struct buf *out)
{
    exposition_family(
        out, "build_info", "gauge", "Always 1; the label is the version.");
    exposition_sample(out, "build_info", m->version, "");
    exposition_number(out, 1);
    metrics_text_write_runs(m, out);
    metrics_text_write_last_run(m, out);
    metrics_write_services(m, out);
    metrics_text_write_verify(m, out);
    metrics_text_write_webhooks(m, out);
    metrics_text_write_budgets(m, out);
    metrics_text_write_durations(m, out);
    metrics_text_write_errors(m, out);
    metrics_text_write_retries(m, out);
    metrics_text_write_chunks(m, out);
    metrics_text_write_linker(&m->linker, out);
    metrics_text_write_index(&m->index, out);
    metrics_text_write_server(m, out);
    metrics_text_write_process(m, out);
}
