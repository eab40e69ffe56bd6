/* A process that has several services of a run under way at once. */
#include "unit/db/pg_world.h"

static const char *ask(struct world *w, const char *sql)
{
    return db_text(&w->db, sql);
}

static void claim_beside(struct world *w, struct service_begin_req *req)
{
    *req = (struct service_begin_req){
        .run_id = w->run.run_id, .tenant = "t1", .beside = true};
    op_init(&req->op, db_done);
    ledger_service_begin(&w->ledger, req);
    expect_op(w, &req->op, 0);
}

static void end_and_claim(struct world *w,
    const struct service_begin_req *claim, struct service_begin_req *next,
    int code)
{
    struct counts counts = {.received = 3, .stored = 3};
    struct service_result result = {.success = true, .counts = counts};
    struct service_end_req req = {
        .token = claim->token, .result = &result, .next = next};

    op_init(&req.op, db_done);
    ledger_service_end(&w->ledger, &req);
    expect_op(w, &req.op, code);
}

static void end_service(struct world *w, const struct service_begin_req *claim)
{
    end_and_claim(w, claim, NULL, 0);
}

static bool is_held(const struct ledger *l, const char *token)
{
    for (int i = 0; i < PARALLEL_SERVICES; i++)
        if (strcmp(l->leases[i].token, token) == 0)
            return true;
    return false;
}

static void heartbeats_keep_each_of_them(void **state)
{
    struct world *w = *state;
    struct service_begin_req second;

    NEED_SERVER();
    w->ledger.lease_s = 1;
    claim_beside(w, &second);
    assert_int_equal(second.claim, CLAIM_SERVICE);
    assert_int_equal(second.position, 1);
    ask(w, "UPDATE batch_sync_service_runs SET expires_at = 'epoch'"
           " RETURNING ''");
    while (strcmp(ask(w, "SELECT bool_and(expires_at > 'epoch')"
                         " FROM batch_sync_service_runs"),
               "t") != 0)
        db_sleep(&w->db, 50);
}

/* The other one's goes on. */
static void the_end_of_one_is_its_own(void **state)
{
    struct world *w = *state;
    struct service_begin_req second;

    NEED_SERVER();
    claim_beside(w, &second);
    end_service(w, &w->service);
    ledger_service_release(&w->ledger, w->service.token);
    assert_false(is_held(&w->ledger, w->service.token));
    assert_true(is_held(&w->ledger, second.token));
    end_service(w, &second);
    assert_string_equal(
        ask(w, "SELECT string_agg(status, ' ' ORDER BY position)"
               " FROM batch_sync_service_runs"),
        "success success");
}

/* What the owner of one was lost of would take the others along. */
static void one_whose_owner_was_lost_is_claimed_alone(void **state)
{
    struct world *w = *state;
    struct service_begin_req second;

    NEED_SERVER();
    ask(w, "UPDATE batch_sync_service_runs SET deaths = 1 WHERE position = 1"
           " RETURNING ''");
    claim_beside(w, &second);
    assert_int_equal(second.claim, CLAIM_WAIT);
    ask(w, "UPDATE batch_sync_service_runs SET deaths = 0, status = 'running',"
           " owner = 'another', expires_at = 'epoch' WHERE position = 1"
           " RETURNING ''");
    claim_beside(w, &second);
    assert_int_equal(second.claim, CLAIM_WAIT);
    claim(w, &w->ledger, 0);
    assert_int_equal(w->service.claim, CLAIM_SERVICE);
    assert_int_equal(w->service.position, 1);
    assert_int_equal(w->service.deaths, 1);
}

/* After one that was not begun the next such comes first; what was left before
 * it is gone on with where it was, and then there is nothing. */
static void what_was_left_comes_after_what_was_not_begun(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    ledger_service_release(&w->ledger, w->service.token);
    ask(w, "UPDATE batch_sync_service_runs SET status = 'interrupted',"
           " next_page = 4, counts = '{\"received\": 30}', deaths = 2"
           " WHERE position = 0 RETURNING ''");
    claim(w, &w->ledger, 0);
    assert_int_equal(w->service.claim, CLAIM_SERVICE);
    assert_int_equal(w->service.position, 1);
    assert_int_equal(w->service.first_page, 1);
    assert_int_equal(w->service.received, 0);
    assert_int_equal(w->service.announced, -1);
    assert_int_equal(w->service.short_before, -1);
    assert_string_equal(w->service.token,
        ask(w, "SELECT token FROM batch_sync_service_runs"
               " WHERE position = 1 AND status = 'running'"
               " AND expires_at > now() AND started_at IS NOT NULL"));
    claim(w, &w->ledger, 0);
    assert_int_equal(w->service.position, 0);
    assert_int_equal(w->service.first_page, 4);
    assert_int_equal(w->service.received, 30);
    assert_int_equal(w->service.deaths, 2);
    claim(w, &w->ledger, 0);
    assert_int_equal(w->service.claim, CLAIM_WAIT);
}

/* How the pass before fell short, and since when changes are asked for. */
static void one_not_begun_knows_the_pass_before(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    for (int i = 0; i < 2; i++) {
        struct service_begin_req full[2];

        ask(w,
            "UPDATE batch_sync_service_runs SET status = 'success', shortfall ="
            " 7, complete = false, started_at = '2026-01-02 03:10:00.5+00'"
            " RETURNING ''");
        run_end(w, &w->ledger, RUN_END_DONE);
        run_begin(w, &w->ledger, &test_params, 0);
        if (i == 0) {
            claim_beside(w, &full[0]);
            claim_beside(w, &full[1]);
            assert_int_equal(full[1].position, 1);
            assert_string_equal(full[1].since, "");
            assert_int_equal(full[1].short_before, 7);
            continue;
        }
        claim(w, &w->ledger, 0);
        claim(w, &w->ledger, 0);
        assert_int_equal(w->service.position, 1);
        assert_string_equal(w->service.since, "2026-01-02T03:05:00.500Z");
        assert_int_equal(w->service.short_before, -1); /* of another kind */
    }
}

/* The end of one and the claim of the next are one transaction, whoever has the
 * one by now. */
static void the_end_of_one_claims_the_next(void **state)
{
    for (int fenced = 0; fenced < 2; fenced++) {
        struct world *w = *state;
        struct service_begin_req next = {.tenant = "t1", .claim = CLAIM_WAIT};

        NEED_SERVER();
        if (fenced) {
            run_end(w, &w->ledger, RUN_END_CANCEL);
            run_begin(w, &w->ledger, &test_params, 0);
            claim(w, &w->ledger, 0);
            ask(w, "UPDATE batch_sync_service_runs SET token = 'another'"
                   " WHERE status = 'running' AND position = 0 RETURNING ''");
        }
        next.run_id = w->run.run_id;
        end_and_claim(w, &w->service, &next, fenced ? ERR_FENCED : 0);
        assert_int_equal(next.claim, CLAIM_SERVICE);
        assert_int_equal(next.position, 1);
        assert_int_equal(next.first_page, 1);
        assert_false(is_held(&w->ledger, w->service.token));
        assert_true(is_held(&w->ledger, next.token));
        assert_string_equal(
            ask(w, "SELECT string_agg(s.status, ' ' ORDER BY position)"
                   " || ' ' || count(DISTINCT s.xmin::text) FROM"
                   " batch_sync_service_runs s JOIN batch_sync_runs r"
                   " ON r.id = s.run_id WHERE r.status = 'running'"),
            fenced ? "running running 2" : "success running 1");
    }
}

/* It never takes what another process may have been lost of, or waits. */
static void the_end_of_one_claims_nothing_that_was_begun(void **state)
{
    static const char *const others[] = {"status = 'interrupted'",
        "status = 'running', expires_at = 'epoch'", "deaths = 1",
        "status = 'success'"};
    struct world *w = *state;

    NEED_SERVER();
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct service_begin_req next = {.tenant = "t1", .claim = CLAIM_WAIT};
        char sql[256];

        snprintf(sql, sizeof(sql),
            "UPDATE batch_sync_service_runs SET %s WHERE position = 1"
            " RETURNING ''",
            others[i]);
        ask(w, sql);
        next.run_id = w->run.run_id;
        end_and_claim(w, &w->service, &next, 0);
        assert_int_equal(next.claim, CLAIM_WAIT);
        run_end(w, &w->ledger, RUN_END_CANCEL);
        run_begin(w, &w->ledger, &test_params, 0);
        claim(w, &w->ledger, 0);
    }
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(heartbeats_keep_each_of_them),
        TEST(the_end_of_one_is_its_own),
        TEST(one_whose_owner_was_lost_is_claimed_alone),
        TEST(what_was_left_comes_after_what_was_not_begun),
        TEST(one_not_begun_knows_the_pass_before),
        TEST(the_end_of_one_claims_the_next),
        TEST(the_end_of_one_claims_nothing_that_was_begun),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
