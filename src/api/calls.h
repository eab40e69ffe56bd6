/*
 * Answering. Most requests are answered at once; one that waits for something
 * is a call, which outlives its client: a run that was triggered goes on when
 * the client goes away.
 */
#ifndef API_CALLS_H
#define API_CALLS_H

#include "base/io/trace_context.h"
#include "base/json.h"
#include "base/list.h"
#include "net/http/http_server.h"

struct api;

/* Ends the exchange with a JSON body; takes over `body`. */
void answer_json(struct http_exchange *x, int status, json_t *body);
void answer_text(
    struct http_exchange *x, int status, const char *type, struct str body);

/* The same, compressed for a client that asks for it. */
void answer_text_packed(
    struct http_exchange *x, int status, const char *type, struct str body);

/* Does the client understand gzip? */
bool answer_may_be_gzip(const struct http_exchange *x);

/* The HTTP status of an error of base/err.h. */
int answer_status(int code);

/* "timestamp": now, ISO-8601. */
void answer_set_now(json_t *object);

struct api_call {
    struct list link;        /* in api->calls */
    struct api *api;         /* borrowed */
    struct http_exchange *x; /* borrowed; NULL once it has been answered */
    void (*free)(struct api_call *call);
};

/* The caller's trace, copied to `out`; NULL: none was sent, or x is NULL. One
 * that is longer is of no use to anybody. */
enum { CALL_TRACE_BYTES = 2 * TRACEPARENT_BYTES };
const char *api_call_trace(
    const struct http_exchange *x, char out[CALL_TRACE_BYTES]);

/* Takes the exchange on (NULL: the client has gone); to be ended by
 * api_call_end(). */
void api_call_begin(struct api_call *call, struct api *api,
    struct http_exchange *x, void (*free)(struct api_call *call));

/* Answers, unless that has been done; takes over `body`. */
void api_call_answer(struct api_call *call, int status, json_t *body);
void api_call_error(struct api_call *call, int status, const char *message);

/* The same for an error of base/err.h. */
void api_call_fail(struct api_call *call, const struct err *err);

/* Nothing is pending any more: answers with 500 if nothing did so, and frees.
 */
void api_call_end(struct api_call *call);

#endif
