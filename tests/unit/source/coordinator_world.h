/*
 * A coordinator that keeps what it is asked and says what the test wants, and
 * the adapter in front of it. Included by one test program each.
 */
#ifndef TESTS_SOURCE_COORDINATOR_WORLD_H
#define TESTS_SOURCE_COORDINATOR_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator.pb-c.h"
#include "source/coordinator.h"
#include "unit/base/keys.h"
#include "unit/net/rpc/rpc_server.h"

#include <inttypes.h>

#define TENANT "5a1cb1d2-343c-438c-9f4b-76f0f1aac59d"

enum { KEPT_BYTES = 16 << 10 };

static const int64_t wall_ms = 1795448318805;

/* What the server has seen and says; the loop waits while it works. */
struct world {
    struct loop loop;
    struct rpc_server server;
    struct coordinator *coordinator;
    struct config_coordinator config;
    struct arena arena;
    struct page_req page;
    int called;
    EVP_PKEY *key; /* NULL: unsigned */
    struct buf pem;

    struct buf request, headers, method; /* seen */
    struct rpc_reply reply;
    struct buf body; /* what reply.body is, when it is packed here */
};

static int64_t fixed_wall_ms(void *arg)
{
    return wall_ms;
}

static uint64_t fixed_random(void *arg)
{
    return strtoull("n2oqszr84", NULL, 36);
}

static void keep_header(
    struct world *w, const struct rpc_seen *seen, const char *key)
{
    struct str value = rpc_seen_header(seen, key);

    if (value.p != NULL)
        buf_printf(&w->headers, "%s: %.*s\n", key, STR_ARG(value));
}

static void handle(
    void *arg, const struct rpc_seen *seen, struct rpc_reply *reply)
{
    struct world *w = arg;

    buf_reset(&w->request);
    buf_reset(&w->headers);
    buf_reset(&w->method);
    buf_str(&w->request, seen->request);
    buf_str(&w->method, seen->method);
    keep_header(w, seen, "x-service-name");
    keep_header(w, seen, "x-timestamp");
    keep_header(w, seen, "x-requester-service");
    keep_header(w, seen, "x-signature");
    *reply = w->reply;
}

static void on_page(struct op *op)
{
    container_of(op, struct world, page.op)->called++;
}

static void open_coordinator(struct world *w, int timeout_ms)
{
    struct coordinator_options options = {.config = &w->config,
        .timeout_ms = timeout_ms,
        .wall_ms = fixed_wall_ms,
        .random = fixed_random};
    struct err err;

    assert_int_equal(
        coordinator_init(&w->coordinator, &w->loop, &options, &err), 0);
}

static inline int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct err err;

    assert_non_null(w);
    assert_int_equal(loop_init(&w->loop, &err), 0);
    buf_init(&w->request, KEPT_BYTES);
    buf_init(&w->headers, KEPT_BYTES);
    buf_init(&w->method, KEPT_BYTES);
    buf_init(&w->body, 4 << 20);
    buf_init(&w->pem, KEPT_BYTES);
    arena_init(&w->arena, 1 << 20);
    rpc_server_start(&w->server, 0, handle, w);
    w->config.grpc_target = w->server.target;
    w->config.max_message_bytes = 2 << 20;
    open_coordinator(w, 20000);
    *state = w;
    return 0;
}

static inline int teardown(void **state)
{
    struct world *w = *state;
    struct err err;

    if (w->coordinator != NULL)
        coordinator_close(w->coordinator);
    loop_run(&w->loop);
    assert_int_equal(loop_close(&w->loop, &err), 0);
    rpc_server_stop(&w->server);
    buf_free(&w->request);
    buf_free(&w->headers);
    buf_free(&w->method);
    buf_free(&w->body);
    buf_free(&w->pem);
    arena_free(&w->arena);
    EVP_PKEY_free(w->key);
    free(w);
    return 0;
}

static inline void reopen(struct world *w, int timeout_ms)
{
    coordinator_close(w->coordinator);
    open_coordinator(w, timeout_ms);
}

static inline void with_key(struct world *w)
{
    w->key = key_on("P-256");
    key_pem(&w->pem, w->key, KEY_PKCS8);
    w->config.private_key = w->pem.data;
    reopen(w, 20000);
}

static inline void start(struct world *w, struct page_req params)
{
    w->page = params;
    w->page.arena = &w->arena;
    if (w->page.tenant == NULL)
        w->page.tenant = TENANT;
    if (w->page.service == NULL)
        w->page.service = "assessment-service";
    if (w->page.page == 0)
        w->page.page = 1;
    if (w->page.limit == 0)
        w->page.limit = 1000;
    op_init(&w->page.op, on_page);
    w->called = 0;
    coordinator_fetch(w->coordinator, &w->page);
}

static inline void fetch(struct world *w, struct page_req params)
{
    start(w, params);
    assert_int_equal(w->called, 0);
    loop_run(&w->loop);
    assert_int_equal(w->called, 1);
}

#define WIRE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
