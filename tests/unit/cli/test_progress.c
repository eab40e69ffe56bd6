#include "unit/cli/pty.h"

#include "cli/progress.h"

static const struct counts some = {
    .received = 3000, .stored = 2500, .unchanged = 498, .failed = 2};

static const struct run_event run_begin = {
    .kind = EVENT_RUN_BEGIN, .nservices = 5};

static const struct run_event begin = {
    .kind = EVENT_SERVICE_BEGIN, .service = "assessment", .position = 0};

static const struct run_event page_done = {.kind = EVENT_PAGE_DONE,
    .service = "assessment",
    .page = 4,
    .announced = 38000,
    .counts = &some};

static const struct run_event stored_500 = {
    .kind = EVENT_STORED, .service = "assessment", .rows = 500};

static const struct run_event end = {.kind = EVENT_SERVICE_END,
    .service = "assessment",
    .outcome = "failed",
    .counts = &some};

static const struct run_event next = {
    .kind = EVENT_SERVICE_BEGIN, .service = "devlab", .position = 1};

struct world {
    struct pty pty;
    struct progress p;
};

static int setup(void **state)
{
    static struct world w;

    setenv("NO_COLOR", "1", 1);
    setenv("TERM", "xterm", 1);
    pty_open(&w.pty, 160, 24);
    progress_init(&w.p, w.pty.slave, NULL);
    assert_non_null(progress_log(&w.p));
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    progress_end(&w->p);
    pty_close(&w->pty);
    return 0;
}

static void happen(struct world *w, const struct run_event *e, uint64_t now_ms)
{
    progress_event(&w->p, e, now_ms);
}

static void expect_drawn(struct world *w, uint64_t now_ms, const char *text)
{
    w->p.drawn_ms = 0;
    progress_draw(&w->p, now_ms);
    pty_wait(&w->pty, text, false);
}

static void a_line_a_service(void **state)
{
    struct world *w = *state;

    expect_drawn(w, 900, "listing the services\r\n");
    happen(w, &run_begin, 900);
    happen(w, &begin, 1000);
    expect_drawn(w, 1000, "> assessment ");
    happen(w, &page_done, 2500);
    expect_drawn(w, 3000,
        "3,000 items of 38,000, 35,000 to go  1,500/s  2,500 stored  "
        "498 unchanged  2 failed\r\n  4 more to come\r\n");
    happen(w, &end, 4000);
    happen(w, &next, 4000);
    expect_drawn(w, 9000,
        "3,000 items  1,000/s  2,500 stored  498 unchanged  2 failed\r\n"
        "> devlab ");
    expect_drawn(w, 9000, "! assessment ");
}

/* Before a page is done, what is stored of it shows that it goes on. */
static void the_line_moves_while_a_page_is_long(void **state)
{
    struct world *w = *state;

    happen(w, &run_begin, 0);
    happen(w, &begin, 0);
    happen(w, &stored_500, 300);
    happen(w, &stored_500, 600);
    expect_drawn(w, 1000, "1,000 items  1,000/s  1,000 stored");
    happen(w, &page_done, 2000);
    expect_drawn(w, 2000, "3,000 items of 38,000");
}

static void more_services_than_rows(void **state)
{
    struct run_event many = {.kind = EVENT_RUN_BEGIN, .nservices = 100};
    struct run_event e = begin;
    struct world *w = *state;

    happen(w, &many, 0);
    for (e.position = 0; e.position < 90; e.position++)
        happen(w, &e, 0);
    expect_drawn(w, 10, "  10 more to come\r\n");
    assert_int_equal(w->p.lines.nshown, 23);
}

static void a_log_line_stands_above(void **state)
{
    struct world *w = *state;

    happen(w, &run_begin, 0);
    expect_drawn(w, 10, "listing the services\r\n");
    fputs("a warning\n", progress_log(&w->p));
    pty_expect(&w->pty, "\033[1A\r\033[Ja warning\r\n");
}

static void linking_comes_last(void **state)
{
    struct world *w = *state;

    const struct linker_progress linker = {
        .method = LINK_EXACT, .per_second = 1900};

    progress_linking(&w->p, 12400, &linker);
    expect_drawn(w, 10, "  linking, 12,400 items  exact  1,900/s\r\n");
}

/* A line when a service has ended, and one now and then while it lasts. */
static void plain_lines_elsewhere(void **state)
{
    struct progress p;
    size_t len;
    char *text;
    FILE *plain = open_memstream(&text, &len), *err = tmpfile();

    progress_init(&p, err, plain);
    assert_null(progress_log(&p));
    progress_event(&p, &run_begin, 0);
    progress_event(&p, &begin, 0);
    progress_event(&p, &page_done, 10);
    progress_draw(&p, 20);
    progress_draw(&p, 29000);
    fflush(plain);
    assert_int_equal(len, 0);
    progress_draw(&p, 30020);
    progress_event(&p, &end, 30030);
    progress_end(&p);
    fclose(plain);
    assert_string_equal(text,
        "assessment: reading: page 4, 3000 items: 2500 stored, 498 unchanged, "
        "2 failed\n"
        "assessment: failed: page 4, 3000 items: 2500 stored, 498 unchanged, "
        "2 failed\n");
    free(text);
    fclose(err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_a_service, setup, teardown),
        cmocka_unit_test_setup_teardown(
            the_line_moves_while_a_page_is_long, setup, teardown),
        cmocka_unit_test_setup_teardown(
            more_services_than_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_log_line_stands_above, setup, teardown),
        cmocka_unit_test_setup_teardown(linking_comes_last, setup, teardown),
        cmocka_unit_test(plain_lines_elsewhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
