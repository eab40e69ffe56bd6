/*
 * Who gives way when the server is full, so that a newcomer is always heard:
 * a probe must be answered while thousands of clients say nothing.
 *
 * Connections are counted by address. When there is no room, one whose client
 * is keeping the server waiting is closed: of the address that has the most
 * connections, the one that has waited longest. A stream gives way only when
 * there is nothing else. Requests that the handler has are never dropped.
 */
#include "net/http/http_server_impl.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/resource.h>

enum {
    NETWORK_BYTES = 8,         /* of an IPv6 address: a client's own network */
    RESERVED_DESCRIPTORS = 32, /* for the database, providers and files */
    LEAST_CONNECTIONS = 8,
    MOST_CONNECTIONS = 256,
};

/* IPv4 as its mapped form; of IPv6 the network alone. */
static struct in6_addr crowd_address(const struct sockaddr_storage *peer)
{
    const struct sockaddr_in *v4 = (const void *)peer;
    const struct sockaddr_in6 *v6 = (const void *)peer;
    struct in6_addr a = IN6ADDR_ANY_INIT;

    if (peer->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
        a = v6->sin6_addr;
    } else if (peer->ss_family == AF_INET6) {
        memcpy(a.s6_addr, v6->sin6_addr.s6_addr, NETWORK_BYTES);
    } else if (peer->ss_family == AF_INET) {
        a.s6_addr[10] = a.s6_addr[11] = 0xff;
        memcpy(a.s6_addr + 12, &v4->sin_addr, 4);
    }
    return a;
}

void http_crowd_enter(
    struct http_conn *c, const struct sockaddr_storage *address)
{
    struct in6_addr a = crowd_address(address);
    struct http_peer *p;

    c->server->open++;
    list_for_each (node, &c->server->peers) {
        p = container_of(node, struct http_peer, link);
        if (memcmp(&p->address, &a, sizeof(a)) == 0) {
            p->open++;
            c->peer = p;
            return;
        }
    }
    p = http_server_must(calloc(1, sizeof(*p)));
    p->address = a;
    p->open = 1;
    list_push(&c->server->peers, &p->link);
    c->peer = p;
}

void http_crowd_leave(struct http_conn *c)
{
    if (c->peer == NULL)
        return;
    c->server->open--;
    if (--c->peer->open == 0) {
        list_remove(&c->peer->link);
        free(c->peer);
    }
    c->peer = NULL;
}

/* 0: it does not give way; higher: rather than others. */
static int crowd_rank(const struct http_conn *c)
{
    switch (c->state) {
    case CONN_IDLE:
    case CONN_READING:
    case CONN_ANSWERING: /* the client does not read it */
    case CONN_LINGERING:
        return 2;
    case CONN_STREAMING:
        return 1;
    default:
        return 0;
    }
}

static bool crowd_is_better(
    const struct http_conn *a, const struct http_conn *than)
{
    int rank = crowd_rank(a), other = crowd_rank(than);

    if (rank != other)
        return rank > other;
    if (a->peer->open != than->peer->open)
        return a->peer->open > than->peer->open;
    return a->since_ms < than->since_ms;
}

static struct http_conn *crowd_find(struct http_server *s)
{
    struct http_conn *best = NULL, *c;

    list_for_each (node, &s->conns) {
        c = container_of(node, struct http_conn, link);
        if (c->peer == NULL || crowd_rank(c) == 0)
            continue;
        if (best == NULL || crowd_is_better(c, best))
            best = c;
    }
    return best;
}

bool http_crowd_make_room(struct http_server *s)
{
    struct http_conn *c;

    while (s->open >= s->options.max_connections) {
        c = crowd_find(s);
        if (c == NULL)
            return false;
        s->stats.evicted++;
        http_conn_give_way(c);
    }
    return true;
}

bool http_crowd_is_dense(const struct http_server *s)
{
    return s->open > s->options.max_connections / 4 * 3;
}

/* One in five is for those who are told that there is no room. */
size_t http_crowd_most_connections(int descriptors_open)
{
    struct rlimit limit;
    size_t taken = (size_t)descriptors_open + RESERVED_DESCRIPTORS, most;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return MOST_CONNECTIONS;
    most = limit.rlim_cur > taken ? (limit.rlim_cur - taken) / 5 * 4 : 0;
    if (most < LEAST_CONNECTIONS)
        return LEAST_CONNECTIONS;
    return most < MOST_CONNECTIONS ? most : MOST_CONNECTIONS;
}
