/* GET /admin/batch-sync/dead-letters, one of them, and groups of them. */
#include "api/history/history_call.h"
#include "api/routes.h"
#include "ops/asked.h"

enum { WORD_BYTES = 256 };

static int letters_read(struct history_call *h, struct err *err)
{
    struct history_req *req = &h->req;
    const char *status;

    if (history_call_value(h, "status", WORD_BYTES, &status, err) < 0)
        return err->code;
    if (asked_letters(status, &req->letters, err) < 0)
        return asked_subject(err, "\"status\"");
    if (history_call_list(h, err) < 0 ||
        history_call_value(h, "kind", HISTORY_VALUE_BYTES, &req->kind, err) < 0)
        return err->code;
    return history_call_tenant(h, err);
}

void route_letter_groups(
    struct api *api, struct http_exchange *x, struct str id)
{
    struct history_call *h = history_call_new(api, x);
    struct err err;

    history_call_submit(h, history_letter_groups, letters_read(h, &err), &err);
}

/* One of them when its digest is given, with its item, which a viewer does not
 * see; else the list. */
void route_dead_letters(struct api *api, struct http_exchange *x, struct str id)
{
    struct history_call *h = history_call_new(api, x);
    struct err err;
    int rc = history_call_value(h, "digest", WORD_BYTES, &h->req.id, &err);

    if (rc == 0 && h->req.id != NULL && x->role == AUTH_VIEWER) {
        api_call_error(&h->call, 403,
            "VIEWER_TOKEN does not show items; this needs ADMIN_TOKEN");
        api_call_end(&h->call);
        return;
    }
    if (rc == 0)
        rc = letters_read(h, &err);
    history_call_submit(
        h, h->req.id != NULL ? history_letter : history_dead_letters, rc, &err);
}
