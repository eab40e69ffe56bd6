/* What is told directly, not by the pipeline's events. */
#include "metrics/metrics_impl.h"

#include <stdio.h>
#include <string.h>

void metrics_know_service(struct metrics *m, const char *service)
{
    metrics_service(m, service);
}

uint64_t metrics_moment(const struct metrics *m)
{
    return m->ends;
}

static void metrics_told_tally_service(
    struct metrics *m, const struct service_tally *t)
{
    struct service_numbers *s = metrics_service(m, t->service);

    s->letters = t->letters;
    s->success_ms = t->last_success_ms;
    s->passed = t->complete >= 0;
    s->complete = t->complete > 0;
}

bool metrics_tally(struct metrics *m, uint64_t moment,
    const struct service_tally *services, size_t n)
{
    if (moment != m->ends)
        return false;
    for (size_t i = 0; i < n; i++)
        metrics_told_tally_service(m, &services[i]);
    return true;
}

void metrics_webhook(struct metrics *m, const char *outcome)
{
    metrics_label(m, "outcome", outcome, NULL);
    ++*(uint64_t *)metrics_series_at(m, &m->webhooks);
}

void metrics_budget(
    struct metrics *m, const char *budget, uint64_t limit, uint64_t used)
{
    metrics_label(m, "budget", budget, NULL);
    *(struct budget_numbers *)metrics_series_at(m, &m->budgets) =
        (struct budget_numbers){limit, used};
}

void metrics_webhooks_waiting(struct metrics *m, uint64_t messages)
{
    m->webhooks_waiting = messages;
}

void metrics_next_run(struct metrics *m, const char *service, int64_t next_ms)
{
    buf_reset(&m->scratch);
    if (service[0] != '\0')
        metrics_label(m, "schedule", service, NULL);
    *(int64_t *)metrics_series_at(m, &m->next_runs) = next_ms;
}

void metrics_verified(struct metrics *m, uint64_t left, int64_t now_s)
{
    m->verify_left = left;
    m->verified_s = now_s;
}

void metrics_paused(struct metrics *m, bool paused)
{
    m->paused = paused;
}

void metrics_trigger(
    struct metrics *m, const char *trigger, const char *outcome)
{
    metrics_label(m, "trigger", trigger, "outcome", outcome, NULL);
    ++*(uint64_t *)metrics_series_at(m, &m->triggers);
}

void metrics_loop_lag(struct metrics *m, uint64_t lag_ms)
{
    m->loop.last_ms = lag_ms;
    metrics_histogram_add(&m->loop.lag, lag_ms);
}

void metrics_index(struct metrics *m, const struct index_progress *progress)
{
    m->index = *progress;
}

void metrics_loop_turns(struct metrics *m, const struct loop_turns *turns)
{
    m->loop.turns = *turns;
}

void metrics_link_queue(struct metrics *m, uint64_t items)
{
    m->loop.queue_known = true;
    m->loop.queue = items;
}

void metrics_linker(struct metrics *m, const struct linker_progress *progress)
{
    m->linker = *progress;
}

/* What clients make up must not become labels. */
static const char *metrics_told_known_method(const char *method)
{
    static const char *const known[] = {
        "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(method, known[i]) == 0)
            return known[i];
    return "other";
}

void metrics_http_refused(struct metrics *m)
{
    m->refused++;
}

void metrics_http(struct metrics *m, const char *method, const char *route,
    int status, uint64_t duration_ms)
{
    struct histogram *h;
    char code[16];

    snprintf(code, sizeof(code), "%d", status);
    metrics_label(m, "route", route, "method",
        metrics_told_known_method(method), "code", code, NULL);
    ++*(uint64_t *)metrics_series_at(m, &m->requests);
    metrics_label(m, "route", route, NULL);
    h = metrics_series_at(m, &m->routes);
    h->buckets = &metrics_call_buckets;
    metrics_histogram_add(h, duration_ms);
}
