/*
 * The history: runs, one run, dead letters. Happy path: PostgreSQL writes the
 * JSON, which is passed on. Failures: 400 for parameters, 404 for a run that
 * is not there, 503 when the database is down. Cancel: none; the query is
 * short and bounded.
 */
#include "api/api_impl.h"

#include "db/read/history.h"
#include <stdlib.h>

enum { VALUE_BYTES = 256 };

struct history_call {
    struct admin_call call; /* freed through it */
    struct history_req req;
    struct buf id, before, status, tenant, service, limit; /* decoded */
};

static void runs_free_call(struct admin_call *call)
{
    struct history_call *h = container_of(call, struct history_call, call);

    buf_free(&h->id);
    buf_free(&h->before);
    buf_free(&h->status);
    buf_free(&h->tenant);
    buf_free(&h->service);
    buf_free(&h->limit);
    history_req_clear(&h->req);
    free(h);
}

static void on_runs_done(struct op *op)
{
    struct history_call *h = container_of(op, struct history_call, req.op);
    struct http_exchange *x = h->call.x;

    if (op->err.code != 0) {
        admin_call_error(&h->call, api_status_of(op->err.code), op->err.msg);
    } else if (x != NULL) {
        h->call.x = NULL;
        answer_text(x, 200, "application/json", buf_view(&h->req.json));
    }
    admin_call_end(&h->call);
}

static struct history_call *new_call(struct admin *a, struct http_exchange *x)
{
    struct history_call *h = calloc(1, sizeof(*h));

    if (h == NULL)
        abort();
    buf_init(&h->id, VALUE_BYTES);
    buf_init(&h->before, VALUE_BYTES);
    buf_init(&h->status, VALUE_BYTES);
    buf_init(&h->tenant, VALUE_BYTES);
    buf_init(&h->service, VALUE_BYTES);
    buf_init(&h->limit, VALUE_BYTES);
    op_init(&h->req.op, on_runs_done);
    admin_call_begin(&h->call, a, x, runs_free_call);
    return h;
}

/* Starts the query, or ends the call with what it refused. */
static void runs_submit(
    struct history_call *h, int (*query)(struct pg_pool *pool,
                                struct loop *loop, struct history_req *req))
{
    const struct admin_options *o = &h->call.admin->options;

    if (query(o->history, o->loop, &h->req) < 0) {
        admin_call_error(
            &h->call, api_status_of(h->req.op.err.code), h->req.op.err.msg);
        admin_call_end(&h->call);
    }
}

static void runs_refuse(struct history_call *h, const char *message)
{
    admin_call_error(&h->call, 400, message);
    admin_call_end(&h->call);
}

/* A parameter into `out`, and *value to it; false when it is malformed. */
static bool parameter(const struct history_call *h, const char *name,
    struct buf *out, const char **value)
{
    int rc = http_query(h->call.x->query, name, out);

    if (rc < 0 || out->error != 0 || (rc > 0 && !utf8_valid(buf_view(out))))
        return false;
    *value = rc > 0 && out->len > 0 ? out->data : NULL;
    return true;
}

static bool read_limit(struct history_call *h)
{
    const char *text = NULL;
    char *end;
    long n;

    if (!parameter(h, "limit", &h->limit, &text))
        return false;
    if (text == NULL)
        return true;
    n = strtol(text, &end, 10);
    if (*end != '\0' || n < 1 || n > HISTORY_MOST)
        return false;
    h->req.limit = (int)n;
    return true;
}

/* Index of the status among the allowed ones, 0 when there is none; -1: it is
 * another word, and has been refused. */
static int runs_read_status(
    struct history_call *h, const char *const *allowed, size_t n)
{
    char message[256];
    size_t len;

    if (!parameter(h, "status", &h->status, &h->req.status)) {
        runs_refuse(h, "a parameter of the query cannot be read");
        return -1;
    }
    if (h->req.status == NULL)
        return 0;
    for (size_t i = 0; i < n; i++)
        if (strcmp(h->req.status, allowed[i]) == 0)
            return (int)i;
    len = (size_t)snprintf(message, sizeof(message), "\"status\" must be ");
    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(message + len, sizeof(message) - len, "%s%s",
            i == 0       ? ""
            : i + 1 == n ? " or "
                         : ", ",
            allowed[i]);
    runs_refuse(h, message);
    return -1;
}

void handle_runs(struct admin *a, struct http_exchange *x, struct str id)
{
    static const char *const allowed[] = {"running", "success", "partial",
        "failed", "canceled", "interrupted", "abandoned"};
    struct history_call *h = new_call(a, x);

    if (runs_read_status(h, allowed, sizeof(allowed) / sizeof(*allowed)) < 0)
        return;
    if (!read_limit(h))
        runs_refuse(h, "\"limit\" must be a whole number from 1 to 500");
    else if (!parameter(h, "before", &h->before, &h->req.before) ||
             !parameter(h, "tenant_id", &h->tenant, &h->req.tenant))
        runs_refuse(h, "a parameter of the query cannot be read");
    else
        runs_submit(h, history_runs);
}

void handle_run(struct admin *a, struct http_exchange *x, struct str id)
{
    struct history_call *h = new_call(a, x);

    if (http_decode(id, &h->id) < 0 || h->id.error != 0 ||
        !utf8_valid(buf_view(&h->id))) {
        runs_refuse(h, "the id of the run cannot be read");
        return;
    }
    h->req.id = h->id.data;
    runs_submit(h, history_run);
}

void handle_dead_letters(
    struct admin *a, struct http_exchange *x, struct str id)
{
    static const char *const allowed[] = {"open", "resolved", "all"};
    static const enum history_letters letters[] = {
        LETTERS_OPEN, LETTERS_RESOLVED, LETTERS_ALL};
    struct history_call *h = new_call(a, x);
    int status =
        runs_read_status(h, allowed, sizeof(allowed) / sizeof(*allowed));

    if (status < 0)
        return;
    h->req.letters = letters[status];
    if (!read_limit(h))
        runs_refuse(h, "\"limit\" must be a whole number from 1 to 500");
    else if (!parameter(h, "service", &h->service, &h->req.service) ||
             !parameter(h, "tenant_id", &h->tenant, &h->req.tenant))
        runs_refuse(h, "a parameter of the query cannot be read");
    else
        runs_submit(h, history_dead_letters);
}
