#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/text.h"
#include "clock/zone.h"
#include "clock/zone_names.h"

static int64_t seconds(const char *iso)
{
    int64_t ms;

    assert_true(iso_to_ms(str_of(iso), &ms));
    return ms / 1000;
}

static int32_t offset(const char *name, const char *iso)
{
    struct err err;
    struct zone *zone = zone_open(name, &err);
    int32_t out;

    assert_non_null(zone);
    assert_string_equal(zone_name(zone), name);
    out = zone_at(zone, seconds(iso)).offset_s;
    zone_close(zone);
    return out;
}

static void offsets_are_those_of_the_place(void **state)
{
    assert_int_equal(offset("UTC", "2026-07-01T00:00:00Z"), 0);
    assert_int_equal(offset("Europe/Berlin", "2026-07-01T00:00:00Z"), 7200);
    assert_int_equal(offset("Europe/Berlin", "2026-12-01T00:00:00Z"), 3600);
    assert_int_equal(offset("Asia/Kathmandu", "2026-01-01T00:00:00Z"), 20700);
    assert_int_equal(
        offset("Australia/Lord_Howe", "2026-01-01T00:00:00Z"), 39600);
    assert_int_equal(
        offset("Australia/Lord_Howe", "2026-07-01T00:00:00Z"), 37800);
    assert_int_equal(offset("Etc/GMT+5", "2026-01-01T00:00:00Z"), -18000);
    assert_int_equal(offset("EST5EDT", "2026-07-01T00:00:00Z"), -14400);
    assert_int_equal(offset("Pacific/Apia", "2011-12-30T09:59:59Z"), -36000);
    assert_int_equal(offset("Pacific/Apia", "2011-12-30T10:00:00Z"), 50400);
}

static void offsets_go_on_after_2037(void **state)
{
    assert_int_equal(offset("Europe/Berlin", "2150-07-01T00:00:00Z"), 7200);
    assert_int_equal(offset("Europe/Berlin", "2150-12-01T00:00:00Z"), 3600);
    assert_int_equal(
        offset("America/New_York", "2199-07-01T00:00:00Z"), -14400);
}

static void spans_lie_edge_to_edge(void **state)
{
    struct err err;
    struct zone *zone = zone_open("Europe/Berlin", &err);
    struct zone_span span = zone_at(zone, ZONE_NEVER_S);
    int n = 1;

    assert_true(span.from_s == ZONE_NEVER_S);
    for (; span.until_s < ZONE_FOREVER_S; n++) {
        struct zone_span next = zone_at(zone, span.until_s);

        assert_int_equal(next.from_s, span.until_s);
        assert_int_not_equal(next.offset_s, span.offset_s);
        assert_int_equal(zone_at(zone, span.until_s - 1).from_s, span.from_s);
        span = next;
    }
    assert_in_range(n, 400, 600);
    zone_close(zone);
}

static void span_begins_at_the_second(void **state)
{
    struct err err;
    struct zone *zone = zone_open("Europe/Berlin", &err);
    struct zone_span span = zone_at(zone, seconds("2026-07-01T00:00:00Z"));

    assert_int_equal(span.from_s, seconds("2026-03-29T01:00:00Z"));
    assert_int_equal(span.until_s, seconds("2026-10-25T01:00:00Z"));
    zone_close(zone);
}

static void refuse(const char *name, int code, const char *message)
{
    struct err err = {0};

    assert_null(zone_open(name, &err));
    assert_int_equal(err.code, code);
    assert_non_null(strstr(err.msg, message));
}

static void a_wrong_name_is_told_the_nearest(void **state)
{
    refuse("Europe/Berln", ERR_NOT_FOUND,
        "unknown time zone \"Europe/Berln\"; did you mean Europe/Berlin?");
    refuse("europe/berlin", ERR_NOT_FOUND, "did you mean Europe/Berlin?");
    refuse("Berlin", ERR_NOT_FOUND, "did you mean Europe/Berlin?");
    refuse("New York", ERR_INVALID, "did you mean America/New_York?");
    refuse("America/NewYork", ERR_NOT_FOUND, "did you mean America/New_York?");
    refuse("utc", ERR_NOT_FOUND, "did you mean UTC?");
    refuse("Nowhere/Qqqqqqqqqqqqqq", ERR_NOT_FOUND, "such as Europe/Berlin");
}

/* What the library underneath would take for an offset or a rule, too. */
static void what_is_no_name_is_refused(void **state)
{
    static const char *const names[] = {"", "+01:00", "05:30", "-3", "Z5",
        "CET-1CEST,M3.5.0,M10.5.0/3", "../zoneinfo/UTC", "/etc/localtime",
        "Europe/", "Europe//Berlin", "Europe/../UTC", ":UTC", "UTC\n",
        "\xC3\xA9"};
    char name[400];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct err err = {0};

        assert_null(zone_open(names[i], &err));
        assert_int_not_equal(err.code, 0);
    }
    memset(name, 'A', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    refuse(name, ERR_INVALID, "too long");
    refuse("ABC3", ERR_NOT_FOUND, "unknown time zone");
    refuse("Europe", ERR_NOT_FOUND, "unknown time zone");
    refuse("zone.tab", ERR_INVALID, "unknown time zone");
    refuse("right/UTC", ERR_NOT_FOUND, "unknown time zone");
    refuse("posix/UTC", ERR_NOT_FOUND, "unknown time zone");
    refuse("localtime", ERR_NOT_FOUND, "unknown time zone");
}

static void without_zone_data_the_error_says_so(void **state)
{
    assert_int_equal(setenv("TZDIR", "/no/such/place", 1), 0);
    refuse("Europe/Berlin", ERR_NOT_FOUND, "no zone data in /no/such/place");
    assert_int_equal(offset("UTC", "2026-01-01T00:00:00Z"), 0);
    unsetenv("TZDIR");
}

/* As on a system whose zone data is split in two packages. */
static void an_older_name_is_told_the_zone_it_stands_for(void **state)
{
    char dir[] = "/tmp/batchsync-zones.XXXXXX", path[64];
    FILE *f;

    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/Asia", dir);
    assert_int_equal(symlink("/usr/share/zoneinfo/Asia", path), 0);
    snprintf(path, sizeof(path), "%s/tzdata.zi", dir);
    f = fopen(path, "we");
    assert_non_null(f);
    fputs("# version 2026f\nZ Asia/Kolkata 5:53:28 - LMT 1854 Jun 28\n"
          "L Asia/Kolkata Asia/Bombay\nL America/New_York US/Eastern\n"
          "L Asia/Kolkata\nL\n",
        f);
    fclose(f);
    setenv("TZDIR", dir, 1);
    refuse("Asia/Bombay", ERR_NOT_FOUND,
        "unknown time zone \"Asia/Bombay\": it is an older name of "
        "Asia/Kolkata; use that, or install the older names (Debian: "
        "tzdata-legacy)");
    refuse("asia/bombay", ERR_NOT_FOUND, "older name of Asia/Kolkata;");
    refuse("asia/kolkata", ERR_NOT_FOUND, "did you mean Asia/Kolkata?");
    /* Its zone is not here either. */
    refuse("US/Eastern", ERR_NOT_FOUND, "such as Europe/Berlin");
    unsetenv("TZDIR");
    unlink(path);
    snprintf(path, sizeof(path), "%s/Asia", dir);
    unlink(path);
    rmdir(dir);
}

static void the_zone_of_the_process_is_not_touched(void **state)
{
    struct tm tm;
    time_t t = (time_t)seconds("2026-07-01T12:00:00Z");

    setenv("TZ", "Asia/Tokyo", 1);
    tzset();
    assert_int_equal(offset("Europe/Berlin", "2026-07-01T00:00:00Z"), 7200);
    assert_string_equal(getenv("TZ"), "Asia/Tokyo");
    localtime_r(&t, &tm);
    assert_int_equal(tm.tm_hour, 21);
    unsetenv("TZ");
    tzset();
}

static void a_zone_can_be_made_up(void **state)
{
    const int64_t from_s[] = {0, 1000, 2000, 3000};
    const int32_t offsets[] = {3600, 7200, 7200, 0};
    const int32_t wild[] = {0, ZONE_OFFSET_MAX_S + 1};
    struct zone *zone = zone_new("Made/Up", from_s, offsets, 4);

    assert_int_equal(zone_at(zone, -5).offset_s, 3600);
    assert_int_equal(zone_at(zone, 999).until_s, 1000);
    assert_int_equal(zone_at(zone, 2500).from_s, 1000);
    assert_int_equal(zone_at(zone, 2500).until_s, 3000);
    assert_int_equal(zone_at(zone, 1000000).offset_s, 0);
    zone_close(zone);
    assert_null(zone_new("Wild", from_s, wild, 2));
    zone_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_are_those_of_the_place),
        cmocka_unit_test(offsets_go_on_after_2037),
        cmocka_unit_test(spans_lie_edge_to_edge),
        cmocka_unit_test(span_begins_at_the_second),
        cmocka_unit_test(a_wrong_name_is_told_the_nearest),
        cmocka_unit_test(what_is_no_name_is_refused),
        cmocka_unit_test(without_zone_data_the_error_says_so),
        cmocka_unit_test(an_older_name_is_told_the_zone_it_stands_for),
        cmocka_unit_test(the_zone_of_the_process_is_not_touched),
        cmocka_unit_test(a_zone_can_be_made_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
