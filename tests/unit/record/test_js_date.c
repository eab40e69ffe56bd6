/* Dates as JavaScript reads them: tests/data/dates.json is what Node says. */
#include "unit/record/support.h"

#include "base/text.h"
#include "record/js_date.h"

static void check_spelling(struct str text, const char *expected)
{
    char iso[ISO_BYTES];
    int64_t ms;
    bool valid = js_date_parse(text, &ms);

    if (valid != (expected != NULL))
        fail_msg("\"%.*s\" is %s date", STR_ARG(text), valid ? "a" : "no");
    if (!valid)
        return;
    iso_from_ms(ms, iso);
    if (strcmp(iso, expected) != 0)
        fail_msg("\"%.*s\" is %s, not %s", STR_ARG(text), iso, expected);
}

static void every_spelling_is_read_as_node_reads_it(void **state)
{
    struct arena a;
    yyjson_val *table, *row;
    size_t i, n;

    arena_init(&a, 0);
    table = load_json(&a, "dates.json");
    assert_true(yyjson_arr_size(table) > 500);
    yyjson_arr_foreach(table, i, n, row)
    {
        check_spelling(json_str(yyjson_arr_get(row, 0)),
            yyjson_get_str(yyjson_arr_get(row, 1)));
    }
    arena_free(&a);
}

static void a_date_ends_where_its_length_says(void **state)
{
    struct str s = {"2025-12-18T14:30:00Z", 10};

    check_spelling(s, "2025-12-18T00:00:00.000Z");
    s.len = 15;
    check_spelling(s, NULL);
    s.len = 0;
    check_spelling(s, NULL);
}

static void bytes_that_are_not_utf8_are_a_word(void **state)
{
    check_spelling(STR("\xff 5"), "2001-05-01T00:00:00.000Z");
    check_spelling(STR("5 \xff"), NULL);
    check_spelling(STR("5\xe2\x80"), NULL);
}

static void a_very_long_number_stays_in_bounds(void **state)
{
    char digits[4096];

    memset(digits, '9', sizeof(digits));
    check_spelling((struct str){digits, sizeof(digits)}, NULL);
    memset(digits, '0', sizeof(digits));
    digits[sizeof(digits) - 1] = '5';
    check_spelling(
        (struct str){digits, sizeof(digits)}, "2001-05-01T00:00:00.000Z");
}

static void numbers_are_epoch_milliseconds(void **state)
{
    int64_t ms;

    assert_true(js_date_clip(-0.9, &ms));
    assert_int_equal(ms, 0);
    assert_true(js_date_clip(-8.64e15, &ms));
    assert_int_equal(ms, INT64_C(-8640000000000000));
    assert_false(js_date_clip(8.64e15 + 1, &ms));
    assert_false(js_date_clip(1.0 / 0.0, &ms));
    assert_false(js_date_clip(0.0 / 0.0, &ms));
}

/* One reading has a short cut, the same date with a year of six digits none. */
static void the_usual_spelling_is_read_as_any_other(void **state)
{
    static const char *const tails[] = {"Z", ".000Z", ".007Z", ".999Z"};
    uint32_t r = 1;

    for (int i = 0; i < 20000; i++) {
        char text[64];
        int64_t usual, other;

        r = r * 1664525u + 1013904223u;
        snprintf(text, sizeof(text), "+00%04u-%02u-%02uT%02u:%02u:%02u%s",
            r % 10000, 1 + (r >> 8) % 12, 1 + (r >> 12) % 31, (r >> 16) % 24,
            (r >> 20) % 60, (r >> 26) % 60, tails[(r >> 30) % 4]);
        assert_true(js_date_parse(str_of(text), &other));
        assert_true(js_date_parse(str_of(text + 3), &usual));
        assert_int_equal(usual, other);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spelling_is_read_as_node_reads_it),
        cmocka_unit_test(a_date_ends_where_its_length_says),
        cmocka_unit_test(bytes_that_are_not_utf8_are_a_word),
        cmocka_unit_test(a_very_long_number_stays_in_bounds),
        cmocka_unit_test(numbers_are_epoch_milliseconds),
        cmocka_unit_test(the_usual_spelling_is_read_as_any_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
