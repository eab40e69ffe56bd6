#include "cli/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct counts some = {.received = 3120};

static const struct run_event run_begin = {
    .kind = EVENT_RUN_BEGIN, .nservices = 5};

static const struct run_event begin = {.kind = EVENT_SERVICE_BEGIN,
    .service = "assessment-service",
    .position = 1};

static const struct run_event read_page = {.kind = EVENT_PAGE_READ,
    .service = "assessment-service",
    .page = 4,
    .counts = &some};

static const struct run_event stored_50 = {.kind = EVENT_STORED, .rows = 50};
static const struct run_event stored_30 = {.kind = EVENT_STORED, .rows = 30};

static void the_line_says_where_the_run_is(void **state)
{
    struct progress p = {.terminal = NULL};
    char line[256];

    progress_text(&p, 0, 200, line, sizeof(line));
    assert_string_equal(line, "listing the services");
    progress_event(&p, &run_begin, 900);
    progress_event(&p, &begin, 1000);
    progress_event(&p, &read_page, 2500);
    progress_text(&p, 3000, 200, line, sizeof(line));
    assert_string_equal(line,
        "service 2/5 assessment-service  page 4  3,120 items  "
        "1,560 items/s");
}

static void stored_rows_count_until_their_page_is_done(void **state)
{
    struct progress p = {.terminal = NULL};
    char line[256];

    progress_event(&p, &run_begin, 0);
    progress_event(&p, &begin, 0);
    progress_event(&p, &stored_50, 300);
    progress_event(&p, &stored_30, 600);
    progress_text(&p, 1000, 200, line, sizeof(line));
    assert_string_equal(
        line, "service 2/5 assessment-service  80 items  80 items/s");
    progress_event(&p, &read_page, 1500);
    progress_text(&p, 2000, 200, line, sizeof(line));
    assert_string_equal(line,
        "service 2/5 assessment-service  page 4  3,120 items  "
        "1,560 items/s");
}

static void it_never_wraps(void **state)
{
    struct progress p = {.terminal = NULL};
    char line[256];

    progress_event(&p, &run_begin, 900);
    progress_event(&p, &begin, 1000);
    progress_text(&p, 1000, 11, line, sizeof(line));
    assert_string_equal(line, "service 2/5");
}

static void a_name_cannot_move_the_cursor(void **state)
{
    struct run_event event = begin;
    struct progress p = {.terminal = NULL};
    char line[256];

    event.service = "a\x1b[2Jb\n";
    progress_event(&p, &event, 0);
    progress_text(&p, 1000, 200, line, sizeof(line));
    assert_non_null(strstr(line, " a?[2Jb?"));
}

static void the_next_service_begins_at_zero(void **state)
{
    struct run_event next = begin;
    struct progress p = {.terminal = NULL};
    char line[256];

    progress_event(&p, &run_begin, 0);
    progress_event(&p, &begin, 0);
    progress_event(&p, &read_page, 500);
    next.position = 2;
    progress_event(&p, &next, 1000);
    progress_text(&p, 2000, 200, line, sizeof(line));
    assert_string_equal(line, "service 3/5 assessment-service");
}

static void nothing_is_drawn_where_no_terminal_is(void **state)
{
    char *text = NULL;
    size_t len;
    FILE *file = open_memstream(&text, &len);
    struct progress p;

    progress_init(&p, file);
    assert_null(progress_log(&p));
    progress_event(&p, &begin, 0);
    progress_draw(&p, 1000);
    progress_end(&p);
    fclose(file);
    assert_int_equal(len, 0);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_says_where_the_run_is),
        cmocka_unit_test(stored_rows_count_until_their_page_is_done),
        cmocka_unit_test(it_never_wraps),
        cmocka_unit_test(a_name_cannot_move_the_cursor),
        cmocka_unit_test(the_next_service_begins_at_zero),
        cmocka_unit_test(nothing_is_drawn_where_no_terminal_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
