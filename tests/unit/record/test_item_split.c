#include "unit/record/support.h"

#include "base/text.h"
#include "record/item.h"

static void test_tokens(void **state)
{
    static const struct {
        const char *text;
        size_t tokens;
    } cases[] = {{"", 0}, {"a", 1}, {"abc", 1}, {"abcd", 2}, {"\xC3\xA9", 1},
        {"\xC3\xA9"
         "a",
            2},
        {"a\xC3\xA9"
         "bc",
            2},
        {"\xF0\x9F\x98\x80\xE2\x82\xAC", 2}};
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(text_tokens(str_of(cases[i].text)), cases[i].tokens);
}

/* A character of two bytes at every place of a text of 40. */
static void test_tokens_by_block(void **state)
{
    char text[40];

    for (size_t at = 0; at + 1 < sizeof(text); at++) {
        memset(text, 'x', sizeof(text));
        memcpy(text + at, "\xC3\xA9", 2);
        assert_int_equal(
            text_tokens((struct str){text, sizeof(text)}), (38 + 2) / 3 + 1);
    }
}

/* The pieces of a text, each between brackets. */
static void assert_cut(enum cut_rule rule, const char *text, size_t max_tokens,
    const char *expected)
{
    struct arena a;
    struct buf got;
    struct str *pieces;
    long n;

    arena_init(&a, 0);
    buf_init(&got, 4096);
    n = text_split(&a, str_of(text),
        &(struct text_cut){max_tokens, max_tokens, rule}, &pieces);
    buf_puts(&got, "");
    for (long i = 0; i < n; i++) {
        buf_char(&got, '[');
        buf_str(&got, pieces[i]);
        buf_char(&got, ']');
    }
    assert_str(buf_view(&got), str_of(expected));
    buf_free(&got);
    arena_free(&a);
}

/* Of a rule that looks for borders everywhere. */
static void assert_split(
    const char *text, size_t max_tokens, const char *expected)
{
    assert_cut(CUT_ANYWHERE, text, max_tokens, expected);
}

static void test_borders_in_the_last_third(void **state)
{
    (void)state;
    assert_cut(CUT_LAST_THIRD, "all of it", 3, "[all of it]");
    assert_cut(
        CUT_LAST_THIRD, "a.\n\nbbbbbbbbbbbbb", 4, "[a.\n\nbbbbbbbb][bbbbb]");
    assert_cut(
        CUT_LAST_THIRD, "aaaaaa\n\nbbbbbbbbb", 4, "[aaaaaa\n\n][bbbbbbbbb]");
    assert_cut(
        CUT_LAST_THIRD, "a\n\naaaaaa. bbbbbbb", 4, "[a\n\naaaaaa. ][bbbbbbb]");
    assert_cut(CUT_LAST_THIRD, "One. Two! Three is long", 4,
        "[One. Two! ][Three is lon][g]");
}

static void test_borders(void **state)
{
    (void)state;
    assert_split("all of it", 3, "[all of it]");
    /* The last empty line that fits, rather than a later sentence. */
    assert_split("aa.\n\nbb.\n\ncc. dd. ee", 5, "[aa.\n\nbb.\n\n][cc. dd. ee]");
    assert_split("aa\r\n\r\nbbbbbbbbb", 4, "[aa\r\n\r\n][bbbbbbbbb]");
    assert_split("aa\n \t\nbbbbbbbbb", 4, "[aa\n \t\n][bbbbbbbbb]");
    /* The last sentence, with the white space behind it. */
    assert_split("One. Two! Three is long", 4, "[One. Two! ][Three is lon][g]");
    assert_split("One?  Two is long", 3, "[One?  ][Two is lo][ng]");
    assert_split("line one\nline two", 4, "[line one\n][line two]");
    /* A stop inside of a word ends nothing. */
    assert_split("a.b.c.d.e.f.g", 2, "[a.b.c.][d.e.f.][g]");
    assert_split("\xE4\xB8\x80\xE3\x80\x82\xE4\xBA\x8C\xE4\xB8\x89", 3,
        "[\xE4\xB8\x80\xE3\x80\x82][\xE4\xBA\x8C\xE4\xB8\x89]");
    assert_split(
        "\xD7\x90. \xD7\x91\xD7\x92", 3, "[\xD7\x90. ][\xD7\x91\xD7\x92]");
    /* Code points stay whole. */
    assert_split("\xC3\xA9\xC3\xA9\xC3\xA9", 2, "[\xC3\xA9\xC3\xA9][\xC3\xA9]");
    assert_split("a\xF0\x9F\x98\x80"
                 "b",
        1, "[a][\xF0\x9F\x98\x80][b]");
}

static void test_white_space(void **state)
{
    (void)state;
    assert_split("aaa\n\n\n\n\n\n\n\n\n\n\n\n\n\n\nbbb", 2, "[aaa\n\n\n][bbb]");
    assert_split("         aaaaaa", 2, "[   aaa][aaa]");
    assert_split("\xC2\xA0\xC2\xA0\xC2\xA0\xC2\xA0"
                 "aa",
        2, "[aa]");
    assert_split("", 5, "");
    assert_split("   ", 5, "");
}

/* A stream of numbers that is the same every time. */
static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void random_text(struct buf *text, uint32_t *random)
{
    static const char *const parts[] = {"a", "word", " ", "\n", "\n\n", ". ",
        "!", "\r\n", "\xC3\xA9", "\xE4\xB8\x80", "\xE3\x80\x82",
        "\xF0\x9F\x98\x80", "\xC2\xA0", "    ", "\t", "12345678901234567890"};

    buf_reset(text);
    for (uint32_t n = next_random(random) % 60; n > 0; n--)
        buf_puts(text, parts[next_random(random) % 16]);
}

/* Between the pieces there is nothing but white space, and no piece is that;
 * every piece fits. */
static void check_pieces(struct str text, size_t max_tokens)
{
    struct arena a;
    struct str *pieces;
    const char *at = text.p;
    long n;

    arena_init(&a, 0);
    n = text_split(&a, text,
        &(struct text_cut){max_tokens, max_tokens, CUT_LAST_THIRD}, &pieces);
    assert_true(n >= 0);
    for (long i = 0; i < n; i++) {
        struct str gap = {at, (size_t)(pieces[i].p - at)};

        assert_true(pieces[i].p >= at);
        assert_int_equal(text_trim(gap).len, 0);
        assert_true(text_trim(pieces[i]).len > 0);
        assert_true(text_tokens(pieces[i]) <= max_tokens);
        assert_true(utf8_valid(pieces[i]));
        at = pieces[i].p + pieces[i].len;
    }
    assert_int_equal(
        text_trim((struct str){at, (size_t)(text.p + text.len - at)}).len, 0);
    arena_free(&a);
}

static void test_random(void **state)
{
    struct buf text;
    uint32_t random = 7;
    (void)state;

    buf_init(&text, 1 << 16);
    buf_puts(&text, "");
    for (int i = 0; i < 20000; i++) {
        random_text(&text, &random);
        check_pieces(buf_view(&text), 1 + next_random(&random) % 20);
    }
    buf_free(&text);
}

/* Ten megabytes whose borders lie as badly as they can. */
static void test_large(void **state)
{
    struct buf text;
    struct arena a;
    struct str *pieces;
    (void)state;

    buf_init(&text, 16 << 20);
    for (int i = 0; i < 400; i++) {
        buf_puts(&text, "a\n\nb. c\nd");
        for (int k = 0; k < 6250; k++)
            buf_puts(&text, "word");
    }
    arena_init(&a, 0);
    assert_true(
        text_split(&a, buf_view(&text),
            &(struct text_cut){8191, 8191, CUT_LAST_THIRD}, &pieces) > 400);
    arena_free(&a);
    buf_free(&text);
}

static void test_no_memory(void **state)
{
    struct arena a;
    struct str *pieces;
    (void)state;

    arena_init(&a, 8);
    assert_int_equal(text_split(&a, STR("abc"),
                         &(struct text_cut){1, 1, CUT_LAST_THIRD}, &pieces),
        ERR_NOMEM);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_tokens_by_block),
        cmocka_unit_test(test_borders),
        cmocka_unit_test(test_borders_in_the_last_third),
        cmocka_unit_test(test_white_space),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
