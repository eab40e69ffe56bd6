/*
 * The probe against a database that is there, stops, hangs and comes back,
 * and what it makes of the pipeline's events.
 */
#include "unit/net/pg/pg_proxy.h"

#include "base/text.h"
#include "daemon/probe.h"

struct fixture {
    struct db db; /* only its loop, when there is no server */
    struct proxy proxy;
    struct pg_pool *pool; /* the probe's */
    struct probe *probe;
    int changes;
    bool ok;            /* by the last change */
    bool stops_at_once; /* probe_stop() from the change */
};

static void on_change(void *arg, bool ok)
{
    struct fixture *f = arg;

    f->changes++;
    f->ok = ok;
    if (f->stops_at_once) {
        probe_stop(f->probe);
        f->probe = NULL;
    }
}

static void start(struct fixture *f, const char *url)
{
    struct err err;

    if (pg_pool_init(&f->pool, &f->db.loop, url, 1, 20000, &err) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(
        probe_start(&f->probe, &(struct probe_options){.loop = &f->db.loop,
                                   .pool = f->pool,
                                   .tenant = "t1",
                                   .changed = on_change,
                                   .arg = f}),
        0);
}

static void stop(struct fixture *f)
{
    probe_stop(f->probe);
    f->probe = NULL;
    pg_pool_close(f->pool);
    f->pool = NULL;
}

/* Turns the loop until that many changes, for some seconds. */
static void wait_changes(struct fixture *f, int changes, uint64_t ms)
{
    uint64_t end = uv_hrtime() + ms * 1000000;
    struct timer_req t;

    while (f->changes < changes && uv_hrtime() < end) {
        op_init(&t.op, db_done);
        loop_timer(&f->db.loop, &t, 20);
        db_wait(&f->db, &t.op);
    }
    assert_int_equal(f->changes, changes);
}

static const struct dependency *dependency(struct fixture *f, const char *name)
{
    const struct dependency *known = probe_dependencies(f->probe);

    for (int i = 0; i < PROBE_DEPENDENCIES; i++)
        if (strcmp(known[i].name, name) == 0)
            return &known[i];
    fail_msg("%s is not known", name);
    return NULL;
}

static void expect_status(
    struct fixture *f, const char *name, const char *status)
{
    static const char *const words[] = {
        [PROBE_UNKNOWN] = "unknown", [PROBE_OK] = "ok", [PROBE_DOWN] = "down"};
    const struct dependency *d = dependency(f, name);
    bool known = strcmp(status, "unknown") != 0;

    assert_string_equal(words[d->status], status);
    assert_int_equal(d->since_ms != 0, known);
    assert_int_equal(d->checked_ms != 0, known);
    if (d->status == PROBE_DOWN)
        assert_true(d->error[0] != '\0');
}

/* Without a database */

static int setup_alone(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct err err;

    assert_int_equal(loop_init(&f->db.loop, &err), 0);
    start(f, "postgresql://nobody@127.0.0.1:1/none");
    *state = f;
    return 0;
}

static int teardown_alone(void **state)
{
    struct fixture *f = *state;
    struct err err;

    stop(f);
    loop_run(&f->db.loop);
    assert_int_equal(loop_close(&f->db.loop, &err), 0);
    free(f);
    return 0;
}

static void call(struct fixture *f, enum call_kind kind, int code)
{
    struct err err;

    err_set(&err, code, "it \"said\" \xFF so");
    probe_event(f->probe,
        &(struct run_event){
            .kind = EVENT_CALL, .call = kind, .err = code == 0 ? NULL : &err});
}

static void nothing_is_known_at_first(void **state)
{
    struct fixture *f = *state;

    assert_false(probe_database_ok(f->probe));
    expect_status(f, "database", "unknown");
    expect_status(f, "coordinator", "unknown");
    expect_status(f, "embedder", "unknown");
    assert_int_equal(f->changes, 0);
}

static void calls_that_end_well_are_ok(void **state)
{
    struct fixture *f = *state;

    call(f, CALL_FETCH, 0);
    expect_status(f, "coordinator", "ok");
    expect_status(f, "embedder", "unknown");
    call(f, CALL_EMBED, 0);
    expect_status(f, "embedder", "ok");
    call(f, CALL_STORE, 0);
    expect_status(f, "database", "unknown");
}

static void a_side_that_is_not_there_is_down(void **state)
{
    static const int codes[] = {
        ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_AUTH, ERR_QUOTA};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        call(f, CALL_FETCH, codes[i]);
        call(f, CALL_EMBED, codes[i]);
        expect_status(f, "coordinator", "down");
        expect_status(f, "embedder", "down");
        call(f, CALL_FETCH, 0);
        call(f, CALL_EMBED, 0);
        expect_status(f, "coordinator", "ok");
        expect_status(f, "embedder", "ok");
    }
}

static void refusals_say_nothing_about_the_side(void **state)
{
    static const int codes[] = {ERR_REFUSED, ERR_TOO_LONG, ERR_TOO_LARGE,
        ERR_INVALID, ERR_BUSY, ERR_CANCELED, ERR_SOURCE, ERR_PROTOCOL};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        call(f, CALL_EMBED, codes[i]);
        expect_status(f, "embedder", "unknown");
    }
    call(f, CALL_EMBED, ERR_AUTH);
    call(f, CALL_EMBED, ERR_REFUSED);
    expect_status(f, "embedder", "down");
}

static void the_error_is_remembered(void **state)
{
    struct fixture *f = *state;

    call(f, CALL_EMBED, ERR_AUTH);
    assert_string_equal(dependency(f, "embedder")->error, "it \"said\" ? so");
}

static void other_events_say_nothing(void **state)
{
    struct fixture *f = *state;
    struct err err = {.code = ERR_AUTH};

    probe_event(
        f->probe, &(struct run_event){
                      .kind = EVENT_RETRY, .call = CALL_EMBED, .err = &err});
    probe_event(
        f->probe, &(struct run_event){.kind = EVENT_RUN_END, .err = &err});
    expect_status(f, "embedder", "unknown");
    expect_status(f, "coordinator", "unknown");
}

static void since_stays_and_checked_moves(void **state)
{
    struct fixture *f = *state;
    const struct dependency *d = dependency(f, "coordinator");

    call(f, CALL_FETCH, 0);
    db_sleep(&f->db, 30);
    call(f, CALL_FETCH, 0);
    assert_true(d->since_ms < d->checked_ms);
}

static void a_refused_connection_is_down(void **state)
{
    struct fixture *f = *state;

    wait_changes(f, 1, 3000);
    assert_false(f->ok);
    expect_status(f, "database", "down");
    db_sleep(&f->db, 1200);
    assert_int_equal(f->changes, 1);
}

/* With one */

static int setup(void **state)
{
    struct fixture *f;
    char url[DB_URL_BYTES];

    if (db_server() == NULL)
        return 0;
    f = calloc(1, sizeof(*f));
    db_open(&f->db, 1);
    proxy_open(&f->proxy, &f->db, url);
    start(f, url);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    if (f == NULL)
        return 0;
    stop(f);
    proxy_close(&f->proxy);
    db_close(&f->db);
    free(f);
    *state = NULL;
    return 0;
}

static void a_database_is_found_at_once(void **state)
{
    struct fixture *f = *state;

    NEED_SERVER();
    wait_changes(f, 1, 900);
    assert_true(f->ok);
    assert_true(probe_database_ok(f->probe));
    expect_status(f, "database", "ok");
}

static void it_is_asked_again_and_again_on_one_connection(void **state)
{
    struct fixture *f = *state;
    const struct dependency *d;

    NEED_SERVER();
    wait_changes(f, 1, 3000);
    db_sleep(&f->db, 2500);
    d = dependency(f, "database");
    assert_true(d->since_ms < d->checked_ms);
    assert_int_equal(f->changes, 1);
    assert_int_equal(f->proxy.nlinks, 1);
    assert_int_equal(f->proxy.most_syncs, 1);
}

static void a_database_that_stops_is_down_and_comes_back(void **state)
{
    struct fixture *f = *state;

    NEED_SERVER();
    wait_changes(f, 1, 3000);
    proxy_stop(&f->proxy);
    wait_changes(f, 2, 3000);
    assert_false(probe_database_ok(f->probe));
    expect_status(f, "database", "down");
    proxy_start(&f->proxy);
    wait_changes(f, 3, 3000);
    assert_true(probe_database_ok(f->probe));
}

static void a_database_that_hangs_is_down_after_five_seconds(void **state)
{
    struct fixture *f = *state;
    uint64_t began;

    NEED_SERVER();
    wait_changes(f, 1, 3000);
    f->proxy.stalled = true;
    began = uv_hrtime();
    wait_changes(f, 2, 8000);
    assert_true(uv_hrtime() - began > 4000000000u);
    assert_true(uv_hrtime() - began < 7500000000u);
    assert_false(f->ok);
    f->proxy.stalled = false;
    wait_changes(f, 3, 15000);
    assert_true(f->ok);
}

static void it_can_be_stopped_while_it_waits(void **state)
{
    struct fixture *f = *state;

    NEED_SERVER();
    wait_changes(f, 1, 3000);
    f->proxy.stalled = true;
    db_sleep(&f->db, 1300); /* it has asked, and waits */
    stop(f);
    db_sleep(&f->db, 50);
    assert_int_equal(f->changes, 1);
}

static void it_can_be_stopped_by_what_it_tells(void **state)
{
    struct fixture *f = *state;

    NEED_SERVER();
    f->stops_at_once = true;
    wait_changes(f, 1, 3000);
    db_sleep(&f->db, 1300);
    assert_int_equal(f->changes, 1);
}

#define ALONE(name) \
    cmocka_unit_test_setup_teardown(name, setup_alone, teardown_alone)
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ALONE(nothing_is_known_at_first),
        ALONE(calls_that_end_well_are_ok),
        ALONE(a_side_that_is_not_there_is_down),
        ALONE(refusals_say_nothing_about_the_side),
        ALONE(the_error_is_remembered),
        ALONE(other_events_say_nothing),
        ALONE(since_stays_and_checked_moves),
        ALONE(a_refused_connection_is_down),
        TEST(a_database_is_found_at_once),
        TEST(it_is_asked_again_and_again_on_one_connection),
        TEST(a_database_that_stops_is_down_and_comes_back),
        TEST(a_database_that_hangs_is_down_after_five_seconds),
        TEST(it_can_be_stopped_while_it_waits),
        TEST(it_can_be_stopped_by_what_it_tells),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
