/* GET /admin/batch-sync/fires: scheduled fires that began no run, and why. */
#include "api/history/history_call.h"
#include "api/routes.h"
#include "ops/asked.h"

enum { WORD_BYTES = 256 };

static int fires_read(struct history_call *h, struct err *err)
{
    struct history_req *req = &h->req;

    if (history_call_value(h, "outcome", WORD_BYTES, &req->status, err) < 0)
        return err->code;
    if (asked_fire_outcome(req->status, err) < 0)
        return asked_subject(err, "\"outcome\"");
    return history_call_list(h, err);
}

void route_fires(struct api *api, struct http_exchange *x, struct str id)
{
    struct history_call *h = history_call_new(api, x);
    struct err err;

    history_call_submit(h, history_fires, fires_read(h, &err), &err);
}
