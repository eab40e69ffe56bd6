/*
 * Fires of the schedule over the ports of runner_world.h, in real time; the
 * ledger that knows the last fire is on a real PostgreSQL.
 */
#include "daemon/scheduler.h"
#include "unit/daemon/runner_world.h"
#include "unit/net/pg/pg_support.h"

#include <string.h>
#include <time.h>

/* No trigger comes late here. */
static inline void late_turn(struct world *w)
{
}

enum { TRIES = 16 };

static struct {
    struct scheduler *scheduler;
    struct metrics *metrics;
    struct db db; /* its schema; the pool is on the world's loop */
    struct pg_pool *pool;
    struct ledger ledger;
    char cron[64];
    int64_t fires[TRIES]; /* of the tries to begin */
    int failing;          /* tries that fail before one does not */
} it;

static void begin_fire(void *world, struct run_begin_req *req)
{
    struct world *w = world;

    assert_in_range(w->begun_runs, 0, TRIES - 1);
    it.fires[w->begun_runs] = req->spec.fire_ms;
    w->begin_code = w->begun_runs < it.failing ? ERR_UNAVAILABLE : 0;
    run_begin(world, req);
}

/* A day's job that fires three seconds from now. */
static int64_t soon(void)
{
    time_t at = (time_t)(loop_wall_ms() / 1000 + 3);
    struct tm tm;

    gmtime_r(&at, &tm);
    snprintf(it.cron, sizeof(it.cron), "%d %d %d * * *", tm.tm_sec, tm.tm_min,
        tm.tm_hour);
    return (int64_t)at * 1000;
}

static const char runs[] = "CREATE TABLE batch_sync_runs (fire_at timestamptz,"
                           " schedule text NOT NULL DEFAULT '')";
static const char others[] =
    "CREATE TABLE batch_sync_fires (schedule text, fire_at timestamptz,"
    " outcome text, PRIMARY KEY (schedule, fire_at));"
    "CREATE TABLE batch_sync_pauses (reason text)";

static void open_scheduler(struct world *w)
{
    struct err err;

    w->config.schedule.cron = it.cron;
    w->config.schedule.timezone = "UTC";
    if (scheduler_init(&it.scheduler, &w->loop, &w->config, &it.ledger,
            w->runner, it.metrics, &err) < 0)
        fail_msg("%s", err.msg);
    scheduler_start(it.scheduler);
}

static int scheduler_setup(void **state)
{
    struct world *w;
    struct err err;

    if (db_server() == NULL)
        return 0;
    memset(&it, 0, sizeof(it));
    setup(state);
    w = *state;
    w->ports.run_begin = begin_fire;
    db_open(&it.db, 1);
    db_exec(&it.db, runs);
    db_exec(&it.db, others);
    assert_int_equal(
        pg_pool_init(&it.pool, &w->loop, it.db.url, 1, 0, &err), 0);
    ledger_init(&it.ledger, it.pool, it.pool, &w->loop, 30, 300);
    return metrics_init(&it.metrics, "test");
}

static int scheduler_teardown(void **state)
{
    if (*state == NULL)
        return 0;
    if (it.scheduler != NULL)
        scheduler_stop(it.scheduler);
    pg_pool_close(it.pool);
    loop_run(&((struct world *)*state)->loop);
    scheduler_free(it.scheduler);
    metrics_free(it.metrics);
    db_close(&it.db);
    return teardown(state);
}

static void on_late(struct op *op)
{
}

/* Turns the loop until so many tries to begin were made, or time is up. */
static void turn_until(struct world *w, int tries)
{
    struct timer_req limit;

    op_init(&limit.op, on_late);
    loop_timer(&w->loop, &limit, 20000);
    while (w->begun_runs < tries && op_pending(&limit.op))
        uv_run(&w->loop.uv, UV_RUN_ONCE);
    op_cancel(&limit.op);
    while (op_pending(&limit.op) || runner_is_running(w->runner))
        uv_run(&w->loop.uv, UV_RUN_ONCE);
    assert_int_equal(w->begun_runs, tries);
}

static void a_fire_outlives_a_database_that_is_away(void **state)
{
    struct world *w = *state;
    int64_t nominal_ms;

    NEED_SERVER();
    it.failing = 2;
    nominal_ms = soon();
    open_scheduler(w);
    turn_until(w, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(it.fires[i], nominal_ms);
    assert_int_equal(runner_last(w->runner)->status, RUN_SUCCESS);
    assert_string_equal(runner_last(w->runner)->trigger, "schedule");
}

/* So do those of the start-up, which have no instant. */
static void the_startup_outlives_one_too(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    it.failing = 1;
    snprintf(it.cron, sizeof(it.cron), "0 0 29 2 *");
    w->config.schedule.on_startup = true;
    open_scheduler(w);
    turn_until(w, 2);
    assert_int_equal(it.fires[1], 0);
    assert_string_equal(runner_last(w->runner)->trigger, "startup");
}

static void the_next_fire_takes_the_place(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    it.failing = 3; /* at 0, 0.5 and 1.5 seconds; the next is at 3.5 */
    snprintf(it.cron, sizeof(it.cron), "*/2 * * * * *");
    open_scheduler(w);
    turn_until(w, 4);
    assert_int_equal(it.fires[0], it.fires[2]);
    assert_int_equal(it.fires[3], it.fires[0] + 2000);
}

static void stopping_ends_the_tries(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    it.failing = TRIES;
    soon();
    open_scheduler(w);
    turn_until(w, 2);
    scheduler_stop(it.scheduler);
    while (!scheduler_is_idle(it.scheduler))
        uv_run(&w->loop.uv, UV_RUN_ONCE);
    assert_int_equal(w->begun_runs, 2);
}

/* As if the database went away just as it was asked for the last fire. */
static const char away[] =
    "DROP TABLE batch_sync_runs; CREATE FUNCTION away() RETURNS timestamptz"
    " LANGUAGE plpgsql AS $$BEGIN RAISE 'away' USING ERRCODE = '57P01'; END$$;"
    "CREATE VIEW batch_sync_runs AS SELECT away() AS fire_at, ''::text AS "
    "schedule";

static const char back[] =
    "DROP VIEW batch_sync_runs; CREATE TABLE batch_sync_runs AS"
    " SELECT now() - interval '3 days' AS fire_at, ''::text AS schedule";

static void the_last_fire_is_asked_for_until_it_is_known(void **state)
{
    struct world *w = *state;
    struct scheduler_status status;
    struct timer_req t;

    NEED_SERVER();
    db_exec(&it.db, away);
    soon();
    w->config.schedule.catch_up = true;
    open_scheduler(w);
    op_init(&t.op, on_late);
    loop_timer(&w->loop, &t, 500);
    while (op_pending(&t.op))
        uv_run(&w->loop.uv, UV_RUN_ONCE);
    scheduler_status(it.scheduler, &status);
    assert_false(status.scheduled);
    db_exec(&it.db, back);
    turn_until(w, 2); /* yesterday's, which was missed, and today's */
    assert_int_equal(it.fires[0] + 24 * 3600 * 1000, it.fires[1]);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, scheduler_setup, scheduler_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_fire_outlives_a_database_that_is_away),
        TEST(the_startup_outlives_one_too),
        TEST(the_next_fire_takes_the_place),
        TEST(stopping_ends_the_tries),
        TEST(the_last_fire_is_asked_for_until_it_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
