#include "base/buf.h"
#include "base/err.h"

#include "unit/base/check.h"

static void appends_follow_each_other(void **state)
{
    struct buf b;

    buf_init(&b, 1000);
    buf_puts(&b, "one");
    buf_char(&b, ' ');
    buf_str(&b, STR("two"));
    buf_printf(&b, " %d %s", 3, "four");
    buf_add(&b, "", 0);
    assert_string_equal(b.data, "one two 3 four");
    assert_int_equal(b.len, strlen(b.data));
    buf_reset(&b);
    assert_int_equal(b.len, 0);
    assert_string_equal(b.data, "");
    buf_free(&b);
}

static void the_cap_is_exact_and_the_error_sticks(void **state)
{
    struct buf b;

    buf_init(&b, 5);
    buf_puts(&b, "12345");
    assert_int_equal(b.error, 0);
    buf_char(&b, '6');
    assert_int_equal(b.error, ERR_TOO_LARGE);
    assert_null(buf_grow(&b, 0));
    buf_printf(&b, "%s", "");
    assert_string_equal(b.data, "12345");
    buf_reset(&b);
    buf_printf(&b, "%d", 12345);
    assert_string_equal(b.data, "12345");
    buf_printf(&b, "%d", 6);
    assert_int_equal(b.error, ERR_TOO_LARGE);
    buf_free(&b);
    buf_reset(&b);
    buf_add(&b, NULL, SIZE_MAX);
    assert_int_equal(b.error, ERR_TOO_LARGE);
    buf_free(&b);
}

static void it_grows_through_many_sizes(void **state)
{
    struct buf b;

    buf_init(&b, 100000);
    for (int i = 0; i < 10000; i++)
        buf_printf(&b, "%04d", i);
    assert_int_equal(b.len, 40000);
    assert_memory_equal(b.data + 4 * 1234, "1234", 4);
    assert_memory_equal(b.data + 4 * 9999, "9999", 5);
    buf_free(&b);
}

static void room_is_for_the_caller_to_fill(void **state)
{
    struct buf b;

    buf_init(&b, 10);
    memcpy(buf_grow(&b, 4), "abcd", 4);
    assert_string_equal(b.data, "abcd");
    assert_null(buf_grow(&b, 7));
    buf_free(&b);
}

static void strings_are_escaped_as_json_asks(void **state)
{
    static const struct {
        struct str text;
        const char *json;
    } cases[] = {
        {{"", 0}, "\"\""},
        {{NULL, 0}, "\"\""},
        {{"plain", 5}, "\"plain\""},
        {{"\"\\/", 3}, "\"\\\"\\\\/\""},
        {{"\b\f\n\r\t", 5}, "\"\\b\\f\\n\\r\\t\""},
        {{"a\0b\x01\x1F", 5}, "\"a\\u0000b\\u0001\\u001f\""},
        {{"\x7F\xC3\xA4\xF0\x9F\x98\x80", 7},
            "\"\x7F\xC3\xA4\xF0\x9F\x98\x80\""},
    };
    struct buf b;

    buf_init(&b, 1000);
    for (size_t i = 0; i < COUNT(cases); i++) {
        buf_reset(&b);
        buf_json_str(&b, cases[i].text);
        assert_string_equal(b.data, cases[i].json);
    }
    buf_free(&b);
}

/* Long strings are gone through by words. */
static void every_byte_is_escaped_wherever_it_stands(void **state)
{
    char text[40], expected[64];
    struct buf b;

    buf_init(&b, 100);
    for (int byte = 1; byte < 128; byte++)
        for (size_t at = 0; at < sizeof(text); at++) {
            struct str alone = {text + at, 1};
            size_t len;

            memset(text, 'x', sizeof(text));
            text[at] = (char)byte;
            buf_reset(&b);
            buf_json_str(&b, alone);
            len = b.len - 2;
            memset(expected, 'x', sizeof(expected));
            memcpy(expected + at, b.data + 1, len);
            buf_reset(&b);
            buf_json_str(&b, (struct str){text, sizeof(text)});
            assert_int_equal(b.len, sizeof(text) - 1 + len + 2);
            assert_memory_equal(b.data + 1, expected, b.len - 2);
        }
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_follow_each_other),
        cmocka_unit_test(the_cap_is_exact_and_the_error_sticks),
        cmocka_unit_test(it_grows_through_many_sizes),
        cmocka_unit_test(room_is_for_the_caller_to_fill),
        cmocka_unit_test(strings_are_escaped_as_json_asks),
        cmocka_unit_test(every_byte_is_escaped_wherever_it_stands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
