/*
 * GET /admin/batch-sync/schedules: what fires when. POST /pause and /resume.
 *
 * Happy path: 200. Failures: 400 for a wrong body, 503 when the database is
 * down. Cancel: a client that goes away stops nothing.
 */
#include "api/api_impl.h"
#include "api/body.h"
#include "api/routes.h"
#include "base/text.h"
#include "daemon/tally_poller.h"
#include "ops/pause.h"
#include <stdlib.h>

enum { SCHEDULES_NEXT = 10 };

static json_t *schedules_time(int64_t ms)
{
    char iso[ISO_BYTES];

    iso_from_ms(ms, iso);
    return json_string(iso);
}

json_t *schedules_pause_json(const struct api *a)
{
    struct tally_pause pause = tally_poller_pause(a->options.tally);

    if (pause.reason == NULL)
        return json_null();
    return json_pack("{s:s, s:o}", "reason", pause.reason, "since",
        schedules_time(pause.since_ms));
}

static json_t *schedules_next(const struct api *a, size_t i)
{
    struct scheduler_status status;
    int64_t next_ms[SCHEDULES_NEXT];
    json_t *list = json_array();
    size_t n = 0;

    scheduler_status(a->options.scheduler, &status);
    if (status.scheduled)
        n = scheduler_next(a->options.scheduler, i, SCHEDULES_NEXT, next_ms);
    for (size_t k = 0; k < n; k++)
        json_array_append_new(list, schedules_time(next_ms[k]));
    return list;
}

static json_t *schedules_entry(const struct api *a, size_t i)
{
    struct scheduler_entry e = scheduler_entry(a->options.scheduler, i);
    json_t *service =
        e.service[0] == '\0' ? json_null() : json_string(e.service);

    return json_pack("{s:o, s:s, s:s, s:s, s:o}", "service", service,
        "schedule", e.expression, "timezone",
        a->options.ops->config->schedule.timezone, "ifRunning",
        e.queues ? "queue" : "skip", "next", schedules_next(a, i));
}

void route_schedules(struct api *a, struct http_exchange *x, struct str id)
{
    json_t *list = json_array(), *body;

    for (size_t i = 0; i < scheduler_count(a->options.scheduler); i++)
        json_array_append_new(list, schedules_entry(a, i));
    body = json_pack(
        "{s:o, s:o}", "schedules", list, "paused", schedules_pause_json(a));
    answer_set_now(body);
    answer_json(x, 200, body);
}

/* Pausing */

struct pause_call {
    struct api_call call; /* freed through it */
    json_t *body;         /* owned, or NULL */
    struct pause_req req;
};

static void schedules_pause_call_free(struct api_call *call)
{
    struct pause_call *p = container_of(call, struct pause_call, call);

    json_decref(p->body);
    free(p);
}

static void on_schedules_pause_done(struct op *op)
{
    struct pause_call *p = container_of(op, struct pause_call, req.op);
    json_t *body;

    if (op->err.code != 0) {
        api_call_fail(&p->call, &op->err);
    } else {
        tally_poller_look(p->call.api->options.tally);
        body = json_pack("{s:b, s:b, s:b}", "success", 1, "paused",
            p->req.reason != NULL, "changed", p->req.changed);
        answer_set_now(body);
        api_call_answer(&p->call, 200, body);
    }
    api_call_end(&p->call);
}

static struct pause_call *schedules_pause_call_new(
    struct api *api, struct http_exchange *x)
{
    struct pause_call *p = calloc(1, sizeof(*p));

    if (p == NULL)
        abort();
    op_init(&p->req.op, on_schedules_pause_done);
    api_call_begin(&p->call, api, x, schedules_pause_call_free);
    return p;
}

static int schedules_pause_read(struct pause_call *p, struct err *err)
{
    static const char *const keys[] = {"reason", NULL};
    json_t *reason;

    if (body_parse(p->call.x->body, &p->body, err) < 0)
        return err->code;
    if (p->body != NULL && body_check_keys(p->body, keys, err) < 0)
        return err->code;
    reason = json_object_get(p->body, "reason");
    if (!json_is_string(reason))
        return err_set(
            err, ERR_INVALID, "\"reason\" must say why, in a line of text");
    p->req.reason = json_string_value(reason);
    return pause_check(p->req.reason, err);
}

void route_pause(struct api *api, struct http_exchange *x, struct str id)
{
    struct pause_call *p = schedules_pause_call_new(api, x);
    struct err err;

    err_clear(&err);
    if (schedules_pause_read(p, &err) < 0) {
        api_call_fail(&p->call, &err);
        api_call_end(&p->call);
        return;
    }
    pause_run(api->options.ops, &p->req);
}

void route_resume(struct api *api, struct http_exchange *x, struct str id)
{
    pause_run(api->options.ops, &schedules_pause_call_new(api, x)->req);
}
