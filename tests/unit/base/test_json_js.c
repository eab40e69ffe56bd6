#include "unit/base/parsed.h"

#include <math.h>
#include <stdlib.h>

/* As String(x) prints them. */
static const struct {
    double x;
    const char *text;
} numbers[] = {
    {0, "0"},
    {-0.0, "0"},
    {1, "1"},
    {-1.5, "-1.5"},
    {100.25, "100.25"},
    {0.1, "0.1"},
    {1.0 / 3, "0.3333333333333333"},
    {0.1 + 0.2, "0.30000000000000004"},
    {4.35, "4.35"},
    {1e20, "100000000000000000000"},
    {999999999999999900000.0, "999999999999999900000"},
    {1e21, "1e+21"},
    {-1e21, "-1e+21"},
    {1.5e300, "1.5e+300"},
    {1e-6, "0.000001"},
    {1.234e-6, "0.000001234"},
    {1e-7, "1e-7"},
    {1.5e-7, "1.5e-7"},
    {-1.5e-7, "-1.5e-7"},
    {123e-20, "1.23e-18"},
    {9007199254740992.0, "9007199254740992"},
    {9007199254740994.0, "9007199254740994"},
    {12345678901234567890.0, "12345678901234567000"},
    {5e-324, "5e-324"},
    {2.2250738585072014e-308, "2.2250738585072014e-308"},
    {1.7976931348623157e308, "1.7976931348623157e+308"},
    {INFINITY, "Infinity"},
    {-INFINITY, "-Infinity"},
    {NAN, "NaN"},
};

static void numbers_print_as_javascript_prints_them(void **state)
{
    char out[JS_NUMBER_BYTES];

    for (size_t i = 0; i < COUNT(numbers); i++) {
        assert_int_equal(js_number(numbers[i].x, out), strlen(numbers[i].text));
        assert_string_equal(out, numbers[i].text);
    }
}

/* xorshift: the same doubles on every run. */
static void printed_numbers_read_back(void **state)
{
    uint64_t bits = 88172645463325252u;
    char out[JS_NUMBER_BYTES];
    double x;

    for (int i = 0; i < 100000; i++) {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        memcpy(&x, &bits, sizeof(x));
        if (isfinite(x)) {
            assert_true(js_number(x, out) < JS_NUMBER_BYTES);
            assert_true(strtod(out, NULL) == x);
        }
    }
}

static void numbers_are_javascripts_doubles(void **state)
{
    assert_true(json_number(parsed(*state, "9007199254740993")) == 0x1p53);
    assert_true(json_number(parsed(*state, "-3")) == -3);
    assert_true(json_number(parsed(*state, "1e30")) == 1e30);
    assert_true(json_number(parsed(*state, "123456789012345678901234567890")) ==
                123456789012345678901234567890.0);
    assert_true(isinf(json_number(parsed(*state, "1e999"))));
    assert_true(isnan(json_number(parsed(*state, "\"1\""))));
    assert_true(isnan(json_number(NULL)));
}

/* "key=value key=value" in the order of the entries */
static void assert_entries(
    struct fixture *f, const char *text, const char *expected)
{
    struct json_entry *e;
    struct buf out;
    long n = json_entries(&f->arena, parsed(f, text), &e);

    assert_true(n >= 0);
    buf_init(&out, 10000);
    for (long i = 0; i < n; i++) {
        buf_printf(&out, "%s%.*s=", i > 0 ? " " : "", STR_ARG(e[i].key));
        json_write(&out, e[i].value, NULL);
    }
    assert_str(buf_view(&out), str_of(expected));
    buf_free(&out);
}

static void entries_stand_in_javascripts_order(void **state)
{
    struct fixture *f = *state;

    assert_entries(f, "{}", "");
    assert_entries(f, "[]", "");
    assert_entries(f, "7", "");
    assert_entries(f, "{\"b\":1,\"a\":2}", "b=1 a=2");
    assert_entries(f, "[5,null,[]]", "0=5 1=null 2=[]");
    assert_entries(f,
        "{\"b\":1,\"4294967294\":2,\"4294967295\":3,\"01\":4,\"2\":5,"
        "\"-1\":6,\"1.5\":7,\"10\":8,\"0\":9,\"\":10}",
        "0=9 2=5 10=8 4294967294=2 b=1 4294967295=3 01=4 -1=6 1.5=7 =10");
    assert_entries(f, "{\"3\":1,\"20\":2,\"100\":3}", "3=1 20=2 100=3");
}

static void a_repeated_key_keeps_its_place_and_takes_the_last_value(
    void **state)
{
    struct fixture *f = *state;

    assert_entries(
        f, "{\"a\":1,\"b\":2,\"a\":3,\"5\":4,\"5\":6}", "5=6 a=3 b=2");
    /* enough keys for another way of finding them */
    assert_entries(f,
        "{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8,"
        "\"i\":9,\"j\":10,\"k\":11,\"l\":12,\"m\":13,\"c\":14,\"a\":15}",
        "a=15 b=2 c=14 d=4 e=5 f=6 g=7 h=8 i=9 j=10 k=11 l=12 m=13");
}

static void entries_need_room(void **state)
{
    struct fixture *f = *state;
    yyjson_val *v = parsed(f, "{\"a\":1}");
    struct json_entry *e;
    struct arena small;

    arena_init(&small, 16);
    assert_int_equal(json_entries(&small, v, &e), ERR_NOMEM);
    arena_free(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ARENA(numbers_print_as_javascript_prints_them),
        WITH_ARENA(printed_numbers_read_back),
        WITH_ARENA(numbers_are_javascripts_doubles),
        WITH_ARENA(entries_stand_in_javascripts_order),
        WITH_ARENA(a_repeated_key_keeps_its_place_and_takes_the_last_value),
        WITH_ARENA(entries_need_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
