#include "base/log.h"
#include "base/text.h"

#include "unit/base/check.h"
#include <jansson.h>
#include <stdlib.h>

/* What is logged, kept in memory. */
struct capture {
    FILE *stream;
    char *text;
    size_t len;
};

static int set_up(void **state)
{
    struct capture *c = test_calloc(1, sizeof(*c));

    c->stream = open_memstream(&c->text, &c->len);
    log_init(c->stream, LOG_INFO);
    *state = c;
    return 0;
}

static int tear_down(void **state)
{
    struct capture *c = *state;

    log_init(NULL, LOG_INFO);
    fclose(c->stream);
    free(c->text);
    test_free(c);
    return 0;
}

/* The one line there is, parsed; to be released. */
static json_t *line_of(struct capture *c)
{
    json_error_t error;
    json_t *line;

    assert_true(c->len > 0);
    assert_ptr_equal(strchr(c->text, '\n'), c->text + c->len - 1);
    line = json_loads(c->text, 0, &error);
    if (line == NULL)
        fail_msg("%s: %s", error.text, c->text);
    return line;
}

static const char *member(json_t *line, const char *name)
{
    return json_string_value(json_object_get(line, name));
}

static void a_line_is_an_object_with_the_time_first(void **state)
{
    struct capture *c = *state;
    struct log_ctx ctx = {.run = "r-1", .service = "devlab", .page = 3};
    const char *time;
    json_t *line;
    int64_t ms;

    log_warn(&ctx, "page of %d items", 7);
    line = line_of(c);
    assert_memory_equal(c->text, "{\"time\":\"", 9);
    time = member(line, "time");
    assert_int_equal(strlen(time), strlen("2026-11-23T15:38:38.805Z"));
    assert_true(iso_to_ms(str_of(time), &ms));
    assert_string_equal(member(line, "level"), "warn");
    assert_string_equal(member(line, "message"), "page of 7 items");
    assert_string_equal(member(line, "run"), "r-1");
    assert_string_equal(member(line, "service"), "devlab");
    assert_int_equal(json_integer_value(json_object_get(line, "page")), 3);
    json_decref(line);
}

static void what_is_not_known_is_left_out(void **state)
{
    struct capture *c = *state;
    struct log_ctx ctx = {.run = "r-1"};
    json_t *line;

    log_info(&ctx, "begins");
    line = line_of(c);
    assert_int_equal(json_object_size(line), 4);
    json_decref(line);
}

static void nothing_need_be_known(void **state)
{
    json_t *line;

    log_error(NULL, "alone");
    line = line_of(*state);
    assert_int_equal(json_object_size(line), 3);
    assert_string_equal(member(line, "level"), "error");
    json_decref(line);
}

static void lesser_levels_are_dropped(void **state)
{
    struct capture *c = *state;

    log_debug(NULL, "unheard");
    assert_int_equal(c->len, 0);
    log_init(c->stream, LOG_ERROR);
    log_warn(NULL, "unheard");
    assert_int_equal(c->len, 0);
    log_init(c->stream, LOG_DEBUG);
    log_debug(NULL, "heard");
    assert_true(c->len > 0);
}

static void any_bytes_make_a_valid_line(void **state)
{
    struct log_ctx ctx = {.run = "\"\n", .service = "s\xC3"};
    json_t *line;

    log_info(&ctx, "%s", "a\nb\"\\\x01\xFF");
    line = line_of(*state);
    assert_string_equal(member(line, "message"), "a\nb\"\\\x01\xEF\xBF\xBD");
    assert_string_equal(member(line, "run"), "\"\n");
    assert_string_equal(member(line, "service"), "s\xEF\xBF\xBD");
    json_decref(line);
}

/* Control characters grow sixfold, euro signs must not be cut in two. */
static void long_lines_are_cut(void **state)
{
    char text[30001];
    struct log_ctx ctx = {.run = text, .service = text};
    const char *message;
    json_t *line;

    memset(text, '\x01', 15000);
    for (size_t i = 15000; i < 30000; i += 3)
        memcpy(text + i, "\xE2\x82\xAC", 3);
    text[30000] = '\0';
    log_info(&ctx, "%s", text);
    line = line_of(*state);
    message = member(line, "message");
    assert_in_range(strlen(message), 4000, 10000);
    assert_string_equal(message + strlen(message) - 3, "...");
    json_decref(line);
}

static void a_cut_is_between_characters(void **state)
{
    char text[30001];
    const char *message;
    json_t *line;

    for (size_t i = 0; i < 30000; i += 3)
        memcpy(text + i, "\xE2\x82\xAC", 3);
    text[30000] = '\0';
    log_info(NULL, "%s", text);
    line = line_of(*state);
    message = member(line, "message");
    assert_null(strstr(message, "\xEF\xBF\xBD"));
    json_decref(line);
}

#define CAPTURED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CAPTURED(a_line_is_an_object_with_the_time_first),
        CAPTURED(what_is_not_known_is_left_out),
        CAPTURED(nothing_need_be_known),
        CAPTURED(lesser_levels_are_dropped),
        CAPTURED(any_bytes_make_a_valid_line),
        CAPTURED(long_lines_are_cut),
        CAPTURED(a_cut_is_between_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
