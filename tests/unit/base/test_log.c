#include "base/log.h"
#include "base/text.h"

#include "unit/base/check.h"
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

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

/* Lines so far, and the last one. */
static int lines(const struct capture *c, const char **last)
{
    int n = 0;

    *last = c->text;
    for (const char *p = c->text; p != NULL && *p != '\0'; n++) {
        *last = p;
        p = strchr(p, '\n') + 1;
    }
    return n;
}

static void a_repeated_line_is_folded(void **state)
{
    struct capture *c = *state;
    struct log_ctx other = {.run = "r-2"};
    const char *last;

    for (int i = 0; i < 100; i++) {
        log_info(NULL, "the same");
        log_info(NULL, "or that");
    }
    assert_int_equal(lines(c, &last), 2);
    log_info(&other, "the same");
    log_warn(NULL, "the same");
    assert_int_equal(lines(c, &last), 4);
    log_init(NULL, LOG_INFO);
    assert_int_equal(lines(c, &last), 6);
    assert_non_null(strstr(last, "\"message\":\"or that\",\"repeated\":99}"));
}

static void one_place_writes_so_many_warnings(void **state)
{
    struct capture *c = *state;
    const char *last;

    for (int i = 0; i < 100000; i++)
        log_warn(NULL, "name %d is bad", i);
    assert_int_equal(lines(c, &last), 64);
    log_warn(NULL, "another");
    assert_int_equal(lines(c, &last), 65);
    log_init(NULL, LOG_INFO);
    assert_int_equal(lines(c, &last), 66);
    assert_non_null(strstr(
        last, "\"message\":\"name 99999 is bad\",\"more_like_this\":99936}"));
}

/* A pipe that nobody reads. */
static void a_reader_that_stops_holds_up_nothing(void **state)
{
    enum { LINES = 30000 };
    static char text[4 << 20];
    uint64_t before = log_dropped(), dropped;
    size_t len = 0;
    ssize_t n;
    FILE *pipe_end;
    char tail[64];
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    pipe_end = fdopen(fds[1], "w");
    log_init(pipe_end, LOG_INFO);
    for (int i = 0; i < LINES; i++)
        log_info(NULL, "line %d of a log that nobody reads", i);
    dropped = log_dropped() - before;
    assert_true(dropped > 0);
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    for (int i = 0; i < 1000; i++) {
        log_tick();
        while ((n = read(fds[0], text + len, sizeof(text) - 1 - len)) > 0)
            len += (size_t)n;
    }
    text[len] = '\0';
    snprintf(tail, sizeof(tail), "%llu lines of the log were dropped",
        (unsigned long long)dropped);
    assert_non_null(strstr(text, tail));
    assert_non_null(strstr(text, "\"line 0 of"));
    for (const char *p = text; *p != '\0'; p = strchr(p, '\n') + 1)
        assert_memory_equal(p, "{\"time\"", 7);
    log_info(NULL, "the last one");
    len = (size_t)read(fds[0], text, sizeof(text));
    assert_memory_equal(text + len - 15, "the last one\"}\n", 15);
    log_init(NULL, LOG_INFO);
    fclose(pipe_end);
    close(fds[0]);
}

static void a_pipe_that_has_no_reader(void **state)
{
    int fds[2];
    FILE *pipe_end;

    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(fds), 0);
    pipe_end = fdopen(fds[1], "w");
    close(fds[0]);
    log_init(pipe_end, LOG_INFO);
    for (int i = 0; i < 1000; i++)
        log_info(NULL, "line %d", i);
    log_init(NULL, LOG_INFO);
    fclose(pipe_end);
}

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
        CAPTURED(a_repeated_line_is_folded),
        CAPTURED(one_place_writes_so_many_warnings),
        CAPTURED(a_reader_that_stops_holds_up_nothing),
        CAPTURED(a_pipe_that_has_no_reader),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
