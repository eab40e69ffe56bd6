#include "unit/base/parsed.h"

#include "base/crypto.h"
#include <math.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ARENA(written_values_read_the_same),
        WITH_ARENA(numbers_are_written_as_javascript_would),
        WITH_ARENA(a_number_no_double_holds_is_null),
        WITH_ARENA(the_last_of_equal_members_counts),
        WITH_ARENA(whole_numbers_come_as_numbers_or_text),
        WITH_ARENA(booleans_come_as_such_or_as_text),
        WITH_ARENA(nul_characters_are_dropped_and_counted),
        WITH_ARENA(writing_past_the_cap_is_an_error),
        WITH_ARENA(equal_values_have_equal_digests),
        WITH_ARENA(digests_stay_what_they_were),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
