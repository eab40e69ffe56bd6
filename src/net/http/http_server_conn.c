/*
 * A connection of the server: from accept to close.
 *
 * Happy path: it reads requests (http_server_read.c), the handler answers
 * them one after the other (http_server_answer.c), and between two it is idle.
 *
 * Failures: a request that takes too long is refused; a connection that
 * breaks, or whose client takes no bytes, is closed.
 *
 * The last answer: we close our side and go on reading for a moment
 * (LINGERING), because closing a socket with unread bytes would destroy the
 * answer on its way. A client that has closed its side still gets its answer.
 *
 * On close: the socket is closed at once; in its close callback the exchange
 * loses its connection, gets on_gone, and belongs to the handler alone.
 */
#include "net/http/http_server_impl.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

/* Where a state may lead. */
static const unsigned successors[] = {
    [CONN_IDLE] = 1 << CONN_READING | 1 << CONN_ANSWERING,
    [CONN_READING] = 1 << CONN_BUSY | 1 << CONN_ANSWERING,
    [CONN_BUSY] = 1 << CONN_READING | 1 << CONN_STREAMING | 1 << CONN_ANSWERING,
    [CONN_STREAMING] = 1 << CONN_ANSWERING,
    [CONN_ANSWERING] = 1 << CONN_IDLE | 1 << CONN_LINGERING,
    [CONN_LINGERING] = 0,
    [CONN_CLOSED] = 0,
};

void http_conn_set(struct http_conn *c, enum http_conn_state state)
{
    assert(state == CONN_CLOSED || successors[c->state] & 1u << state);
    c->state = state;
    c->deadline_ms = 0;
    c->since_ms = loop_now_ms(c->server->loop);
}

void http_conn_due_in(struct http_conn *c, int ms)
{
    c->deadline_ms = loop_now_ms(c->server->loop) + (uint64_t)ms;
}

/* Exchanges. */

void http_exchange_free(struct http_exchange *x)
{
    http_parse_free(x->parse);
    free(x);
}

void http_conn_hold(struct http_conn *c, size_t bytes)
{
    c->server->held_bytes += bytes - c->held_bytes;
    c->held_bytes = bytes;
}

void http_conn_drop_exchange(struct http_conn *c)
{
    if (c->x == NULL)
        return;
    http_conn_hold(c, 0);
    http_exchange_free(c->x);
    c->x = NULL;
}

void http_exchange_gone(struct http_exchange *x)
{
    void (*cb)(struct http_exchange *) = x->on_gone;

    x->on_gone = NULL;
    if (cb != NULL)
        cb(x);
}

/* After the answer. */

static void on_http_server_conn_shutdown(uv_shutdown_t *req, int status)
{
    struct http_conn *c = container_of(req, struct http_conn, shutdown);

    if (status < 0)
        http_conn_close(c);
}

static void http_server_conn_linger(struct http_conn *c)
{
    if (c->eof) {
        http_conn_close(c);
        return;
    }
    http_conn_set(c, CONN_LINGERING);
    http_conn_due_in(c, LINGER_MS);
    buf_free(&c->ahead);
    if (uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp,
            on_http_server_conn_shutdown) < 0)
        http_conn_close(c);
    else
        http_conn_read(c);
}

void http_conn_sent(struct http_conn *c)
{
    if (c->state != CONN_ANSWERING)
        return;
    if (c->last || c->server->draining) {
        http_server_conn_linger(c);
        return;
    }
    http_conn_set(c, CONN_IDLE);
    http_conn_due_in(c, c->server->options.idle_ms);
    if (http_conn_ahead(c) > 0)
        http_conn_resume(c);
    else if (c->eof)
        http_conn_close(c);
}

/* Deadlines. */

static bool http_server_conn_is_stuck(struct http_conn *c, uint64_t now_ms)
{
    size_t left = http_conn_unsent(c);

    if (!c->out.busy)
        return false;
    if (left < c->out.left) {
        c->out.left = left;
        c->out.deadline_ms = now_ms + (uint64_t)c->server->options.write_ms;
    }
    return now_ms >= c->out.deadline_ms;
}

static bool conn_has_no_line(const struct http_conn *c)
{
    return c->state == CONN_IDLE ||
           (c->state == CONN_READING && !http_parse_has_line(c->x->parse));
}

/* In a crowd a newcomer must say what it wants. */
static bool conn_says_nothing(const struct http_conn *c, uint64_t now_ms)
{
    return c->fresh && conn_has_no_line(c) && now_ms >= c->since_ms + LINE_MS &&
           http_crowd_is_dense(c->server);
}

void http_conn_tick(struct http_conn *c)
{
    uint64_t now_ms = loop_now_ms(c->server->loop);

    if (c->state == CONN_CLOSED)
        return;
    if (http_server_conn_is_stuck(c, now_ms))
        http_conn_close(c);
    else if (conn_says_nothing(c, now_ms))
        http_conn_refuse(c, 408, "the request took too long");
    else if (c->deadline_ms == 0 || now_ms < c->deadline_ms)
        return;
    else if (c->state == CONN_READING)
        http_conn_refuse(c, 408, "the request took too long");
    else
        http_conn_close(c);
}

void http_conn_drain(struct http_conn *c)
{
    if (c->state == CONN_IDLE && !c->fresh)
        http_conn_close(c);
    else if (c->state == CONN_IDLE)
        http_conn_due_in(c, LINGER_MS);
}

void http_conn_peer_text(const struct http_conn *c, char *out, size_t size)
{
    struct sockaddr_storage peer;
    int len = sizeof(peer);

    snprintf(out, size, "unknown");
    if (uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&peer, &len) == 0)
        uv_ip_name((struct sockaddr *)&peer, out, size);
}

/* Its beginning and its end. */

static void on_conn_closed(uv_handle_t *handle)
{
    struct http_conn *c = container_of(handle, struct http_conn, tcp);
    struct http_server *s = c->server;
    struct http_exchange *x = c->x;

    http_conn_hold(c, 0);
    if (x != NULL && x->conn == NULL) {
        http_exchange_free(x);
        x = NULL;
    }
    list_remove(&c->link);
    buf_free(&c->ahead);
    buf_free(&c->out.sending);
    buf_free(&c->out.queued);
    free(c);
    if (x != NULL) {
        x->conn = NULL;
        http_exchange_gone(x);
    }
    http_server_left(s);
}

void http_conn_close(struct http_conn *c)
{
    if (c->state == CONN_CLOSED)
        return;
    http_conn_set(c, CONN_CLOSED);
    http_crowd_leave(c);
    uv_close((uv_handle_t *)&c->tcp, on_conn_closed);
}

/* A socket that is closed with unread bytes would destroy what was sent. */
static void conn_drop_unread(struct http_conn *c)
{
    char *some = c->server->read_buf;
    uv_os_fd_t fd;

    if (uv_fileno((uv_handle_t *)&c->tcp, &fd) < 0)
        return;
    while (recv(fd, some, READ_BYTES, MSG_DONTWAIT) == READ_BYTES)
        ;
}

/* What the socket takes at once of the answer arrives. */
static void conn_refuse_at_once(struct http_conn *c)
{
    http_conn_refuse(c, 503, "too many connections");
    conn_drop_unread(c);
    http_conn_close(c);
}

void http_conn_give_way(struct http_conn *c)
{
    if (c->state == CONN_READING)
        conn_refuse_at_once(c);
    else
        http_conn_close(c);
}

static bool conn_is_loopback(const struct sockaddr_storage *peer)
{
    const struct sockaddr_in *v4 = (const void *)peer;
    const struct sockaddr_in6 *v6 = (const void *)peer;

    if (peer->ss_family == AF_INET)
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    if (peer->ss_family != AF_INET6)
        return false;
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        return v6->sin6_addr.s6_addr[12] == 127;
    return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

static void conn_meet(struct http_conn *c)
{
    struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
    int len = sizeof(peer);

    uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&peer, &len);
    c->peer_is_loopback = conn_is_loopback(&peer);
    http_crowd_enter(c, &peer);
}

static void http_server_conn_welcome(struct http_conn *c)
{
    uv_tcp_nodelay(&c->tcp, 1);
    uv_tcp_keepalive(&c->tcp, 1, KEEPALIVE_S);
    http_conn_due_in(c, c->server->options.request_ms);
    http_conn_read(c);
}

static struct http_conn *conn_new(struct http_server *s)
{
    struct http_conn *c = http_server_must(calloc(1, sizeof(*c)));

    c->server = s;
    c->state = CONN_IDLE;
    c->fresh = true;
    c->since_ms = loop_now_ms(s->loop);
    buf_init(&c->ahead, AHEAD_BYTES + READ_BYTES);
    buf_init(&c->out.sending, HEAD_BYTES + BODY_BYTES);
    buf_init(&c->out.queued, HEAD_BYTES + BODY_BYTES);
    uv_tcp_init(&s->loop->uv, &c->tcp);
    list_push(&s->conns, &c->link);
    s->handles++;
    s->stats.connections++;
    return c;
}

/* Whoever finds no room is told so; the first of them also have the time to
 * send their request before they read that. */
void http_conn_open(struct http_server *s)
{
    struct http_conn *c = conn_new(s);
    size_t most = s->options.max_connections;
    bool room;

    s->stats.accepted++;
    if (uv_accept((uv_stream_t *)&s->listener, (uv_stream_t *)&c->tcp) < 0) {
        http_conn_close(c);
        return;
    }
    room = http_crowd_make_room(s);
    conn_meet(c);
    if (room)
        http_server_conn_welcome(c);
    else if (s->open > most + most / REFUSED_SHARE)
        conn_refuse_at_once(c);
    else
        http_conn_refuse(c, 503, "too many connections");
}
