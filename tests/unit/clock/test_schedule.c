#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "clock/schedule.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };
#define DAY (INT64_C(24) * HOUR)

/* A machine with two clocks, and what its scheduler has done so far. */
struct world {
    struct cron cron;
    struct zone *zone;
    struct schedule schedule;
    struct schedule_options options;
    int64_t wall_ms, mono_ms;
    struct schedule_step step;
    int64_t fired_ms[100000]; /* nominal instants */
    size_t nfired;
    uint64_t missed;
    size_t looks;
};

static int64_t ms(const char *iso)
{
    int64_t out;

    assert_true(iso_to_ms(str_of(iso), &out));
    return out;
}

static void assert_new(const struct world *w, int64_t nominal_ms)
{
    for (size_t i = 0; i < w->nfired; i++)
        assert_int_not_equal(w->fired_ms[i], nominal_ms);
}

static void look(struct world *w)
{
    schedule_look(&w->schedule, w->wall_ms, w->mono_ms, &w->step);
    w->looks++;
    w->missed += w->step.missed;
    assert_in_range(w->step.wake_ms, 1, SCHEDULE_WAKE_MS);
    if (!w->step.fire)
        return;
    assert_true(w->step.nominal_ms <= w->wall_ms);
    assert_new(w, w->step.nominal_ms);
    assert_true(w->nfired < sizeof(w->fired_ms) / sizeof(w->fired_ms[0]));
    w->fired_ms[w->nfired++] = w->step.nominal_ms;
}

static void begin_after(struct world *w, const char *cron, const char *now,
    const char *last, const struct schedule_options *options)
{
    struct err err;

    memset(w, 0, sizeof(*w));
    assert_int_equal(cron_parse(cron, &w->cron, &err), 0);
    w->zone = zone_open("UTC", &err);
    assert_non_null(w->zone);
    w->options = *options;
    w->options.cron = &w->cron;
    w->options.zone = w->zone;
    w->wall_ms = ms(now);
    w->mono_ms = 5000;
    schedule_init(&w->schedule, &w->options,
        last != NULL ? ms(last) : SCHEDULE_NONE, w->wall_ms, w->mono_ms);
    look(w);
}

static void begin(struct world *w, const char *cron, const char *now)
{
    begin_after(w, cron, now, NULL, &(struct schedule_options){.seed = 1});
}

static void end(struct world *w)
{
    zone_close(w->zone);
}

/* Lets the machine run for so long, waking when it was asked to. */
static void run(struct world *w, int64_t for_ms)
{
    while (for_ms > 0) {
        int64_t wait_ms = w->step.wake_ms < for_ms ? w->step.wake_ms : for_ms;

        w->wall_ms += wait_ms;
        w->mono_ms += wait_ms;
        for_ms -= wait_ms;
        look(w);
    }
}

static void jump(struct world *w, int64_t by_ms)
{
    w->wall_ms += by_ms;
    look(w);
}

static void assert_fired(const struct world *w, size_t i, const char *iso)
{
    assert_true(i < w->nfired);
    assert_int_equal(w->fired_ms[i], ms(iso));
}

static void each_fire_comes_once_and_in_time(void **state)
{
    struct world *w = *state;

    begin(w, "0 2 * * *", "2026-01-01T00:00:00Z");
    assert_int_equal(
        schedule_next_ms(&w->schedule), ms("2026-01-01T02:00:00Z"));
    run(w, 3 * DAY);
    assert_int_equal(w->nfired, 3);
    assert_fired(w, 0, "2026-01-01T02:00:00Z");
    assert_fired(w, 2, "2026-01-03T02:00:00Z");
    assert_int_equal(w->missed, 0);
    end(w);
}

static void the_wait_is_never_longer_than_a_minute(void **state)
{
    struct world *w = *state;

    begin(w, "0 2 * * *", "2026-01-01T00:00:00Z");
    assert_int_equal(w->step.wake_ms, MINUTE);
    run(w, 2 * HOUR - 1);
    assert_int_equal(w->nfired, 0);
    assert_int_equal(w->step.wake_ms, 1);
    run(w, 1);
    assert_int_equal(w->nfired, 1);
    assert_int_equal(w->step.late_ms, 0);
    end(w);
}

static void looking_often_changes_nothing(void **state)
{
    struct world *w = *state;

    begin(w, "* * * * *", "2026-01-01T00:00:30Z");
    for (int i = 0; i < 10 * 60; i++) {
        w->wall_ms += SECOND;
        w->mono_ms += SECOND;
        look(w);
        look(w);
    }
    assert_int_equal(w->nfired, 10);
    end(w);
}

static void a_jump_back_repeats_nothing(void **state)
{
    struct world *w = *state;

    begin(w, "*/10 * * * *", "2026-01-01T00:00:00Z");
    run(w, HOUR);
    assert_int_equal(w->nfired, 6);
    jump(w, -35 * MINUTE);
    assert_int_equal(w->step.jump_ms, -35 * MINUTE);
    run(w, 35 * MINUTE);
    assert_int_equal(w->nfired, 6);
    run(w, 10 * MINUTE);
    assert_int_equal(w->nfired, 7);
    assert_fired(w, 6, "2026-01-01T01:10:00Z");
    assert_int_equal(w->missed, 0);
    end(w);
}

static void a_clock_that_was_years_ahead_loses_nothing(void **state)
{
    struct world *w = *state;

    begin(w, "0 2 * * *", "2030-06-01T00:00:00Z");
    run(w, 3 * HOUR);
    assert_fired(w, 0, "2030-06-01T02:00:00Z");
    jump(w, ms("2026-01-01T01:00:00Z") - w->wall_ms);
    assert_false(w->step.fire);
    run(w, 2 * DAY);
    assert_int_equal(w->nfired, 3);
    assert_fired(w, 1, "2026-01-01T02:00:00Z");
    assert_fired(w, 2, "2026-01-02T02:00:00Z");
    end(w);
}

static void a_jump_ahead_counts_what_it_passes(void **state)
{
    struct world *w = *state;

    begin(w, "0 * * * *", "2026-01-01T00:30:00Z");
    jump(w, 5 * HOUR);
    assert_int_equal(w->step.jump_ms, 5 * HOUR);
    assert_false(w->step.fire);
    assert_int_equal(w->step.missed, 5);
    run(w, HOUR);
    assert_int_equal(w->nfired, 1);
    assert_fired(w, 0, "2026-01-01T06:00:00Z");
    end(w);
}

static void what_was_missed_by_mistake_comes_when_it_is_time(void **state)
{
    struct world *w = *state;

    begin(w, "0 2 * * *", "2026-01-01T00:00:00Z");
    run(w, 3 * HOUR);
    jump(w, 2 * DAY);
    assert_int_equal(w->step.missed, 2);
    jump(w, -2 * DAY - 90 * MINUTE);
    run(w, 2 * DAY + 2 * HOUR);
    assert_int_equal(w->nfired, 3);
    assert_fired(w, 1, "2026-01-02T02:00:00Z");
    assert_fired(w, 2, "2026-01-03T02:00:00Z");
    end(w);
}

static void also_when_one_has_fired_in_the_meantime(void **state)
{
    struct world *w = *state;

    begin(w, "0 2 * * *", "2026-01-01T00:00:00Z");
    run(w, 3 * HOUR);
    jump(w, 2 * DAY);
    run(w, DAY);
    assert_int_equal(w->nfired, 2);
    assert_fired(w, 1, "2026-01-04T02:00:00Z");
    jump(w, -3 * DAY);
    run(w, 4 * DAY);
    assert_int_equal(w->nfired, 5);
    assert_fired(w, 2, "2026-01-02T02:00:00Z");
    assert_fired(w, 3, "2026-01-03T02:00:00Z");
    assert_fired(w, 4, "2026-01-05T02:00:00Z");
    end(w);
}

static void a_slow_loop_is_late_but_not_deaf(void **state)
{
    struct world *w = *state;

    begin(w, "0 2 * * *", "2026-01-01T01:59:00Z");
    w->wall_ms += 4 * MINUTE;
    w->mono_ms += 4 * MINUTE;
    look(w);
    assert_true(w->step.fire);
    assert_int_equal(w->step.late_ms, 3 * MINUTE);
    assert_int_equal(w->step.jump_ms, 0);
    assert_int_equal(w->missed, 0);
    end(w);
}

static void of_several_late_ones_the_latest_fires(void **state)
{
    struct world *w = *state;

    begin(w, "* * * * *", "2026-01-01T00:00:30Z");
    w->wall_ms += 4 * MINUTE;
    w->mono_ms += 4 * MINUTE;
    look(w);
    assert_true(w->step.fire);
    assert_fired(w, 0, "2026-01-01T00:04:00Z");
    assert_int_equal(w->step.missed, 3);
    end(w);
}

static void after_a_sleep_only_catching_up_fires(void **state)
{
    struct world *w = *state;
    const struct schedule_options catch_up = {.catch_up = true};

    begin(w, "0 2 * * *", "2026-01-01T01:00:00Z");
    jump(w, 7 * HOUR);
    assert_false(w->step.fire);
    assert_int_equal(w->missed, 1);
    end(w);
    begin_after(w, "0 2 * * *", "2026-01-01T01:00:00Z", NULL, &catch_up);
    jump(w, 3 * DAY + 7 * HOUR);
    assert_true(w->step.fire);
    assert_fired(w, 0, "2026-01-04T02:00:00Z");
    assert_int_equal(w->missed, 3);
    run(w, DAY);
    assert_int_equal(w->nfired, 2);
    end(w);
}

static void what_was_missed_while_down_is_caught_up_once(void **state)
{
    struct world *w = *state;
    const struct schedule_options catch_up = {.catch_up = true};
    const struct schedule_options none = {.catch_up = false};

    begin_after(w, "0 2 * * *", "2026-01-05T12:00:00Z", "2026-01-01T02:00:00Z",
        &catch_up);
    assert_int_equal(w->nfired, 1);
    assert_fired(w, 0, "2026-01-05T02:00:00Z");
    assert_int_equal(w->missed, 3);
    run(w, DAY);
    assert_int_equal(w->nfired, 2);
    end(w);
    begin_after(
        w, "0 2 * * *", "2026-01-05T12:00:00Z", "2026-01-01T02:00:00Z", &none);
    assert_int_equal(w->nfired, 0);
    assert_int_equal(w->missed, 4);
    end(w);
    /* Nor when it was missed by a minute. */
    begin_after(
        w, "0 2 * * *", "2026-01-05T02:01:00Z", "2026-01-04T02:00:00Z", &none);
    assert_int_equal(w->nfired, 0);
    assert_int_equal(w->missed, 1);
    end(w);
}

static void what_ran_elsewhere_does_not_run_again(void **state)
{
    struct world *w = *state;
    const struct schedule_options catch_up = {.catch_up = true};

    begin_after(w, "0 2 * * *", "2026-01-01T01:59:00Z", "2026-01-01T02:00:00Z",
        &catch_up);
    run(w, DAY);
    assert_int_equal(w->nfired, 0);
    run(w, HOUR);
    assert_fired(w, 0, "2026-01-02T02:00:00Z");
    end(w);
    /* A clock of another year there does not silence this one here. */
    begin_after(w, "0 2 * * *", "2026-01-01T01:59:00Z", "2033-01-01T02:00:00Z",
        &catch_up);
    run(w, DAY);
    assert_fired(w, 0, "2026-01-01T02:00:00Z");
    end(w);
}

static void a_machine_without_a_clock_starts_in_1970(void **state)
{
    struct world *w = *state;
    const struct schedule_options catch_up = {.catch_up = true};

    begin_after(w, "* * * * * *", "1970-01-01T00:00:10Z",
        "2026-01-01T02:00:00Z", &catch_up);
    run(w, 10 * SECOND);
    assert_int_equal(w->nfired, 10);
    jump(w, ms("2026-01-01T02:00:00Z") - w->wall_ms);
    assert_false(w->step.fire);
    assert_true(w->step.missed_more);
    assert_int_equal(w->step.missed, SCHEDULE_COUNT_MAX);
    run(w, 3 * SECOND);
    assert_int_equal(w->nfired, 13);
    assert_fired(w, 12, "2026-01-01T02:00:03Z");
    end(w);
}

static void jitter_delays_by_a_fixed_amount(void **state)
{
    struct world *w = *state;
    struct schedule_options options = {.jitter_ms = HOUR, .seed = 7};
    int64_t first_ms, second_ms;

    begin_after(w, "0 2 * * *", "2026-01-01T00:00:00Z", NULL, &options);
    first_ms = w->schedule.due_ms;
    assert_in_range(first_ms - ms("2026-01-01T02:00:00Z"), 0, HOUR);
    assert_int_equal(
        schedule_next_ms(&w->schedule), ms("2026-01-01T02:00:00Z"));
    run(w, first_ms - w->wall_ms - 1);
    assert_int_equal(w->nfired, 0);
    run(w, 1);
    assert_fired(w, 0, "2026-01-01T02:00:00Z");
    end(w);
    /* Started between the two, it waits for the same instant. */
    begin_after(w, "0 2 * * *", "2026-01-01T02:00:00Z", "2025-12-31T02:00:00Z",
        &options);
    assert_int_equal(w->schedule.due_ms, first_ms);
    end(w);
    options.seed = 8;
    begin_after(w, "0 2 * * *", "2026-01-01T00:00:00Z", NULL, &options);
    second_ms = w->schedule.due_ms;
    assert_int_not_equal(first_ms, second_ms);
    end(w);
}

static void jitter_ends_before_the_next_fire(void **state)
{
    struct world *w = *state;
    const struct schedule_options options = {.jitter_ms = HOUR, .seed = 3};

    begin_after(w, "* * * * *", "2026-01-01T00:00:30Z", NULL, &options);
    run(w, 100 * MINUTE);
    assert_in_range(w->nfired, 99, 100);
    for (size_t i = 1; i < w->nfired; i++)
        assert_int_equal(w->fired_ms[i] - w->fired_ms[i - 1], MINUTE);
    assert_int_equal(w->missed, 0);
    end(w);
}

static void replicas_do_not_fire_together(void **state)
{
    struct world *w = *state;
    int64_t least = INT64_MAX, most = INT64_MIN, sum = 0;

    for (uint64_t seed = 0; seed < 1000; seed++) {
        const struct schedule_options options = {
            .jitter_ms = HOUR, .seed = seed};
        int64_t delay_ms;

        begin_after(w, "0 2 * * *", "2026-01-01T00:00:00Z", NULL, &options);
        delay_ms = w->schedule.due_ms - schedule_next_ms(&w->schedule);
        least = delay_ms < least ? delay_ms : least;
        most = delay_ms > most ? delay_ms : most;
        sum += delay_ms;
        end(w);
    }
    assert_true(least < MINUTE && most > 59 * MINUTE);
    assert_in_range(sum / 1000, 28 * MINUTE, 32 * MINUTE);
}

static void a_jump_back_within_the_jitter_loses_nothing(void **state)
{
    struct world *w = *state;
    const struct schedule_options options = {.jitter_ms = 2 * HOUR, .seed = 1};

    begin_after(w, "0 2 * * *", "2026-01-01T02:00:00Z", "2025-12-31T02:00:00Z",
        &options);
    assert_true(w->schedule.due_ms > w->wall_ms + MINUTE);
    run(w, SECOND);
    jump(w, -SECOND / 2);
    run(w, 2 * HOUR);
    assert_int_equal(w->nfired, 1);
    assert_fired(w, 0, "2026-01-01T02:00:00Z");
    end(w);
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return *state >> 33;
}

/* One trouble of a random kind and size, or none. */
static void trouble(struct world *w, uint64_t *random)
{
    int64_t by_ms = (int64_t)(next_random(random) % (3 * HOUR)) + 1;

    switch (next_random(random) % 6) {
    case 0: /* set back */
        jump(w, -by_ms);
        break;
    case 1: /* set ahead, or a sleep that the monotonic clock misses */
        jump(w, by_ms);
        break;
    case 2: /* a slow loop */
        w->mono_ms += by_ms;
        jump(w, by_ms);
        break;
    case 3: /* drift */
        jump(w, -(by_ms % 20));
        break;
    default:
        break;
    }
}

/* look() asserts that nothing fires twice and that no wait is 0. */
static void whatever_the_clocks_do_nothing_fires_twice(void **state)
{
    static const char *const crons[] = {
        "*/10 * * * *", "0 * * * *", "0 2 * * *", "*/7 */2 * * *"};
    struct world *w = *state;

    for (uint64_t seed = 1; seed <= 200; seed++) {
        uint64_t random = seed;
        const struct schedule_options options = {
            .jitter_ms = seed % 2 ? 0 : (int64_t)(seed * SECOND),
            .seed = seed,
            .catch_up = seed % 3 == 0};
        size_t before;

        begin_after(w, crons[seed % 4], "2026-01-10T00:00:00Z",
            seed % 5 ? NULL : "2026-01-09T00:00:00Z", &options);
        for (int i = 0; i < 6; i++) {
            trouble(w, &random);
            run(w, (int64_t)(next_random(&random) % (6 * HOUR)));
        }
        /* And when the trouble is over, all is as it was. */
        run(w, 2 * DAY);
        before = w->nfired;
        w->missed = 0;
        run(w, DAY);
        assert_int_equal(w->missed, 0);
        assert_true(w->nfired > before);
        end(w);
    }
}

static void it_looks_no_more_often_than_it_must(void **state)
{
    struct world *w = *state;

    begin(w, "* * * * *", "2026-01-01T00:00:30Z");
    run(w, DAY);
    assert_int_equal(w->nfired, 24 * 60);
    assert_in_range(w->looks, 24 * 60, 24 * 60 + 3);
    end(w);
}

static void a_schedule_without_a_future_waits_in_peace(void **state)
{
    struct world *w = *state;
    struct err err;

    begin(w, "30 2/24 29 3 */7", "2026-01-01T00:00:00Z");
    zone_close(w->zone);
    w->zone = zone_open("Europe/Berlin", &err);
    w->options.zone = w->zone;
    schedule_init(
        &w->schedule, &w->options, SCHEDULE_NONE, w->wall_ms, w->mono_ms);
    assert_int_equal(schedule_next_ms(&w->schedule), SCHEDULE_NONE);
    run(w, HOUR);
    jump(w, -HOUR);
    assert_int_equal(w->step.wake_ms, MINUTE);
    assert_int_equal(w->nfired, 0);
    end(w);
}

int main(void)
{
    static struct world world;
    struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fire_comes_once_and_in_time),
        cmocka_unit_test(the_wait_is_never_longer_than_a_minute),
        cmocka_unit_test(looking_often_changes_nothing),
        cmocka_unit_test(a_jump_back_repeats_nothing),
        cmocka_unit_test(a_clock_that_was_years_ahead_loses_nothing),
        cmocka_unit_test(a_jump_ahead_counts_what_it_passes),
        cmocka_unit_test(what_was_missed_by_mistake_comes_when_it_is_time),
        cmocka_unit_test(also_when_one_has_fired_in_the_meantime),
        cmocka_unit_test(a_slow_loop_is_late_but_not_deaf),
        cmocka_unit_test(of_several_late_ones_the_latest_fires),
        cmocka_unit_test(after_a_sleep_only_catching_up_fires),
        cmocka_unit_test(what_was_missed_while_down_is_caught_up_once),
        cmocka_unit_test(what_ran_elsewhere_does_not_run_again),
        cmocka_unit_test(a_machine_without_a_clock_starts_in_1970),
        cmocka_unit_test(jitter_delays_by_a_fixed_amount),
        cmocka_unit_test(jitter_ends_before_the_next_fire),
        cmocka_unit_test(replicas_do_not_fire_together),
        cmocka_unit_test(a_jump_back_within_the_jitter_loses_nothing),
        cmocka_unit_test(whatever_the_clocks_do_nothing_fires_twice),
        cmocka_unit_test(it_looks_no_more_often_than_it_must),
        cmocka_unit_test(a_schedule_without_a_future_waits_in_peace),
    };

    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tests[i].initial_state = &world;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
