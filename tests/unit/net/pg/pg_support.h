/*
 * A real PostgreSQL for tests, named by TEST_PG_URL (a superuser's; the tests
 * make their own schemas in it and drop them). Everything here waits: it turns
 * the loop until the request at hand has called back.
 */
#ifndef TESTS_NET_PG_PG_SUPPORT_H
#define TESTS_NET_PG_PG_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "net/pg/pg.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { DB_URL_BYTES = 1024, DB_TIMEOUT_MS = 20000 };

struct db {
    struct loop loop;
    struct pg_pool *pool;
    struct arena arena; /* of the answers that db_text() returned */
    char schema[64];
    char url[DB_URL_BYTES]; /* leads into the schema */
};

static inline const char *db_server(void)
{
    const char *url = getenv("TEST_PG_URL");

    return url != NULL && url[0] != '\0' ? url : NULL;
}

/* In a test: skips it, with the reason, when there is no server. */
#define NEED_SERVER()                                           \
    do {                                                        \
        if (db_server() == NULL) {                              \
            print_message("skipped: TEST_PG_URL is not set\n"); \
            skip();                                             \
        }                                                       \
    } while (0)

/* Appends a parameter to a URL. */
static inline void db_url(
    char out[DB_URL_BYTES], const char *url, const char *param)
{
    int len = snprintf(out, DB_URL_BYTES, "%s%c%s", url,
        strchr(url, '?') == NULL ? '?' : '&', param);

    assert_in_range(len, 1, DB_URL_BYTES - 1);
}

static inline void db_done(struct op *op)
{
}

static inline void db_wait(struct db *db, struct op *op)
{
    while (op_pending(op))
        uv_run(&db->loop.uv, UV_RUN_ONCE);
}

/* Lets the loop go on for a while. */
static inline void db_sleep(struct db *db, uint64_t ms)
{
    struct timer_req t;

    op_init(&t.op, db_done);
    loop_timer(&db->loop, &t, ms);
    db_wait(db, &t.op);
}

/* Sends and waits; the caller clears. */
static inline int db_send(
    struct db *db, struct pg_pool *pool, struct pg_req *req)
{
    op_init(&req->op, db_done);
    pg_send(pool, req);
    db_wait(db, &req->op);
    return req->op.err.code;
}

/* A script in the server's own words; fails the test if it fails. */
static inline void db_exec(struct db *db, const char *script)
{
    struct pg_req req = {.script = script};

    if (db_send(db, db->pool, &req) < 0)
        fail_msg("%s: %s", script, req.op.err.msg);
    pg_req_clear(&req);
}

/* The first value of a query; "" when there is none. */
static inline const char *db_text(struct db *db, const char *sql)
{
    struct pg_stmt stmt = {.sql = sql};
    struct pg_req req = {.stmts = &stmt, .nstmts = 1};
    const char *text = "";

    if (db_send(db, db->pool, &req) < 0)
        fail_msg("%s: %s", sql, req.op.err.msg);
    if (pg_rows(req.results[0]) > 0)
        text = arena_dup(&db->arena, pg_value(req.results[0], 0, 0)).p;
    pg_req_clear(&req);
    return text;
}

static inline void db_close_pool(struct db *db)
{
    pg_pool_close(db->pool);
    db->pool = NULL;
}

static inline void db_open_pool(struct db *db, const char *url, int size)
{
    struct err err;

    if (pg_pool_init(&db->pool, &db->loop, url, size, DB_TIMEOUT_MS, &err) < 0)
        fail_msg("%s", err.msg);
}

/* The extension goes to public, so that no test's schema owns it. */
static inline void db_make_schema(struct db *db)
{
    char script[512];

    snprintf(db->schema, sizeof(db->schema), "test_%d", (int)getpid());
    snprintf(script, sizeof(script),
        "BEGIN; SELECT pg_advisory_xact_lock(1);"
        " SET LOCAL client_min_messages = error;"
        " CREATE EXTENSION IF NOT EXISTS vector SCHEMA public;"
        " DROP SCHEMA IF EXISTS %s CASCADE; CREATE SCHEMA %s; COMMIT",
        db->schema, db->schema);
    db_exec(db, script);
}

/* An empty schema, and a pool of `size` that sees nothing else. */
static inline void db_open(struct db *db, int size)
{
    char param[256];
    struct err err;

    *db = (struct db){.pool = NULL};
    arena_init(&db->arena, 0);
    assert_int_equal(loop_init(&db->loop, &err), 0);
    db_open_pool(db, db_server(), 1);
    db_make_schema(db);
    db_close_pool(db);
    snprintf(param, sizeof(param),
        "application_name=%s&options=-csearch_path%%3D%s", db->schema,
        db->schema);
    db_url(db->url, db_server(), param);
    db_open_pool(db, db->url, size);
}

/* Whatever is left on the loop fails the test. */
static inline void db_close(struct db *db)
{
    char script[128];
    struct err err;

    snprintf(script, sizeof(script),
        "SET client_min_messages = error; DROP SCHEMA %s CASCADE", db->schema);
    db_exec(db, script);
    db_close_pool(db);
    for (int i = 0; i < 1000 && uv_loop_alive(&db->loop.uv); i++) {
        uv_run(&db->loop.uv, UV_RUN_NOWAIT);
        usleep(1000);
    }
    arena_free(&db->arena);
    assert_int_equal(loop_close(&db->loop, &err), 0);
}

#endif
