/* Retries, waits and the window of embedding slots. */
#include "sync/pipeline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

/* A world with a clock that stands where the test puts it. */
static uint64_t clock_ms, random_number, delay_ms;
static struct op_queue queue;

static void no_wake(struct op_queue *q)
{
}

static uint64_t now(void *world)
{
    return clock_ms;
}

static uint64_t random_port(void *world)
{
    return random_number;
}

static void timer(void *world, struct timer_req *req, uint64_t delay)
{
    delay_ms = delay;
    op_begin(&req->op, &queue, NULL);
    op_finish(&req->op, NULL);
}

static const struct ports ports = {
    .queue = &queue, .now_ms = now, .random = random_port, .timer = timer};
static enum call_kind call; /* that fails */
static const struct run_options options = {.workers = 8, .retries = {3, 100}};
static struct pipeline pipeline;

static int setup(void **state)
{
    op_queue_init(&queue, no_wake);
    clock_ms = random_number = 0;
    call = CALL_EMBED;
    pipeline = (struct pipeline){.ports = &ports,
        .options = &options,
        .run_id = "",
        .retries = options.retries,
        .window.slots = 8,
        .embed.proven = true};
    return 0;
}

static int waits;

static void on_waited(struct op *op)
{
    waits++;
}

static bool try_again(struct retry *r, int code, uint32_t retry_after_ms)
{
    struct err err = {.code = code, .retry_after_ms = retry_after_ms};
    bool again = retry_start(r, &pipeline, call, &err, on_waited);

    op_queue_run(&queue, NULL, 0);
    return again;
}

static void waits_longer_each_time(void **state)
{
    assert_int_equal(retry_delay_ms(100, 1, 0, 100), 100);
    assert_int_equal(retry_delay_ms(100, 2, 0, 200), 200);
    assert_int_equal(retry_delay_ms(100, 3, 0, 400), 400);
    assert_int_equal(retry_delay_ms(100, 3, 0, 401), 0);
    assert_int_equal(retry_delay_ms(100, 60, 0, 30000), 30000);
}

static void never_sooner_than_asked_and_not_all_at_once(void **state)
{
    assert_int_equal(retry_delay_ms(100, 1, 5000, 0), 5000);
    assert_int_equal(retry_delay_ms(100, 1, 5000, 7), 5007);
    assert_int_equal(retry_delay_ms(100, 2, 5000, 200), 5200);
    assert_int_equal(retry_delay_ms(10000, 1, 50, 9000), 9050);
}

static void gives_up_after_the_last_try(void **state)
{
    struct retry r = {.tries = 0};

    waits = 0;
    assert_true(try_again(&r, ERR_UNAVAILABLE, 0));
    assert_true(try_again(&r, ERR_TIMEOUT, 700));
    assert_int_equal(delay_ms, 700);
    assert_false(try_again(&r, ERR_UNAVAILABLE, 0));
    assert_int_equal(waits, 2);
}

static void being_asked_to_slow_down_is_no_failure(void **state)
{
    struct retry r = {.tries = 0};

    for (int i = 1; i < 3 * RETRY_BUSY_FACTOR; i++)
        assert_true(try_again(&r, ERR_BUSY, 0));
    assert_true(try_again(&r, ERR_UNAVAILABLE, 0));
    assert_false(try_again(&r, ERR_BUSY, 0));
}

static void a_database_that_is_away_is_waited_for(void **state)
{
    struct retry r = {.tries = 0};

    call = CALL_STORE;
    for (clock_ms = 1000; clock_ms < 1000 + RETRY_PATIENCE_MS;
         clock_ms += 20000)
        assert_true(try_again(&r, ERR_UNAVAILABLE, 0));
    assert_false(try_again(&r, ERR_UNAVAILABLE, 0));
    retry_reset(&r);
    assert_true(try_again(&r, ERR_UNAVAILABLE, 0));
}

/* When it is back, a statement of before may still hold the rows. */
static void a_database_that_is_back_has_all_its_tries(void **state)
{
    struct retry r = {.tries = 0};

    call = CALL_STORE;
    for (int i = 0; i < 10; i++)
        assert_true(try_again(&r, ERR_UNAVAILABLE, 0));
    assert_true(try_again(&r, ERR_TIMEOUT, 0));
    assert_true(try_again(&r, ERR_TIMEOUT, 0));
    assert_false(try_again(&r, ERR_TIMEOUT, 0));
}

static void a_slow_database_is_not(void **state)
{
    struct retry r = {.tries = 0};

    call = CALL_STORE;
    assert_true(try_again(&r, ERR_TIMEOUT, 0));
    assert_true(try_again(&r, ERR_TIMEOUT, 0));
    assert_false(try_again(&r, ERR_TIMEOUT, 0));
}

static void what_cannot_pass_is_not_tried_again(void **state)
{
    struct retry r = {.tries = 0};

    assert_false(try_again(&r, ERR_REFUSED, 0));
    assert_false(try_again(&r, ERR_AUTH, 0));
    assert_false(try_again(&r, ERR_CANCELED, 0));
    pipeline.aborting = true;
    assert_false(try_again(&r, ERR_UNAVAILABLE, 0));
}

/* A call that never gets an answer, until it is given up. */
static int tries_of_a_failing_call(int code)
{
    struct retry r = {.tries = 0};
    int n = 1;

    while (try_again(&r, code, 0))
        n++;
    return n;
}

static void the_budget_bounds_what_all_calls_add(void **state)
{
    int calls = 0, tries = 0;

    while (pipeline.spent[EMBEDDER] <
           RETRY_BUDGET_FACTOR * options.retries.tries) {
        tries += tries_of_a_failing_call(ERR_UNAVAILABLE);
        calls++;
    }
    assert_int_equal(
        tries, calls + RETRY_BUDGET_FACTOR * options.retries.tries);
    assert_int_equal(tries_of_a_failing_call(ERR_UNAVAILABLE), 1);
    assert_int_equal(tries_of_a_failing_call(ERR_TIMEOUT), 1);
}

static void the_budgets_are_apart(void **state)
{
    call = CALL_FETCH;
    for (int i = 0; i < 100; i++)
        tries_of_a_failing_call(ERR_TIMEOUT);
    assert_int_equal(tries_of_a_failing_call(ERR_TIMEOUT), 1);
    call = CALL_EMBED;
    assert_int_equal(tries_of_a_failing_call(ERR_TIMEOUT), 3);
    call = CALL_STORE;
    assert_int_equal(tries_of_a_failing_call(ERR_TIMEOUT), 3);
}

static void answer(enum call_kind kind, int code)
{
    struct op op = {.err = {.code = code}};

    pipeline_measure(&pipeline, kind, &op);
}

static void an_answer_gives_a_retry_back(void **state)
{
    for (int i = 0; i < 100; i++)
        tries_of_a_failing_call(ERR_UNAVAILABLE);
    answer(CALL_FETCH, 0);
    answer(CALL_EMBED, ERR_BUSY);
    assert_int_equal(tries_of_a_failing_call(ERR_UNAVAILABLE), 1);
    answer(CALL_EMBED, 0);
    assert_int_equal(tries_of_a_failing_call(ERR_UNAVAILABLE), 2);
    for (int i = 0; i < 1000; i++)
        answer(CALL_EMBED, 0);
    assert_int_equal(pipeline.spent[EMBEDDER], 0);
}

static void what_has_a_bound_of_its_own_takes_nothing(void **state)
{
    struct retry r = {.tries = 0};

    tries_of_a_failing_call(ERR_BUSY);
    tries_of_a_failing_call(ERR_PROTOCOL);
    assert_int_equal(pipeline.spent[EMBEDDER], 0);
    call = CALL_CHECKPOINT;
    for (int i = 0; i < 100; i++)
        assert_true(try_again(&r, ERR_UNAVAILABLE, 0));
    assert_int_equal(pipeline.spent[DATABASE], 0);
}

static void pace(int code, uint64_t begun_ms)
{
    struct op op = {.begun_ms = begun_ms, .err = {.code = code}};

    pipeline_pace(&pipeline, &op);
}

static void the_window_halves_and_opens_again(void **state)
{
    clock_ms = 10;
    pace(ERR_BUSY, 5);
    assert_int_equal((int)pipeline.window.slots, 4);
    pace(ERR_BUSY, 6); /* was under way: says nothing new */
    assert_int_equal((int)pipeline.window.slots, 4);
    clock_ms = 20;
    pace(ERR_UNAVAILABLE, 15);
    assert_int_equal((int)pipeline.window.slots, 2);
    for (int i = 0; i < 100; i++)
        pace(0, 20);
    assert_int_equal((int)pipeline.window.slots, 8);
}

static void the_window_never_closes(void **state)
{
    for (int i = 0; i < 20; i++) {
        clock_ms += 10;
        pace(ERR_BUSY, clock_ms);
    }
    assert_int_equal((int)pipeline.window.slots, 1);
    assert_true(pipeline_has_room(&pipeline, true));
}

static void at_most_twice_as_many_are_in_flight(void **state)
{
    pipeline.window.embedding = 8;
    assert_false(pipeline_has_room(&pipeline, true));
    assert_true(pipeline_has_room(&pipeline, false));
    pipeline.window.in_flight = 16;
    assert_false(pipeline_has_room(&pipeline, false));
}

/* Settings that have embedded nothing yet get one request at a time. */
static void one_request_proves_the_settings(void **state)
{
    pipeline.embed.proven = false;
    assert_true(pipeline_has_room(&pipeline, true));
    pipeline.window.embedding = 1;
    assert_false(pipeline_has_room(&pipeline, true));
    assert_false(pipeline_has_slot(&pipeline));
    pipeline.embed.proven = true;
    assert_true(pipeline_has_room(&pipeline, true));
}

/* Who needs a slot again gets it before new chunks do. */
static void a_slot_that_is_owed_is_kept_free(void **state)
{
    pipeline.window.embedding = 7;
    pipeline.window.owed = 1;
    assert_false(pipeline_has_room(&pipeline, true));
    assert_true(pipeline_has_slot(&pipeline));
    assert_true(pipeline_has_room(&pipeline, false));
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(waits_longer_each_time),
        TEST(never_sooner_than_asked_and_not_all_at_once),
        TEST(gives_up_after_the_last_try),
        TEST(being_asked_to_slow_down_is_no_failure),
        TEST(a_database_that_is_away_is_waited_for),
        TEST(a_database_that_is_back_has_all_its_tries),
        TEST(a_slow_database_is_not),
        TEST(what_cannot_pass_is_not_tried_again),
        TEST(the_budget_bounds_what_all_calls_add),
        TEST(the_budgets_are_apart),
        TEST(an_answer_gives_a_retry_back),
        TEST(what_has_a_bound_of_its_own_takes_nothing),
        TEST(the_window_halves_and_opens_again),
        TEST(the_window_never_closes),
        TEST(at_most_twice_as_many_are_in_flight),
        TEST(a_slot_that_is_owed_is_kept_free),
        TEST(one_request_proves_the_settings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
