/* `batchsync cron`, through the program's own entrance. */
#include "cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct call {
    char *out, *err; /* owned */
    int code;
};

/* Up to six words after "cron". */
static void call(struct call *c, char *const *words)
{
    char *argv[16] = {"batchsync", "cron"};
    size_t out_len, err_len;
    struct cli cli = {.console = {.in = stdin,
                          .out = open_memstream(&c->out, &out_len),
                          .err = open_memstream(&c->err, &err_len)}};
    int argc = 2;

    cli.console.log = cli.console.err;
    for (; *words != NULL; words++)
        argv[argc++] = *words;
    c->code = cli_main(&cli, argc, argv);
    fclose(cli.console.out);
    fclose(cli.console.err);
}

#define CALL(c, ...) call((c), (char *const[]){__VA_ARGS__, NULL})

static void call_free(struct call *c)
{
    free(c->out);
    free(c->err);
}

static void fires_come_a_line_each(void **state)
{
    struct call c;

    CALL(&c, "0 2 * * *", "--from", "2026-11-23T15:00:00Z", "--count", "2");
    assert_string_equal(c.err, "");
    assert_string_equal(
        c.out, "2026-11-24T02:00:00.000Z\n2026-11-25T02:00:00.000Z\n");
    assert_int_equal(c.code, 0);
    call_free(&c);
}

static void five_from_now_on_in_utc(void **state)
{
    struct call c;
    int lines = 0;

    CALL(&c, "@hourly");
    for (const char *p = c.out; (p = strchr(p, '\n')) != NULL; p++)
        lines++;
    assert_int_equal(lines, 5);
    assert_non_null(strstr(c.out, ":00:00.000Z\n"));
    call_free(&c);
}

static void verbose_tells_words_local_time_and_notes(void **state)
{
    struct call c;

    CALL(&c, "30 2 * * *", "--tz", "Europe/Berlin", "--from=2026-03-28",
        "--count=2", "--verbose");
    assert_string_equal(c.out,
        "At 02:30 every day, Europe/Berlin\n"
        "2026-03-28T01:30:00.000Z  Sat 2026-03-28 02:30:00 +01:00\n"
        "2026-03-29T01:00:00.000Z  Sun 2026-03-29 03:00:00 +02:00  (gap)\n");
    call_free(&c);
    CALL(&c, "30 1 * * *", "--tz=America/New_York", "--from=2026-10-31T12:00Z",
        "--count=1", "--verbose");
    assert_string_equal(c.out,
        "At 01:30 every day, America/New_York\n"
        "2026-11-01T05:30:00.000Z  Sun 2026-11-01 01:30:00 -04:00"
        "  (second occurrence skipped)\n");
    call_free(&c);
    CALL(&c, "0 12 * * *", "--tz=Africa/Monrovia", "--from=1971-01-01",
        "--count=1", "--verbose");
    assert_non_null(strstr(c.out, "12:00:00 -00:44:30\n"));
    call_free(&c);
}

static void faults_are_told_as_wrong_usage(void **state)
{
    struct call c;

    CALL(&c, "0 0 30 2 *");
    assert_int_equal(c.code, EXIT_USAGE);
    assert_string_equal(c.out, "");
    assert_memory_equal(c.err, "batchsync: cron: \"0 0 30 2 *\" can never", 39);
    call_free(&c);
    CALL(&c, "* * * * *", "--tz", "Europe/Berln");
    assert_int_equal(c.code, EXIT_USAGE);
    assert_non_null(strstr(c.err, "did you mean Europe/Berlin?"));
    call_free(&c);
    CALL(&c, "* * * * *", "--from", "tomorrow");
    assert_int_equal(c.code, EXIT_USAGE);
    assert_non_null(strstr(c.err, "--from tomorrow must be an instant"));
    call_free(&c);
    CALL(&c, "* * * * *", "--count", "0");
    assert_int_equal(c.code, EXIT_USAGE);
    call_free(&c);
    CALL(&c, "--verbose");
    assert_int_equal(c.code, EXIT_USAGE);
    call_free(&c);
    CALL(&c, "*", "*", "*", "*", "*");
    assert_int_equal(c.code, EXIT_USAGE);
    call_free(&c);
}

static void what_others_read_differently_is_a_warning(void **state)
{
    struct call c;

    CALL(&c, "0 0 1 * 1", "--from=2026-11-23T15:00Z", "--count=1");
    assert_string_equal(c.out, "2026-11-30T00:00:00.000Z\n");
    assert_non_null(strstr(c.err, "match either of them"));
    assert_int_equal(c.code, 0);
    call_free(&c);
}

static void no_fire_at_all_fails(void **state)
{
    struct call c;

    CALL(&c, "30 2/24 29 3 */7", "--tz=Europe/Berlin", "--from=2026-01-01");
    assert_string_equal(c.out, "");
    assert_non_null(strstr(c.err, "no further fire within 100 years"));
    assert_int_equal(c.code, EXIT_FAILED);
    call_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fires_come_a_line_each),
        cmocka_unit_test(five_from_now_on_in_utc),
        cmocka_unit_test(verbose_tells_words_local_time_and_notes),
        cmocka_unit_test(faults_are_told_as_wrong_usage),
        cmocka_unit_test(what_others_read_differently_is_a_warning),
        cmocka_unit_test(no_fire_at_all_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
