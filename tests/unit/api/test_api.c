/* The whole HTTP side over real sockets. */
#include "unit/api/api_world.h"

#define TRIGGER "POST /admin/batch-sync/trigger"

static void expect_member(const char *text)
{
    expect_said(&it.askers[0], text);
}

static void unknown_paths_are_404(void **state)
{
    struct world *w = *state;

    assert_int_equal(ask(w, GET("/nothing")), 404);
    expect_member("there is nothing at this path");
    assert_int_equal(ask(w, GET("/admin/batch-sync/runs/a/b")), 404);
}

static void other_methods_are_405(void **state)
{
    struct world *w = *state;

    assert_int_equal(ask(w, GET("/admin/batch-sync/trigger")), 405);
    expect_member("\r\nAllow: POST\r\n");
    expect_member("this path allows only POST");
    assert_int_equal(ask(w, REQUEST("DELETE /livez", "")), 405);
    expect_member("\r\nAllow: GET, HEAD\r\n");
}

/* The token is looked at first, so that it tells nothing of the paths. */
static void the_token_comes_before_the_path(void **state)
{
    struct world *w = *state;

    w->config.http.admin_token = "secret";
    reopen_api();
    assert_int_equal(ask(w, GET("/admin/nothing")), 401);
    expect_member("\r\nWWW-Authenticate: Bearer\r\n");
    assert_int_equal(ask(w, GET("/admin/batch-sync/trigger")), 401);
    assert_int_equal(ask(w, REQUEST("GET /admin/nothing",
                                "Authorization: Bearer secret\r\n")),
        404);
    assert_int_equal(ask(w, GET("/livez")), 200);
}

static void a_page_may_not_trigger(void **state)
{
    struct world *w = *state;

    assert_int_equal(ask(w, REQUEST(TRIGGER, "Origin: http://x\r\n")), 403);
    assert_null(strstr(it.askers[0].text, "WWW-Authenticate"));
    assert_int_equal(w->begun_runs, 0);
}

static void a_trigger_answers_with_its_result(void **state)
{
    struct world *w = *state;

    assert_int_equal(ask(w, REQUEST(TRIGGER, "")), 200);
    expect_member("\"success\":true");
    expect_member("\"message\":\"Batch sync completed\"");
    expect_member("\"service\":\"demo-devlab\"");
    assert_int_equal(w->begun_runs, 1);
}

static void an_async_trigger_answers_with_its_id(void **state)
{
    struct world *w = *state;

    w->hold = true;
    assert_int_equal(
        ask(w, REQUEST(TRIGGER, "Prefer: wait=5, respond-async\r\n")), 202);
    expect_member("\r\nLocation: /admin/batch-sync/runs/run-1\r\n");
    expect_member("\r\nPreference-Applied: respond-async\r\n");
    expect_member("\"runId\":\"run-1\"");
    assert_true(runner_is_running(w->runner));
}

static void a_second_trigger_is_refused(void **state)
{
    struct world *w = *state;

    w->hold = true;
    say(&it.askers[1], REQUEST(TRIGGER, ""));
    while (w->held == NULL)
        turn(w, &it.askers[1]);
    assert_int_equal(ask(w, REQUEST(TRIGGER, "")), 200);
    expect_member("\"success\":false");
    expect_member("\"reason\":\"already_running\"");
    assert_int_equal(
        ask(w, REQUEST(TRIGGER, "Prefer: respond-async\r\n")), 409);
    release(w);
    assert_int_equal(wait_answer(w, &it.askers[1]), 200);
    assert_int_equal(w->begun_runs, 1);
}

static void a_disabled_sync_says_so(void **state)
{
    struct world *w = *state;

    w->config.sync.enabled = false;
    assert_int_equal(ask(w, REQUEST(TRIGGER, "")), 200);
    expect_member("\"reason\":\"disabled\"");
    assert_int_equal(
        ask(w, REQUEST(TRIGGER, "Prefer: respond-async\r\n")), 503);
}

static void a_bad_body_triggers_nothing(void **state)
{
    struct world *w = *state;

    assert_int_equal(
        ask(w, REQUEST(TRIGGER,
                   "Content-Length: 22\r\n") "{\"sync_type\":\"weekly\"}"),
        400);
    expect_member(
        "must be \\\"batch\\\", \\\"daily\\\" or \\\"incremental\\\"");
    assert_int_equal(w->begun_runs, 0);
}

/* The run goes on, and its end frees the call. */
static void a_client_that_goes_away_stops_nothing(void **state)
{
    struct world *w = *state;

    w->hold = true;
    say(&it.askers[1], REQUEST(TRIGGER, ""));
    while (w->held == NULL)
        turn(w, &it.askers[1]);
    close(it.askers[1].fd);
    it.askers[1].fd = 0;
    assert_int_equal(ask(w, GET("/livez")), 200);
    assert_true(runner_is_running(w->runner));
    release(w);
    while (!api_is_idle(it.api))
        turn(w, &it.askers[0]);
    assert_int_equal(runner_last(w->runner)->status, RUN_SUCCESS);
}

static void a_run_of_this_process_is_canceled(void **state)
{
    struct world *w = *state;

    w->hold = true;
    assert_int_equal(
        ask(w, REQUEST(TRIGGER, "Prefer: respond-async\r\n")), 202);
    assert_int_equal(
        ask(w, REQUEST("POST /admin/batch-sync/runs/run-1/cancel", "")), 202);
    expect_member("The run finishes what is in flight and ends");
    release(w);
    while (!api_is_idle(it.api))
        turn(w, &it.askers[0]);
    assert_int_equal(runner_last(w->runner)->status, RUN_CANCELED);
}

static void an_id_that_is_too_long_is_no_run(void **state)
{
    struct world *w = *state;

    assert_int_equal(ask(w, REQUEST("POST /admin/batch-sync/runs/"
                                    "0123456789012345678901234567890123456789"
                                    "01234567/cancel",
                                "")),
        404);
    expect_member("no such run");
}

/* What came after the last look at api_is_idle() would outlive the api. */
static void nothing_begins_at_the_end(void **state)
{
    struct world *w = *state;

    api_drain(it.api);
    assert_int_equal(ask(w, GET("/admin/batch-sync/services")), 200);
    api_shut(it.api);
    say(&it.askers[0], GET("/admin/batch-sync/runs"));
    while (body_of(&it.askers[0]) == NULL) {
        turn(w, &it.askers[0]);
        assert_true(api_is_idle(it.api));
    }
    assert_int_equal(wait_answer(w, &it.askers[0]), 503);
    expect_member("the service is shutting down");
    assert_int_equal(ask(w, GET("/livez")), 200);
}

static void the_services_are_listed(void **state)
{
    struct world *w = *state;

    assert_int_equal(ask(w, GET("/admin/batch-sync/services")), 200);
    expect_member("\"services\":[\"demo-devlab\"],\"count\":1");
    expect_member("\"source\":\"env\"");
    expect_member("\"note\":\"from BATCH_SYNC_SERVICES\"");
}

/* What is wrong with the question is said, though the database is away. */
static void history_checks_the_question_first(void **state)
{
    struct world *w = *state;

    assert_int_equal(ask(w, GET("/admin/batch-sync/runs?limit=0")), 400);
    expect_member("\\\"limit\\\" must be a whole number from 1 to 500");
    assert_int_equal(ask(w, GET("/admin/batch-sync/runs?status=done")), 400);
    expect_member("\\\"status\\\" must be running, success, partial, failed, "
                  "canceled, interrupted, abandoned or budget");
    assert_int_equal(
        ask(w, GET("/admin/batch-sync/dead-letters?status=closed")), 400);
    expect_member("\\\"status\\\" must be open, resolved or all");
    assert_int_equal(ask(w, GET("/admin/batch-sync/runs?tenant_id=%ff")), 400);
    expect_member("\\\"tenant_id\\\" must be UTF-8");
    assert_int_equal(ask(w, GET("/admin/batch-sync/runs")), 503);
}

static void a_retry_checks_its_body_first(void **state)
{
    struct world *w = *state;

#define RETRY(length, body)                                     \
    ask(w, REQUEST("POST /admin/batch-sync/dead-letters/retry", \
               "Content-Length: " #length "\r\n") body)
    assert_int_equal(RETRY(13, "{\"service\":1}"), 400);
    expect_member("unknown member \\\"service\\\"");
    assert_int_equal(RETRY(10, "{\"ids\":[]}"), 400);
    expect_member("\\\"ids\\\" is empty");
    assert_int_equal(RETRY(2, "{}"), 503);
#undef RETRY
}

static void health_knows_what_is_down(void **state)
{
    struct world *w = *state;
    struct err err;

    while (probe_dependencies(it.probe)->status == PROBE_UNKNOWN)
        uv_run(&w->loop.uv, UV_RUN_ONCE);
    err_set(&err, ERR_AUTH, "\"no\" \xff");
    probe_event(
        it.probe, &(struct run_event){
                      .kind = EVENT_CALL, .call = CALL_EMBED, .err = &err});
    assert_int_equal(ask(w, GET("/health")), 503);
    expect_member("\"status\":\"degraded\"");
    expect_member("\"coordinator\":{\"status\":\"unknown\"}");
    expect_member("\"error\":\"\\\"no\\\" ?\"");
}

static void readiness_says_why_not(void **state)
{
    struct world *w = *state;

    assert_int_equal(ask(w, GET("/readyz")), 503);
    expect_member("starting\n");
    api_set_ready(it.api, NULL);
    assert_int_equal(ask(w, GET("/readyz")), 503);
    expect_member("the database is down\n");
    api_drain(it.api);
    assert_int_equal(ask(w, GET("/readyz")), 503);
    expect_member("shutting down\n");
}

static void a_request_is_counted_under_its_route(void **state)
{
    struct world *w = *state;

    ask(w, GET("/livez"));
    ask(w, GET("/secrets"));
    assert_int_equal(ask(w, GET("/metrics")), 200);
    expect_member("route=\"/livez\"");
    expect_member("route=\"other\"");
    assert_null(strstr(it.askers[0].text, "/secrets"));
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, api_setup, api_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(unknown_paths_are_404),
        TEST(other_methods_are_405),
        TEST(the_token_comes_before_the_path),
        TEST(a_page_may_not_trigger),
        TEST(a_trigger_answers_with_its_result),
        TEST(an_async_trigger_answers_with_its_id),
        TEST(a_second_trigger_is_refused),
        TEST(a_disabled_sync_says_so),
        TEST(a_bad_body_triggers_nothing),
        TEST(a_client_that_goes_away_stops_nothing),
        TEST(a_run_of_this_process_is_canceled),
        TEST(an_id_that_is_too_long_is_no_run),
        TEST(nothing_begins_at_the_end),
        TEST(the_services_are_listed),
        TEST(history_checks_the_question_first),
        TEST(a_retry_checks_its_body_first),
        TEST(health_knows_what_is_down),
        TEST(readiness_says_why_not),
        TEST(a_request_is_counted_under_its_route),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
