#include "base/err.h"

#include "unit/base/check.h"

static void messages_grow_from_the_inside_out(void **state)
{
    struct err e;

    assert_int_equal(
        err_set(&e, ERR_BUSY, "HTTP %d: %s", 429, "slow down"), ERR_BUSY);
    assert_int_equal(err_wrap(&e, "embed"), ERR_BUSY);
    assert_int_equal(err_wrap(&e, "page %d", 4), ERR_BUSY);
    assert_string_equal(e.msg, "page 4: embed: HTTP 429: slow down");
    err_clear(&e);
    assert_int_equal(e.code, ERR_NONE);
    assert_string_equal(e.msg, "");
}

static void setting_forgets_what_the_other_side_asked_for(void **state)
{
    struct err e = {.retry_after_ms = 9};

    err_set(&e, ERR_TIMEOUT, "late");
    assert_int_equal(e.retry_after_ms, 0);
}

static void nobody_need_listen(void **state)
{
    assert_int_equal(err_set(NULL, ERR_INVALID, "unheard"), ERR_INVALID);
}

/* 3-byte characters, so that a cut in the middle of one would show. */
static void long_messages_are_cut_between_characters(void **state)
{
    char text[3 * ERR_MSG_BYTES + 1];
    struct err e;
    size_t len;

    for (size_t i = 0; i < ERR_MSG_BYTES; i++)
        memcpy(text + 3 * i, "\xE2\x82\xAC", 3);
    text[sizeof(text) - 1] = '\0';
    for (int shift = 0; shift < 3; shift++) {
        err_set(&e, ERR_INVALID, "%s", text + 0);
        err_wrap(&e, "%.*s", shift, "abc");
        len = strlen(e.msg);
        assert_true(len < ERR_MSG_BYTES && len > ERR_MSG_BYTES - 10);
        assert_string_equal(e.msg + len - 3, "...");
        assert_true((e.msg[len - 4] & 0xFF) == 0xAC || e.msg[len - 4] == '.');
    }
}

static void a_prefix_longer_than_the_room_is_cut_too(void **state)
{
    char text[2 * ERR_MSG_BYTES];
    struct err e;

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    err_set(&e, ERR_INVALID, "inner");
    assert_int_equal(err_wrap(&e, "%s", text), ERR_INVALID);
    assert_int_equal(strlen(e.msg), ERR_MSG_BYTES - 1);
    assert_string_equal(e.msg + ERR_MSG_BYTES - 4, "...");
}

static void what_is_no_character_is_a_question_mark(void **state)
{
    struct err e;

    err_set(&e, ERR_INVALID, "member \"%.2s\"", "a\xD7\x90");
    assert_string_equal(e.msg, "member \"a?\"");
    err_set(&e, ERR_INVALID, "\xD7\x90 %s", "\xFF\xFEx");
    assert_string_equal(e.msg, "\xD7\x90 ??x");
    err_wrap(&e, "%.1s", "\xD7\x90");
    assert_string_equal(e.msg, "?: \xD7\x90 ??x");
}

static void codes_have_names_and_some_are_transient(void **state)
{
    assert_string_equal(err_name(0), "success");
    assert_string_equal(err_name(ERR_CANCELED), "canceled");
    assert_string_equal(err_name(ERR_INTERNAL), "internal");
    assert_string_equal(err_name(ERR_INTERNAL - 1), "unknown");
    assert_string_equal(err_name(1), "unknown");
    assert_true(err_is_transient(ERR_UNAVAILABLE));
    assert_true(err_is_transient(ERR_SOURCE));
    assert_false(err_is_transient(ERR_REFUSED));
    assert_false(err_is_transient(0));
    assert_false(err_is_transient(ERR_INTERNAL - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_grow_from_the_inside_out),
        cmocka_unit_test(setting_forgets_what_the_other_side_asked_for),
        cmocka_unit_test(nobody_need_listen),
        cmocka_unit_test(long_messages_are_cut_between_characters),
        cmocka_unit_test(a_prefix_longer_than_the_room_is_cut_too),
        cmocka_unit_test(what_is_no_character_is_a_question_mark),
        cmocka_unit_test(codes_have_names_and_some_are_transient),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
