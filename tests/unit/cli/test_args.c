#include "cli/args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct arg_option options[] = {
    {"service", "NAME", "a service"},
    {"limit", "N", "how many"},
    {"json", NULL, "as JSON"},
    {NULL, NULL, NULL},
};

#define PARSE(a, err, ...)                                       \
    args_parse((a), options,                                     \
        (int)(sizeof((char *[]){__VA_ARGS__}) / sizeof(char *)), \
        (char *[]){__VA_ARGS__}, (err))

static void values_come_separate_or_after_an_equals_sign(void **state)
{
    struct err err = {0};
    struct args a;
    const char *values[8];

    assert_int_equal(
        PARSE(&a, &err, "--service", "a", "--json", "--service=b=c"), 0);
    assert_true(args_has(&a, "json"));
    assert_false(args_has(&a, "limit"));
    assert_int_equal(args_values(&a, "service", values), 2);
    assert_string_equal(values[0], "a");
    assert_string_equal(values[1], "b=c");
    assert_string_equal(args_value(&a, "service"), "b=c");
    args_free(&a);
}

static void a_repeated_value_counts_once(void **state)
{
    struct err err = {0};
    struct args a;
    const char *values[8];

    assert_int_equal(
        PARSE(&a, &err, "--service=a", "--service=b", "--service=a"), 0);
    assert_int_equal(args_values(&a, "service", values), 2);
    assert_string_equal(values[1], "b");
    args_free(&a);
}

static void what_is_no_option_is_a_word(void **state)
{
    struct err err = {0};
    struct args a;

    assert_int_equal(PARSE(&a, &err, "one", "-", "--", "--json", "-x"), 0);
    assert_int_equal(a.ngiven, 0);
    assert_int_equal(a.nwords, 4);
    assert_string_equal(a.words[0], "one");
    assert_string_equal(a.words[2], "--json");
    args_free(&a);
}

static void help_is_always_known(void **state)
{
    struct err err = {0};
    struct args a;

    assert_int_equal(PARSE(&a, &err, "-h"), 0);
    assert_true(args_has(&a, "help"));
    args_free(&a);
    assert_int_equal(PARSE(&a, &err, "--help"), 0);
    assert_true(args_has(&a, "help"));
    args_free(&a);
}

static void assert_refused(char *first, char *second, const char *message)
{
    struct err err = {0};
    struct args a;
    char *argv[] = {first, second};

    assert_int_equal(
        args_parse(&a, options, second != NULL ? 2 : 1, argv, &err), ERR_USAGE);
    assert_string_equal(err.msg, message);
    args_free(&a);
}

static void an_unknown_option_is_named_with_the_nearest(void **state)
{
    assert_refused(
        "--jsno", NULL, "unknown option --jsno; did you mean --json?");
    assert_refused(
        "--serv=x", NULL, "unknown option --serv; did you mean --service?");
    assert_refused("--frobnicate", NULL, "unknown option --frobnicate");
    assert_refused("-j", NULL, "unknown option -j");
}

static void values_are_neither_missing_nor_too_many(void **state)
{
    assert_refused(
        "--service", NULL, "--service needs a value: --service NAME");
    assert_refused("--service=", NULL, "--service is empty");
    assert_refused("--service", "", "--service is empty");
    assert_refused("--json=yes", NULL, "--json takes no value");
}

static void assert_number(char *text, int expected)
{
    struct err err = {0};
    struct args a;
    int out = 7;
    char *argv[] = {"--limit", text};

    assert_int_equal(args_parse(&a, options, 2, argv, &err), 0);
    assert_int_equal(args_int(&a, "limit", 1, 100, &out, &err),
        expected < 0 ? ERR_USAGE : 0);
    assert_int_equal(out, expected < 0 ? 7 : expected);
    args_free(&a);
}

static void numbers_are_whole_and_within_bounds(void **state)
{
    assert_number("1", 1);
    assert_number("100", 100);
    assert_number("101", -1);
    assert_number("0", -1);
    assert_number("-3", -1);
    assert_number("5x", -1);
    assert_number("1.5", -1);
    assert_number("99999999999999999999", -1);
}

static void a_number_not_given_stays(void **state)
{
    struct err err = {0};
    struct args a;
    int out = 7;

    assert_int_equal(PARSE(&a, &err, "--json"), 0);
    assert_int_equal(args_int(&a, "limit", 1, 100, &out, &err), 0);
    assert_int_equal(out, 7);
    args_free(&a);
}

static void nearest_is_a_prefix_or_a_slip(void **state)
{
    const char *names[] = {"sync", "services", "check"};

    assert_string_equal(args_nearest("synk", names, 3), "sync");
    assert_string_equal(args_nearest("snyc", names, 3), "sync");
    assert_string_equal(args_nearest("serv", names, 3), "services");
    assert_string_equal(args_nearest("chekc", names, 3), "check");
    assert_null(args_nearest("xyzzy", names, 3));
    assert_null(args_nearest("", names, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_separate_or_after_an_equals_sign),
        cmocka_unit_test(a_repeated_value_counts_once),
        cmocka_unit_test(what_is_no_option_is_a_word),
        cmocka_unit_test(help_is_always_known),
        cmocka_unit_test(an_unknown_option_is_named_with_the_nearest),
        cmocka_unit_test(values_are_neither_missing_nor_too_many),
        cmocka_unit_test(numbers_are_whole_and_within_bounds),
        cmocka_unit_test(a_number_not_given_stays),
        cmocka_unit_test(nearest_is_a_prefix_or_a_slip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
