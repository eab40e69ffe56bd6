/*
 * A small HTTP/1.1 server for tests: a thread listens, a thread serves each
 * connection, a function of the test answers each request. Whatever the test
 * wants of the wire it writes itself.
 */
#ifndef TESTS_NET_HTTP_HTTP_STUB_H
#define TESTS_NET_HTTP_HTTP_STUB_H

#include <arpa/inet.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { STUB_CONNECTIONS = 256, STUB_REQUEST_BYTES = 4 * 1024 * 1024 };

/* One request, as the answering function sees it. */
struct stub_request {
    int fd;
    int connection; /* from 0, in the order of arrival */
    int nth;        /* request on this connection, from 0 */
    char *head;     /* NUL-terminated, from the request line on */
    char *body;     /* NUL-terminated */
    size_t body_len;
};

/* False: the connection is closed. */
typedef bool (*stub_fn)(void *arg, struct stub_request *r);

struct stub;

struct stub_connection {
    struct stub *stub;
    int fd, index;
    pthread_t thread;
};

struct stub {
    int listener, port;
    pthread_t thread;
    stub_fn fn;
    void *arg;
    atomic_int nconnections, nrequests, busy, most_busy;
    struct stub_connection connections[STUB_CONNECTIONS];
};

static inline void stub_sleep_ms(int ms)
{
    nanosleep(
        &(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000},
        NULL);
}

static inline bool stub_write(int fd, const void *p, size_t len)
{
    const char *at = p;

    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

static inline bool stub_puts(int fd, const char *z)
{
    return stub_write(fd, z, strlen(z));
}

/* A whole answer; `headers` are complete lines, or "". */
static inline bool stub_answer(
    int fd, int status, const char *headers, const char *body, size_t len)
{
    char head[1024];

    snprintf(head, sizeof(head),
        "HTTP/1.1 %d Whatever\r\nContent-Length: %zu\r\n%s\r\n", status, len,
        headers);
    return stub_puts(fd, head) && stub_write(fd, body, len);
}

/* Ends the connection with a reset instead of a proper end. */
static inline bool stub_reset(int fd)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    return false;
}

/* Reads one request into `space`; false when the connection has ended. */
static inline bool stub_read(struct stub_request *r, char *space)
{
    size_t have = 0, want = 0;
    char *end = NULL, *length;

    while (want == 0 || have < want) {
        ssize_t n = recv(r->fd, space + have, STUB_REQUEST_BYTES - have, 0);

        if (n <= 0)
            return false;
        have += (size_t)n;
        space[have] = '\0';
        end = strstr(space, "\r\n\r\n");
        if (end == NULL)
            continue;
        length = strcasestr(space, "\r\nContent-Length:");
        want = (size_t)(end + 4 - space);
        if (length != NULL && length < end)
            want += strtoul(length + 17, NULL, 10);
    }
    end[2] = '\0';
    r->head = space;
    r->body = end + 4;
    r->body_len = want - (size_t)(r->body - space);
    return true;
}

static inline void stub_count_busy(struct stub *s)
{
    int now = atomic_fetch_add(&s->busy, 1) + 1;
    int most = atomic_load(&s->most_busy);

    while (
        now > most && !atomic_compare_exchange_weak(&s->most_busy, &most, now))
        ;
}

static inline void *stub_serve(void *arg)
{
    struct stub_connection *c = arg;
    struct stub *s = c->stub;
    struct stub_request r = {.fd = c->fd, .connection = c->index};
    char *space = malloc(STUB_REQUEST_BYTES + 1);
    bool more = true;

    while (more && stub_read(&r, space)) {
        atomic_fetch_add(&s->nrequests, 1);
        stub_count_busy(s);
        more = s->fn(s->arg, &r);
        atomic_fetch_sub(&s->busy, 1);
        r.nth++;
    }
    free(space);
    if (!more) { /* else stub_stop() closes it */
        int fd = c->fd;

        c->fd = -1;
        close(fd);
    }
    return NULL;
}

static inline void *stub_listen(void *arg)
{
    struct stub *s = arg;
    int fd;

    while ((fd = accept(s->listener, NULL, NULL)) >= 0) {
        int index = atomic_load(&s->nconnections);
        struct stub_connection *c = &s->connections[index];

        if (index == STUB_CONNECTIONS)
            abort();
        *c = (struct stub_connection){.stub = s, .fd = fd, .index = index};
        atomic_fetch_add(&s->nconnections, 1);
        pthread_create(&c->thread, NULL, stub_serve, c);
    }
    return NULL;
}

static inline void stub_start(struct stub *s, stub_fn fn, void *arg)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);

    memset(s, 0, sizeof(*s));
    s->fn = fn;
    s->arg = arg;
    s->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(s->listener, (struct sockaddr *)&address, len) < 0 ||
        listen(s->listener, 128) < 0)
        abort();
    getsockname(s->listener, (struct sockaddr *)&address, &len);
    s->port = ntohs(address.sin_port);
    pthread_create(&s->thread, NULL, stub_listen, s);
}

static inline void stub_stop(struct stub *s)
{
    shutdown(s->listener, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->listener);
    for (int i = 0; i < s->nconnections; i++)
        shutdown(s->connections[i].fd, SHUT_RDWR);
    for (int i = 0; i < s->nconnections; i++) {
        pthread_join(s->connections[i].thread, NULL);
        if (s->connections[i].fd >= 0)
            close(s->connections[i].fd);
    }
}

#endif
