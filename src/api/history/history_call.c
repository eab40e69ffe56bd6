#include "api/history/history_call.h"

#include "ops/asked.h"
#include <assert.h>
#include <stdlib.h>

enum { USUAL_BYTES = 256 };

static void history_call_free(struct api_call *call)
{
    struct history_call *h = container_of(call, struct history_call, call);

    for (size_t i = 0; i < h->nvalues; i++)
        buf_free(&h->values[i]);
    arena_free(&h->arena);
    history_req_clear(&h->req);
    free(h);
}

static void history_call_finish(struct history_call *h)
{
    struct str text = buf_view(&h->req.json);
    json_t *found = json_loadb(text.p, text.len, 0, NULL);

    if (found == NULL)
        api_call_error(&h->call, 500, "the database's answer is not JSON");
    else
        api_call_answer(&h->call, 200, h->finish(h, found));
}

static void on_history_read(struct op *op)
{
    struct history_call *h = container_of(op, struct history_call, req.op);
    struct http_exchange *x = h->call.x;

    if (op->err.code != 0) {
        api_call_fail(&h->call, &op->err);
    } else if (x != NULL && h->finish != NULL) {
        history_call_finish(h);
    } else if (x != NULL) {
        h->call.x = NULL;
        answer_text(x, 200, "application/json", buf_view(&h->req.json));
    }
    api_call_end(&h->call);
}

struct history_call *history_call_new(struct api *api, struct http_exchange *x)
{
    struct history_call *h = calloc(1, sizeof(*h));

    if (h == NULL)
        abort();
    arena_init(&h->arena, 0);
    op_init(&h->req.op, on_history_read);
    api_call_begin(&h->call, api, x, history_call_free);
    return h;
}

/* Room for one more decoded value. */
static struct buf *history_call_room(struct history_call *h)
{
    assert(h->nvalues < HISTORY_VALUES);
    buf_init(&h->values[h->nvalues], HISTORY_VALUE_BYTES + 1);
    return &h->values[h->nvalues++];
}

int history_call_value(struct history_call *h, const char *name, size_t most,
    const char **value, struct err *err)
{
    struct buf *out = history_call_room(h);
    int rc = http_query(h->call.x->query, name, out);

    if (rc < 0 || out->error != 0 || out->len > most ||
        (rc > 0 && !utf8_valid(buf_view(out))))
        return err_set(err, ERR_INVALID,
            "\"%s\" must be UTF-8 of at most %zu bytes, percent-encoded", name,
            most);
    *value = rc > 0 && out->len > 0 ? out->data : NULL;
    return 0;
}

static int history_call_limit(struct history_call *h, struct err *err)
{
    const char *text = NULL;

    if (history_call_value(h, "limit", USUAL_BYTES, &text, err) < 0)
        text = ""; /* is not a number, either */
    if (asked_limit(text, &h->req.limit, err) < 0)
        return asked_subject(err, "\"limit\"");
    return 0;
}

int history_call_list(struct history_call *h, struct err *err)
{
    struct history_req *req = &h->req;

    if (history_call_limit(h, err) < 0 ||
        history_call_value(h, "before", USUAL_BYTES, &req->before, err) < 0 ||
        history_call_value(h, "service", USUAL_BYTES, &req->service, err) < 0)
        return err->code;
    return 0;
}

int history_call_tenant(struct history_call *h, struct err *err)
{
    return history_call_value(h, "tenant_id", USUAL_BYTES, &h->req.tenant, err);
}

int history_call_id(
    struct history_call *h, struct str id, const char *what, struct err *err)
{
    struct buf *out = history_call_room(h);

    if (http_decode(id, out) < 0 || out->error != 0 || out->len > USUAL_BYTES ||
        !utf8_valid(buf_view(out)))
        return err_set(err, ERR_INVALID, "the id of the %s is not valid", what);
    h->req.id = out->data;
    return 0;
}

void history_call_submit(
    struct history_call *h, history_query query, int rc, const struct err *err)
{
    const struct ops *ops = h->call.api->options.ops;

    if (rc == 0) {
        query(ops->history, ops->loop, &h->req);
        return;
    }
    api_call_fail(&h->call, err);
    api_call_end(&h->call);
}
