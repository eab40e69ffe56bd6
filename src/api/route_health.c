/* Health, readiness, metrics: answered from memory, without a query. */
#include "api/api_impl.h"
#include "api/routes.h"
#include "ops/result_json.h"

#include <string.h>

enum { HEALTH_URL_BYTES = 64 * 1024 };

void route_livez(struct api *a, struct http_exchange *x, struct str id)
{
    answer_text(x, 200, "text/plain; charset=utf-8", STR("ok\n"));
}

static const char *health_why_not_ready(const struct api *a)
{
    if (a->why_not_ready != NULL)
        return a->why_not_ready;
    return probe_database_ok(a->options.probe)
               ? NULL
               : probe_database_reason(a->options.probe);
}

void route_readyz(struct api *a, struct http_exchange *x, struct str id)
{
    const char *why_not = health_why_not_ready(a);
    char line[ERR_MSG_BYTES + 2];

    snprintf(line, sizeof(line), "%s\n", why_not == NULL ? "ok" : why_not);
    answer_text(x, why_not == NULL ? 200 : 503, "text/plain; charset=utf-8",
        str_of(line));
}

void route_metrics(struct api *a, struct http_exchange *x, struct str id)
{
    const struct str *accept = http_header(x, "accept");
    enum metrics_format format =
        metrics_format_for(accept == NULL ? STR("") : *accept);
    struct buf text;

    buf_init(&text, METRICS_TEXT_BYTES);
    metrics_write(a->options.metrics, format, &text);
    if (text.error != 0)
        http_answer_error(x, 500, NULL, 0, "the metrics do not fit");
    else
        answer_text_packed(
            x, 200, metrics_content_type(format), buf_view(&text));
    buf_free(&text);
}

/* /health */

static void health_set_time(json_t *object, const char *key, int64_t ms)
{
    char iso[ISO_BYTES];

    iso_from_ms(ms, iso);
    json_object_set_new(object, key, json_string(iso));
}

static json_t *health_dependency_json(const struct dependency *d)
{
    static const char *const words[] = {
        [PROBE_UNKNOWN] = "unknown", [PROBE_OK] = "ok", [PROBE_DOWN] = "down"};
    json_t *object = json_pack("{s:s}", "status", words[d->status]);

    if (d->status == PROBE_UNKNOWN)
        return object;
    health_set_time(object, "since", d->since_ms);
    health_set_time(object, "checkedAt", d->checked_ms);
    if (d->status == PROBE_DOWN)
        json_object_set_new(object, "error", result_json_text(d->error));
    return object;
}

/* What has not been asked yet is not down, but for the database. */
static bool health_is_down(const struct dependency *d)
{
    return d->status == PROBE_DOWN ||
           (d->status == PROBE_UNKNOWN && strcmp(d->name, "database") == 0);
}

/* The key that signs calls: "down" where there is none. Calls go out unsigned
 * then, as some coordinators want them, so that nothing is degraded by it. */
static void health_set_key(
    const struct api *a, json_t *dependencies, json_t *details)
{
    bool is_set = a->options.ops->config->coordinator.private_key != NULL;

    json_object_set_new(
        dependencies, "private_key", json_string(is_set ? "ok" : "down"));
    json_object_set_new(details, "private_key",
        json_pack("{s:s}", "status", is_set ? "set" : "not set"));
}

/*
 * Degraded when anything is known to be down, or the database not to be up;
 * 503 only for the database, without which nothing can be done.
 */
void route_health(struct api *a, struct http_exchange *x, struct str id)
{
    const struct dependency *known = probe_dependencies(a->options.probe);
    json_t *dependencies = json_object(), *details = json_object();
    bool database = known[PROBE_DATABASE].status == PROBE_OK, ok = database;
    json_t *body;

    for (int i = 0; i < PROBE_DEPENDENCIES; i++) {
        ok = ok && known[i].status != PROBE_DOWN;
        json_object_set_new(dependencies, known[i].name,
            json_string(health_is_down(&known[i]) ? "down" : "ok"));
        json_object_set_new(
            details, known[i].name, health_dependency_json(&known[i]));
    }
    health_set_key(a, dependencies, details);
    body = json_pack(
        "{s:s, s:s}", "status", ok ? "ok" : "degraded", "service", "batchsync");
    answer_set_now(body);
    json_object_set_new(body, "dependencies", dependencies);
    json_object_set_new(body, "details", details);
    answer_json(x, database ? 200 : 503, body);
}

/* /health/batch-sync */

static void health_scheduler_set_time(
    json_t *object, const char *key, int64_t ms)
{
    if (ms == 0)
        json_object_set_new(object, key, json_null());
    else
        health_set_time(object, key, ms);
}

static json_t *health_scheduler_json(const struct api *a)
{
    struct scheduler_status status;
    json_t *s = json_object();

    scheduler_status(a->options.scheduler, &status);
    json_object_set_new(
        s, "enabled", json_boolean(a->options.ops->config->sync.enabled));
    json_object_set_new(s, "isScheduled", json_boolean(status.scheduled));
    json_object_set_new(s, "isRunning",
        json_boolean(runner_is_running(a->options.ops->runner)));
    json_object_set_new(s, "cronAvailable", json_true());
    json_object_set_new(
        s, "schedule", json_string(a->options.ops->config->schedule.cron));
    json_object_set_new(
        s, "timezone", json_string(a->options.ops->config->schedule.timezone));
    health_scheduler_set_time(s, "nextRun", status.next_ms);
    json_object_set_new(s, "paused", schedules_pause_json(a));
    health_scheduler_set_time(
        s, "lastRun", runner_last(a->options.ops->runner)->began_ms);
    return s;
}

static void health_set_bool(json_t *object, const char *key, bool value)
{
    json_object_set_new(object, key, json_boolean(value));
}

static void health_set_text(json_t *object, const char *key, const char *value)
{
    json_object_set_new(
        object, key, json_string(value == NULL ? "not set" : value));
}

static void health_set_url(json_t *object, const char *key, const char *url)
{
    struct buf shown;

    buf_init(&shown, HEALTH_URL_BYTES);
    if (url != NULL)
        config_public_url(&shown, url);
    health_set_text(object, key, url == NULL ? NULL : shown.data);
    buf_free(&shown);
}

/* Effective values: booleans, and texts with "not set" where there is none. */
static json_t *health_environment_json(const struct config *c)
{
    json_t *e = json_object();

    health_set_bool(e, "BATCH_SYNC_ENABLED", c->sync.enabled);
    health_set_text(e, "BATCH_SYNC_SCHEDULE", c->schedule.cron);
    health_set_bool(e, "BATCH_SYNC_ON_STARTUP", c->schedule.on_startup);
    health_set_text(e, "BATCH_SYNC_TIMEZONE", c->schedule.timezone);
    health_set_bool(e, "COORDINATOR_ENABLED", c->coordinator.enabled);
    health_set_url(
        e, "COORDINATOR_GRPC_ENDPOINT", c->coordinator.grpc_endpoint);
    health_set_url(e, "COORDINATOR_GRPC_URL", c->coordinator.grpc_url);
    health_set_url(e, "COORDINATOR_URL", c->coordinator.http_url);
    return e;
}

/* {"budgets": those that are set, as this replica knows them}; or nothing. */
static json_t *health_budgets_json(const struct budget_keeper *k)
{
    static const char *const names[] = {
        [BUDGET_DAY] = "day", [BUDGET_RUN] = "run"};
    json_t *all = json_object();

    for (int i = 0; k != NULL && i < EMBED_BUDGETS; i++) {
        const struct budget *b = &k->budgets[i];
        json_t *one;

        if (b->limit == 0)
            continue;
        one = json_pack("{s:s, s:I, s:I}", "variable",
            budget_variable((enum budget_kind)i), "limit", (json_int_t)b->limit,
            "used", (json_int_t)budget_used(b));
        if (i == BUDGET_DAY)
            health_set_time(one, "endsAt", budget_day_end_ms(loop_wall_ms()));
        json_object_set_new(all, names[i], one);
    }
    if (json_object_size(all) > 0)
        return json_pack("{s:o}", "budgets", all);
    return all;
}

void route_scheduler(struct api *a, struct http_exchange *x, struct str id)
{
    json_t *body = json_object();

    json_object_set_new(body, "scheduler", health_scheduler_json(a));
    json_object_set_new(
        body, "environment", health_environment_json(a->options.ops->config));
    json_object_update_new(body, health_budgets_json(a->options.ops->budgets));
    answer_set_now(body);
    answer_json(x, 200, body);
}
