/*
 * GET /admin/batch-sync/events and /runs/{id}/events: server-sent events.
 *
 * Happy path: all that happens, at once; or a run, which begins with its state
 * and ends with its run. Failures: 404 for an unknown run, 503 when the
 * database is down or too many read. Cancel: a client that goes away is
 * forgotten.
 */
#include "api/history/history_call.h"
#include "api/live/live.h"
#include "api/routes.h"

void route_events(struct api *api, struct http_exchange *x, struct str id)
{
    live_stream(api->live, x, "", STR(""), false);
}

/* A run that has ended is one event. */
static json_t *events_begin(struct history_call *h, json_t *run)
{
    struct http_exchange *x = h->call.x;
    char *text = json_dumps(run, JSON_COMPACT);
    const char *status = json_string_value(json_object_get(run, "status"));

    h->call.x = NULL; /* the stream answers */
    x->on_gone = NULL;
    live_stream(h->call.api->live, x, h->req.id,
        str_of(text == NULL ? "" : text), strcmp(status, "running") != 0);
    free(text);
    return run;
}

void route_run_events(struct api *api, struct http_exchange *x, struct str id)
{
    struct history_call *h = history_call_new(api, x);
    struct err err;

    h->finish = events_begin;
    history_call_submit(
        h, history_run, history_call_id(h, id, "run", &err), &err);
}
