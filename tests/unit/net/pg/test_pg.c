#include "unit/net/pg/pg_proxy.h"

enum { UNITS = 1000, BIG_BYTES = 4 * 1024 * 1024 };

static struct db db;

static int setup(void **state)
{
    if (db_server() != NULL)
        db_open(&db, 2);
    return 0;
}

static int teardown(void **state)
{
    if (db_server() != NULL)
        db_close(&db);
    return 0;
}

static struct pg_stmt select_1 = {.sql = "SELECT 1"};
static struct pg_stmt sleep_10 = {.sql = "SELECT pg_sleep(10)"};

static void submit(struct pg_pool *pool, struct pg_req *req,
    const struct pg_stmt *stmts, int n)
{
    *req = (struct pg_req){.stmts = stmts, .nstmts = n};
    op_init(&req->op, db_done);
    pg_send(pool, req);
}

static void expect(struct pg_req *req, int code)
{
    db_wait(&db, &req->op);
    if (req->op.err.code != code)
        fail_msg("%s: %s", err_name(req->op.err.code), req->op.err.msg);
    pg_req_clear(req);
}

/* What our connections that lead here are doing, this one aside. */
#define OTHERS                                             \
    " FROM pg_stat_activity WHERE pid <> pg_backend_pid()" \
    " AND application_name = current_setting('application_name')"

static void answers_a_thousand_units_over_two_connections(void **state)
{
    static struct pg_req reqs[UNITS];
    static char values[UNITS][8];
    static struct pg_param params[UNITS];
    static struct pg_stmt stmts[UNITS];

    NEED_SERVER();
    for (int i = 0; i < UNITS; i++) {
        snprintf(values[i], sizeof(values[i]), "%d", i);
        params[i] = (struct pg_param){.type = PG_INT4, .data = values[i]};
        stmts[i] = (struct pg_stmt){
            .sql = "SELECT $1 * 2", .params = &params[i], .nparams = 1};
        submit(db.pool, &reqs[i], &stmts[i], 1);
    }
    for (int i = 0; i < UNITS; i++) {
        db_wait(&db, &reqs[i].op);
        assert_int_equal(reqs[i].op.err.code, 0);
        assert_int_equal(atoi(pg_value(reqs[i].results[0], 0, 0).p), 2 * i);
        pg_req_clear(&reqs[i]);
    }
    assert_string_equal(db_text(&db, "SELECT count(*)" OTHERS), "1");
}

static void has_one_sync_outstanding_at_most(void **state)
{
    static struct pg_req reqs[200];
    struct pg_stmt three[3] = {select_1, select_1, select_1};
    struct pg_pool *pool;
    struct proxy proxy;
    struct err err;
    char url[DB_URL_BYTES];

    NEED_SERVER();
    proxy_open(&proxy, &db, url);
    assert_int_equal(pg_pool_init(&pool, &db.loop, url, 2, 5000, &err), 0);
    for (int i = 0; i < 200; i++)
        submit(pool, &reqs[i], three, 3);
    for (int i = 0; i < 200; i++)
        expect(&reqs[i], 0);
    assert_int_equal(proxy.most_syncs, 1);
    assert_int_equal(proxy.nlinks, 2);
    pg_pool_close(pool);
    proxy_close(&proxy);
}

static void is_one_transaction(void **state)
{
    struct pg_stmt stmts[3] = {{.sql = "CREATE TABLE t (n int)"},
        {.sql = "INSERT INTO t VALUES (1), (2)"}, {.sql = "SELECT 1 / 0"}};
    struct pg_req req;

    NEED_SERVER();
    submit(db.pool, &req, stmts, 3);
    db_wait(&db, &req.op);
    assert_int_equal(req.op.err.code, ERR_DATA);
    assert_string_equal(req.sqlstate, "22012");
    assert_int_equal(pg_affected(req.results[1]), 2);
    assert_null(req.results[2]);
    pg_req_clear(&req);
    assert_string_equal(db_text(&db, "SELECT to_regclass('t') IS NULL"), "t");
}

static void passes_nulls_and_binary_values(void **state)
{
    struct pg_param params[3] = {
        {.type = PG_TEXT, .data = NULL},
        {.type = PG_BYTEA, .data = "a\0b", .len = 3, .binary = true},
        {.type = PG_TEXT, .data = "text"},
    };
    struct pg_stmt stmt = {.sql = "SELECT $1, $2, $3",
        .params = params,
        .nparams = 3,
        .binary_result = true};
    struct pg_req req;

    NEED_SERVER();
    submit(db.pool, &req, &stmt, 1);
    db_wait(&db, &req.op);
    assert_true(pg_is_null(req.results[0], 0, 0));
    assert_int_equal(pg_value(req.results[0], 0, 1).len, 3);
    assert_memory_equal(pg_value(req.results[0], 0, 1).p, "a\0b", 3);
    assert_string_equal(pg_value(req.results[0], 0, 2).p, "text");
    pg_req_clear(&req);
    assert_int_equal(pg_rows(NULL), 0);
    assert_int_equal(pg_affected(NULL), 0);
}

/* More than the sockets hold, both ways at once, on both connections. */
static void carries_large_values_both_ways(void **state)
{
    char *big = db_server() == NULL ? NULL : malloc(BIG_BYTES);
    struct pg_param param = {
        .type = PG_BYTEA, .data = big, .len = BIG_BYTES, .binary = true};
    struct pg_stmt echo = {.sql = "SELECT $1",
        .params = &param,
        .nparams = 1,
        .binary_result = true};
    struct pg_stmt stmts[4] = {echo, echo, echo, echo};
    struct pg_req reqs[4];

    NEED_SERVER();
    for (int i = 0; i < BIG_BYTES; i++)
        big[i] = (char)(i * 7);
    for (int i = 0; i < 4; i++)
        submit(db.pool, &reqs[i], stmts, 4);
    for (int i = 0; i < 4; i++) {
        db_wait(&db, &reqs[i].op);
        assert_int_equal(reqs[i].op.err.code, 0);
        for (int k = 0; k < 4; k++) {
            struct str v = pg_value(reqs[i].results[k], 0, 0);

            assert_int_equal(v.len, BIG_BYTES);
            assert_int_equal(memcmp(v.p, big, BIG_BYTES), 0);
        }
        pg_req_clear(&reqs[i]);
    }
    free(big);
}

static void runs_scripts_between_units(void **state)
{
    struct pg_req req = {.script = "BEGIN; SELECT 1; SELECT 42; COMMIT"};

    NEED_SERVER();
    for (int i = 0; i < 3; i++) {
        db_text(&db, "SELECT 1");
        assert_int_equal(db_send(&db, db.pool, &req), 0);
        assert_string_equal(pg_value(req.results[0], 0, 0).p, "42");
        pg_req_clear(&req);
    }
}

static void a_failed_script_leaves_no_transaction(void **state)
{
    struct pg_req req = {.script = "BEGIN; CREATE TABLE t (n int); SELECT x"};

    NEED_SERVER();
    assert_int_equal(db_send(&db, db.pool, &req), ERR_DATABASE);
    assert_string_equal(req.sqlstate, "42703");
    pg_req_clear(&req);
    req.script = "BEGIN; SELECT 1"; /* forgets the COMMIT */
    assert_int_equal(db_send(&db, db.pool, &req), 0);
    pg_req_clear(&req);
    assert_string_equal(
        db_text(&db, "SELECT count(*)" OTHERS " AND state LIKE 'idle in %'"),
        "0");
}

static void refuses_copy(void **state)
{
    struct pg_stmt stmt = {.sql = "COPY (SELECT 1) TO STDOUT"};
    struct pg_req req = {.script = "COPY (SELECT 1) TO STDOUT"};

    NEED_SERVER();
    assert_int_equal(db_send(&db, db.pool, &req), ERR_DATABASE);
    pg_req_clear(&req);
    submit(db.pool, &req, &stmt, 1);
    expect(&req, ERR_DATABASE);
    assert_string_equal(db_text(&db, "SELECT 1"), "1");
}

static void maps_sql_errors(void **state)
{
    static const struct {
        const char *sql;
        int code;
    } cases[] = {
        {"SELECT 'x'::int", ERR_DATA},
        {"INSERT INTO u VALUES (1), (1)", ERR_DATA},
        {"SELECT nothing", ERR_DATABASE},
        {"DO $$BEGIN RAISE SQLSTATE '40001'; END$$", ERR_UNAVAILABLE},
        {"DO $$BEGIN RAISE SQLSTATE '40P01'; END$$", ERR_UNAVAILABLE},
        {"DO $$BEGIN RAISE SQLSTATE '53300'; END$$", ERR_UNAVAILABLE},
        {"DO $$BEGIN RAISE SQLSTATE '57P01'; END$$", ERR_UNAVAILABLE},
        {"DO $$BEGIN RAISE SQLSTATE '08006'; END$$", ERR_UNAVAILABLE},
        {"DO $$BEGIN RAISE SQLSTATE '25006'; END$$", ERR_UNAVAILABLE},
        {"DO $$BEGIN RAISE SQLSTATE '28000'; END$$", ERR_AUTH},
        {"DO $$BEGIN RAISE SQLSTATE '55P03'; END$$", ERR_TIMEOUT},
    };

    NEED_SERVER();
    db_exec(&db, "CREATE TABLE u (n int PRIMARY KEY)");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pg_stmt stmt = {.sql = cases[i].sql};
        struct pg_req req;

        submit(db.pool, &req, &stmt, 1);
        expect(&req, cases[i].code);
    }
}

/* After a failover the old server may still answer, but writes nothing. */
static void leaves_a_server_that_only_reads(void **state)
{
    struct pg_stmt stmt = {.sql = "CREATE TABLE u (n int)"};
    struct pg_req req;

    NEED_SERVER();
    db_close_pool(&db);
    db_open_pool(&db, db.url, 1);
    db_exec(&db, "SET default_transaction_read_only = on");
    submit(db.pool, &req, &stmt, 1);
    expect(&req, ERR_UNAVAILABLE);
    assert_string_equal(
        db_text(&db, "SHOW default_transaction_read_only"), "off");
}

static void says_detail_and_sqlstate(void **state)
{
    struct pg_stmt stmt = {.sql = "INSERT INTO u VALUES (1), (1)"};
    struct pg_req req;

    NEED_SERVER();
    db_exec(&db, "CREATE TABLE u (n int PRIMARY KEY)");
    submit(db.pool, &req, &stmt, 1);
    db_wait(&db, &req.op);
    assert_string_equal(req.op.err.msg,
        "duplicate key value violates unique constraint \"u_pkey\": "
        "Key (n)=(1) already exists. [SQLSTATE 23505]");
    assert_string_equal(req.primary,
        "duplicate key value violates unique constraint \"u_pkey\"");
    pg_req_clear(&req);
}

/* The server's detail is the whole row: no text of a record in a message. */
static void shows_no_row(void **state)
{
    struct pg_stmt stmt = {.sql = "INSERT INTO v VALUES ('secret', NULL)"};
    struct pg_req req;

    NEED_SERVER();
    db_exec(&db, "CREATE TABLE v (t text, n int NOT NULL)");
    submit(db.pool, &req, &stmt, 1);
    db_wait(&db, &req.op);
    assert_int_equal(req.op.err.code, ERR_DATA);
    assert_null(strstr(req.op.err.msg, "secret"));
    pg_req_clear(&req);
}

static void ends_a_statement_that_takes_too_long(void **state)
{
    struct pg_req req = {.stmts = &sleep_10, .nstmts = 1, .timeout_ms = 100};
    uint64_t start = loop_now_ms(&db.loop);

    NEED_SERVER();
    assert_int_equal(db_send(&db, db.pool, &req), ERR_TIMEOUT);
    assert_string_equal(req.sqlstate, "57014");
    assert_true(loop_now_ms(&db.loop) - start < 3000);
    pg_req_clear(&req);
    assert_string_equal(db_text(&db, "SHOW statement_timeout"), "20s");
}

static void a_killed_connection_ends_its_unit(void **state)
{
    struct pg_stmt two[2] = {select_1, sleep_10};
    struct pg_req req;

    NEED_SERVER();
    submit(db.pool, &req, two, 2);
    db_sleep(&db, 200);
    assert_string_equal(
        db_text(&db, "SELECT count(pg_terminate_backend(pid))" OTHERS
                     " AND state = 'active'"),
        "1");
    db_wait(&db, &req.op);
    assert_int_equal(req.op.err.code, ERR_UNAVAILABLE);
    assert_string_equal(req.sqlstate, "57P01");
    pg_req_clear(&req);
    assert_string_equal(db_text(&db, "SELECT 1"), "1");
}

static void an_idle_death_is_nobodys_failure(void **state)
{
    struct pg_req reqs[8];

    NEED_SERVER();
    for (int round = 0; round < 5; round++) {
        db_exec(&db, "SELECT pg_terminate_backend(pid, 5000)" OTHERS);
        for (int i = 0; i < 8; i++)
            submit(db.pool, &reqs[i], &select_1, 1);
        for (int i = 0; i < 8; i++)
            expect(&reqs[i], 0);
    }
}

static void a_stopped_server_is_found_again(void **state)
{
    struct pg_req req;
    struct pg_pool *pool;
    struct proxy proxy;
    struct err err;
    char url[DB_URL_BYTES];

    NEED_SERVER();
    proxy_open(&proxy, &db, url);
    assert_int_equal(pg_pool_init(&pool, &db.loop, url, 2, 5000, &err), 0);
    submit(pool, &req, &select_1, 1);
    expect(&req, 0);
    submit(pool, &req, &sleep_10, 1);
    db_sleep(&db, 100);
    proxy_stop(&proxy);
    expect(&req, ERR_UNAVAILABLE);
    submit(pool, &req, &select_1, 1);
    expect(&req, ERR_UNAVAILABLE);
    proxy_start(&proxy);
    submit(pool, &req, &select_1, 1);
    expect(&req, 0);
    pg_pool_close(pool);
    proxy_close(&proxy);
}

/* Nothing comes back and nothing is closed: only our clock can tell. */
static void a_silent_server_is_given_up(void **state)
{
    struct pg_req req = {.stmts = &select_1, .nstmts = 1, .timeout_ms = 50};
    struct pg_pool *pool;
    struct proxy proxy;
    struct err err;
    char url[DB_URL_BYTES];

    NEED_SERVER();
    proxy_open(&proxy, &db, url);
    assert_int_equal(pg_pool_init(&pool, &db.loop, url, 1, 5000, &err), 0);
    assert_int_equal(db_send(&db, pool, &req), 0);
    pg_req_clear(&req);
    proxy.stalled = true;
    assert_int_equal(db_send(&db, pool, &req), ERR_TIMEOUT);
    pg_req_clear(&req);
    pg_pool_close(pool);
    proxy_close(&proxy);
}

static void a_connect_to_silence_is_given_up(void **state)
{
    struct pg_req req;
    struct pg_pool *pool;
    struct proxy proxy;
    struct err err;
    char url[DB_URL_BYTES];

    NEED_SERVER();
    proxy_open(&proxy, &db, url);
    proxy.stalled = true;
    assert_int_equal(pg_pool_init(&pool, &db.loop, url, 2, 5000, &err), 0);
    submit(pool, &req, &select_1, 1);
    db_wait(&db, &req.op);
    assert_int_equal(req.op.err.code, ERR_UNAVAILABLE);
    assert_non_null(strstr(req.op.err.msg, "no answer from 127.0.0.1"));
    pg_req_clear(&req);
    pg_pool_close(pool);
    proxy_close(&proxy);
}

static void failed_connects_end_all_that_wait(void **state)
{
    struct pg_req reqs[5];
    struct pg_pool *pool;
    struct err err;
    struct loop loop;

    assert_int_equal(loop_init(&loop, &err), 0);
    assert_int_equal(pg_pool_init(&pool, &loop,
                         "postgresql://127.0.0.1:1/x?user=x", 2, 1000, &err),
        0);
    for (int i = 0; i < 5; i++)
        submit(pool, &reqs[i], &select_1, 1);
    for (int i = 0; i < 5; i++) {
        while (op_pending(&reqs[i].op))
            uv_run(&loop.uv, UV_RUN_ONCE);
        assert_int_equal(reqs[i].op.err.code, ERR_UNAVAILABLE);
        assert_non_null(strstr(reqs[i].op.err.msg, "refused"));
    }
    pg_pool_close(pool);
    loop_run(&loop);
    assert_int_equal(loop_close(&loop, &err), 0);
}

/* A host that accepts and says nothing costs its time, once: the next one is
 * tried, and the connection after that begins with it. */
static void a_silent_host_is_passed_over(void **state)
{
    struct pg_req req;
    struct pg_pool *pool;
    struct proxy proxy;
    struct err err;
    char url[DB_URL_BYTES], param[160];
    uint64_t start = loop_now_ms(&db.loop);

    NEED_SERVER();
    proxy_open(&proxy, &db, url);
    proxy.stalled = true;
    snprintf(param, sizeof(param),
        "host=127.0.0.1,127.0.0.1&port=%d,%s&connect_timeout=1", proxy.port,
        db_text(&db, "SHOW port"));
    db_url(url, db.url, param);
    assert_int_equal(pg_pool_init(&pool, &db.loop, url, 2, 5000, &err), 0);
    submit(pool, &req, &select_1, 1);
    expect(&req, 0);
    assert_in_range(loop_now_ms(&db.loop) - start, 900, 3000);
    pg_pool_close(pool);
    proxy_close(&proxy);
}

static void tells_of_every_host(void **state)
{
    struct pg_req req;
    struct pg_pool *pool;
    struct loop loop;
    struct err err;

    assert_int_equal(loop_init(&loop, &err), 0);
    assert_int_equal(
        pg_pool_init(&pool, &loop,
            "postgres://u@127.0.0.1:1,no-such-host.invalid:2/x", 1, 0, &err),
        0);
    submit(pool, &req, &select_1, 1);
    while (op_pending(&req.op))
        uv_run(&loop.uv, UV_RUN_ONCE);
    assert_int_equal(req.op.err.code, ERR_UNAVAILABLE);
    assert_non_null(strstr(req.op.err.msg, "port 1 failed"));
    assert_non_null(strstr(req.op.err.msg, "resolving no-such-host.invalid"));
    pg_pool_close(pool);
    loop_run(&loop);
    assert_int_equal(loop_close(&loop, &err), 0);
}

static void tells_who_may_not_come_in(void **state)
{
    struct pg_req req;
    struct pg_pool *pool;
    struct err err;
    char url[DB_URL_BYTES];

    NEED_SERVER();
    db_url(url, db_server(), "user=nobody_of_that_name");
    assert_int_equal(pg_pool_init(&pool, &db.loop, url, 1, 5000, &err), 0);
    submit(pool, &req, &select_1, 1);
    db_wait(&db, &req.op);
    assert_int_equal(req.op.err.code, ERR_AUTH);
    assert_non_null(strstr(req.op.err.msg, "nobody_of_that_name"));
    assert_null(strstr(req.op.err.msg, "LOCATION"));
    pg_pool_close(pool);
}

static void cancels_a_running_unit(void **state)
{
    struct pg_req req;
    uint64_t start = loop_now_ms(&db.loop);

    NEED_SERVER();
    submit(db.pool, &req, &sleep_10, 1);
    db_sleep(&db, 200);
    op_cancel(&req.op);
    op_cancel(&req.op);
    expect(&req, ERR_CANCELED);
    assert_true(loop_now_ms(&db.loop) - start < 3000);
    assert_string_equal(
        db_text(&db, "SELECT count(*)" OTHERS " AND state = 'active'"), "0");
}

static void cancels_waiting_units_at_once(void **state)
{
    struct pg_req running[2], waiting;

    NEED_SERVER();
    submit(db.pool, &running[0], &sleep_10, 1);
    submit(db.pool, &running[1], &sleep_10, 1);
    submit(db.pool, &waiting, &select_1, 1);
    op_cancel(&waiting.op);
    assert_true(op_pending(&waiting.op));
    expect(&waiting, ERR_CANCELED);
    assert_true(op_pending(&running[0].op));
    op_cancel(&running[0].op);
    op_cancel(&running[1].op);
    expect(&running[0], ERR_CANCELED);
    expect(&running[1], ERR_CANCELED);
    assert_string_equal(db_text(&db, "SELECT 1"), "1");
}

/* The server does not hear of it: the unit ends by our clock. */
static void a_cancel_nobody_answers_ends_too(void **state)
{
    struct pg_req req;
    struct pg_pool *pool;
    struct proxy proxy;
    struct err err;
    char url[DB_URL_BYTES];

    NEED_SERVER();
    proxy_open(&proxy, &db, url);
    assert_int_equal(pg_pool_init(&pool, &db.loop, url, 1, 30000, &err), 0);
    submit(pool, &req, &sleep_10, 1);
    db_sleep(&db, 200);
    proxy.stalled = true;
    op_cancel(&req.op);
    expect(&req, ERR_CANCELED);
    pg_pool_close(pool);
    proxy_close(&proxy);
}

static void close_ends_everything(void **state)
{
    struct pg_req reqs[4];

    NEED_SERVER();
    for (int i = 0; i < 4; i++)
        submit(db.pool, &reqs[i], &sleep_10, 1);
    db_sleep(&db, 100);
    db_close_pool(&db);
    for (int i = 0; i < 4; i++)
        expect(&reqs[i], ERR_CANCELED);
    db_open_pool(&db, db.url, 2);
    submit(db.pool, &reqs[0], &select_1, 1);
    db_close_pool(&db); /* while connecting */
    expect(&reqs[0], ERR_CANCELED);
    db_open_pool(&db, db.url, 2);
}

static void close_while_resolving(void **state)
{
    struct pg_req req;
    struct pg_pool *pool;
    struct loop loop;
    struct err err;

    assert_int_equal(loop_init(&loop, &err), 0);
    assert_int_equal(pg_pool_init(&pool, &loop,
                         "postgres://u@no-such-host.invalid/x", 1, 0, &err),
        0);
    submit(pool, &req, &select_1, 1);
    pg_pool_close(pool);
    loop_run(&loop);
    assert_int_equal(req.op.err.code, ERR_CANCELED);
    assert_int_equal(loop_close(&loop, &err), 0);
}

static void resolves_names(void **state)
{
    char url[DB_URL_BYTES], param[64];
    struct pg_req req;
    struct pg_pool *pool;
    struct err err;

    NEED_SERVER();
    snprintf(param, sizeof(param), "host=localhost&port=%s",
        db_text(&db, "SHOW port"));
    db_url(url, db.url, param);
    assert_int_equal(pg_pool_init(&pool, &db.loop, url, 1, 5000, &err), 0);
    submit(pool, &req, &select_1, 1);
    expect(&req, 0);
    pg_pool_close(pool);
}

static void drops_what_other_clients_know(void **state)
{
    char url[DB_URL_BYTES];
    struct pg_req req;
    struct pg_pool *pool;
    struct err err;

    NEED_SERVER();
    db_url(url, db.url,
        "pgbouncer=true&connection_limit=5&schema=public&pool_timeout=3"
        "&application_name=its-own");
    assert_int_equal(pg_pool_init(&pool, &db.loop, url, 1, 5000, &err), 0);
    req = (struct pg_req){.script = "SHOW application_name"};
    assert_int_equal(db_send(&db, pool, &req), 0);
    assert_string_equal(pg_value(req.results[0], 0, 0).p, "its-own");
    pg_req_clear(&req);
    pg_pool_close(pool);
}

static void refuses_urls_it_cannot_follow(void **state)
{
    static const char *const urls[] = {
        "postgres://a:1,b:2,c:3/d?port=1,2",
        "postgres://h/d?unknown=1",
        "mysql://h/d",
        "host",
        "postgres://u:secret/pass@h/d",
        "postgres://u:secret@h:port/d",
        "postgres://u:%secret@h/d",
    };
    struct pg_pool *pool;
    struct loop loop;
    struct err err;

    assert_int_equal(loop_init(&loop, &err), 0);
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        assert_int_equal(
            pg_pool_init(&pool, &loop, urls[i], 1, 0, &err), ERR_CONFIG);
        assert_null(strstr(err.msg, "secret"));
    }
    assert_int_equal(loop_close(&loop, &err), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_a_thousand_units_over_two_connections),
        TEST(has_one_sync_outstanding_at_most),
        TEST(is_one_transaction),
        TEST(passes_nulls_and_binary_values),
        TEST(carries_large_values_both_ways),
        TEST(runs_scripts_between_units),
        TEST(a_failed_script_leaves_no_transaction),
        TEST(refuses_copy),
        TEST(maps_sql_errors),
        TEST(leaves_a_server_that_only_reads),
        TEST(says_detail_and_sqlstate),
        TEST(shows_no_row),
        TEST(ends_a_statement_that_takes_too_long),
        TEST(a_killed_connection_ends_its_unit),
        TEST(an_idle_death_is_nobodys_failure),
        TEST(a_stopped_server_is_found_again),
        TEST(a_silent_server_is_given_up),
        TEST(a_connect_to_silence_is_given_up),
        TEST(a_silent_host_is_passed_over),
        TEST(tells_who_may_not_come_in),
        TEST(cancels_a_running_unit),
        TEST(cancels_waiting_units_at_once),
        TEST(a_cancel_nobody_answers_ends_too),
        TEST(close_ends_everything),
        TEST(resolves_names),
        TEST(drops_what_other_clients_know),
        cmocka_unit_test(failed_connects_end_all_that_wait),
        cmocka_unit_test(close_while_resolving),
        cmocka_unit_test(tells_of_every_host),
        cmocka_unit_test(refuses_urls_it_cannot_follow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
