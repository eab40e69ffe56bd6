/* Health, readiness, metrics: answered from what is known, asking nobody. */
#include "api/api_impl.h"

#include <string.h>

enum { TEXT_BYTES = 64 * 1024 };

void handle_livez(struct admin *a, struct http_exchange *x, struct str id)
{
    answer_text(x, 200, "text/plain; charset=utf-8", STR("ok\n"));
}

static const char *why_not_ready(const struct admin *a)
{
    if (a->why_not_ready != NULL)
        return a->why_not_ready;
    return probe_database_ok(a->options.probe) ? NULL : "the database is down";
}

void handle_readyz(struct admin *a, struct http_exchange *x, struct str id)
{
    const char *why_not = why_not_ready(a);
    char line[128];

    snprintf(line, sizeof(line), "%s\n", why_not == NULL ? "ok" : why_not);
    answer_text(x, why_not == NULL ? 200 : 503, "text/plain; charset=utf-8",
        str_of(line));
}

void handle_metrics(struct admin *a, struct http_exchange *x, struct str id)
{
    struct buf text;

    buf_init(&text, METRICS_TEXT_BYTES);
    metrics_write(a->options.metrics, &text);
    if (text.error != 0)
        http_answer_error(x, 500, NULL, 0, "the metrics do not fit");
    else
        answer_text(x, 200, METRICS_CONTENT_TYPE, buf_view(&text));
    buf_free(&text);
}

static bool anything_down(json_t *dependencies)
{
    const char *name;
    json_t *dependency;

    json_object_foreach(dependencies, name, dependency)
    {
        const char *status =
            json_string_value(json_object_get(dependency, "status"));

        if (status != NULL && strcmp(status, "down") == 0)
            return true;
    }
    return false;
}

/* Degraded when anything is known to be down; 503 only for the database,
 * without which nothing can be done. */
void handle_health(struct admin *a, struct http_exchange *x, struct str id)
{
    const struct probe *probe = a->options.probe;
    bool database = probe_database_ok(probe);
    struct buf text;
    json_t *body, *dependencies;

    buf_init(&text, TEXT_BYTES);
    probe_write_dependencies(probe, &text);
    dependencies = json_loadb(text.data, text.len, 0, NULL);
    buf_free(&text);
    body = json_pack("{s:s, s:s}", "status",
        database && !anything_down(dependencies) ? "ok" : "degraded", "service",
        "batchsync");
    json_set_now(body);
    json_object_set_new(body, "dependencies", dependencies);
    answer_json(x, database ? 200 : 503, body);
}

/* /health/batch-sync */

static void set_time(json_t *object, const char *key, int64_t ms)
{
    char iso[ISO_BYTES];

    if (ms == 0) {
        json_object_set_new(object, key, json_null());
        return;
    }
    iso_from_ms(ms, iso);
    json_object_set_new(object, key, json_string(iso));
}

static json_t *scheduler_json(const struct admin *a)
{
    struct scheduler_status status;
    json_t *s = json_object();

    scheduler_status(a->options.scheduler, &status);
    json_object_set_new(
        s, "enabled", json_boolean(a->options.config->sync.enabled));
    json_object_set_new(s, "isScheduled", json_boolean(status.scheduled));
    json_object_set_new(
        s, "isRunning", json_boolean(runner_is_running(a->options.runner)));
    json_object_set_new(s, "cronAvailable", json_true());
    json_object_set_new(
        s, "schedule", json_string(a->options.config->schedule.cron));
    json_object_set_new(
        s, "timezone", json_string(a->options.config->schedule.timezone));
    set_time(s, "nextRun", status.next_ms);
    set_time(s, "lastRun", runner_last(a->options.runner)->began_ms);
    return s;
}

static void health_set_bool(json_t *object, const char *key, bool value)
{
    json_object_set_new(object, key, json_string(value ? "true" : "false"));
}

static void health_set_text(json_t *object, const char *key, const char *value)
{
    json_object_set_new(
        object, key, value == NULL ? json_null() : json_string(value));
}

static void set_url(json_t *object, const char *key, const char *url)
{
    struct buf masked;

    buf_init(&masked, 64 * 1024);
    if (url != NULL)
        config_mask_url(&masked, url);
    health_set_text(object, key, url == NULL ? NULL : masked.data);
    buf_free(&masked);
}

/* Effective values, as strings, null where there is none. */
static json_t *environment_json(const struct config *c)
{
    json_t *e = json_object();

    health_set_bool(e, "BATCH_SYNC_ENABLED", c->sync.enabled);
    health_set_text(e, "BATCH_SYNC_SCHEDULE", c->schedule.cron);
    health_set_bool(e, "BATCH_SYNC_ON_STARTUP", c->schedule.on_startup);
    health_set_text(e, "BATCH_SYNC_TIMEZONE", c->schedule.timezone);
    health_set_bool(e, "COORDINATOR_ENABLED", c->coordinator.enabled);
    health_set_text(e, "COORDINATOR_GRPC_ENDPOINT", c->coordinator.grpc_target);
    health_set_text(e, "COORDINATOR_GRPC_URL", c->coordinator.grpc_target);
    set_url(e, "COORDINATOR_URL", c->coordinator.http_url);
    return e;
}

void handle_scheduler_health(
    struct admin *a, struct http_exchange *x, struct str id)
{
    json_t *body = json_object();

    json_object_set_new(body, "scheduler", scheduler_json(a));
    json_object_set_new(
        body, "environment", environment_json(a->options.config));
    json_set_now(body);
    answer_json(x, 200, body);
}
