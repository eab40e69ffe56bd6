/*
 * A look at the history: reading what is asked for, and passing on the JSON
 * that PostgreSQL writes.
 *
 * Happy path: history_call_new(), the handler reads parameters into call->req,
 * history_call_submit(). Failures: 400 for wrong parameters, 404 for what is
 * not there, 503 when the database is down. Cancel: none; the query is short
 * and bounded.
 */
#ifndef API_HISTORY_HISTORY_CALL_H
#define API_HISTORY_HISTORY_CALL_H

#include "api/api_impl.h"
#include "db/read/history.h"

enum { HISTORY_VALUES = 8, HISTORY_VALUE_BYTES = 1024 };

struct history_call {
    struct api_call call; /* freed through it */
    struct history_req req;
    struct buf values[HISTORY_VALUES]; /* owned; parameters, decoded */
    size_t nvalues;
    struct arena arena; /* the handler's */
    /* NULL: the JSON is the answer; else the answer is this of it. Takes the
     * document over. */
    json_t *(*finish)(struct history_call *h, json_t *found);
    void *data; /* the handler's, for it; in the arena */
};

struct history_call *history_call_new(struct api *api, struct http_exchange *x);

/* A parameter of the query, of at most `most` bytes; *value stays NULL when
 * there is none. ERR_INVALID: it is malformed. */
int history_call_value(struct history_call *h, const char *name, size_t most,
    const char **value, struct err *err);

/* What every list takes, into the request: "limit", "before" and "service";
 * and "tenant_id". */
int history_call_list(struct history_call *h, struct err *err);
int history_call_tenant(struct history_call *h, struct err *err);

/* What stands for {id} in the path, as a `what`, into the request. */
int history_call_id(
    struct history_call *h, struct str id, const char *what, struct err *err);

typedef void (*history_query)(
    struct pg_pool *pool, struct loop *loop, struct history_req *req);

/* Starts the query; with rc < 0 the call ends with *err instead. */
void history_call_submit(
    struct history_call *h, history_query query, int rc, const struct err *err);

#endif
