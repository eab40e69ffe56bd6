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

static void end_service(struct world *w, const struct service_begin_req *claim)
{
    struct counts counts = {.received = 3, .stored = 3};
    struct service_result result = {.success = true, .counts = counts};
    struct service_end_req req = {.token = claim->token, .result = &result};

    op_init(&req.op, db_done);
    ledger_service_end(&w->ledger, &req);
    expect_op(w, &req.op, 0);
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

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(heartbeats_keep_each_of_them),
        TEST(the_end_of_one_is_its_own),
        TEST(one_whose_owner_was_lost_is_claimed_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
