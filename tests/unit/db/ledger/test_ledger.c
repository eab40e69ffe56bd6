#include "unit/db/pg_world.h"

static const char *ask(struct world *w, const char *sql)
{
    return db_text(&w->db, sql);
}

/* As another process would be; the caller stops it. */
static void other_owner(struct world *w, struct ledger *l, int lease_s)
{
    ledger_init(l, w->db.pool, w->db.pool, &w->db.loop, lease_s, 300);
}

static void lose_the_lease(struct world *w)
{
    db_exec(&w->db, "UPDATE batch_sync_runs"
                    " SET expires_at = now() - interval '1 s'"
                    " WHERE status = 'running'");
}

static void checkpoint_by(
    struct world *w, struct ledger *l, struct checkpoint_req *req, int code)
{
    req->scope = &w->scope;
    op_init(&req->op, db_done);
    ledger_checkpoint(l, req);
    expect_op(w, &req->op, code);
}

/* Of a page without dead letters. */
static void checkpoint(struct world *w, int next_page, int limit,
    const struct counts *counts, int code)
{
    struct checkpoint_req req = {
        .next_page = next_page, .limit = limit, .counts = counts};

    checkpoint_by(w, &w->ledger, &req, code);
}

static void service_end(struct world *w, bool success, bool interrupted,
    const struct counts *counts, int code)
{
    struct page_error error = {.page = 3, .error = "a \"quoted\" \xff error"};
    struct service_result result = {.service = "svc-a",
        .success = success,
        .counts = *counts,
        .errors = &error,
        .nerrors = success ? 0 : 1};
    struct service_end_req req = {.token = w->service.token,
        .result = &result,
        .interrupted = interrupted};

    op_init(&req.op, db_done);
    ledger_service_end(&w->ledger, &req);
    expect_op(w, &req.op, code);
}

static const struct counts some = {.received = 10, .stored = 7, .failed = 3};

static void records_a_run_from_begin_to_end(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    assert_int_equal(w->service.first_page, 1);
    assert_string_equal(w->service.since, "");
    checkpoint(w, 2, 10, &some, 0);
    service_end(w, true, false, &some, 0);
    service_begin(w, &w->ledger, 1, 0);
    service_end(w, false, false, &some, 0);
    assert_int_equal(run_end(w, &w->ledger, RUN_END_DONE), RUN_PARTIAL);
    assert_string_equal(
        ask(w, "SELECT concat_ws('|', kind, trigger, services, source,"
               " page_limit, provider, model, dimensions, status, resumed,"
               " finished_at IS NOT NULL, error) FROM batch_sync_runs"),
        "batch|cli|{svc-a,svc-b}|request|10|builtin|m|3|partial|0|t|"
        "a \"quoted\" \xef\xbf\xbd error");
    assert_string_equal(
        ask(w, "SELECT concat_ws('|', totals->>'received', totals->>'stored',"
               " totals->>'failed', totals->>'replaced') FROM batch_sync_runs"),
        "20|14|6|0");
    assert_string_equal(
        ask(w, "SELECT string_agg(concat_ws('|', service, status, next_page,"
               " pages, counts->>'stored', errors), ' ' ORDER BY position)"
               " FROM batch_sync_service_runs"),
        "svc-a|success|2|1|7|[] "
        "svc-b|partial|1|0|7|[{\"page\": 3, \"error\": \"a \\\"quoted\\\" "
        "\xef\xbf\xbd error\"}]");
}

static void only_one_run_at_a_time(void **state)
{
    struct world *w = *state;
    struct ledger other;
    char id[ID_BYTES];

    NEED_SERVER();
    memcpy(id, w->run.run_id, sizeof(id));
    other_owner(w, &other, 30);
    run_begin(w, &other, &test_params, ERR_ALREADY_RUNNING);
    assert_non_null(strstr(w->run.op.err.msg, id));
    assert_non_null(strstr(w->run.op.err.msg, w->ledger.owner));
    assert_string_equal(
        ask(w, "SELECT string_agg(status, ' ') FROM batch_sync_runs"),
        "running");
}

/* Whoever comes first; all the others hear of it. */
static void many_begin_at_once(void **state)
{
    enum { N = 6 };
    struct world *w = *state;
    struct ledger others[N];
    struct run_begin_req reqs[N];
    int begun = 0;

    NEED_SERVER();
    run_succeeds(w, &w->ledger);
    for (int i = 0; i < N; i++) {
        other_owner(w, &others[i], 30);
        reqs[i] = test_params;
        op_init(&reqs[i].op, db_done);
        ledger_run_begin(&others[i], &reqs[i]);
    }
    for (int i = 0; i < N; i++) {
        wait_op(w, &reqs[i].op);
        begun += reqs[i].op.err.code == 0;
        if (reqs[i].op.err.code != 0)
            assert_int_equal(reqs[i].op.err.code, ERR_ALREADY_RUNNING);
    }
    assert_int_equal(begun, 1);
    for (int i = 0; i < N; i++)
        ledger_stop(&others[i]);
    db_sleep(&w->db, 10);
}

static void heartbeats_keep_the_lease(void **state)
{
    struct world *w = *state;
    struct ledger other;

    NEED_SERVER();
    run_succeeds(w, &w->ledger);
    w->ledger.lease_s = 1;
    run_begin(w, &w->ledger, &test_params, 0);
    service_begin(w, &w->ledger, 0, 0);
    db_sleep(&w->db, 2500);
    assert_string_equal(
        ask(w, "SELECT r.expires_at > now() AND s.expires_at > now()"
               " FROM batch_sync_runs r JOIN batch_sync_service_runs s"
               " ON s.run_id = r.id WHERE r.status = 'running'"),
        "t");
    other_owner(w, &other, 30);
    run_begin(w, &other, &test_params, ERR_ALREADY_RUNNING);
}

static void a_lost_run_is_resumed_at_its_page(void **state)
{
    struct world *w = *state;
    struct ledger other;
    char id[ID_BYTES], token[ID_BYTES];
    struct counts more = {.received = 5, .stored = 5};

    NEED_SERVER();
    memcpy(id, w->run.run_id, sizeof(id));
    memcpy(token, w->service.token, sizeof(token));
    checkpoint(w, 4, 10, &some, 0);
    lose_the_lease(w);
    other_owner(w, &other, 30);
    run_begin(w, &other, &test_params, 0);
    assert_string_equal(w->run.run_id, id);
    /* The former owner is out before the service is even begun. */
    checkpoint(w, 5, 10, &some, ERR_FENCED);
    service_begin(w, &other, 0, 0);
    assert_string_not_equal(w->service.token, token);
    assert_int_equal(w->service.first_page, 4);
    checkpoint_by(w, &other,
        &(struct checkpoint_req){.next_page = 5, .limit = 10, .counts = &more},
        0);
    assert_string_equal(
        ask(w, "SELECT concat_ws('|', next_page, pages, counts->>'stored',"
               " (SELECT resumed FROM batch_sync_runs))"
               " FROM batch_sync_service_runs WHERE position = 0"),
        "5|2|12|1");
    ledger_stop(&other);
    db_sleep(&w->db, 10);
}

static void goes_on_with_the_page_size_it_had(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    checkpoint(w, 7, 5, &some, 0);
    service_end(w, false, true, &some, 0);
    assert_int_equal(run_end(w, &w->ledger, RUN_END_LEAVE), RUN_INTERRUPTED);
    run_begin(w, &w->ledger, &test_params, 0);
    service_begin(w, &w->ledger, 0, 0);
    assert_int_equal(w->service.first_page, 7);
    assert_int_equal(w->service.limit, 5);
}

/* What was stored before counts, however it ends. */
static void one_that_fails_at_once_was_done_in_part(void **state)
{
    static const struct counts none;
    struct world *w = *state;

    NEED_SERVER();
    checkpoint(w, 7, 5, &some, 0);
    service_end(w, false, true, &some, 0);
    assert_int_equal(run_end(w, &w->ledger, RUN_END_LEAVE), RUN_INTERRUPTED);
    run_begin(w, &w->ledger, &test_params, 0);
    service_begin(w, &w->ledger, 0, 0);
    service_end(w, false, false, &none, 0);
    assert_string_equal(ask(w, "SELECT status FROM batch_sync_service_runs"
                               " WHERE position = 0"),
        "partial");
}

/* Its answer was lost. */
static void a_checkpoint_that_comes_again_counts_once(void **state)
{
    struct world *w = *state;
    struct counts more = {.received = 20, .stored = 20};

    NEED_SERVER();
    checkpoint(w, 2, 10, &some, 0);
    checkpoint(w, 2, 10, &some, 0);
    checkpoint(w, 6, 5, &more, 0); /* in smaller pages from here on */
    checkpoint(w, 6, 5, &more, 0);
    assert_string_equal(
        ask(w, "SELECT concat_ws('|', next_page, page_limit, pages,"
               " counts->>'received', counts->>'stored')"
               " FROM batch_sync_service_runs WHERE position = 0"),
        "6|5|2|20|20");
}

/* What is read again would be counted twice. */
static void a_failed_page_leaves_the_checkpoint(void **state)
{
    struct world *w = *state;
    struct counts more = {.received = 20, .stored = 12, .failed = 8};

    NEED_SERVER();
    checkpoint(w, 2, 10, &some, 0);
    checkpoint(w, 0, 10, &more, 0);
    service_end(w, false, true, &more, 0);
    assert_string_equal(
        ask(w, "SELECT concat_ws('|', status, next_page, pages, page_limit,"
               " counts->>'received', counts->>'failed')"
               " FROM batch_sync_service_runs WHERE position = 0"),
        "interrupted|2|1|10|10|3");
}

static void an_interrupted_run_can_be_resumed(void **state)
{
    struct world *w = *state;
    char id[ID_BYTES];

    NEED_SERVER();
    memcpy(id, w->run.run_id, sizeof(id));
    checkpoint(w, 2, 10, &some, 0);
    service_end(w, false, true, &some, 0);
    assert_int_equal(run_end(w, &w->ledger, RUN_END_LEAVE), RUN_INTERRUPTED);
    assert_string_equal(
        ask(w, "SELECT string_agg(r.status || s.status, ' ' ORDER BY position)"
               " FROM batch_sync_runs r"
               " JOIN batch_sync_service_runs s ON s.run_id = r.id"),
        "interruptedinterrupted interruptedpending");
    run_begin(w, &w->ledger, &test_params, 0);
    assert_string_equal(w->run.run_id, id);
    claim(w, &w->ledger, 0);
    assert_int_equal(w->service.position, 0);
    assert_int_equal(w->service.first_page, 2);
}

static void a_canceled_run_is_not_gone_on_with(void **state)
{
    struct world *w = *state;
    char id[ID_BYTES];

    NEED_SERVER();
    memcpy(id, w->run.run_id, sizeof(id));
    service_end(w, false, true, &some, 0);
    assert_int_equal(run_end(w, &w->ledger, RUN_END_CANCEL), RUN_CANCELED);
    claim(w, &w->ledger, 0);
    assert_int_equal(w->service.claim, CLAIM_GONE);
    run_begin(w, &w->ledger, &test_params, 0);
    assert_string_not_equal(w->run.run_id, id);
}

static void a_run_left_or_canceled_at_its_end_is_over(void **state)
{
    struct world *w = *state;

    NEED_SERVER();
    service_end(w, true, false, &some, 0);
    service_begin(w, &w->ledger, 1, 0);
    service_end(w, true, false, &some, 0);
    assert_int_equal(run_end(w, &w->ledger, RUN_END_LEAVE), RUN_SUCCESS);
    assert_int_equal(run_end(w, &w->ledger, RUN_END_CANCEL), RUN_SUCCESS);
}

/* Who has closed it, and whose answer was lost, hears so again; nobody else
 * does, whose end comes later. */
static void end_of(
    struct world *w, struct ledger *l, enum run_end_mode mode, bool closed)
{
    struct run_end_req end = {.run_id = w->run.run_id,
        .mode = mode,
        .arena = &w->arena,
        .nservices = 2};

    op_init(&end.op, db_done);
    ledger_run_end(l, &end);
    expect_op(w, &end.op, 0);
    assert_int_equal(end.closed, closed);
}

static void an_end_that_comes_again_is_the_same(void **state)
{
    struct world *w = *state;
    struct ledger other;

    NEED_SERVER();
    other_owner(w, &other, 30);
    service_end(w, false, true, &some, 0);
    end_of(w, &other, RUN_END_LEAVE, false);
    end_of(w, &w->ledger, RUN_END_LEAVE, true); /* interrupted */
    end_of(w, &w->ledger, RUN_END_LEAVE, true);
    end_of(w, &other, RUN_END_LEAVE, false);
    run_begin(w, &w->ledger, &test_params, 0);
    claim(w, &other, 0);
    end_of(w, &w->ledger, RUN_END_LEAVE, false); /* the other is at work */
    db_exec(&w->db, "UPDATE batch_sync_service_runs SET status = 'success'");
    end_of(w, &other, RUN_END_LEAVE, true);
    end_of(w, &other, RUN_END_LEAVE, true);
    end_of(w, &w->ledger, RUN_END_LEAVE, false);
}

/* From a process that does not carry it out. */
static void cancels_from_outside(void **state)
{
    struct world *w = *state;
    struct ledger other;
    struct run_cancel_req req = {.run_id = w == NULL ? "" : w->run.run_id};
    struct run_cancel_req none = {.run_id = "none"};

    NEED_SERVER();
    other_owner(w, &other, 30);
    op_init(&req.op, db_done);
    ledger_run_cancel(&other, &req);
    expect_op(w, &req.op, 0);
    assert_true(req.found && req.canceled);
    checkpoint(w, 2, 10, &some, ERR_FENCED);
    claim(w, &w->ledger, 0);
    assert_int_equal(w->service.claim, CLAIM_GONE);
    op_init(&req.op, db_done);
    ledger_run_cancel(&other, &req);
    expect_op(w, &req.op, 0);
    assert_true(req.found && !req.canceled);
    assert_string_equal(req.status, "canceled");
    op_init(&none.op, db_done);
    ledger_run_cancel(&other, &none);
    expect_op(w, &none.op, 0);
    assert_false(none.found);
}

/* Several processes, one run. */

static void join(
    struct world *w, struct ledger *l, const char *model, const char *expected)
{
    struct run_join_req req = {.arena = &w->arena,
        .tenant = "t1",
        .embedding = {"builtin", model, DIMENSIONS},
        .limit = 10};

    op_init(&req.op, db_done);
    ledger_run_join(l, &req);
    expect_op(w, &req.op, 0);
    assert_string_equal(req.run_id, expected);
    if (expected[0] == '\0')
        return;
    assert_int_equal(req.spec.nservices, 2);
    assert_string_equal(req.spec.services[1], "svc-b");
    assert_string_equal(req.spec.kind, "batch");
    assert_null(req.spec.since);
}

static void each_service_is_claimed_once(void **state)
{
    struct world *w = *state;
    struct ledger other;
    char run_id[ID_BYTES];

    NEED_SERVER();
    memcpy(run_id, w->run.run_id, sizeof(run_id));
    other_owner(w, &other, 30);
    join(w, &other, "another", "");
    join(w, &other, "m", run_id);
    claim(w, &other, 0);
    assert_int_equal(w->service.position, 1);
    join(w, &other, "m", "");
    claim(w, &other, 0);
    assert_int_equal(w->service.claim, CLAIM_WAIT);
    assert_int_equal(run_end(w, &other, RUN_END_LEAVE), RUN_INTERRUPTED);
    assert_string_equal(
        ask(w, "SELECT status FROM batch_sync_runs"), "running");
}

/* Others are at work on it, and one of them ends it. */
static void an_owner_leaves_a_run_that_goes_on(void **state)
{
    struct world *w = *state;
    struct ledger other;
    struct run_end_req end = {.run_id = w == NULL ? "" : w->run.run_id,
        .mode = RUN_END_LEAVE,
        .arena = w == NULL ? NULL : &w->arena,
        .nservices = 2};

    NEED_SERVER();
    other_owner(w, &other, 30);
    service_end(w, false, true, &some, 0);
    claim(w, &other, 0);
    assert_int_equal(w->service.claim, CLAIM_SERVICE);
    op_init(&end.op, db_done);
    ledger_run_end(&w->ledger, &end);
    expect_op(w, &end.op, 0);
    assert_false(end.closed);
    assert_int_equal(end.status, RUN_INTERRUPTED);
    assert_string_equal(
        ask(w, "SELECT status || owner FROM batch_sync_runs"), "running");
    db_exec(&w->db, "UPDATE batch_sync_service_runs SET status = 'success'");
    assert_int_equal(run_end(w, &other, RUN_END_LEAVE), RUN_SUCCESS);
    ledger_stop(&other);
    db_sleep(&w->db, 10);
}

static void a_lost_service_is_taken_over_where_it_stopped(void **state)
{
    struct world *w = *state;
    struct ledger other;
    char run_id[ID_BYTES], token[ID_BYTES];

    NEED_SERVER();
    memcpy(run_id, w->run.run_id, sizeof(run_id));
    memcpy(token, w->service.token, sizeof(token));
    checkpoint(w, 4, 10, &some, 0);
    db_exec(&w->db, "UPDATE batch_sync_service_runs"
                    " SET expires_at = now() - interval '1 s'"
                    " WHERE status = 'running'");
    other_owner(w, &other, 30);
    join(w, &other, "m", run_id);
    claim(w, &other, 0); /* what nobody has begun comes first */
    assert_int_equal(w->service.position, 1);
    claim(w, &other, 0);
    assert_int_equal(w->service.position, 0);
    assert_int_equal(w->service.first_page, 4);
    w->scope.token = token;
    checkpoint(w, 5, 10, &some, ERR_FENCED);
    ledger_stop(&other);
    db_sleep(&w->db, 10);
}

/* Its owner is gone and its services have ended, or have not. */
static void a_lost_run_is_ended_by_who_joins(void **state)
{
    struct world *w = *state;
    struct ledger other;
    char run_id[ID_BYTES];

    NEED_SERVER();
    memcpy(run_id, w->run.run_id, sizeof(run_id));
    db_exec(&w->db, "UPDATE batch_sync_service_runs SET status = 'success'");
    lose_the_lease(w);
    other_owner(w, &other, 30);
    join(w, &other, "m", run_id);
    assert_string_equal(ask(w, "SELECT resumed FROM batch_sync_runs"), "1");
    claim(w, &other, 0);
    assert_int_equal(w->service.claim, CLAIM_DONE);
    assert_int_equal(run_end(w, &other, RUN_END_DONE), RUN_SUCCESS);
    join(w, &other, "m", "");
}

/* What nobody has begun fails too, and says why. */
static void gives_up_what_is_not_begun(void **state)
{
    struct world *w = *state;
    struct run_end_req end = {.run_id = w == NULL ? "" : w->run.run_id,
        .arena = w == NULL ? NULL : &w->arena,
        .nservices = 2};

    NEED_SERVER();
    service_end(w, false, false, &some, 0);
    w->service = (struct service_begin_req){.run_id = w->run.run_id,
        .tenant = "t1",
        .give_up = "401: bad \xff key"};
    op_init(&w->service.op, db_done);
    ledger_service_begin(&w->ledger, &w->service);
    expect_op(w, &w->service.op, 0);
    assert_int_equal(w->service.claim, CLAIM_DONE);
    op_init(&end.op, db_done);
    ledger_run_end(&w->ledger, &end);
    expect_op(w, &end.op, 0);
    assert_true(end.closed && end.ended[0] && end.ended[1]);
    assert_int_equal(end.status, RUN_FAILED);
    assert_int_equal(end.services[0].counts.stored, 7);
    assert_int_equal(end.services[0].errors[0].page, 3);
    assert_string_equal(end.services[1].errors[0].error,
        "not begun: 401: bad \xef\xbf\xbd key");
}

static void other_parameters_abandon_it(void **state)
{
    struct world *w = *state;
    struct run_begin_req params = test_params;
    char id[ID_BYTES];

    NEED_SERVER();
    memcpy(id, w->run.run_id, sizeof(id));
    lose_the_lease(w);
    ledger_stop(&w->ledger);
    params.embedding.model = "another";
    run_begin(w, &w->ledger, &params, 0);
    assert_string_not_equal(w->run.run_id, id);
    assert_string_equal(
        ask(w, "SELECT string_agg(status || (finished_at IS NULL), ' '"
               " ORDER BY started_at) FROM batch_sync_runs"),
        "abandonedfalse runningtrue");
    checkpoint(w, 2, 10, &some, ERR_FENCED);
    service_end(w, true, false, &some, ERR_FENCED);
}

/* A try whose answer was lost is not in the way of the next one. */
static void begins_again_after_a_lost_answer(void **state)
{
    struct world *w = *state;
    char id[ID_BYTES];

    NEED_SERVER();
    memcpy(id, w->run.run_id, sizeof(id));
    run_begin(w, &w->ledger, &test_params, 0);
    assert_string_equal(w->run.run_id, id);
}

/* It may take part, but no more as the owner. */
static void a_former_owner_cannot_go_on(void **state)
{
    struct world *w = *state;
    struct ledger other;

    NEED_SERVER();
    lose_the_lease(w);
    other_owner(w, &other, 30);
    run_begin(w, &other, &test_params, 0);
    checkpoint(w, 2, 10, &some, ERR_FENCED);
    db_exec(&w->db, "UPDATE batch_sync_service_runs SET status = 'success'");
    assert_int_equal(run_end(w, &w->ledger, RUN_END_DONE), RUN_INTERRUPTED);
    assert_string_equal(
        ask(w, "SELECT status FROM batch_sync_runs"), "running");
    ledger_stop(&other);
    db_sleep(&w->db, 10);
}

static void since_is_the_start_of_the_last_success(void **state)
{
    struct world *w = *state;
    struct run_begin_req given = test_params;

    NEED_SERVER();
    db_exec(&w->db, "UPDATE batch_sync_service_runs"
                    " SET started_at = '2026-01-02 03:10:00.5+00'");
    service_end(w, true, false, &some, 0);
    service_begin(w, &w->ledger, 1, 0);
    service_end(w, false, false, &some, 0);
    run_end(w, &w->ledger, RUN_END_DONE);
    run_begin(w, &w->ledger, &test_params, 0);
    service_begin(w, &w->ledger, 0, 0);
    assert_string_equal(w->service.since, "2026-01-02T03:05:00.500Z");
    service_end(w, false, false, &some, 0);
    service_begin(w, &w->ledger, 1, 0);
    assert_string_equal(w->service.since, "");
    service_end(w, false, false, &some, 0);
    assert_int_equal(run_end(w, &w->ledger, RUN_END_DONE), RUN_FAILED);
    /* A run that was told where to begin says nothing about before. */
    given.spec.since = "2026-06-01T00:00:00.000Z";
    run_begin(w, &w->ledger, &given, 0);
    service_begin(w, &w->ledger, 0, 0);
    run_succeeds(w, &w->ledger);
    run_begin(w, &w->ledger, &test_params, 0);
    service_begin(w, &w->ledger, 0, 0);
    assert_string_equal(w->service.since, "2026-01-02T03:05:00.500Z");
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(records_a_run_from_begin_to_end),
        TEST(only_one_run_at_a_time),
        TEST(many_begin_at_once),
        TEST(heartbeats_keep_the_lease),
        TEST(a_lost_run_is_resumed_at_its_page),
        TEST(goes_on_with_the_page_size_it_had),
        TEST(one_that_fails_at_once_was_done_in_part),
        TEST(a_checkpoint_that_comes_again_counts_once),
        TEST(a_failed_page_leaves_the_checkpoint),
        TEST(an_interrupted_run_can_be_resumed),
        TEST(a_canceled_run_is_not_gone_on_with),
        TEST(a_run_left_or_canceled_at_its_end_is_over),
        TEST(an_end_that_comes_again_is_the_same),
        TEST(cancels_from_outside),
        TEST(each_service_is_claimed_once),
        TEST(an_owner_leaves_a_run_that_goes_on),
        TEST(a_lost_service_is_taken_over_where_it_stopped),
        TEST(a_lost_run_is_ended_by_who_joins),
        TEST(gives_up_what_is_not_begun),
        TEST(other_parameters_abandon_it),
        TEST(begins_again_after_a_lost_answer),
        TEST(a_former_owner_cannot_go_on),
        TEST(since_is_the_start_of_the_last_success),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
