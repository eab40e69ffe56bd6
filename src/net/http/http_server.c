/*
 * The server itself: its listener, the clock of its connections, its end.
 *
 * Happy path: http_server_start() listens; each connection that comes is
 * accepted and lives by itself (http_server_conn.c). One timer looks at the
 * deadlines of all, and runs only while there are connections.
 *
 * Failures: an address that cannot be listened on fails the start; a
 * connection that cannot be accepted (no descriptors left) is logged, once in
 * a while.
 *
 * On drain: the listener closes, idle connections close, the others with
 * their answers. The request ends when the last one has gone.
 *
 * On close: listener, timer and connections close; the last close callback
 * frees the server.
 */
#include "net/http/http_server_impl.h"

#include "base/log.h"
#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    BACKLOG = 4096, /* as far as the system allows */
    TICKS = 8,      /* per shortest deadline */
    MOST_TICK_MS = 500,
    QUIET_MS = 10000, /* between two log lines */
    PLACE_BYTES = 300
};

void http_server_unref(struct http_server *s)
{
    if (--s->handles == 0)
        free(s);
}

static void http_server_end_drain(struct http_server *s, const struct err *err)
{
    struct http_drain_req *req = s->drain;

    s->drain = NULL;
    if (req != NULL)
        op_finish(&req->op, err);
}

void http_server_left(struct http_server *s)
{
    if (--s->stats.connections == 0) {
        uv_timer_stop(&s->tick);
        http_server_end_drain(s, NULL);
    }
    http_server_unref(s);
}

static void on_http_server_tick(uv_timer_t *timer)
{
    struct http_server *s = container_of(timer, struct http_server, tick);

    list_for_each (node, &s->conns)
        http_conn_tick(container_of(node, struct http_conn, link));
}

/* Soon enough for the shortest of the times. */
static uint64_t http_server_tick_ms(const struct http_server_options *o)
{
    int ms = LINGER_MS;

    ms = o->idle_ms < ms ? o->idle_ms : ms;
    ms = o->request_ms < ms ? o->request_ms : ms;
    ms = o->write_ms < ms ? o->write_ms : ms;
    ms /= TICKS;
    return ms < 1 ? 1 : ms > MOST_TICK_MS ? MOST_TICK_MS : (uint64_t)ms;
}

static void http_server_complain(struct http_server *s, int status)
{
    uint64_t now_ms = loop_now_ms(s->loop);

    if (now_ms < s->quiet_until_ms)
        return;
    s->quiet_until_ms = now_ms + QUIET_MS;
    log_warn(NULL, "cannot accept HTTP connections: %s", uv_strerror(status));
}

static void on_http_server_connection(uv_stream_t *listener, int status)
{
    struct http_server *s =
        container_of(listener, struct http_server, listener);

    if (status < 0) {
        http_server_complain(s, status);
        return;
    }
    http_conn_open(s);
    if (!uv_is_active((uv_handle_t *)&s->tick))
        uv_timer_start(&s->tick, on_http_server_tick,
            http_server_tick_ms(&s->options), http_server_tick_ms(&s->options));
}

/* Starting. */

static void http_server_set_default_size(size_t *value, size_t otherwise)
{
    if (*value == 0)
        *value = otherwise;
}

static void http_server_set_default_ms(int *value, int otherwise)
{
    if (*value == 0)
        *value = otherwise;
}

/* The lowest one that is free, more or less. */
static int http_server_descriptors_open(void)
{
    int fd = fcntl(STDERR_FILENO, F_DUPFD, 0);

    if (fd >= 0)
        close(fd);
    return fd < 0 ? 0 : fd;
}

static void http_server_set_options(
    struct http_server *s, const struct http_server_options *options)
{
    struct http_server_options *o = &s->options;

    *o = *options;
    o->host = NULL;
    http_server_set_default_size(&o->max_connections,
        http_crowd_most_connections(http_server_descriptors_open()));
    http_server_set_default_size(&o->max_url_bytes, 4 * 1024);
    http_server_set_default_size(&o->max_header_bytes, 16 * 1024);
    http_server_set_default_size(&o->max_headers, 64);
    http_server_set_default_size(&o->max_body_bytes, 1024 * 1024);
    http_server_set_default_size(&o->max_queue_bytes, 256 * 1024);
    http_server_set_default_ms(&o->idle_ms, 60 * 1000);
    http_server_set_default_ms(&o->request_ms, 15 * 1000);
    http_server_set_default_ms(&o->write_ms, 30 * 1000);
    s->limits = (struct http_limits){o->max_url_bytes, o->max_header_bytes,
        o->max_headers, o->max_body_bytes};
}

/* Addresses are parsed; names are looked up, which blocks. */
static int http_server_resolve(struct loop *loop, const char *host, int port,
    struct sockaddr_storage *address, struct err *err)
{
    struct addrinfo hints = {
        .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    char service[16];
    uv_getaddrinfo_t req;
    int rc;

    snprintf(service, sizeof(service), "%d", port);
    rc = uv_getaddrinfo(&loop->uv, &req, NULL, host, service, &hints);
    if (rc < 0)
        return err_set(
            err, ERR_CONFIG, "cannot resolve %s: %s", host, uv_strerror(rc));
    memcpy(address, req.addrinfo->ai_addr, req.addrinfo->ai_addrlen);
    uv_freeaddrinfo(req.addrinfo);
    return 0;
}

static int http_server_port_of(const uv_tcp_t *tcp)
{
    struct sockaddr_storage name;
    const struct sockaddr_in *v4 = (void *)&name;
    const struct sockaddr_in6 *v6 = (void *)&name;
    int len = sizeof(name);

    if (uv_tcp_getsockname(tcp, (struct sockaddr *)&name, &len) < 0)
        return 0;
    return ntohs(name.ss_family == AF_INET6 ? v6->sin6_port : v4->sin_port);
}

static int http_server_listen_on(
    struct http_server *s, const char *host, int port, struct err *err)
{
    struct sockaddr_storage address;
    const char *format = strchr(host, ':') != NULL ? "[%s]:%d" : "%s:%d";
    char place[PLACE_BYTES];
    int rc;

    if (http_server_resolve(s->loop, host, port, &address, err) < 0)
        return err->code;
    rc = uv_tcp_bind(&s->listener, (struct sockaddr *)&address, 0);
    if (rc == 0)
        rc = uv_listen(
            (uv_stream_t *)&s->listener, BACKLOG, on_http_server_connection);
    if (rc == 0) {
        s->port = http_server_port_of(&s->listener);
        return 0;
    }
    snprintf(place, sizeof(place), format, host, port);
    return err_set(err, ERR_UNAVAILABLE, "cannot listen on %s: %s", place,
        uv_strerror(rc));
}

int http_server_start(struct http_server **out, struct loop *loop,
    const struct http_server_options *options, struct err *err)
{
    struct http_server *s = http_server_must(calloc(1, sizeof(*s)));

    signal(SIGPIPE, SIG_IGN);
    s->loop = loop;
    list_init(&s->conns);
    list_init(&s->peers);
    http_server_set_options(s, options);
    uv_tcp_init(&loop->uv, &s->listener);
    uv_timer_init(&loop->uv, &s->tick);
    s->handles = 2;
    if (http_server_listen_on(s, options->host, options->port, err) < 0) {
        http_server_close(s);
        return err->code;
    }
    *out = s;
    return 0;
}

int http_server_port(const struct http_server *s)
{
    return s->port;
}

struct http_server_stats http_server_stats(const struct http_server *s)
{
    return s->stats;
}

/* Ending. */

static void on_http_server_listener_closed(uv_handle_t *handle)
{
    http_server_unref(container_of(handle, struct http_server, listener));
}

static void on_http_server_tick_closed(uv_handle_t *handle)
{
    http_server_unref(container_of(handle, struct http_server, tick));
}

static void http_server_close_listener(struct http_server *s)
{
    if (!uv_is_closing((uv_handle_t *)&s->listener))
        uv_close((uv_handle_t *)&s->listener, on_http_server_listener_closed);
}

static void http_server_drain_cancel(struct op *op)
{
    http_server_end_drain(
        container_of(op, struct http_drain_req, op)->server, NULL);
}

void http_server_drain(struct http_server *s, struct http_drain_req *req)
{
    s->draining = true;
    http_server_close_listener(s);
    list_for_each (node, &s->conns)
        http_conn_drain(container_of(node, struct http_conn, link));
    if (req == NULL)
        return;
    assert(s->drain == NULL);
    s->drain = req;
    req->server = s;
    op_begin(&req->op, &s->loop->ready, http_server_drain_cancel);
    if (s->stats.connections == 0)
        http_server_end_drain(s, NULL);
}

void http_server_close(struct http_server *s)
{
    struct err canceled;

    err_set(&canceled, ERR_CANCELED, "the server was closed");
    http_server_end_drain(s, &canceled);
    http_server_close_listener(s);
    uv_close((uv_handle_t *)&s->tick, on_http_server_tick_closed);
    list_for_each (node, &s->conns)
        http_conn_close(container_of(node, struct http_conn, link));
}
