#include "base/crypto.h"
#include "base/json.h"

#include "check.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define REPL "\xEF\xBF\xBD"

struct fixture {
    struct arena arena;
    struct err err;
};

static int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    arena_init(&f->arena, 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    arena_free(&f->arena);
    test_free(f);
    return 0;
}

static yyjson_val *parsed(struct fixture *f, const char *text)
{
    yyjson_val *root;

    if (json_parse(&f->arena, str_of(text), &root, NULL, &f->err) < 0)
        fail_msg("%s: %s", text, f->err.msg);
    return root;
}

static void assert_written(yyjson_val *v, const char *expected)
{
    struct buf out;

    buf_init(&out, 100000);
    json_write(&out, v, NULL);
    assert_int_equal(out.error, 0);
    assert_str(buf_view(&out), str_of(expected));
    buf_free(&out);
}

static void written_values_read_the_same(void **state)
{
    static const char *const texts[] = {"null", "true", "false", "0", "-1",
        "18446744073709551615", "-9223372036854775808", "1.5", "\"\"",
        "\"a\\\"\\\\\\n\\u0001\xC3\xA4\"", "[]", "{}", "[[],{},[1,[2,[3]]]]",
        "{\"b\":1,\"a\":{\"x\":[null,true]},\"b\":2,\"\":3}",
        "123456789012345678901234567890", "-99999999999999999999"};

    for (size_t i = 0; i < COUNT(texts); i++)
        assert_written(parsed(*state, texts[i]), texts[i]);
}

static void numbers_are_written_as_javascript_would(void **state)
{
    assert_written(parsed(*state, "[1.0, 1E3, -0, -0.0, 1e21, 1e-7, 0.10]"),
        "[1,1000,0,0,1e+21,1e-7,0.1]");
    assert_written(parsed(*state, "[1e999, -1e999]"), "[null,null]");
}

/* A whole number of 400 digits is beyond every double, too. */
static void a_number_no_double_holds_is_null(void **state)
{
    char text[401];

    memset(text, '9', 400);
    text[400] = '\0';
    assert_written(parsed(*state, text), "null");
    assert_true(isinf(json_number(parsed(*state, text))));
}

static void syntax_errors_say_where_and_what(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "empty"},
        {"  ", "empty"},
        {"[1,]", "byte 2: "},
        {"{\"a\" 1}", "byte 5: "},
        {"[1] x", "at \"x\""},
        {"\"abc", "byte 4: "},
        {"\"\\x\"", "byte 2: "},
        {"[\"a\nb\"]", "byte 3: "},
        {"<html>", "at \"<html>\""},
        {"\xEF\xBB\xBF[]", "byte order mark"},
        {"[01]", "byte "},
        {"NaN", "byte 0: "},
        {"\xFF", "at \"" REPL "\""},
        {"[\"\xFF\",}", "byte 7 (with"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        yyjson_val *root = (yyjson_val *)f;

        assert_int_equal(
            json_parse(&f->arena, str_of(cases[i].text), &root, NULL, &f->err),
            ERR_INVALID);
        assert_null(root);
        if (strstr(f->err.msg, cases[i].message) == NULL)
            fail_msg("%s: %s", cases[i].text, f->err.msg);
    }
}

static void the_text_ends_where_its_length_says(void **state)
{
    struct fixture *f = *state;
    char *text = test_malloc(3); /* nothing behind it */
    yyjson_val *root;

    memcpy(text, "[1]", 3);
    assert_int_equal(
        json_parse(&f->arena, (struct str){text, 3}, &root, NULL, NULL), 0);
    assert_int_equal(
        json_parse(&f->arena, (struct str){text, 2}, &root, NULL, NULL),
        ERR_INVALID);
    test_free(text);
}

static void broken_unicode_is_repaired_and_counted(void **state)
{
    static const struct {
        const char *text, *written;
        size_t replaced;
    } cases[] = {
        {"[\"\\ud83d\\ude00\"]", "[\"\xF0\x9F\x98\x80\"]", 0},
        {"[\"\\ud83d\"]", "[\"" REPL "\"]", 1},
        {"[\"\\uDE00\"]", "[\"" REPL "\"]", 1},
        {"[\"\\ud83dx\\ude00\"]", "[\"" REPL "x" REPL "\"]", 2},
        {"[\"\\ud83d\\ud83d\\ude00\"]", "[\"" REPL "\xF0\x9F\x98\x80\"]", 1},
        {"[\"\\ud83d\\u0041\"]", "[\"" REPL "A\"]", 1},
        {"[\"\\ud83d\\n\"]", "[\"" REPL "\\n\"]", 1},
        {"{\"\\udc00\":1}", "{\"" REPL "\":1}", 1},
        /* an escaped backslash in front: no escape of a surrogate */
        {"[\"\\\\ud83d\",\"\\udc00\"]", "[\"\\\\ud83d\",\"" REPL "\"]", 1},
        {"[\"a\xFF\xFE"
         "b\"]",
            "[\"a" REPL "b\"]", 1},
        {"[\"\xED\xA0\xBD\"]", "[\"" REPL "\"]", 1},
        {"[\"\xC3\xA4\xE2\x82\",\"\\ud800\"]",
            "[\"\xC3\xA4" REPL "\",\"" REPL "\"]", 2},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        yyjson_val *root;
        size_t replaced = 10; /* counted on */

        assert_int_equal(json_parse(&f->arena, str_of(cases[i].text), &root,
                             &replaced, &f->err),
            0);
        assert_int_equal(replaced, 10 + cases[i].replaced);
        assert_written(root, cases[i].written);
    }
}

static int parse_nested(struct fixture *f, const char *open, const char *inner,
    const char *close, size_t levels)
{
    struct buf text;
    yyjson_val *root;
    int status;

    buf_init(&text, 100 << 20);
    for (size_t i = 0; i < levels; i++)
        buf_puts(&text, open);
    buf_puts(&text, inner);
    for (size_t i = 0; i < levels; i++)
        buf_puts(&text, close);
    status = json_parse(&f->arena, buf_view(&text), &root, NULL, &f->err);
    buf_free(&text);
    return status;
}

static void depth_has_a_bound(void **state)
{
    struct fixture *f = *state;
    size_t used;

    assert_int_equal(parse_nested(f, "[", "", "]", JSON_MAX_DEPTH), 0);
    assert_int_equal(parse_nested(f, "[1,", "2", ",3]", JSON_MAX_DEPTH), 0);
    used = f->arena.used_bytes;
    assert_int_equal(
        parse_nested(f, "[", "", "]", JSON_MAX_DEPTH + 1), ERR_INVALID);
    assert_non_null(strstr(f->err.msg, "nested"));
    assert_int_equal(parse_nested(f, "{\"a\":", "1", "}", 100000), ERR_INVALID);
    assert_int_equal(parse_nested(f, "[", "", "", 1000000), ERR_INVALID);
    /* What was refused is given back, but for a few words for each call. */
    assert_true(f->arena.used_bytes - used < 1000);
}

static void wide_documents_are_not_deep_ones(void **state)
{
    struct fixture *f = *state;
    struct buf text;
    yyjson_val *root;

    buf_init(&text, 1 << 20);
    buf_puts(&text, "[[]");
    for (int i = 0; i < 1000; i++)
        buf_puts(&text, ",[{\"a\":[]},{}]");
    buf_puts(&text, "]");
    assert_int_equal(
        json_parse(&f->arena, buf_view(&text), &root, NULL, &f->err), 0);
    assert_int_equal(yyjson_arr_size(root), 1001);
    buf_free(&text);
}

static void documents_count_in_the_arenas_budget(void **state)
{
    struct arena a;
    struct err err;
    yyjson_val *root;
    char text[20001];
    size_t before;

    memset(text, '1', sizeof(text));
    for (size_t i = 0; i < sizeof(text); i += 2)
        text[i] = ',';
    text[0] = '[';
    text[20000] = ']';
    arena_init(&a, 40000);
    assert_int_equal(
        json_parse(&a, (struct str){text, sizeof(text)}, &root, NULL, &err),
        ERR_NOMEM);
    before = a.used_bytes;
    assert_int_equal(json_parse(&a, STR("[1]"), &root, NULL, &err), 0);
    assert_true(a.used_bytes > before);
    arena_free(&a);
    arena_init(&a, 1 << 20);
    assert_int_equal(
        json_parse(&a, (struct str){text, sizeof(text)}, &root, NULL, &err), 0);
    /* 10,001 values of 16 bytes and the text, not what was set aside */
    assert_in_range(a.used_bytes, 180000, 240000);
    arena_free(&a);
    assert_int_equal(a.used_bytes, 0);
}

static void the_last_of_equal_members_counts(void **state)
{
    yyjson_val *v = parsed(*state, "{\"a\":1,\"b\":2,\"a\":3,\"a\\u0000\":4}");

    assert_int_equal(yyjson_get_int(json_member(v, "a")), 3);
    assert_int_equal(yyjson_get_int(json_member(v, "b")), 2);
    assert_int_equal(
        yyjson_get_int(json_member_str(v, (struct str){"a\0", 2})), 4);
    assert_null(json_member(v, "c"));
    assert_null(json_member(json_member(v, "a"), "a"));
    assert_null(json_member(NULL, "a"));
    assert_null(json_member(parsed(*state, "[1]"), "0"));
}

static void whole_numbers_come_as_numbers_or_text(void **state)
{
    static const struct {
        const char *text;
        int64_t value;
    } whole[] = {
        {"7", 7},
        {"-7", -7},
        {"7.0", 7},
        {"1e3", 1000},
        {"-0", 0},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
        {"\"12\"", 12},
        {"\" -12 \"", -12},
        {"\"+5\"", 5},
        {"\"1e2\"", 100},
        {"\"5.0\"", 5},
        {"\"007\"", 7},
    };
    static const char *const others[] = {"9223372036854775808", "1e19", "1.5",
        "true", "null", "[1]", "\"\"", "\"a\"", "\"1a\"", "\"0x10\"", "\"inf\"",
        "\"1.5\"", "\"1e\"", "\"-\"", "\"1 2\"", "\"9223372036854775808\"",
        "\"1\\u00002\"", "123456789012345678901234567890"};
    int64_t value;

    for (size_t i = 0; i < COUNT(whole); i++) {
        if (!json_int(parsed(*state, whole[i].text), &value))
            fail_msg("%s is whole", whole[i].text);
        assert_int_equal(value, whole[i].value);
    }
    for (size_t i = 0; i < COUNT(others); i++)
        if (json_int(parsed(*state, others[i]), &value))
            fail_msg("%s is no whole number", others[i]);
    assert_false(json_int(NULL, &value));
}

static void booleans_come_as_such_or_as_text(void **state)
{
    static const char *const others[] = {
        "1", "0", "null", "\"\"", "\"yes\"", "\"true \"", "{}"};
    bool value = false;

    assert_true(json_bool(parsed(*state, "true"), &value) && value);
    assert_true(json_bool(parsed(*state, "false"), &value) && !value);
    assert_true(json_bool(parsed(*state, "\"true\""), &value) && value);
    assert_true(json_bool(parsed(*state, "\"false\""), &value) && !value);
    for (size_t i = 0; i < COUNT(others); i++)
        assert_false(json_bool(parsed(*state, others[i]), &value));
    assert_false(json_bool(NULL, &value));
}

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

static void nul_characters_are_dropped_and_counted(void **state)
{
    yyjson_val *v = parsed(*state,
        "{\"a\\u0000b\":\"\\u0000x\\u0000\\u0000\\n\",\"c\":\"\\u0000\"}");
    struct buf out;
    size_t nuls = 1;

    buf_init(&out, 100);
    json_write(&out, v, &nuls);
    assert_string_equal(out.data, "{\"ab\":\"x\\n\",\"c\":\"\"}");
    assert_int_equal(nuls, 6);
    buf_free(&out);
    assert_written(parsed(*state, "\"a\\u0000\""), "\"a\"");
}

static void writing_past_the_cap_is_an_error(void **state)
{
    struct buf out;

    buf_init(&out, 8);
    json_write(&out, parsed(*state, "[1,2,3,4,5,6]"), NULL);
    assert_int_equal(out.error, ERR_TOO_LARGE);
    buf_free(&out);
}

static bool same_digest(struct fixture *f, const char *a, const char *b)
{
    uint8_t first[SHA256_BYTES], second[SHA256_BYTES];
    struct sha256 s;

    sha256_init(&s);
    json_digest(&s, parsed(f, a));
    sha256_end(&s, first);
    sha256_init(&s);
    json_digest(&s, parsed(f, b));
    sha256_end(&s, second);
    return memcmp(first, second, SHA256_BYTES) == 0;
}

static void equal_values_have_equal_digests(void **state)
{
    static const char *const equal[][2] = {
        {"[1, 2]", "[1,2]"},
        {"1", "1.0"},
        {"1e2", "100"},
        {"\"\\u0041\"", "\"A\""},
        {"{\"a\" : [ ]}", "{\"a\":[]}"},
    };
    static const char *const different[][2] = {
        {"1", "2"},
        {"1", "\"1\""},
        {"null", "false"},
        {"true", "false"},
        {"[]", "{}"},
        {"[[],[]]", "[[[]]]"},
        {"[[1],2]", "[[1,2]]"},
        {"[\"a\",\"b\"]", "[\"ab\",\"\"]"},
        {"[\"a\",\"b\"]", "{\"a\":\"b\"}"},
        {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}"},
        {"9007199254740992", "9007199254740993"},
        {"18446744073709551616", "18446744073709551617"},
        {"1e998", "1e999"},
    };

    for (size_t i = 0; i < COUNT(equal); i++)
        if (!same_digest(*state, equal[i][0], equal[i][1]))
            fail_msg("%s and %s", equal[i][0], equal[i][1]);
    for (size_t i = 0; i < COUNT(different); i++)
        if (same_digest(*state, different[i][0], different[i][1]))
            fail_msg("%s and %s", different[i][0], different[i][1]);
}

/* Digests are stored: they must not change from one version to the next. */
static void digests_stay_what_they_were(void **state)
{
    uint8_t digest[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1];
    struct sha256 s;

    sha256_init(&s);
    json_digest(&s, parsed(*state, "{\"a\":[1,-2.5,null,true,false,\"x\"]}"));
    sha256_end(&s, digest);
    hex_encode(digest, sizeof(digest), hex);
    assert_string_equal(hex,
        "536520fb85ea46bbed30bdbb3555ec7b2f863fcb6c4c22dfcd59c579730cad3b");
}

#define WITH_ARENA(test) \
    cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ARENA(written_values_read_the_same),
        WITH_ARENA(numbers_are_written_as_javascript_would),
        WITH_ARENA(a_number_no_double_holds_is_null),
        WITH_ARENA(syntax_errors_say_where_and_what),
        WITH_ARENA(the_text_ends_where_its_length_says),
        WITH_ARENA(broken_unicode_is_repaired_and_counted),
        WITH_ARENA(depth_has_a_bound),
        WITH_ARENA(wide_documents_are_not_deep_ones),
        WITH_ARENA(documents_count_in_the_arenas_budget),
        WITH_ARENA(the_last_of_equal_members_counts),
        WITH_ARENA(whole_numbers_come_as_numbers_or_text),
        WITH_ARENA(booleans_come_as_such_or_as_text),
        WITH_ARENA(numbers_print_as_javascript_prints_them),
        WITH_ARENA(printed_numbers_read_back),
        WITH_ARENA(numbers_are_javascripts_doubles),
        WITH_ARENA(entries_stand_in_javascripts_order),
        WITH_ARENA(a_repeated_key_keeps_its_place_and_takes_the_last_value),
        WITH_ARENA(entries_need_room),
        WITH_ARENA(nul_characters_are_dropped_and_counted),
        WITH_ARENA(writing_past_the_cap_is_an_error),
        WITH_ARENA(equal_values_have_equal_digests),
        WITH_ARENA(digests_stay_what_they_were),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
