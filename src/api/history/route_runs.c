/* GET /admin/batch-sync/runs and /runs/{id}. */
#include "api/history/history_call.h"
#include "api/routes.h"
#include "ops/asked.h"

enum { WORD_BYTES = 256 };

static int runs_read(struct history_call *h, struct err *err)
{
    struct history_req *req = &h->req;

    if (history_call_value(h, "status", WORD_BYTES, &req->status, err) < 0)
        return err->code;
    if (asked_run_status(req->status, err) < 0)
        return asked_subject(err, "\"status\"");
    if (history_call_list(h, err) < 0 ||
        history_call_value(h, "trigger", WORD_BYTES, &req->trigger, err) < 0)
        return err->code;
    return history_call_tenant(h, err);
}

void route_runs(struct api *api, struct http_exchange *x, struct str id)
{
    struct history_call *h = history_call_new(api, x);
    struct err err;

    history_call_submit(h, history_runs, runs_read(h, &err), &err);
}

/* How linking goes on in this process, whichever run its items are of. */
static json_t *run_add_linking(struct history_call *h, json_t *found)
{
    const struct linker *l = h->call.api->options.ops->linker;
    json_t *linking = json_null();

    if (l != NULL && l->progress.method != LINK_NONE)
        linking = json_pack("{s:s, s:f, s:o}", "method",
            link_method_name(l->progress.method), "perSecond",
            l->progress.per_second, "queued",
            l->counted ? json_integer((json_int_t)l->queued) : json_null());
    json_object_set_new(found, "linking", linking);
    return found;
}

void route_run(struct api *api, struct http_exchange *x, struct str id)
{
    struct history_call *h = history_call_new(api, x);
    struct err err;

    h->finish = run_add_linking;
    history_call_submit(
        h, history_run, history_call_id(h, id, "run", &err), &err);
}
