#include "unit/base/parsed.h"

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
        {"[\"\xFF\",}", "byte 7 (counting"},
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

static void flaws_are_read_and_mended(void **state)
{
    struct fixture *f = *state;
    static const char text[] =
        "{\"a\":[1,NaN,{\"b\":-Infinity}],\"c\":[[[2],3],4],\"d\":5}";
    struct json_flaws flaws;
    yyjson_val *root;
    struct buf out;

    assert_int_equal(
        json_parse(&f->arena, str_of(text), &root, NULL, &f->err), ERR_INVALID);
    assert_int_equal(json_parse_flawed(
                         &f->arena, str_of(text), &root, NULL, &flaws, &f->err),
        0);
    assert_true(flaws.odd_numbers);
    assert_false(flaws.too_deep);
    assert_string_equal(json_mend(root, 3), "nested too deep");
    buf_init(&out, 1024);
    json_write(&out, root, NULL);
    buf_char(&out, '\0');
    assert_string_equal(
        out.data, "{\"a\":[1,null,{\"b\":null}],\"c\":[[[],3],4],\"d\":5}");
    buf_free(&out);
    assert_null(json_mend(root, 4));
    assert_int_equal(json_parse_flawed(&f->arena, STR("[1,\n2 3]"), &root, NULL,
                         &flaws, &f->err),
        ERR_INVALID);
    assert_int_equal(flaws.error_at, 6);
}

static void raw_control_characters_are_read_as_they_are(void **state)
{
    static const struct {
        const char *text, *is; /* NULL: refused, the place as in the text */
    } cases[] = {
        {"[\"a\nb\"]", "[\"a\\nb\"]"},
        {"[\"\\\\\t\"]", "[\"\\\\\\t\"]"},
        {"[\"\\\"\x01\",\n1]", "[\"\\\"\\u0001\",1]"},
        {"[\"\n\xff\"]", "[\"\\n\xEF\xBF\xBD\"]"},
        {"[\"a\\\nb\"]", NULL}, /* behind a backslash: who knows */
        {"[\"a\nb]", NULL},
    };
    struct fixture *f = *state;
    struct json_flaws flaws;
    yyjson_val *root;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct str text = str_of(cases[i].text);
        struct buf out;
        int rc =
            json_parse_flawed(&f->arena, text, &root, NULL, &flaws, &f->err);

        assert_int_equal(rc, cases[i].is == NULL ? ERR_INVALID : 0);
        assert_int_equal(
            json_parse(&f->arena, text, &root, NULL, &f->err), ERR_INVALID);
        if (cases[i].is == NULL)
            continue;
        json_parse_flawed(&f->arena, text, &root, NULL, &flaws, &f->err);
        buf_init(&out, 1024);
        json_write(&out, root, NULL);
        buf_char(&out, '\0');
        assert_string_equal(out.data, cases[i].is);
        buf_free(&out);
    }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ARENA(syntax_errors_say_where_and_what),
        WITH_ARENA(the_text_ends_where_its_length_says),
        WITH_ARENA(broken_unicode_is_repaired_and_counted),
        WITH_ARENA(depth_has_a_bound),
        WITH_ARENA(raw_control_characters_are_read_as_they_are),
        WITH_ARENA(wide_documents_are_not_deep_ones),
        WITH_ARENA(flaws_are_read_and_mended),
        WITH_ARENA(documents_count_in_the_arenas_budget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
