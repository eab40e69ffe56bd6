#include "api/calls.h"

#include "api/api_impl.h"
#include "net/http/http_gzip.h"
#include <stdlib.h>

/* What gzip may add to a text that does not shrink. */
enum { ANSWER_PACK_SLACK = 4096 };

/* Answers */

void answer_text(
    struct http_exchange *x, int status, const char *type, struct str body)
{
    struct http_header_out headers[] = {
        {"Content-Type", type}, {"Cache-Control", "no-store"}};

    http_answer(x, status, headers, 2, body);
}

bool answer_may_be_gzip(const struct http_exchange *x)
{
    const struct str *value = http_header(x, "accept-encoding");

    return value != NULL && http_gzip_accepted(*value);
}

void answer_text_packed(
    struct http_exchange *x, int status, const char *type, struct str body)
{
    struct http_header_out headers[] = {{"Content-Type", type},
        {"Cache-Control", "no-store"}, {"Vary", "Accept-Encoding"},
        {"Content-Encoding", "gzip"}};
    bool pack = answer_may_be_gzip(x);
    struct buf packed;

    buf_init(&packed, body.len + ANSWER_PACK_SLACK);
    pack = pack && http_gzip(body, &packed) == 0;
    http_answer(
        x, status, headers, pack ? 4 : 3, pack ? buf_view(&packed) : body);
    buf_free(&packed);
}

void answer_json(struct http_exchange *x, int status, json_t *body)
{
    char *text = json_dumps(body, JSON_COMPACT);

    json_decref(body);
    if (text == NULL) {
        http_answer_error(x, 500, NULL, 0, "no memory for the answer");
        return;
    }
    answer_text(x, status, "application/json", str_of(text));
    free(text);
}

int answer_status(int code)
{
    switch (code) {
    case ERR_NOT_FOUND:
        return 404;
    case ERR_INVALID:
    case ERR_USAGE:
        return 400;
    case ERR_UNAVAILABLE:
    case ERR_TIMEOUT:
    case ERR_CANCELED:
    case ERR_BUSY:
        return 503;
    default:
        return 500;
    }
}

void answer_set_now(json_t *object)
{
    char iso[ISO_BYTES];

    iso_from_ms(loop_wall_ms(), iso);
    json_object_set_new(object, "timestamp", json_string(iso));
}

/* Calls */

/* A client may close its sending side and still wait for its answer. Only when
 * the connection is closed is there nobody to answer. */
static void on_calls_client_gone(struct http_exchange *x)
{
    struct api_call *call = x->user;

    if (x->conn == NULL)
        api_call_answer(call, 503, json_object());
}

const char *api_call_trace(
    const struct http_exchange *x, char out[CALL_TRACE_BYTES])
{
    const struct str *sent = x == NULL ? NULL : http_header(x, "traceparent");

    if (sent == NULL)
        return NULL;
    snprintf(out, CALL_TRACE_BYTES, "%.*s", STR_ARG(*sent));
    return out;
}

void api_call_begin(struct api_call *call, struct api *api,
    struct http_exchange *x, void (*free)(struct api_call *call))
{
    call->api = api;
    call->x = x;
    call->free = free;
    list_push(&api->calls, &call->link);
    if (x == NULL)
        return;
    x->user = call;
    x->on_gone = on_calls_client_gone;
}

void api_call_answer(struct api_call *call, int status, json_t *body)
{
    struct http_exchange *x = call->x;

    call->x = NULL;
    if (x != NULL)
        answer_json(x, status, body);
    else
        json_decref(body);
}

void api_call_error(struct api_call *call, int status, const char *message)
{
    struct http_exchange *x = call->x;

    call->x = NULL;
    if (x != NULL)
        http_answer_error(x, status, NULL, 0, message);
}

void api_call_fail(struct api_call *call, const struct err *err)
{
    struct http_exchange *x = call->x;
    int status = answer_status(err->code);
    uint32_t seconds = err->retry_after_ms / 1000;
    char value[16];
    struct http_header_out again = {"Retry-After", value};

    call->x = NULL;
    snprintf(value, sizeof(value), "%u", seconds > 0 ? seconds : 1);
    if (x != NULL)
        http_answer_error(x, status, &again, status == 503, err->msg);
}

void api_call_end(struct api_call *call)
{
    api_call_error(call, 500, "internal error: the handler sent no answer");
    list_remove(&call->link);
    call->free(call);
}
