/*
 * Reading from a connection of the server.
 *
 * Happy path: bytes go to the parser of the exchange that is being read
 * (READING). When that is complete the handler gets it (BUSY). What the client
 * sends before the answer has been written is kept, up to a bound from which
 * on nothing is read; then the next request is taken from there. Nothing but
 * the arrival of bytes and the end of a write calls the handler.
 * A request with a body is shown to the handler's `admit` first.
 *
 * Failures: bytes that cannot become a request are refused with an answer that
 * is the connection's last. When the client closes its side, an open exchange
 * gets on_gone; complete requests are still answered.
 *
 * On close: nothing is read any more.
 */
#include "net/http/http_server_impl.h"

#include <stdlib.h>

/* The first request's time starts with the connection. */
static void http_server_read_begin_request(struct http_conn *c)
{
    uint64_t deadline_ms = c->deadline_ms, since_ms = c->since_ms;

    c->x = http_server_must(calloc(1, sizeof(*c->x)));
    c->x->parse = http_parse_new(&c->server->limits);
    http_conn_set(c, CONN_READING);
    if (!c->fresh) {
        http_conn_due_in(c, c->server->options.request_ms);
        return;
    }
    c->deadline_ms = deadline_ms;
    c->since_ms = since_ms;
}

static void conn_read_show(struct http_conn *c)
{
    struct http_exchange *x = c->x;

    c->fresh = false;
    x->conn = c;
    x->peer = x->peer_text;
    x->peer_is_loopback = c->peer_is_loopback;
    http_conn_peer_text(c, x->peer_text, sizeof(x->peer_text));
    x->begun_ms = loop_now_ms(c->server->loop);
    http_parse_view(x->parse, x);
    http_conn_set(c, CONN_BUSY);
}

static void conn_read_hand_over(struct http_conn *c)
{
    struct http_server *s = c->server;

    conn_read_show(c);
    s->stats.requests++;
    s->options.handler(s->options.arg, c->x);
}

/* May its body be read? If not, it is the handler's. */
static bool conn_read_admit(struct http_conn *c)
{
    const struct http_server_options *o = &c->server->options;
    struct http_parse *parse = c->x->parse;
    uint64_t deadline_ms = c->deadline_ms;
    long most;

    if (o->admit == NULL)
        return true;
    c->unread = true;
    conn_read_show(c);
    most = o->admit(o->arg, c->x);
    if (most < 0) {
        c->server->stats.requests++;
        return false;
    }
    c->unread = false;
    c->x->conn = NULL; /* it is the server's again, until its body is there */
    http_conn_set(c, CONN_READING);
    c->deadline_ms = deadline_ms;
    if (http_parse_limit_body(parse, (size_t)most))
        return true;
    http_conn_refuse(c, 413, "the body is too long");
    return false;
}

/* Reading. */

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

/* One buffer for all: it is used up before the next read. */
static void on_http_server_read_alloc(
    uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct http_conn *c = container_of(handle, struct http_conn, tcp);

    *buf = uv_buf_init(c->server->read_buf, READ_BYTES);
}

void http_conn_read(struct http_conn *c)
{
    if (c->reading || c->eof || c->state == CONN_CLOSED)
        return;
    c->reading = true;
    if (uv_read_start(
            (uv_stream_t *)&c->tcp, on_http_server_read_alloc, on_read) < 0)
        http_conn_close(c);
}

static void read_stop(struct http_conn *c)
{
    c->reading = false;
    uv_read_stop((uv_stream_t *)&c->tcp);
}

size_t http_conn_ahead(const struct http_conn *c)
{
    return c->ahead.len - c->ahead_at;
}

/* Fits always: nothing is read from AHEAD_BYTES on. */
static void http_server_read_keep_ahead(struct http_conn *c, struct str in)
{
    struct buf *b = &c->ahead;

    if (c->ahead_at > 0) {
        b->len -= c->ahead_at;
        memmove(b->data, b->data + c->ahead_at, b->len);
        c->ahead_at = 0;
    }
    buf_str(b, in);
    if (b->error != 0)
        http_conn_close(c);
    else if (http_conn_ahead(c) >= AHEAD_BYTES)
        read_stop(c);
}

static void http_server_read_took_ahead(struct http_conn *c, size_t n)
{
    c->ahead_at += n;
    if (c->ahead_at < c->ahead.len)
        return;
    c->ahead_at = 0;
    http_server_reuse(&c->ahead);
}

static enum http_parse_result http_server_read_feed(
    struct http_conn *c, struct str in, size_t *used)
{
    enum http_parse_result result;
    size_t head;

    if (c->state == CONN_IDLE)
        http_server_read_begin_request(c);
    result = http_parse_feed(c->x->parse, in, used);
    if (result != HTTP_PARSE_HEAD || !conn_read_admit(c))
        return result;
    head = *used;
    result = http_parse_feed(
        c->x->parse, (struct str){in.p + head, in.len - head}, used);
    *used += head;
    return result;
}

static void http_server_read_reading_on(struct http_conn *c)
{
    struct http_server *s = c->server;

    http_conn_hold(c, http_parse_body_bytes(c->x->parse));
    if (s->held_bytes > s->limits.body_bytes * HELD_BODIES)
        http_conn_refuse(c, 503, "too many requests were sent at once");
    else if (c->eof)
        http_conn_refuse(c, 400, "the request is incomplete");
    else if (http_parse_continue(c->x->parse))
        http_conn_continue(c);
}

static void http_server_read_act(
    struct http_conn *c, enum http_parse_result result)
{
    const struct http_parse_info *info = http_parse_info(c->x->parse);

    switch (result) {
    case HTTP_PARSE_MORE:
    case HTTP_PARSE_HEAD: /* not admitted: the state is another one */
        http_server_read_reading_on(c);
        break;
    case HTTP_PARSE_DONE:
        http_conn_hold(c, http_parse_body_bytes(c->x->parse));
        conn_read_hand_over(c);
        break;
    case HTTP_PARSE_BAD:
        http_conn_refuse(c, info->status, info->message);
        break;
    }
}

static void on_http_server_read_input(struct http_conn *c, struct str in)
{
    enum http_parse_result result;
    size_t used;

    if (c->state == CONN_LINGERING || c->state == CONN_CLOSED)
        return;
    if (c->state != CONN_IDLE && c->state != CONN_READING) {
        http_server_read_keep_ahead(c, in);
        return;
    }
    result = http_server_read_feed(c, in, &used);
    if (used < in.len)
        http_server_read_keep_ahead(
            c, (struct str){in.p + used, in.len - used});
    if (c->state == CONN_READING)
        http_server_read_act(c, result);
}

void http_conn_resume(struct http_conn *c)
{
    struct str in = {c->ahead.data + c->ahead_at, http_conn_ahead(c)};
    size_t used;
    enum http_parse_result result = http_server_read_feed(c, in, &used);

    http_server_read_took_ahead(c, used);
    if (http_conn_ahead(c) < AHEAD_BYTES)
        http_conn_read(c);
    if (c->state == CONN_READING)
        http_server_read_act(c, result);
}

static void on_http_server_read_eof(struct http_conn *c)
{
    c->eof = true;
    read_stop(c);
    switch (c->state) {
    case CONN_READING:
        http_conn_refuse(c, 400, "the request is incomplete");
        break;
    case CONN_BUSY:
    case CONN_STREAMING:
        http_exchange_gone(c->x);
        break;
    case CONN_IDLE:
    case CONN_LINGERING:
        http_conn_close(c);
        break;
    case CONN_ANSWERING:
    case CONN_CLOSED:
        break;
    }
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct http_conn *c = container_of(stream, struct http_conn, tcp);

    if (n == UV_EOF)
        on_http_server_read_eof(c);
    else if (n < 0)
        http_conn_close(c);
    else if (n > 0)
        on_http_server_read_input(c, (struct str){buf->base, (size_t)n});
}
