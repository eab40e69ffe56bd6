#include "unit/cli/pty.h"

#include "cli/live_lines.h"

static int live_setup(void **state)
{
    unsetenv("NO_COLOR");
    setenv("TERM", "xterm", 1);
    return 0;
}

static void draw(struct live_lines *l, const char *first, const char *second)
{
    assert_true(live_lines_begin(l));
    live_lines_put(l, LIVE_PLAIN, "%s", first);
    live_lines_next(l);
    if (second != NULL) {
        live_lines_put(l, LIVE_GOOD, "%s", second);
        live_lines_next(l);
    }
    live_lines_end(l);
}

static void a_frame_replaces_the_one_before(void **state)
{
    struct live_lines l;
    struct pty p;

    pty_open(&p, 40, 10);
    live_lines_init(&l, p.slave);
    draw(&l, "one", "two");
    pty_expect(&p, "one\r\n\033[32mtwo\033[0m\r\n");
    draw(&l, "three", NULL);
    pty_expect(&p, "\033[2A\r\033[Jthree\r\n");
    live_lines_clear(&l);
    pty_expect(&p, "\033[1A\r\033[J");
    assert_int_equal(l.nshown, 0);
    pty_close(&p);
}

static void no_color_leaves_colors_out(void **state)
{
    struct live_lines l;
    struct pty p;

    setenv("NO_COLOR", "1", 1);
    pty_open(&p, 40, 10);
    live_lines_init(&l, p.slave);
    draw(&l, "one", "two");
    pty_expect(&p, "one\r\ntwo\r\n");
    pty_close(&p);
}

/* The second frame erases what the terminal has wrapped: 1 + 3 rows. */
static void a_narrower_window_is_noticed(void **state)
{
    struct live_lines l;
    struct pty p;

    pty_open(&p, 40, 10);
    live_lines_init(&l, p.slave);
    draw(&l, "short", "this line fills thirty columns");
    pty_expect(
        &p, "short\r\n\033[32mthis line fills thirty columns\033[0m\r\n");
    pty_resize(&p, 12, 10);
    draw(&l, "cut at eleven columns", NULL);
    pty_expect(&p, "\033[4A\r\033[Jcut at elev\r\n");
    pty_close(&p);
}

static void other_scripts_are_cut_between_letters(void **state)
{
    struct live_lines l;
    struct pty p;

    pty_open(&p, 5, 10);
    live_lines_init(&l, p.slave);
    draw(&l, "שלום עולם", NULL);
    pty_expect(&p, "שלום\r\n");
    pty_close(&p);
}

static void control_characters_are_not_passed_on(void **state)
{
    struct live_lines l;
    struct pty p;

    pty_open(&p, 40, 10);
    live_lines_init(&l, p.slave);
    draw(&l, "a\033[31m\nb", NULL);
    pty_expect(&p, "a?[31m?b\r\n");
    pty_close(&p);
}

static void only_a_terminal_is_drawn_on(void **state)
{
    struct live_lines l;
    struct pty p;
    FILE *file = tmpfile();

    live_lines_init(&l, file);
    assert_false(live_lines_begin(&l));
    live_lines_clear(&l);
    fclose(file);
    live_lines_init(&l, NULL);
    assert_false(live_lines_begin(&l));
    setenv("TERM", "dumb", 1);
    pty_open(&p, 40, 10);
    live_lines_init(&l, p.slave);
    assert_false(live_lines_begin(&l));
    pty_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_frame_replaces_the_one_before, live_setup),
        cmocka_unit_test_setup(no_color_leaves_colors_out, live_setup),
        cmocka_unit_test_setup(a_narrower_window_is_noticed, live_setup),
        cmocka_unit_test_setup(
            other_scripts_are_cut_between_letters, live_setup),
        cmocka_unit_test_setup(
            control_characters_are_not_passed_on, live_setup),
        cmocka_unit_test_setup(only_a_terminal_is_drawn_on, live_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
