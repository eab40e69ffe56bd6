#include "base/text.h"

#include "unit/base/check.h"
#include <stdio.h>

#define REPL "\xEF\xBF\xBD"

static void code_points_are_read_one_by_one(void **state)
{
    struct str s = STR("a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\xFFz");
    static const int32_t expected[] = {'a', 0xE4, 0x20AC, 0x1F600, -1, 'z'};
    size_t at = 0;

    for (size_t i = 0; i < COUNT(expected); i++)
        assert_int_equal(utf8_next(s, &at), expected[i]);
    assert_int_equal(at, s.len);
}

static void what_is_no_utf8_is_replaced_a_run_at_a_time(void **state)
{
    static const struct {
        const char *text, *repaired;
        size_t count;
    } cases[] = {
        {"", "", 0},
        {"plain, longer than eight bytes", "plain, longer than eight bytes", 0},
        {"\xC3\xA4\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF",
            "\xC3\xA4\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF", 0},
        {"\xFF", REPL, 1},
        {"a\xFF\xFE\xFD"
         "b\x80",
            "a" REPL "b" REPL, 2},
        {"12345678\xC3", "12345678" REPL, 1},
        {"\xE2\x82", REPL, 1},
        {"\xE2\x82z", REPL "z", 1},
        {"\xF0\x9F\x98", REPL, 1},
        /* overlong forms, a surrogate, beyond the last code point */
        {"\xC0\xAF", REPL, 1},
        {"\xE0\x80\xAF", REPL, 1},
        {"\xF0\x80\x80\xAF", REPL, 1},
        {"\xED\xA0\x80", REPL, 1},
        {"\xED\xBF\xBFx", REPL "x", 1},
        {"\xF4\x90\x80\x80", REPL, 1},
        {"\xF5\x80\x80\x80", REPL, 1},
    };
    struct buf b;

    buf_init(&b, 1000);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct str s = str_of(cases[i].text);

        buf_reset(&b);
        assert_int_equal(utf8_repair(&b, s), cases[i].count);
        assert_str(buf_view(&b), str_of(cases[i].repaired));
        assert_int_equal(utf8_valid(s), cases[i].count == 0);
        assert_true(utf8_valid(buf_view(&b)));
    }
    buf_free(&b);
}

static void prefixes_end_between_characters(void **state)
{
    struct str s = STR("a\xC3\xA4\xF0\x9F\x98\x80");

    assert_int_equal(utf8_prefix(s, 0), 0);
    assert_int_equal(utf8_prefix(s, 1), 1);
    assert_int_equal(utf8_prefix(s, 2), 3);
    assert_int_equal(utf8_prefix(s, 3), 7);
    assert_int_equal(utf8_prefix(s, 100), 7);
    for (size_t bytes = 0; bytes < 10; bytes++)
        assert_int_equal(utf8_cut(s, bytes).len, bytes < 1   ? 0
                                                 : bytes < 3 ? 1
                                                 : bytes < 7 ? 3
                                                             : 7);
}

static void trimming_takes_what_javascript_takes(void **state)
{
    /* Every space of String.prototype.trim, in UTF-8. */
    struct str spaces = STR("\t\n\v\f\r \xC2\xA0\xE1\x9A\x80\xE2\x80\x80"
                            "\xE2\x80\x8A\xE2\x80\xA8\xE2\x80\xA9\xE2\x80\xAF"
                            "\xE2\x81\x9F\xE3\x80\x80\xEF\xBB\xBF");
    char text[200];
    int len;

    len = snprintf(
        text, sizeof(text), "%.*sa b%.*s", STR_ARG(spaces), STR_ARG(spaces));
    assert_str(text_trim((struct str){text, (size_t)len}), STR("a b"));
    assert_int_equal(text_trim(spaces).len, 0);
    assert_int_equal(text_trim(STR("")).len, 0);
    /* no spaces: NEL, zero-width space, Mongolian vowel separator, stray */
    assert_str(text_trim(STR("\xC2\x85 ")), STR("\xC2\x85"));
    assert_str(text_trim(STR("\xE2\x80\x8B")), STR("\xE2\x80\x8B"));
    assert_str(text_trim(STR(" \xE1\xA0\x8E")), STR("\xE1\xA0\x8E"));
    assert_str(text_trim(STR(" \xA0 ")), STR("\xA0"));
    assert_str(text_trim(STR("\xC2\xA0\x80")), STR("\x80"));
}

/* NULL: not a date. All but the last group as JavaScript's Date reads them. */
static const struct {
    const char *text, *iso;
} dates[] = {
    {"2025", "2025-01-01T00:00:00.000Z"},
    {"2025-12", "2025-12-01T00:00:00.000Z"},
    {"2025-12-18", "2025-12-18T00:00:00.000Z"},
    {"2024-02-29", "2024-02-29T00:00:00.000Z"},
    {"2025-02-30", "2025-03-02T00:00:00.000Z"},
    {"2025-04-31", "2025-05-01T00:00:00.000Z"},
    {"2025-12-32", NULL},
    {"2025-13-01", NULL},
    {"2025-00-01", NULL},
    {"2025-12-00", NULL},
    {"2025-12-18T14", NULL},
    {"2025-12-18T14Z", NULL},
    {"2025-12-18T", NULL},
    {"2025-12-18T14:30", "2025-12-18T14:30:00.000Z"},
    {"2025-12-18T14:30Z", "2025-12-18T14:30:00.000Z"},
    {"2025-12-18t14:30z", "2025-12-18T14:30:00.000Z"},
    {"2025-12-18 14:30", "2025-12-18T14:30:00.000Z"},
    {"2025-12-18 14:30:05.5", "2025-12-18T14:30:05.500Z"},
    {"2025-12-18 14:30:05.1234567+00", "2025-12-18T14:30:05.123Z"},
    {"2025-12-18T14:30:00.1239Z", "2025-12-18T14:30:00.123Z"},
    {"2025-12-18T14:30:00.12345678901234567890Z", "2025-12-18T14:30:00.123Z"},
    {"2025-12-18T14:30:00.Z", NULL},
    {"2025-12-18T14:30:00,5Z", NULL},
    {"2025-12-18T14:30.5Z", NULL},
    {"2025-12-18T14:30:00+02:00", "2025-12-18T12:30:00.000Z"},
    {"2025-12-18T14:30:00+0200", "2025-12-18T12:30:00.000Z"},
    {"2025-12-18T14:30:00.5+05:30", "2025-12-18T09:00:00.500Z"},
    {"2025-12-18T14:30:00-00:00", "2025-12-18T14:30:00.000Z"},
    {"2025-12-18T14:30:00+23:59", "2025-12-17T14:31:00.000Z"},
    {"2025-12-18T14:30:00+24:00", NULL},
    {"2025-12-18T14:30:00+23:60", NULL},
    {"2025-12-18T14:30:00+02", NULL},
    {"2025-12-18T14:30:00 +02:00", NULL},
    {"2025-12-18+02:00", NULL},
    {"2025-12-18T24:00:00Z", "2025-12-19T00:00:00.000Z"},
    {"2025-12-18 24:00", "2025-12-19T00:00:00.000Z"},
    {"2025-12-18T24:00:01Z", NULL},
    {"2025-12-18T25:00:00Z", NULL},
    {"2025-12-18T23:59:60Z", NULL},
    {"2025-12-18T23:60:00Z", NULL},
    {"2025-12T10:00Z", "2025-12-01T10:00:00.000Z"},
    {"+002025-12-18", "2025-12-18T00:00:00.000Z"},
    {"-000001-01-01", "-000001-01-01T00:00:00.000Z"},
    {"0000-01-01", "0000-01-01T00:00:00.000Z"},
    {"0099-12-31", "0099-12-31T00:00:00.000Z"},
    {"+275760-09-13T00:00:00Z", "+275760-09-13T00:00:00.000Z"},
    {"+275760-09-13T00:00:00.001Z", NULL},
    {"-271821-04-20", "-271821-04-20T00:00:00.000Z"},
    {"-271821-04-19", NULL},
    {"20251218", NULL},
    {"20251218T143000Z", NULL},
    {"2025-352", NULL},
    {"2025-W51-4", NULL},
    {"2025-12-18T14:30:00Z.", NULL},
    {"2025-12-18T14:30:00UTC", NULL},
    {" 2025-12-18T14:30Z ", NULL},
    {"1766448000000", NULL},
    {"", NULL},
    {"abc", NULL},
    /* what JavaScript guesses at and ISO-8601 does not have */
    {"-000000-01-01", NULL},
    {"2025-1-2", NULL},
    {"2025/12/18", NULL},
    {" 2025-12-18", NULL},
    {"2025-12-18Z", NULL},
    {"2025-12-18  14:30", NULL},
    {"2025-12 14:30", NULL},
};

static void dates_are_read_as_javascript_reads_iso(void **state)
{
    char iso[ISO_BYTES];
    int64_t ms;

    for (size_t i = 0; i < COUNT(dates); i++) {
        bool valid = iso_to_ms(str_of(dates[i].text), &ms);

        if (valid != (dates[i].iso != NULL))
            fail_msg("%s is %s date", dates[i].text, valid ? "a" : "no");
        if (!valid)
            continue;
        iso_from_ms(ms, iso);
        assert_string_equal(iso, dates[i].iso);
    }
}

static void dates_end_where_their_length_says(void **state)
{
    struct str s = {"2025-12-18T14:30:00Z", 10};
    int64_t ms;

    assert_true(iso_to_ms(s, &ms));
    assert_int_equal(ms, INT64_C(1766016000000));
    s.len = 15;
    assert_false(iso_to_ms(s, &ms));
}

static void the_calendar_holds_for_every_day_of_many_years(void **state)
{
    static const int lengths[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t days = -719528, year; /* 0000-01-01 */
    int month, day;

    for (int64_t y = 0; y < 2800; y++) {
        bool leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);

        for (int m = 1; m <= 12; m++) {
            int length = lengths[m - 1] + (m == 2 && leap);

            for (int d = 1; d <= length; d++, days++) {
                civil_from_ms(days * 86400000 + 86399999, &year, &month, &day);
                if (year != y || month != m || day != d)
                    fail_msg("%d-%d-%d is not %d-%d-%d", (int)year, month, day,
                        (int)y, m, d);
            }
        }
    }
}

static void the_farthest_instants_have_a_text(void **state)
{
    char iso[ISO_BYTES];

    iso_from_ms(-1, iso);
    assert_string_equal(iso, "1969-12-31T23:59:59.999Z");
    iso_from_ms(INT64_MAX, iso);
    assert_string_equal(iso, "+292278994-08-17T07:12:55.807Z");
    iso_from_ms(INT64_MIN, iso);
    assert_string_equal(iso, "-292275055-05-16T16:47:04.192Z");
}

static void distances_count_single_edits(void **state)
{
    char longer[200];

    assert_int_equal(edit_distance(STR(""), STR("")), 0);
    assert_int_equal(edit_distance(STR("abc"), STR("")), 3);
    assert_int_equal(edit_distance(STR(""), STR("abc")), 3);
    assert_int_equal(edit_distance(STR("kitten"), STR("sitting")), 3);
    assert_int_equal(edit_distance(STR("LIMTI"), STR("LIMIT")), 2);
    assert_int_equal(edit_distance(STR("abc"), STR("abc")), 0);
    memset(longer, 'a', sizeof(longer));
    assert_int_equal(
        edit_distance((struct str){longer, sizeof(longer)}, STR("a")), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(code_points_are_read_one_by_one),
        cmocka_unit_test(what_is_no_utf8_is_replaced_a_run_at_a_time),
        cmocka_unit_test(prefixes_end_between_characters),
        cmocka_unit_test(trimming_takes_what_javascript_takes),
        cmocka_unit_test(dates_are_read_as_javascript_reads_iso),
        cmocka_unit_test(dates_end_where_their_length_says),
        cmocka_unit_test(the_calendar_holds_for_every_day_of_many_years),
        cmocka_unit_test(the_farthest_instants_have_a_text),
        cmocka_unit_test(distances_count_single_edits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
