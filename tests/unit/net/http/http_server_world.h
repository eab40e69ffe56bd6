/*
 * A loop, a server and clients with raw sockets, for one test; all in one
 * thread: turn() lets the server work for a moment and reads what the clients
 * got. Included by one test program each.
 */
#ifndef TESTS_NET_HTTP_HTTP_SERVER_WORLD_H
#define TESTS_NET_HTTP_HTTP_SERVER_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/http/http_server.h"

enum { CLIENTS = 420, HELD = 16, PATIENCE_MS = 10000, IN_BYTES = 8 << 20 };

struct client {
    int fd; /* -1: none */
    struct buf in;
    bool eof;        /* the server has closed its side */
    bool reset;      /* or the connection is broken */
    char head[2048]; /* of the answer last taken */
};

struct world {
    struct loop loop;
    uv_timer_t ticker; /* so that a turn ends */
    struct http_server *server;
    struct http_server_options options;
    struct client clients[CLIENTS];
    struct http_exchange *held[HELD]; /* by hold() */
    int nheld, nrequests, ngone;
};

/* One world at a time: the handler of a test knows only its exchange. */
static struct world w;

/* Handlers. */

/* Answers with what the request was: "POST /path ?query body". */
static inline void echo(void *arg, struct http_exchange *x)
{
    const struct http_header_out type = {"Content-Type", "text/plain"};
    struct buf body;

    w.nrequests++;
    buf_init(&body, IN_BYTES);
    buf_printf(&body, "%s %.*s ?%.*s ", x->method, STR_ARG(x->path),
        STR_ARG(x->query));
    buf_str(&body, x->body);
    http_answer(x, 200, &type, 1, buf_view(&body));
    buf_free(&body);
}

static inline void count_gone(struct http_exchange *x)
{
    w.ngone++;
}

/* Leaves the answer to the test. */
static inline void hold(void *arg, struct http_exchange *x)
{
    w.nrequests++;
    assert_true(w.nheld < HELD);
    x->on_gone = count_gone;
    w.held[w.nheld++] = x;
}

static inline void answer_held(int i, const char *body)
{
    http_answer(w.held[i], 200, NULL, 0, str_of(body));
    w.held[i] = NULL;
}

/* Time. */

static inline void read_client(struct client *c)
{
    char some[65536];
    ssize_t n;

    while (c->fd >= 0 && !c->eof && !c->reset) {
        n = recv(c->fd, some, sizeof(some), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        c->eof = n == 0;
        c->reset = n < 0;
        if (n > 0)
            buf_add(&c->in, some, (size_t)n);
    }
}

static inline void turn_unread(void)
{
    uv_run(&w.loop.uv, UV_RUN_ONCE);
}

static inline void turn(void)
{
    turn_unread();
    for (int i = 0; i < CLIENTS; i++)
        read_client(&w.clients[i]);
}

static inline uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

/* Turns until the condition holds; false when it does not in time. */
#define UNTIL(condition)                                    \
    do {                                                    \
        uint64_t end_ms = now_ms() + PATIENCE_MS;           \
        while (!(condition)) {                              \
            if (now_ms() > end_ms)                          \
                fail_msg("waited in vain for " #condition); \
            turn();                                         \
        }                                                   \
    } while (0)

static inline void turns_for(uint64_t ms)
{
    for (uint64_t end_ms = now_ms() + ms; now_ms() < end_ms;)
        turn();
}

/* Clients. */

static inline struct client *client_new(int fd)
{
    for (int i = 0; i < CLIENTS; i++) {
        struct client *c = &w.clients[i];

        if (c->fd >= 0)
            continue;
        *c = (struct client){.fd = fd};
        buf_init(&c->in, IN_BYTES);
        return c;
    }
    fail_msg("too many clients");
    abort(); /* not reached */
}

/* `receive_bytes` > 0 keeps the client's own buffer small. */
static inline struct client *dial_with(int receive_bytes)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
        .sin_port = htons((uint16_t)http_server_port(w.server)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    if (receive_bytes > 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(int));
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return client_new(fd);
}

static inline struct client *dial(void)
{
    return dial_with(0);
}

/* As far as the server takes it. */
static inline void say_bytes(struct client *c, const char *p, size_t len)
{
    uint64_t end_ms = now_ms() + PATIENCE_MS;

    while (len > 0 && !c->eof && !c->reset) {
        ssize_t n = send(c->fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);

        assert_true(now_ms() < end_ms);
        if (n <= 0) {
            turn();
            continue;
        }
        p += n;
        len -= (size_t)n;
    }
}

static inline void say(struct client *c, const char *text)
{
    say_bytes(c, text, strlen(text));
}

static inline void hang_up(struct client *c)
{
    if (c->fd < 0)
        return;
    close(c->fd);
    c->fd = -1;
    buf_free(&c->in);
}

/* Instead of an orderly end. */
static inline void break_off(struct client *c)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    hang_up(c);
}

static inline void drop(struct client *c, size_t n)
{
    memmove(c->in.data, c->in.data + n, c->in.len - n + 1);
    c->in.len -= n;
}

/* The value of a header of the answer last taken; NULL: it had none. */
static inline const char *header_of(const struct client *c, const char *name)
{
    static char value[256];
    size_t len = strlen(name);

    for (const char *at = strstr(c->head, "\r\n"); at != NULL;
         at = strstr(at + 2, "\r\n")) {
        if (strncasecmp(at + 2, name, len) != 0 || at[2 + len] != ':')
            continue;
        snprintf(value, sizeof(value), "%.*s", (int)strcspn(at + 4 + len, "\r"),
            at + 4 + len);
        return value;
    }
    return NULL;
}

/* Waits for an answer's head and takes it. */
static inline int take_head(struct client *c)
{
    const char *end;
    size_t len;

    UNTIL(c->eof || c->reset ||
          (c->in.len > 0 && strstr(c->in.data, "\r\n\r\n") != NULL));
    end = c->in.len > 0 ? strstr(c->in.data, "\r\n\r\n") : NULL;
    if (end == NULL)
        return 0;
    len = (size_t)(end + 4 - c->in.data);
    assert_true(len < sizeof(c->head));
    memcpy(c->head, c->in.data, len);
    c->head[len] = '\0';
    drop(c, len);
    assert_memory_equal(c->head, "HTTP/1.1 ", 9);
    return (int)strtol(c->head + 9, NULL, 10);
}

/* Takes an answer and compares its body (NULL: any); returns its status, 0
 * when none comes. */
static inline int take_answer(struct client *c, const char *body)
{
    int status = take_head(c);
    size_t len;

    if (status == 0 || status == 100)
        return status;
    assert_non_null(header_of(c, "Content-Length"));
    len = strtoul(header_of(c, "Content-Length"), NULL, 10);
    UNTIL(c->in.len >= len);
    if (body != NULL) {
        assert_int_equal(len, strlen(body));
        assert_memory_equal(c->in.data, body, len);
    }
    if (len > 0)
        drop(c, len);
    return status;
}

static inline int ask(struct client *c, const char *request, const char *body)
{
    say(c, request);
    return take_answer(c, body);
}

static inline int descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;

    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

/* The world's own life. */

static inline void on_ticker(uv_timer_t *ticker)
{
}

static inline int world_setup(void **state)
{
    struct err err;

    memset(&w, 0, sizeof(w));
    for (int i = 0; i < CLIENTS; i++)
        w.clients[i].fd = -1;
    w.options.host = "127.0.0.1";
    w.options.handler = echo;
    if (loop_init(&w.loop, &err) < 0)
        return -1;
    uv_timer_init(&w.loop.uv, &w.ticker);
    uv_timer_start(&w.ticker, on_ticker, 1, 1);
    return 0;
}

static inline void start(void)
{
    struct err err;

    if (http_server_start(&w.server, &w.loop, &w.options, &err) < 0)
        fail_msg("%s", err.msg);
}

/* Nothing may be left in the loop. */
static inline int world_teardown(void **state)
{
    struct err err;

    if (w.server != NULL)
        http_server_close(w.server);
    uv_close((uv_handle_t *)&w.ticker, NULL);
    loop_run(&w.loop);
    for (int i = 0; i < CLIENTS; i++)
        hang_up(&w.clients[i]);
    return loop_close(&w.loop, &err);
}

#define WORLD_TEST(f) \
    cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

#endif
