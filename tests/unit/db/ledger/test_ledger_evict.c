/*
 * Clients that stop in the middle of a unit and hold what they have locked for
 * ever: whoever needs it has the server end their connections.
 */
#include "unit/db/pg_world.h"

#include "db/ledger/ledger_impl.h"
#include <libpq-fe.h>

static const struct counts some = {.received = 10, .stored = 7, .failed = 3};

/* As another process would be; the caller stops it. */
static void other_owner(struct world *w, struct ledger *l)
{
    ledger_init(l, w->db.pool, w->db.pool, &w->db.loop, 30, 300);
}

static void lose_the_lease(struct world *w)
{
    db_exec(&w->db, "UPDATE batch_sync_runs"
                    " SET expires_at = now() - interval '1 s'"
                    " WHERE status = 'running'");
}

/*
 * A pool whose clients stop: what they have changed of the ledger's rows they
 * keep locked, because their statement does not come to its end.
 */
static struct pg_pool *stopping_pool(struct world *w)
{
    char param[256], url[DB_URL_BYTES];
    struct pg_pool *pool;
    struct err err;

    db_exec(&w->db,
        "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN IF current_setting(''application_name'') = ''stopping''"
        " THEN PERFORM pg_sleep(100); END IF; RETURN NULL; END';"
        "CREATE TRIGGER stop AFTER UPDATE ON batch_sync_service_runs"
        " FOR EACH ROW EXECUTE FUNCTION stop();"
        "CREATE TRIGGER stop AFTER UPDATE ON batch_sync_runs"
        " FOR EACH ROW EXECUTE FUNCTION stop()");
    snprintf(param, sizeof(param),
        "application_name=stopping&options=-csearch_path%%3D%s", w->db.schema);
    db_url(url, db_server(), param);
    assert_int_equal(pg_pool_init(&pool, &w->db.loop, url, 3, 0, &err), 0);
    return pool;
}

/* Until so many of them have stopped. */
static void wait_for_stopped(struct world *w, const char *n)
{
    for (int i = 0; i < 500; i++) {
        if (strcmp(db_text(&w->db,
                       "SELECT count(*) FROM pg_stat_activity WHERE"
                       " application_name = 'stopping' AND datname ="
                       " current_database() AND wait_event = 'PgSleep'"),
                n) == 0)
            return;
        db_sleep(&w->db, 10);
    }
    fail_msg("%s clients should have stopped", n);
}

static void stop_all(struct world *w, struct ledger *other, struct pg_pool *p)
{
    ledger_stop(&w->ledger);
    ledger_stop(other);
    db_sleep(&w->db, 10);
    if (p != NULL)
        pg_pool_close(p);
    db_sleep(&w->db, 10);
}

static void in_a_chunk(void **state)
{
    struct world *w = *state;
    struct ledger other;
    struct pg_pool *pool;
    struct pg_req hold = {
        .script = "BEGIN; SELECT " LEDGER_FENCE_LOCK(
            "token") " FROM batch_sync_service_runs WHERE status = 'running'"
                     " FOR KEY SHARE; SELECT pg_sleep(100); COMMIT"};

    NEED_SERVER();
    pool = stopping_pool(w);
    op_init(&hold.op, db_done);
    pg_send(pool, &hold);
    wait_for_stopped(w, "1");
    ledger_stop(&w->ledger); /* stopped as a whole */
    lose_the_lease(w);
    other_owner(w, &other);
    run_begin(w, &other, &test_params, 0);
    expect_op(w, &hold.op, ERR_UNAVAILABLE);
    pg_req_clear(&hold);
    service_begin(w, &other, 0, 0);
    stop_all(w, &other, pool);
}

/* Of each process of a run: a checkpoint, the end of a service, a heartbeat. */
static void in_what_owners_write(void **state)
{
    struct world *w = *state;
    struct ledger second, third, other;
    struct pg_pool *pool;
    char token[ID_BYTES];
    struct scope scope;
    struct checkpoint_req page = {
        .scope = &scope, .next_page = 2, .limit = 10, .counts = &some};
    struct service_result result = {.success = true};
    struct service_end_req end = {.token = token, .result = &result};

    NEED_SERVER();
    pool = stopping_pool(w);
    memcpy(token, w->service.token, sizeof(token));
    other_owner(w, &second);
    claim(w, &second, 0);
    scope = w->scope;
    ledger_stop(&w->ledger);
    ledger_stop(&second);
    w->ledger.pool = second.pool = pool;
    op_init(&page.op, db_done);
    ledger_checkpoint(&second, &page);
    op_init(&end.op, db_done);
    ledger_service_end(&w->ledger, &end);
    wait_for_stopped(w, "2");
    lose_the_lease(w);
    ledger_init(&third, pool, pool, &w->db.loop, 1, 300);
    ledger_beat_run(&third, w->run.run_id);
    wait_for_stopped(w, "3");
    third.run_id[0] = '\0'; /* no more of them */
    other_owner(w, &other);
    run_begin(w, &other, &test_params, 0);
    expect_op(w, &page.op, ERR_UNAVAILABLE);
    expect_op(w, &end.op, ERR_UNAVAILABLE);
    expect_op(w, &third.beat, ERR_UNAVAILABLE);
    assert_string_equal(
        db_text(&w->db, "SELECT string_agg(concat_ws('|', status, pages), ' ')"
                        " FROM batch_sync_service_runs"),
        "interrupted|0 interrupted|0");
    stop_all(w, &other, pool);
}

static void at_the_end_of_the_run(void **state)
{
    struct world *w = *state;
    struct ledger other;
    struct pg_pool *pool;
    struct run_end_req end = {.run_id = w == NULL ? "" : w->run.run_id,
        .arena = w == NULL ? NULL : &w->arena,
        .nservices = 2};

    NEED_SERVER();
    pool = stopping_pool(w);
    db_exec(&w->db, "UPDATE batch_sync_service_runs SET status = 'success'");
    lose_the_lease(w);
    w->ledger.pool = pool;
    op_init(&end.op, db_done);
    ledger_run_end(&w->ledger, &end);
    wait_for_stopped(w, "1");
    other_owner(w, &other);
    run_begin(w, &other, &test_params, 0);
    expect_op(w, &end.op, ERR_UNAVAILABLE);
    stop_all(w, &other, pool);
}

/* The run is alive, and nobody else may skip that service for ever. */
static void in_a_claim(void **state)
{
    struct world *w = *state;
    struct ledger other;
    struct pg_pool *pool;
    struct service_begin_req held = {
        .run_id = w == NULL ? "" : w->run.run_id, .tenant = "t1"};

    NEED_SERVER();
    pool = stopping_pool(w);
    ledger_init(&other, pool, pool, &w->db.loop, 30, 300);
    op_init(&held.op, db_done);
    ledger_service_begin(&other, &held);
    wait_for_stopped(w, "1");
    claim(w, &w->ledger, 0);
    assert_int_equal(w->service.claim, CLAIM_SERVICE);
    assert_int_equal(w->service.position, 1);
    expect_op(w, &held.op, ERR_UNAVAILABLE);
    stop_all(w, &other, pool);
}

/* This one's backend waits for nothing but its client. */
static void under_the_lock_of_beginning(void **state)
{
    struct world *w = *state;
    struct ledger other;
    PGconn *stopped;

    NEED_SERVER();
    stopped = PQconnectdb(w->db.url);
    PQclear(PQexec(stopped, "BEGIN"));
    PQclear(
        PQexec(stopped, "SELECT pg_advisory_xact_lock(" LEDGER_BEGIN_LOCK ")"));
    assert_int_equal(PQtransactionStatus(stopped), PQTRANS_INTRANS);
    run_succeeds(w, &w->ledger);
    other_owner(w, &other);
    run_begin(w, &other, &test_params, 0);
    PQclear(PQexec(stopped, "COMMIT"));
    assert_int_equal(PQstatus(stopped), CONNECTION_BAD);
    PQfinish(stopped);
    stop_all(w, &other, NULL);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(in_a_chunk),
        TEST(in_what_owners_write),
        TEST(at_the_end_of_the_run),
        TEST(in_a_claim),
        TEST(under_the_lock_of_beginning),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
