/*
 * HTTP over libcurl's multi interface.
 *
 * Happy path: http_send() puts the call at the end of its host's line. While
 * fewer than max_connections calls of the host are running, the first in line
 * is started: it gets an easy handle in the multi handle, and its clock
 * begins; on a kept connection the request is sent within http_send(). libcurl
 * says which sockets to watch (on_socket) and when it wants to be woken
 * (on_timer_wanted); every event goes through http_client_drive(), which hands
 * it to libcurl and then settles all transfers that have finished.
 *
 * Failures: libcurl's result becomes a code of base/err.h with the host and
 * libcurl's reason. When a kept connection turns out to be closed before a
 * byte of the answer came, the request goes out once more on a new one, in
 * what is left of its time. An answer past its cap aborts its connection.
 *
 * On cancel: a waiting call leaves the line, a running one is taken out of
 * libcurl, which closes its connection; the callback follows on the loop.
 *
 * On close: all calls end as canceled, libcurl lets go of its sockets, then
 * the uv handles close; the last close callback frees the client.
 */
#include "net/http/http_client_impl.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>

enum { HEAD_BYTES = 32 * 1024 }; /* what is beyond is not kept */

/* A socket that libcurl wants watched; freed in its close callback. */
struct http_watch {
    struct list link; /* in the client's watches */
    uv_poll_t poll;
    struct http_client *client; /* borrowed */
    curl_socket_t fd;           /* libcurl's */
};

struct http_client {
    struct loop *loop; /* borrowed */
    CURLM *multi;      /* owned */
    uv_timer_t timer;
    struct list hosts, calls, watches; /* owned */
    int max_connections;               /* busy ones a host */
    int handles;                       /* uv handles not yet closed */
    bool closing;
};

static void http_client_drive(
    struct http_client *c, curl_socket_t fd, int events);

static void http_client_handle_closed(struct http_client *c)
{
    if (--c->handles > 0)
        return;
    free(c);
    curl_global_cleanup();
}

/* Sockets and the timer, as libcurl asks for them. */

static void on_http_client_poll(uv_poll_t *poll, int status, int events)
{
    struct http_watch *w = container_of(poll, struct http_watch, poll);
    int flags = 0;

    if (status < 0)
        flags |= CURL_CSELECT_ERR;
    if (events & UV_READABLE)
        flags |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        flags |= CURL_CSELECT_OUT;
    http_client_drive(w->client, w->fd, flags);
}

static void on_http_client_watch_closed(uv_handle_t *handle)
{
    struct http_watch *w = container_of(handle, struct http_watch, poll);
    struct http_client *c = w->client;

    free(w);
    http_client_handle_closed(c);
}

static void http_client_watch_close(struct http_watch *w)
{
    list_remove(&w->link);
    uv_poll_stop(&w->poll);
    uv_close((uv_handle_t *)&w->poll, on_http_client_watch_closed);
}

static struct http_watch *http_client_watch_open(
    struct http_client *c, curl_socket_t fd)
{
    struct http_watch *w = http_must(calloc(1, sizeof(*w)));

    w->client = c;
    w->fd = fd;
    if (uv_poll_init(&c->loop->uv, &w->poll, fd) < 0) {
        free(w);
        return NULL;
    }
    c->handles++;
    list_push(&c->watches, &w->link);
    curl_multi_assign(c->multi, fd, w);
    return w;
}

static int on_http_client_socket(
    CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned)
{
    struct http_watch *w = assigned;
    int events = 0;

    if (what == CURL_POLL_REMOVE) {
        if (w != NULL)
            http_client_watch_close(w);
        return 0;
    }
    if (w == NULL)
        w = http_client_watch_open(arg, fd);
    if (w == NULL)
        return -1;
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
        events |= UV_READABLE;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
        events |= UV_WRITABLE;
    return uv_poll_start(&w->poll, events, on_http_client_poll) < 0 ? -1 : 0;
}

static void on_http_client_timer(uv_timer_t *timer)
{
    struct http_client *c = container_of(timer, struct http_client, timer);

    http_client_drive(c, CURL_SOCKET_TIMEOUT, 0);
}

/* Never calls libcurl from here: a delay of 0 means the next iteration. */
static int on_http_client_timer_wanted(CURLM *multi, long delay_ms, void *arg)
{
    struct http_client *c = arg;

    if (delay_ms < 0)
        uv_timer_stop(&c->timer);
    else
        uv_timer_start(&c->timer, on_http_client_timer, (uint64_t)delay_ms, 0);
    return 0;
}

/* Calls: in line, running, ended. */

static struct http_host *http_client_find_host(
    struct http_client *c, const char *place)
{
    struct http_host *host;

    list_for_each (node, &c->hosts) {
        host = container_of(node, struct http_host, link);
        if (strcmp(host->place, place) == 0)
            return host;
    }
    host = http_must(calloc(1, sizeof(*host)));
    list_init(&host->waiting);
    snprintf(host->place, sizeof(host->place), "%s", place);
    list_push(&c->hosts, &host->link);
    return host;
}

static void http_client_start_first(
    struct http_client *c, struct http_host *host)
{
    struct http_call *call =
        container_of(list_take(&host->waiting), struct http_call, line);

    host->running++;
    http_call_open(call, loop_now_ms(c->loop));
    curl_multi_add_handle(c->multi, call->easy);
}

/* Starts waiting calls; frees the host when no call needs it any more. */
static void http_client_host_next(struct http_client *c, struct http_host *host)
{
    while (!c->closing && host->running < c->max_connections &&
           !list_empty(&host->waiting))
        http_client_start_first(c, host);
    if (host->running > 0 || !list_empty(&host->waiting))
        return;
    list_remove(&host->link);
    free(host);
}

static void http_client_call_end(struct http_call *call, const struct err *err)
{
    struct http_client *c = call->client;
    struct http_host *host = call->host;
    struct http_req *req = call->req;

    if (call->easy != NULL) {
        curl_multi_remove_handle(c->multi, call->easy);
        host->running--;
    }
    list_remove(&call->line);
    list_remove(&call->link);
    http_call_free(call);
    req->call = NULL;
    op_finish(&req->op, err);
    http_client_host_next(c, host);
}

static void http_client_call_cancel(struct op *op)
{
    http_client_call_end(container_of(op, struct http_req, op)->call, NULL);
}

static void http_client_call_settle(struct http_call *call, CURLcode result)
{
    struct http_client *c = call->client;
    struct err err;

    uint64_t now_ms = loop_now_ms(c->loop);

    if (http_call_again(call, result, now_ms) ||
        http_call_redirected(call, result, now_ms)) {
        curl_multi_remove_handle(c->multi, call->easy);
        curl_multi_add_handle(c->multi, call->easy);
        return;
    }
    http_call_outcome(call, result, &err);
    http_client_call_end(call, &err);
}

/* Hands an event to libcurl, then settles everything that has finished. */
static void http_client_drive(
    struct http_client *c, curl_socket_t fd, int events)
{
    CURLMsg *msg;
    int left;

    curl_multi_socket_action(c->multi, fd, events, &left);
    while ((msg = curl_multi_info_read(c->multi, &left)) != NULL) {
        void *call = NULL;

        if (msg->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&call);
        http_client_call_settle(call, msg->data.result);
    }
}

void http_send(struct http_client *c, struct http_req *req)
{
    struct http_call *call;
    char place[PLACE_BYTES] = "";
    struct err err;

    assert(req->timeout_ms > 0 && req->max_answer_bytes > 0);
    req->status = 0;
    req->retry_after_ms = 0;
    buf_init(&req->answer, req->max_answer_bytes);
    buf_init(&req->head, HEAD_BYTES);
    if (c->closing) {
        err_set(&err, ERR_CANCELED, "the client is closed");
        op_fail(&req->op, &c->loop->ready, &err);
        return;
    }
    call = req->call = http_must(calloc(1, sizeof(*call)));
    call->client = c;
    call->req = req;
    list_init(&call->line);
    list_push(&c->calls, &call->link);
    op_begin(&req->op, &c->loop->ready, http_client_call_cancel);
    err_clear(&err);
    http_call_read(call, place, &err);
    call->host = http_client_find_host(c, place);
    if (err.code != 0) {
        http_client_call_end(call, &err);
        return;
    }
    list_push(&call->host->waiting, &call->line);
    http_client_host_next(c, call->host);
    http_client_drive(c, CURL_SOCKET_TIMEOUT, 0); /* sent at once */
}

void http_req_clear(struct http_req *req)
{
    buf_free(&req->answer);
    buf_free(&req->head);
}

/* The client's own life. */

static void http_client_set_multi(struct http_client *c)
{
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_http_client_socket);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(
        c->multi, CURLMOPT_TIMERFUNCTION, on_http_client_timer_wanted);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    curl_multi_setopt(
        c->multi, CURLMOPT_MAXCONNECTS, (long)c->max_connections * 2);
}

int http_client_init(struct http_client **out, struct loop *loop,
    int max_connections, struct err *err)
{
    struct http_client *c;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(err, ERR_INTERNAL, "libcurl failed to start");
    signal(SIGPIPE, SIG_IGN);
    c = http_must(calloc(1, sizeof(*c)));
    c->loop = loop;
    c->max_connections = max_connections;
    list_init(&c->hosts);
    list_init(&c->calls);
    list_init(&c->watches);
    uv_timer_init(&loop->uv, &c->timer);
    c->handles = 1;
    c->multi = http_must(curl_multi_init());
    http_client_set_multi(c);
    *out = c;
    return 0;
}

static void on_http_client_timer_closed(uv_handle_t *handle)
{
    http_client_handle_closed(container_of(handle, struct http_client, timer));
}

/* libcurl may still stop watching sockets while it closes connections. */
void http_client_close(struct http_client *c)
{
    struct err canceled;

    c->closing = true;
    err_set(&canceled, ERR_CANCELED, "canceled");
    while (!list_empty(&c->calls))
        http_client_call_end(
            container_of(c->calls.next, struct http_call, link), &canceled);
    curl_multi_cleanup(c->multi);
    while (!list_empty(&c->watches))
        http_client_watch_close(
            container_of(c->watches.next, struct http_watch, link));
    uv_close((uv_handle_t *)&c->timer, on_http_client_timer_closed);
}
