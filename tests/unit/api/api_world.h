/*
 * The real server over the runner of runner_world.h and a database that is
 * away. Clients are raw sockets in the same thread. Included by one test
 * program each.
 */
#ifndef TESTS_API_API_WORLD_H
#define TESTS_API_API_WORLD_H

#include "api/api.h"
#include "unit/daemon/runner_world.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* No trigger comes late here. */
static inline void late_turn(struct world *w)
{
}

/* A client that has asked, and what it has got so far. */
struct asker {
    int fd;
    char text[1 << 18];
    size_t len;
};

static struct {
    struct ops ops;
    struct ledger ledger;
    struct pg_pool *pool;
    struct probe *probe;
    struct metrics *metrics;
    struct scheduler *scheduler;
    struct api *api;
    struct asker askers[4];
} it;

static inline void open_pool(struct world *w)
{
    struct err err;

    if (pg_pool_init(&it.pool, &w->loop, "postgresql://u@127.0.0.1:1/d", 2,
            1000, &err) < 0)
        fail_msg("%s", err.msg);
    ledger_init(&it.ledger, it.pool, it.pool, &w->loop, 30, 300);
}

static inline void open_api(void)
{
    struct api_options options = {
        .ops = &it.ops,
        .scheduler = it.scheduler,
        .probe = it.probe,
        .metrics = it.metrics,
    };
    struct err err;

    if (api_start(&it.api, &options, &err) < 0)
        fail_msg("%s", err.msg);
}

static inline int api_setup(void **state)
{
    struct world *w;
    struct err err;

    setup(state);
    w = *state;
    memset(&it, 0, sizeof(it));
    w->config.http.host = "127.0.0.1";
    w->config.schedule.cron = "0 3 * * *";
    w->config.schedule.timezone = "UTC";
    open_pool(w);
    assert_int_equal(metrics_init(&it.metrics, "test"), 0);
    assert_int_equal(
        probe_start(&it.probe,
            &(struct probe_options){.loop = &w->loop, .pool = it.pool}),
        0);
    assert_int_equal(scheduler_init(&it.scheduler, &w->loop, &w->config,
                         &it.ledger, w->runner, it.metrics, &err),
        0);
    it.ops = (struct ops){.loop = &w->loop,
        .config = &w->config,
        .ports = &w->ports,
        .schemas = &w->schemas,
        .ledger = &it.ledger,
        .history = it.pool,
        .write = it.pool,
        .runner = w->runner};
    open_api();
    return 0;
}

/* With the configuration as it is now. */
static inline void reopen_api(void)
{
    api_close(it.api);
    open_api();
}

static inline int api_teardown(void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(it.askers) / sizeof(*it.askers); i++)
        if (it.askers[i].fd > 0)
            close(it.askers[i].fd);
    runner_drain(w->runner);
    release(w);
    while (!api_is_idle(it.api))
        uv_run(&w->loop.uv, UV_RUN_ONCE);
    api_close(it.api);
    scheduler_stop(it.scheduler);
    probe_stop(it.probe);
    pg_pool_close(it.pool);
    loop_run(&w->loop);
    scheduler_free(it.scheduler);
    metrics_free(it.metrics);
    return teardown(state);
}

/* Clients */

static inline void say(struct asker *a, const char *request)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
        .sin_port = htons((uint16_t)api_port(it.api)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    *a = (struct asker){.fd = socket(AF_INET, SOCK_STREAM, 0)};
    assert_int_equal(connect(a->fd, (struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(send(a->fd, request, strlen(request), 0), strlen(request));
}

/* The body, once all of it is here; else NULL. */
static inline const char *body_of(const struct asker *a)
{
    const char *end = strstr(a->text, "\r\n\r\n");
    const char *length = strstr(a->text, "\r\nContent-Length: ");

    if (end == NULL || length == NULL)
        return NULL;
    return strlen(end + 4) >= strtoul(length + 18, NULL, 10) ? end + 4 : NULL;
}

/* Turns the loop once and reads what has come. */
static inline void turn(struct world *w, struct asker *a)
{
    ssize_t n;

    uv_run(&w->loop.uv, UV_RUN_NOWAIT);
    n = recv(
        a->fd, a->text + a->len, sizeof(a->text) - 1 - a->len, MSG_DONTWAIT);
    if (n > 0)
        a->len += (size_t)n;
    if (n <= 0)
        usleep(1000);
}

/* The status of the answer, which is then in a->text. */
static inline int wait_answer(struct world *w, struct asker *a)
{
    for (int i = 0; i < 10000 && body_of(a) == NULL; i++)
        turn(w, a);
    if (body_of(a) == NULL)
        fail_msg("no answer: %s", a->text);
    return (int)strtol(a->text + strlen("HTTP/1.1 "), NULL, 10);
}

static inline int ask(struct world *w, const char *request)
{
    if (it.askers[0].fd > 0)
        close(it.askers[0].fd);
    say(&it.askers[0], request);
    return wait_answer(w, &it.askers[0]);
}

#define REQUEST(line, headers) \
    line " HTTP/1.1\r\nHost: localhost\r\n" headers "\r\n"
#define GET(path) REQUEST("GET " path, "")

/* Does the last answer hold that text? */
static inline void expect_said(const struct asker *a, const char *text)
{
    if (strstr(a->text, text) == NULL)
        fail_msg("%s\nis not in\n%s", text, a->text);
}

#endif
