/* Programs of two versions on one database: rolling upgrades. */
#include "base/log.h"
#include "db/migrate/migration.h"
#include "unit/db/pg_world.h"

static const char *ask(struct world *w, const char *sql)
{
    return db_text(&w->db, sql);
}

static void lose_the_lease(struct world *w)
{
    ledger_stop(&w->ledger);
    db_exec(&w->db, "UPDATE batch_sync_runs"
                    " SET expires_at = now() - interval '1 s'");
    db_exec(&w->db, "UPDATE batch_sync_service_runs"
                    " SET expires_at = now() - interval '1 s'");
}

static void join(struct world *w, struct ledger *l, const char *expected)
{
    struct run_join_req req = {.arena = &w->arena,
        .tenant = "t1",
        .embedding = {"builtin", "m", DIMENSIONS},
        .limit = 10};

    op_init(&req.op, db_done);
    ledger_run_join(l, &req);
    expect_op(w, &req.op, 0);
    assert_string_equal(req.run_id, expected);
}

/* They must stay until the loop has ended. */
static struct ledger others[16];
static size_t nothers;

/* Another process, so many migrations newer than the one of the world. */
static struct ledger *other_version(struct world *w, int newer)
{
    struct ledger *l = &others[nothers++];

    assert_true(nothers <= sizeof(others) / sizeof(others[0]));
    ledger_init(l, w->db.pool, w->db.pool, &w->db.loop, 30, 300);
    l->generation += newer;
    return l;
}

static void a_run_has_the_generation_of_its_program(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    assert_true(migrate_generation() >= 16);
    assert_int_equal(atoi(ask(w, "SELECT generation FROM batch_sync_runs")),
        migrate_generation());
}

/* What they do with a run that is alive, and with one whose owner is lost. */
static const struct {
    int newer; /* than the program that began the run */
    bool lost, joins;
} sharing[] = {
    {-1, false, false},
    {-1, true, false},
    {0, false, true},
    {0, true, true},
    {1, false, false}, /* it waits */
    {1, true, true},
};

static void who_shares_a_run(void **state)
{
    struct world *w = *state;
    struct ledger *other;
    char id[ID_BYTES];

    NEED_SERVER();
    for (size_t i = 0; i < sizeof(sharing) / sizeof(sharing[0]); i++) {
        if (i > 0)
            run_begin(w, &w->ledger, &test_params, 0);
        memcpy(id, w->run.run_id, sizeof(id));
        if (sharing[i].lost)
            lose_the_lease(w);
        other = other_version(w, sharing[i].newer);
        join(w, other, sharing[i].joins ? id : "");
        assert_string_equal(other->left_run, sharing[i].newer < 0 ? id : "");
        claim(w, other, 0);
        assert_int_equal(w->service.claim,
            sharing[i].newer < 0 ? CLAIM_GONE : CLAIM_SERVICE);
        ledger_stop(other);
        ledger_stop(&w->ledger);
        db_exec(&w->db, "DELETE FROM batch_sync_runs");
    }
}

/* After that the older programs that took part in it are out. */
static void what_was_taken_over_is_the_newer_ones(void **state)
{
    struct world *w = *state;
    struct ledger *newer;
    char id[ID_BYTES];

    NEED_SERVER();
    memcpy(id, w->run.run_id, sizeof(id));
    lose_the_lease(w);
    newer = other_version(w, 1);
    join(w, newer, id);
    claim(w, &w->ledger, 0);
    assert_int_equal(w->service.claim, CLAIM_GONE);
    join(w, &w->ledger, "");
    assert_string_equal(w->ledger.left_run, id);
    claim(w, newer, 0);
    assert_int_equal(w->service.claim, CLAIM_SERVICE);
    ledger_stop(newer);
}

static void the_same_request_goes_on_with_what_an_older_one_left(void **state)
{
    struct world *w = *state;
    struct ledger *newer;
    char id[ID_BYTES];

    NEED_SERVER();
    memcpy(id, w->run.run_id, sizeof(id));
    lose_the_lease(w);
    newer = other_version(w, 1);
    run_begin(w, newer, &test_params, 0);
    assert_string_equal(w->run.run_id, id);
    ledger_stop(newer);
}

/* Nor does it abandon it: a newer one goes on with it afterwards. */
static void an_older_one_begins_a_run_of_its_own(void **state)
{
    struct world *w = *state;
    struct run_begin_req begun;
    struct ledger *older;
    char id[ID_BYTES];

    NEED_SERVER();
    memcpy(id, w->run.run_id, sizeof(id));
    lose_the_lease(w);
    older = other_version(w, -1);
    run_begin(w, older, &test_params, 0);
    assert_string_not_equal(w->run.run_id, id);
    assert_string_equal(older->left_run, id);
    assert_string_equal(
        ask(w, "SELECT string_agg(status, ' ' ORDER BY started_at)"
               " FROM batch_sync_runs"),
        "interrupted running");
    begun = w->run;
    run_begin(w, &w->ledger, &test_params, ERR_ALREADY_RUNNING);
    assert_non_null(
        strstr(w->run.op.err.msg, ", which is of an older version"));
    w->run = begun;
    run_succeeds(w, older);
    join(w, &w->ledger, id);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_run_has_the_generation_of_its_program),
        TEST(who_shares_a_run),
        TEST(what_was_taken_over_is_the_newer_ones),
        TEST(the_same_request_goes_on_with_what_an_older_one_left),
        TEST(an_older_one_begins_a_run_of_its_own),
    };

    log_init(stderr, LOG_ERROR + 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
