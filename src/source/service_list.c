/*
 * Asks which services there are.
 *
 * Happy path: the environment names them and the request finishes at once; or
 * the coordinator is asked for /services/list, and where that does not exist
 * (404), for /services, whose entries are objects.
 *
 * Failures: any failure of the coordinator, an empty list included, is logged
 * and the fallback is used. Only an empty fallback is an error.
 *
 * Cancel: goes to the HTTP request; its callback ends ours, without fallback.
 *
 * Close: there is nothing to close; the HTTP client's close is a cancel.
 */
#include "source/service_list.h"

#include "base/log.h"
#include <stdlib.h>

enum { ASK_TIMEOUT_MS = 10000, ANSWER_BYTES = 1 << 20, URL_BYTES = 4096 };

/* A pending question; owns itself, freed when the answer has come. */
struct asking {
    const struct service_list *list; /* borrowed */
    struct services_req *req;        /* borrowed; its owner waits for us */
    struct list anchor;              /* of req->op.link, for its cancel */
    bool objects;                    /* /services was asked */
    struct buf url;
    struct http_req http;
};

/* --- sources ----------------------------------------------------------- */

static void service_list_answer(struct services_req *req,
    const struct service_names *list, const char *source)
{
    req->names = list->names;
    req->n = list->n;
    req->source = source;
}

static int service_list_use_text(struct services_req *req, const char *text,
    const char *source, struct err *err)
{
    struct service_names list = {.arena = req->arena};
    int rc = service_names_split(&list, text, err);

    if (rc == 0 && list.n == 0)
        rc = err_set(err, ERR_NOT_FOUND, "no services in %s", source);
    if (rc == 0)
        service_list_answer(req, &list, source);
    return rc;
}

/* `why` NULL: there is no coordinator to ask. */
static void service_list_fall_back(const struct service_list *l,
    struct services_req *req, const struct err *why, struct err *err)
{
    log_warn(NULL, "service list: %s; using the fallback",
        why != NULL ? why->msg : "no coordinator URL is set");
    service_list_use_text(req, l->fallback, "fallback", err);
}

/* --- asking ------------------------------------------------------------ */

static void on_service_list_answer(struct op *op);

static void service_list_asking_free(struct asking *a)
{
    http_req_clear(&a->http);
    buf_free(&a->url);
    free(a);
}

static const char *service_list_asked_path(const struct asking *a)
{
    return a->objects ? "/services" : "/services/list";
}

static void service_list_ask(struct asking *a)
{
    struct str base = str_of(a->list->http_url);
    struct err err;

    while (base.len > 0 && base.p[base.len - 1] == '/')
        base.len--;
    http_req_clear(&a->http);
    buf_reset(&a->url);
    buf_str(&a->url, base);
    buf_puts(&a->url, service_list_asked_path(a));
    op_init(&a->http.op, on_service_list_answer);
    if (a->url.error != 0) {
        err_set(&err, ERR_CONFIG, "the URL is too long");
        op_fail(&a->http.op, &a->list->loop->ready, &err);
        return;
    }
    a->http.method = "GET";
    a->http.url = a->url.data;
    a->http.timeout_ms = ASK_TIMEOUT_MS;
    a->http.max_answer_bytes = ANSWER_BYTES;
    http_send(a->list->http, &a->http);
}

static int service_list_asking_read(struct asking *a, struct err *err)
{
    struct service_names list = {.arena = a->req->arena};

    *err = a->http.op.err;
    if (err->code == 0 && a->http.status != 200)
        err_set(err, ERR_UNAVAILABLE, "HTTP %d", a->http.status);
    if (err->code == 0)
        service_names_read(&list, buf_view(&a->http.answer), err);
    if (err->code != 0)
        return err_wrap(err, "coordinator: GET %s", service_list_asked_path(a));
    service_list_answer(a->req, &list, "coordinator");
    return 0;
}

/* Only the first path is missing, and the request has not been canceled. */
static bool service_list_asks_again(struct asking *a)
{
    if (a->http.op.err.code != 0 || a->http.status != 404 || a->objects ||
        a->req->op.err.code != 0)
        return false;
    a->objects = true;
    service_list_ask(a);
    return true;
}

static void service_list_asking_step(struct asking *a)
{
    const struct service_list *l = a->list;
    struct services_req *req = a->req;
    struct err why, err;

    err_clear(&err);
    if (service_list_asks_again(a))
        return;
    service_list_asking_read(a, &why);
    list_remove(&req->op.link);
    service_list_asking_free(a);
    if (why.code == ERR_CANCELED)
        err = why;
    else if (why.code != 0)
        service_list_fall_back(l, req, &why, &err);
    op_finish(&req->op, &err);
}

static void on_service_list_answer(struct op *op)
{
    struct asking *a = container_of(op, struct asking, http.op);

    service_list_asking_step(a);
}

/*
 * The request has no pointer to its asking; its link in our list leads to it.
 */
static void service_list_asking_cancel(struct op *op)
{
    struct asking *a = container_of(op->link.next, struct asking, anchor);

    op_cancel(&a->http.op);
}

static void service_list_asking_start(
    const struct service_list *l, struct services_req *req)
{
    struct asking *a = calloc(1, sizeof(*a));

    if (a == NULL)
        abort();
    a->list = l;
    a->req = req;
    list_init(&a->anchor);
    buf_init(&a->url, URL_BYTES);
    op_begin(&req->op, &l->loop->ready, service_list_asking_cancel);
    list_push(&a->anchor, &req->op.link);
    service_list_ask(a);
}

void service_list_submit(const struct service_list *l, struct services_req *req)
{
    bool asks = l->http_url != NULL && *l->http_url != '\0';
    struct err err;

    err_clear(&err);
    if (service_list_use_text(req, l->env, "env", &err) == ERR_NOT_FOUND) {
        err_clear(&err);
        if (asks) {
            service_list_asking_start(l, req);
            return;
        }
        service_list_fall_back(l, req, NULL, &err);
    }
    op_begin(&req->op, &l->loop->ready, NULL);
    op_finish(&req->op, &err);
}
