#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "clock/cron.h"

static int64_t ms(const char *iso)
{
    int64_t out;

    assert_true(iso_to_ms(str_of(iso), &out));
    return out;
}

static struct zone *open_zone(const char *name)
{
    struct err err;
    struct zone *zone = zone_open(name, &err);

    assert_non_null(zone);
    return zone;
}

static struct cron parse(const char *text)
{
    struct cron cron;
    struct err err;

    if (cron_parse(text, &cron, &err) < 0)
        fail_msg("%s: %s", text, err.msg);
    return cron;
}

/*
 * The fires after an instant, in UTC, as "2026-01-01T00:00:00" one after
 * another; "(gap)" and "(once)" follow where they belong.
 */
static void expect(const char *text, const char *zone_name, const char *after,
    const char *expected)
{
    struct cron cron = parse(text);
    struct zone *zone = open_zone(zone_name);
    int64_t at_ms = ms(after);
    struct buf got;

    buf_init(&got, 4096);
    while (got.len < strlen(expected)) {
        struct cron_fire fire;
        char iso[ISO_BYTES];

        assert_true(cron_next(&cron, zone, at_ms, &fire));
        assert_true(fire.at_ms > at_ms);
        iso_from_ms(fire.at_ms, iso);
        buf_printf(&got, "%s%.19s%s%s", got.len > 0 ? " " : "", iso,
            fire.in_gap ? "(gap)" : "", fire.repeats ? "(once)" : "");
        at_ms = fire.at_ms;
    }
    assert_string_equal(got.data, expected);
    buf_free(&got);
    zone_close(zone);
}

static void plain_days(void **state)
{
    expect("0 2 * * *", "UTC", "2026-01-01T00:00:00Z",
        "2026-01-01T02:00:00 2026-01-02T02:00:00");
    expect("0 2 * * *", "UTC", "2026-01-01T02:00:00Z", "2026-01-02T02:00:00");
    expect(
        "0 2 * * *", "UTC", "2026-01-01T01:59:59.999Z", "2026-01-01T02:00:00");
    expect("*/15 9 * * *", "UTC", "2026-01-01T09:16:00Z",
        "2026-01-01T09:30:00 2026-01-01T09:45:00 2026-01-02T09:00:00");
    expect("10,40 30 23 31 12 *", "UTC", "2026-01-01T00:00:00Z",
        "2026-12-31T23:30:10 2026-12-31T23:30:40 2027-12-31T23:30:10");
    expect("0 2 * * *", "UTC", "1969-12-31T12:00:00Z", "1970-01-01T02:00:00");
}

static void days_of_months_and_weeks(void **state)
{
    expect("0 0 L * *", "UTC", "2028-02-01T00:00:00Z",
        "2028-02-29T00:00:00 2028-03-31T00:00:00");
    expect("0 0 L-3 * *", "UTC", "2026-02-01T00:00:00Z",
        "2026-02-25T00:00:00 2026-03-28T00:00:00");
    expect("0 0 LW * *", "UTC", "2026-01-01T00:00:00Z",
        "2026-01-30T00:00:00 2026-02-27T00:00:00 2026-03-31T00:00:00");
    /* 1 August 2026 is a Saturday, 1 November a Sunday. */
    expect("0 0 1W 8,11 *", "UTC", "2026-01-01T00:00:00Z",
        "2026-08-03T00:00:00 2026-11-02T00:00:00");
    /* 31 May 2026 is a Sunday; June has no 31st. */
    expect("0 0 31W 5-7 *", "UTC", "2026-05-01T00:00:00Z",
        "2026-05-29T00:00:00 2026-07-31T00:00:00");
    expect("0 0 * * 5L", "UTC", "2026-01-01T00:00:00Z",
        "2026-01-30T00:00:00 2026-02-27T00:00:00");
    expect("0 0 * * MON#5", "UTC", "2026-01-01T00:00:00Z",
        "2026-03-30T00:00:00 2026-06-29T00:00:00");
    expect("0 0 * * SAT#5", "UTC", "2026-01-01T00:00:00Z",
        "2026-01-31T00:00:00 2026-05-30T00:00:00");
    expect("0 0 * * L", "UTC", "2026-01-01T00:00:00Z", "2026-01-03T00:00:00");
}

static void two_restricted_days_are_either(void **state)
{
    expect("0 0 13 * FRI", "UTC", "2026-02-06T00:00:00Z",
        "2026-02-13T00:00:00 2026-02-20T00:00:00 2026-02-27T00:00:00 "
        "2026-03-06T00:00:00 2026-03-13T00:00:00");
    /* A field that begins with * is free, and then both hold. */
    expect("0 0 */10 * MON", "UTC", "2026-01-01T00:00:00Z",
        "2026-05-11T00:00:00 2026-06-01T00:00:00 2026-08-31T00:00:00");
    expect("0 0 13 * */5", "UTC", "2026-01-01T00:00:00Z",
        "2026-02-13T00:00:00 2026-03-13T00:00:00 2026-09-13T00:00:00");
}

static void rare_days(void **state)
{
    expect("0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00");
    expect(
        "0 0 29 2 */7", "UTC", "2088-03-01T00:00:00Z", "2128-02-29T00:00:00");
    expect(
        "0 0 * 2 SUN#5", "UTC", "2004-03-01T00:00:00Z", "2032-02-29T00:00:00");
}

static void a_fixed_hour_in_a_gap_comes_at_its_end(void **state)
{
    expect("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z",
        "2026-03-28T01:30:00 2026-03-29T01:00:00(gap) 2026-03-30T00:30:00");
    /* All of an hour's fires are one, and so is what is due then anyway. */
    expect("*/10 2 * * *", "Europe/Berlin", "2026-03-28T01:45:00Z",
        "2026-03-28T01:50:00 2026-03-29T01:00:00(gap) 2026-03-30T00:00:00");
    expect("30 2,3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z",
        "2026-03-29T01:00:00(gap) 2026-03-29T01:30:00 2026-03-30T00:30:00");
    expect("0,30 2,3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z",
        "2026-03-29T01:00:00(gap) 2026-03-29T01:30:00 2026-03-30T00:00:00");
    expect("0 3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z",
        "2026-03-29T01:00:00 2026-03-30T01:00:00");
}

static void a_fixed_hour_that_repeats_comes_once(void **state)
{
    expect("30 2 * * *", "Europe/Berlin", "2026-10-24T00:00:00Z",
        "2026-10-24T00:30:00 2026-10-25T00:30:00(once) 2026-10-26T01:30:00");
    expect("*/30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z",
        "2026-10-25T00:00:00(once) 2026-10-25T00:30:00(once) "
        "2026-10-26T01:00:00");
    /* Asked in the second occurrence, the first one is over. */
    expect("45 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z",
        "2026-10-26T01:45:00");
    expect("0 3 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z",
        "2026-10-25T02:00:00");
}

static void a_free_hour_follows_the_clock(void **state)
{
    expect("30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z",
        "2026-03-29T00:30:00 2026-03-29T01:30:00");
    expect("30 */2 * * *", "Europe/Berlin", "2026-03-28T22:45:00Z",
        "2026-03-28T23:30:00 2026-03-29T02:30:00");
    expect("30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z",
        "2026-10-25T00:30:00 2026-10-25T01:30:00 2026-10-25T02:30:00");
    expect("30 */2 * * *", "Europe/Berlin", "2026-10-25T00:00:00Z",
        "2026-10-25T00:30:00 2026-10-25T01:30:00 2026-10-25T03:30:00");
    expect("45 2 */1 * *", "Europe/Berlin", "2026-10-25T00:50:00Z",
        "2026-10-26T01:45:00");
    expect("45 2/24 * * *", "Europe/Berlin", "2026-10-25T00:50:00Z",
        "2026-10-25T01:45:00 2026-10-26T01:45:00");
}

static void half_an_hour_at_lord_howe(void **state)
{
    /* Ahead from 02:00 to 02:30 on 4 October, back from 02:00 to 01:30 on
     * 5 April. */
    expect("15 2 * * *", "Australia/Lord_Howe", "2026-10-02T16:00:00Z",
        "2026-10-03T15:30:00(gap) 2026-10-04T15:15:00");
    expect("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T12:00:00Z",
        "2026-04-04T14:45:00(once) 2026-04-05T15:15:00");
    expect("45 * * * *", "Australia/Lord_Howe", "2026-04-04T14:00:00Z",
        "2026-04-04T14:45:00 2026-04-04T15:15:00 2026-04-04T16:15:00");
    expect("15 * * * *", "Australia/Lord_Howe", "2026-10-03T15:00:00Z",
        "2026-10-03T16:15:00");
}

static void the_day_that_samoa_skipped(void **state)
{
    expect("0 2 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z",
        "2011-12-29T12:00:00 2011-12-30T10:00:00(gap) 2011-12-30T12:00:00");
    expect("0 0 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z",
        "2011-12-29T10:00:00 2011-12-30T10:00:00(gap) 2011-12-31T10:00:00");
    expect("0 12 30 12 *", "Pacific/Apia", "2011-12-01T00:00:00Z",
        "2011-12-30T10:00:00(gap) 2012-12-29T22:00:00");
    expect("0 12/24 30 12 *", "Pacific/Apia", "2011-12-01T00:00:00Z",
        "2012-12-29T22:00:00");
}

static void midnights_that_are_not_there(void **state)
{
    expect("0 0 * * *", "Asia/Beirut", "2026-03-27T23:00:00Z",
        "2026-03-28T22:00:00(gap) 2026-03-29T21:00:00");
    expect("30 0 * * SUN", "Asia/Beirut", "2026-03-25T00:00:00Z",
        "2026-03-28T22:00:00(gap) 2026-04-04T21:30:00");
    expect("0 0 * * *", "America/Asuncion", "2023-09-30T12:00:00Z",
        "2023-10-01T04:00:00(gap) 2023-10-02T03:00:00");
    /* Back from midnight to 23:00: that hour of Saturday repeats. */
    expect("30 23 * * *", "America/Asuncion", "2024-03-23T12:00:00Z",
        "2024-03-24T02:30:00(once) 2024-03-25T03:30:00");
}

static void a_day_that_kwajalein_had_twice(void **state)
{
    /* From +11 to -12 at the end of September 1969: 23 hours again. */
    expect("0 12 * * *", "Pacific/Kwajalein", "1969-09-29T12:00:00Z",
        "1969-09-30T01:00:00(once) 1969-10-02T00:00:00");
    expect("0 12/24 * * *", "Pacific/Kwajalein", "1969-09-29T12:00:00Z",
        "1969-09-30T01:00:00 1969-10-01T00:00:00");
}

static void wall_and_nominal_time_are_told(void **state)
{
    struct cron cron = parse("30 2 * * *");
    struct zone *zone = open_zone("Europe/Berlin");
    struct cron_fire fire;

    assert_true(cron_next(&cron, zone, ms("2026-03-28T12:00:00Z"), &fire));
    assert_int_equal(fire.at_ms, ms("2026-03-29T01:00:00Z"));
    assert_int_equal(fire.wall_ms, ms("2026-03-29T03:00:00Z"));
    assert_int_equal(fire.nominal_ms, ms("2026-03-29T02:30:00Z"));
    zone_close(zone);
}

static void what_always_falls_in_a_gap_ends(void **state)
{
    struct cron cron = parse("* 2/24 29 3 */7");
    struct zone *zone = open_zone("Europe/Berlin");
    struct cron_fire fire;

    assert_false(cron_next(&cron, zone, ms("2026-01-01T00:00:00Z"), &fire));
    zone_close(zone);
}

static void instants_beyond_reason_have_no_next(void **state)
{
    struct cron cron = parse("* * * * *");
    struct zone *zone = open_zone("UTC");
    struct cron_fire fire;

    assert_false(cron_next(&cron, zone, INT64_MAX, &fire));
    assert_false(cron_next(&cron, zone, INT64_MIN, &fire));
    assert_true(cron_next(&cron, zone, ms("9999-12-31T23:59:59Z"), &fire));
    assert_int_equal(fire.at_ms, ms("+010000-01-01T00:00:00Z"));
    assert_true(cron_next(&cron, zone, ms("0001-01-01T00:00:00Z"), &fire));
    zone_close(zone);
}

/* Clocks that go round and round within a day. */
static void wild_zones_are_no_trouble(void **state)
{
    const int64_t from_s[] = {0, 1000, 1100, 5000, 5010, 90000};
    const int32_t offsets[] = {0, 93600, -93600, 50000, -7, 93600};
    struct zone *zone = zone_new("Wild", from_s, offsets, 6);
    static const char *const texts[] = {
        "* * * * * *", "17 3,4 * * *", "17 */5 * * *", "0 0 1 1 *"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct cron cron = parse(texts[i]);
        int64_t at_ms = -200000 * INT64_C(1000);
        struct cron_fire fire;

        for (int n = 0; n < 1000; n++) {
            assert_true(cron_next(&cron, zone, at_ms, &fire));
            assert_true(fire.at_ms > at_ms);
            at_ms = fire.at_ms;
        }
    }
    zone_close(zone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_days),
        cmocka_unit_test(days_of_months_and_weeks),
        cmocka_unit_test(two_restricted_days_are_either),
        cmocka_unit_test(rare_days),
        cmocka_unit_test(a_fixed_hour_in_a_gap_comes_at_its_end),
        cmocka_unit_test(a_fixed_hour_that_repeats_comes_once),
        cmocka_unit_test(a_free_hour_follows_the_clock),
        cmocka_unit_test(half_an_hour_at_lord_howe),
        cmocka_unit_test(the_day_that_samoa_skipped),
        cmocka_unit_test(midnights_that_are_not_there),
        cmocka_unit_test(a_day_that_kwajalein_had_twice),
        cmocka_unit_test(wall_and_nominal_time_are_told),
        cmocka_unit_test(what_always_falls_in_a_gap_ends),
        cmocka_unit_test(instants_beyond_reason_have_no_next),
        cmocka_unit_test(wild_zones_are_no_trouble),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
