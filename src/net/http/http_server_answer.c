/*
 * What a connection of the server sends.
 *
 * Happy path: an answer, or a part of one, is appended to out.queued. While no
 * write is under way, http_server_answer_flush() makes it out.sending and
 * writes it; when that is written, what has been queued meanwhile follows. When
 * nothing is left of a complete answer the connection goes on.
 *
 * Failures: a write that fails closes the connection; so does the lack of
 * memory for an answer. A client that does not read is noticed by the
 * connection's tick (http_server_conn.c); a stream to it is told ERR_BUSY.
 *
 * On close: a write under way ends as canceled and is not looked at.
 */
#include "net/http/http_server_impl.h"

#include <assert.h>

/* An answer's first part. */
struct head {
    int status;
    const struct http_header_out *headers; /* n of them; borrowed */
    size_t n;
    const char *type;  /* Content-Type; NULL: in the headers, or none */
    size_t body_bytes; /* unless streaming */
    bool streaming;    /* the length is not known */
};

/* Writing. */

static void http_server_answer_flush(struct http_conn *c);

static void on_http_server_answer_written(uv_write_t *req, int status)
{
    struct http_conn *c = container_of(req, struct http_conn, out.req);

    c->out.busy = false;
    http_server_reuse(&c->out.sending);
    if (c->state == CONN_CLOSED)
        return;
    if (status < 0)
        http_conn_close(c);
    else if (c->out.queued.len > 0)
        http_server_answer_flush(c);
    else
        http_conn_sent(c);
}

static void http_server_answer_swap_queued(struct http_out *out)
{
    struct buf empty = out->sending;

    out->sending = out->queued;
    out->queued = empty;
}

static void http_server_answer_flush(struct http_conn *c)
{
    struct http_out *out = &c->out;
    uv_buf_t buf;

    if (out->queued.error != 0) {
        http_conn_close(c);
        return;
    }
    if (out->busy || out->queued.len == 0)
        return;
    http_server_answer_swap_queued(out);
    buf = uv_buf_init(out->sending.data, (unsigned)out->sending.len);
    out->busy = true;
    out->left = out->sending.len;
    out->deadline_ms =
        loop_now_ms(c->server->loop) + (uint64_t)c->server->options.write_ms;
    if (uv_write(&out->req, (uv_stream_t *)&c->tcp, &buf, 1,
            on_http_server_answer_written) == 0)
        return;
    out->busy = false;
    http_conn_close(c);
}

size_t http_conn_unsent(const struct http_conn *c)
{
    return uv_stream_get_write_queue_size((const uv_stream_t *)&c->tcp);
}

void http_conn_continue(struct http_conn *c)
{
    buf_puts(&c->out.queued, "HTTP/1.1 100 Continue\r\n\r\n");
    http_server_answer_flush(c);
}

/* Heads. */

static bool http_server_answer_has_body(int status)
{
    return status != 204 && status != 304;
}

static void http_server_answer_put_framing(
    struct http_conn *c, const struct head *h)
{
    struct buf *out = &c->out.queued;

    if (h->streaming && c->chunked)
        buf_puts(out, "Transfer-Encoding: chunked\r\n");
    else if (!h->streaming && http_server_answer_has_body(h->status))
        buf_printf(out, "Content-Length: %zu\r\n", h->body_bytes);
}

/* HTTP/1.0 clients must be told that the connection stays open. */
static void http_server_answer_put_connection(struct http_conn *c, bool http10)
{
    if (c->last)
        buf_puts(&c->out.queued, "Connection: close\r\n");
    else if (http10)
        buf_puts(&c->out.queued, "Connection: keep-alive\r\n");
}

static void http_server_answer_put_head(
    struct http_conn *c, const struct head *h, bool http10)
{
    struct buf *out = &c->out.queued;

    buf_printf(
        out, "HTTP/1.1 %d %s\r\n", h->status, http_status_text(h->status));
    http_put_date(out);
    buf_puts(out, "X-Content-Type-Options: nosniff\r\n");
    if (h->type != NULL)
        http_put_header(out, "Content-Type", h->type);
    for (size_t i = 0; i < h->n; i++)
        http_put_header(out, h->headers[i].name, h->headers[i].value);
    http_server_answer_put_framing(c, h);
    http_server_answer_put_connection(c, http10);
    buf_puts(out, "\r\n");
}

/* Answers. */

/* Can the exchange still be answered? If not, it is freed. */
static struct http_conn *http_server_answer_conn_of(struct http_exchange *x)
{
    struct http_conn *c = x->conn;

    if (c == NULL) {
        http_exchange_free(x);
        return NULL;
    }
    if (c->state == CONN_CLOSED) {
        http_conn_drop_exchange(c);
        return NULL;
    }
    return c;
}

static bool http_server_answer_is_last(
    const struct http_conn *c, const struct http_exchange *x)
{
    return c->unread || !http_parse_info(x->parse)->keep_alive ||
           c->server->draining || (c->eof && http_conn_ahead(c) == 0);
}

/* Reports the answer for the metrics; the exchange is about to be freed. */
static void http_server_answer_tell_answered(
    const struct http_conn *c, int status)
{
    const struct http_server *s = c->server;

    if (s->options.answered != NULL)
        s->options.answered(s->options.arg, c->x, status,
            loop_now_ms(s->loop) - c->x->begun_ms);
}

static void answer_send(struct http_conn *c, struct head *h, struct str body)
{
    const struct http_parse_info *info = http_parse_info(c->x->parse);

    assert(c->state == CONN_BUSY);
    h->body_bytes = body.len;
    c->last = http_server_answer_is_last(c, c->x);
    http_server_answer_put_head(c, h, info->http10);
    if (!info->head && http_server_answer_has_body(h->status))
        buf_str(&c->out.queued, body);
    http_server_answer_tell_answered(c, h->status);
    http_conn_drop_exchange(c);
    http_conn_set(c, CONN_ANSWERING);
    http_server_answer_flush(c);
}

static void answer_error(
    struct http_conn *c, struct head *h, const char *message)
{
    struct buf body;

    h->type = "application/json";
    buf_init(&body, HEAD_BYTES);
    http_put_error(&body, h->status, message, c->x->path);
    answer_send(c, h, buf_view(&body));
    buf_free(&body);
}

void http_answer_error(struct http_exchange *x, int status,
    const struct http_header_out *headers, size_t n, const char *message)
{
    struct head h = {.status = status, .headers = headers, .n = n};
    struct http_conn *c = http_server_answer_conn_of(x);

    assert(status >= 400 && status < 600);
    if (c != NULL)
        answer_error(c, &h, message);
}

void http_answer(struct http_exchange *x, int status,
    const struct http_header_out *headers, size_t n, struct str body)
{
    struct head h = {.status = status, .headers = headers, .n = n};
    struct http_conn *c = http_server_answer_conn_of(x);

    assert(status >= 200 && status < 600);
    if (c == NULL)
        return;
    if (body.len > BODY_BYTES)
        http_answer_error(x, 500, NULL, 0, "the answer is too long");
    else
        answer_send(c, &h, body);
}

/* There is no exchange yet, or the handler does not own it. */
void http_conn_refuse(struct http_conn *c, int status, const char *message)
{
    struct head h = {.status = status, .type = "application/json"};
    struct http_exchange none = {.path = STR("")};
    struct http_exchange *x = c->x != NULL ? c->x : &none;
    struct buf body;

    if (x != &none)
        http_parse_view(x->parse, x);
    buf_init(&body, HEAD_BYTES);
    http_put_error(&body, status, message, x->path);
    h.body_bytes = body.len;
    c->last = true;
    http_server_answer_put_head(c, &h, false);
    if (x == &none || !http_parse_info(x->parse)->head)
        buf_str(&c->out.queued, buf_view(&body));
    buf_free(&body);
    http_conn_drop_exchange(c);
    c->server->stats.refused++;
    http_conn_set(c, CONN_ANSWERING);
    http_server_answer_flush(c);
}

/* Streams. */

/* Without chunks, the end of the connection is the end of the answer. */
void http_stream_begin(struct http_exchange *x, int status,
    const struct http_header_out *headers, size_t n)
{
    struct head h = {
        .status = status, .headers = headers, .n = n, .streaming = true};
    struct http_conn *c = x->conn;
    const struct http_parse_info *info = http_parse_info(x->parse);

    assert(
        status >= 200 && status < 600 && http_server_answer_has_body(status));
    if (c == NULL || c->state == CONN_CLOSED)
        return;
    c->chunked = !info->http10;
    c->mute = info->head;
    c->last = !c->chunked || c->mute || http_server_answer_is_last(c, x);
    x->status = status;
    http_server_answer_put_head(c, &h, info->http10);
    http_conn_set(c, CONN_STREAMING);
    http_server_answer_flush(c);
}

static void http_server_answer_put_part(struct http_conn *c, struct str part)
{
    struct buf *out = &c->out.queued;

    if (c->chunked)
        buf_printf(out, "%zx\r\n", part.len);
    buf_str(out, part);
    if (c->chunked)
        buf_puts(out, "\r\n");
}

int http_stream_write(struct http_exchange *x, struct str part)
{
    struct http_conn *c = x->conn;
    size_t most, waiting;

    if (c == NULL || c->state == CONN_CLOSED)
        return ERR_UNAVAILABLE;
    assert(c->state == CONN_STREAMING);
    if (c->mute || part.len == 0)
        return 0;
    most = c->server->options.max_queue_bytes;
    waiting = http_conn_unsent(c) + c->out.queued.len;
    if (waiting > most || part.len > most - waiting)
        return ERR_BUSY;
    http_server_answer_put_part(c, part);
    http_server_answer_flush(c);
    return c->state == CONN_CLOSED ? ERR_UNAVAILABLE : 0;
}

/* With nothing left to write this is the last answer, so that the handler
 * is not called from here. */
void http_stream_end(struct http_exchange *x)
{
    struct http_conn *c = http_server_answer_conn_of(x);

    if (c == NULL)
        return;
    assert(c->state == CONN_STREAMING);
    if (c->chunked && !c->mute)
        buf_puts(&c->out.queued, "0\r\n\r\n");
    http_server_answer_tell_answered(c, x->status);
    http_conn_drop_exchange(c);
    http_conn_set(c, CONN_ANSWERING);
    http_server_answer_flush(c);
    if (c->state == CONN_ANSWERING && !c->out.busy)
        http_conn_sent(c);
}
