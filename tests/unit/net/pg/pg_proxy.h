/*
 * A server that can be stopped, started and stalled: a proxy in front of the
 * real one, on the loop of the test. It also watches that the client never
 * has more than one Sync outstanding.
 */
#ifndef TESTS_NET_PG_PG_PROXY_H
#define TESTS_NET_PG_PG_PROXY_H

#include "unit/net/pg/pg_support.h"

enum { PROXY_LINKS = 64 };

struct proxy;

/* One side of a link; `peer` is the other one. */
struct proxy_end {
    uv_tcp_t tcp;
    struct proxy_end *peer;
    struct proxy_link *link;
    bool open, closed;
};

struct proxy_link {
    struct proxy *proxy;
    struct proxy_end client, server;
    uint8_t head[5]; /* of the client's message at hand */
    size_t nhead, skip;
    bool started; /* past the start-up message, which has no type */
    bool copied;  /* CopyData has come */
    int syncs;    /* outstanding */
};

struct proxy {
    struct db *db;
    uv_tcp_t listener;
    bool listening, stalled;
    bool cuts_copies; /* closes a link on which CopyData comes */
    int port, target_port;
    char target[64];
    struct proxy_link *links[PROXY_LINKS];
    int nlinks, most_syncs;
};

static inline void proxy_on_close(uv_handle_t *handle)
{
    struct proxy_end *end = handle->data;

    end->closed = true;
}

static inline void proxy_end_close(struct proxy_end *end)
{
    if (!end->open)
        return;
    end->open = false;
    uv_close((uv_handle_t *)&end->tcp, proxy_on_close);
}

static inline void proxy_link_close(struct proxy_link *link)
{
    proxy_end_close(&link->client);
    proxy_end_close(&link->server);
}

/* Follows the client's messages: type, length, body. */
static inline void proxy_count(struct proxy_link *l, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t want = l->started ? 5 : 4, len = 0;

        if (l->skip > 0) {
            size_t step = l->skip < n - i ? l->skip : n - i;

            l->skip -= step;
            i += step - 1;
            continue;
        }
        l->head[l->nhead++] = p[i];
        if (l->nhead < want)
            continue;
        for (size_t k = want - 4; k < want; k++)
            len = len << 8 | l->head[k];
        l->skip = len - 4;
        l->nhead = 0;
        if (l->started && l->head[0] == 'S')
            l->syncs++;
        l->copied = l->copied || (l->started && l->head[0] == 'd');
        if (len > 8) /* not just the question for TLS */
            l->started = true;
        if (l->syncs > l->proxy->most_syncs)
            l->proxy->most_syncs = l->syncs;
    }
}

/* A ReadyForQuery ends a chunk of the server's answers; good enough. */
static inline void proxy_answer(struct proxy_link *l, const char *p, size_t n)
{
    if (n >= 6 && memcmp(p + n - 6, "Z\0\0\0\5", 5) == 0 && l->syncs > 0)
        l->syncs--;
}

static inline void proxy_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    *buf = uv_buf_init(malloc(size), (unsigned)size);
}

static inline void proxy_written(uv_write_t *req, int status)
{
    free(req->data);
    free(req);
}

static inline void proxy_read(
    uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct proxy_end *end = stream->data;
    struct proxy_link *link = end->link;
    uv_write_t *req;
    uv_buf_t out = uv_buf_init(buf->base, (unsigned)(n > 0 ? n : 0));

    if (n <= 0 || !end->peer->open || link->proxy->stalled) {
        free(buf->base);
        if (n < 0)
            proxy_link_close(link);
        return;
    }
    if (end == &link->client)
        proxy_count(link, (uint8_t *)buf->base, (size_t)n);
    else
        proxy_answer(link, buf->base, (size_t)n);
    if (link->copied && link->proxy->cuts_copies) {
        free(buf->base);
        proxy_link_close(link);
        return;
    }
    req = malloc(sizeof(*req));
    req->data = buf->base;
    uv_write(req, (uv_stream_t *)&end->peer->tcp, &out, 1, proxy_written);
}

static inline void proxy_connected(uv_connect_t *req, int status)
{
    struct proxy_link *link = req->data;

    free(req);
    if (status < 0 || !link->server.open) {
        proxy_link_close(link);
        return;
    }
    uv_read_start((uv_stream_t *)&link->server.tcp, proxy_alloc, proxy_read);
    uv_read_start((uv_stream_t *)&link->client.tcp, proxy_alloc, proxy_read);
}

static inline void proxy_end_init(
    struct proxy_link *link, struct proxy_end *end, struct proxy_end *peer)
{
    uv_tcp_init(&link->proxy->db->loop.uv, &end->tcp);
    end->tcp.data = end;
    end->link = link;
    end->peer = peer;
    end->open = true;
}

static inline void proxy_on_client(uv_stream_t *listener, int status)
{
    struct proxy *p = listener->data;
    struct proxy_link *link = calloc(1, sizeof(*link));
    uv_connect_t *req = malloc(sizeof(*req));
    struct sockaddr_in at;

    assert_true(p->nlinks < PROXY_LINKS);
    p->links[p->nlinks++] = link;
    link->proxy = p;
    proxy_end_init(link, &link->client, &link->server);
    proxy_end_init(link, &link->server, &link->client);
    uv_accept(listener, (uv_stream_t *)&link->client.tcp);
    uv_ip4_addr(p->target, p->target_port, &at);
    req->data = link;
    uv_tcp_connect(
        req, &link->server.tcp, (struct sockaddr *)&at, proxy_connected);
}

/* Listens, on the port of before if there was one. */
static inline void proxy_start(struct proxy *p)
{
    struct sockaddr_in at;
    int len = sizeof(at);

    uv_ip4_addr("127.0.0.1", p->port, &at);
    uv_tcp_init(&p->db->loop.uv, &p->listener);
    p->listener.data = p;
    assert_int_equal(uv_tcp_bind(&p->listener, (struct sockaddr *)&at, 0), 0);
    assert_int_equal(
        uv_listen((uv_stream_t *)&p->listener, 16, proxy_on_client), 0);
    uv_tcp_getsockname(&p->listener, (struct sockaddr *)&at, &len);
    p->port = ntohs(at.sin_port);
    p->listening = true;
    p->stalled = false;
}

static inline void proxy_on_deaf(uv_handle_t *handle)
{
    struct proxy *p = handle->data;

    p->listening = false;
}

/* Cuts all links and refuses new ones. */
static inline void proxy_stop(struct proxy *p)
{
    if (p->listening)
        uv_close((uv_handle_t *)&p->listener, proxy_on_deaf);
    while (p->listening)
        uv_run(&p->db->loop.uv, UV_RUN_ONCE);
    for (int i = 0; i < p->nlinks; i++)
        proxy_link_close(p->links[i]);
}

/* In front of db's server; *url leads to the proxy. */
static inline void proxy_open(
    struct proxy *p, struct db *db, char url[DB_URL_BYTES])
{
    char param[96];

    *p = (struct proxy){.db = db};
    snprintf(p->target, sizeof(p->target), "%s",
        db_text(db, "SELECT coalesce(host(inet_server_addr()), '127.0.0.1')"));
    p->target_port = atoi(db_text(db, "SHOW port"));
    proxy_start(p);
    snprintf(param, sizeof(param), "sslmode=disable&hostaddr=127.0.0.1&port=%d",
        p->port);
    db_url(url, db->url, param);
}

static inline void proxy_close(struct proxy *p)
{
    proxy_stop(p);
    for (int i = 0; i < p->nlinks; i++) {
        while (!p->links[i]->client.closed || !p->links[i]->server.closed)
            uv_run(&p->db->loop.uv, UV_RUN_ONCE);
        free(p->links[i]);
    }
    p->nlinks = 0;
}

#endif
