#include "unit/cli/call.h"

#include "version.h"

static void without_a_command_the_help_is_an_error(void **state)
{
    struct call c;

    call(&c, "", "");
    assert_int_equal(c.code, 64);
    assert_string_equal(c.out, "");
    assert_within(c.err, "Usage: batchsync COMMAND");
    call_free(&c);
}

static void help_lists_the_commands(void **state)
{
    const char *const asked[] = {"--help", "-h", "help"};
    const char *const names[] = {
        "sync", "check", "migrate", "services", "search", "render", "version"};

    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        struct call c;

        call(&c, "", asked[i]);
        assert_int_equal(c.code, 0);
        assert_string_equal(c.err, "");
        for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
            char entry[32];

            snprintf(entry, sizeof(entry), "\n  %s ", names[n]);
            assert_within(c.out, entry);
        }
        call_free(&c);
    }
}

static void each_command_has_help(void **state)
{
    const char *const names[] = {
        "sync", "check", "migrate", "services", "search", "render", "version"};

    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        char line[64], usage[64];
        struct call c;

        snprintf(line, sizeof(line), "%s --help", names[n]);
        snprintf(usage, sizeof(usage), "Usage: batchsync %s", names[n]);
        call(&c, "", line);
        assert_int_equal(c.code, 0);
        assert_string_equal(c.err, "");
        assert_within(c.out, usage);
        assert_within(c.out, "--help");
        call_free(&c);
    }
}

static void version_is_one_line(void **state)
{
    struct call c;

    call(&c, "", "version");
    assert_int_equal(c.code, 0);
    assert_memory_equal(c.out, "batchsync ", 10);
    assert_ptr_equal(strchr(c.out, '\n'), c.out + strlen(c.out) - 1);
    call_free(&c);
}

static void json_is_one_line(void **state)
{
    static const struct {
        const char *line;
        int code;
        const char *out;
    } examples[] = {
        {"version --json", 0, "{\"version\":\"" BATCHSYNC_VERSION "\"}\n"},
        {"cron @daily --tz Africa/Cairo --count 1 --from 2026-04-23T12:00:00Z"
         " --json",
            0,
            "{\"expression\":\"@daily\",\"timezone\":\"Africa/Cairo\","
            "\"reading\":\"At 00:00 every "
            "day\",\"warning\":null,\"fires\":[{\"at\":"
            "\"2026-04-23T22:00:00.000Z\",\"local\":\"2026-04-24T01:00:00\","
            "\"gap\":true,\"secondOccurrenceSkipped\":false}]}\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        struct call c;

        call(&c, "", examples[i].line);
        assert_string_equal(c.out, examples[i].out);
        assert_string_equal(c.err, "");
        assert_int_equal(c.code, examples[i].code);
        call_free(&c);
    }
}

static void assert_usage(const char *line, const char *message)
{
    struct call c;

    call(&c, "", line);
    assert_int_equal(c.code, 64);
    assert_string_equal(c.out, "");
    assert_within(c.err, message);
    call_free(&c);
}

static void an_unknown_command_is_named_with_the_nearest(void **state)
{
    assert_usage("synk", "unknown command \"synk\"; did you mean \"sync\"?");
    assert_usage("frobnicate", "The commands are: serve, sync, ");
}

static void wrong_options_and_arguments_are_named(void **state)
{
    assert_usage("sync --jsno", "unknown option --jsno; did you mean --json?");
    assert_usage("sync --service", "--service needs a value");
    assert_usage("sync everything", "\"everything\" is one argument too many");
    assert_usage("sync --since yesterday", "--since yesterday");
    assert_usage("sync --service a,b", "--service must be one name");
    assert_usage("sync --service a\x01", "without control characters");
    assert_usage("search", "an argument is missing");
    assert_usage("search x --limit 0", "--limit 0");
    assert_usage("render", "--schema is missing");
}

static void exit_codes_follow_the_error(void **state)
{
    assert_int_equal(console_exit_code(0), 0);
    assert_int_equal(console_exit_code(ERR_INVALID), 1);
    assert_int_equal(console_exit_code(ERR_DISABLED), 1);
    assert_int_equal(console_exit_code(ERR_USAGE), 64);
    assert_int_equal(console_exit_code(ERR_INTERNAL), 70);
    assert_int_equal(console_exit_code(ERR_UNAVAILABLE), 75);
    assert_int_equal(console_exit_code(ERR_TIMEOUT), 75);
    assert_int_equal(console_exit_code(ERR_ALREADY_RUNNING), 75);
    assert_int_equal(console_exit_code(ERR_CONFIG), 78);
    assert_int_equal(console_exit_code(ERR_AUTH), 78);
}

static void a_disabled_program_says_so_without_any_configuration(void **state)
{
    struct call c;

    setenv("BATCH_SYNC_ENABLED", "false", 1);
    unsetenv("DATABASE_URL");
    call(&c, "", "sync --json");
    assert_int_equal(c.code, 1);
    assert_string_equal(c.out, "{\"success\":false,\"reason\":\"disabled\"}\n");
    call_free(&c);
    setenv("BATCH_SYNC_ENABLED", "true", 1);
    setenv("COORDINATOR_ENABLED", "false", 1);
    call(&c, "", "sync --json");
    assert_int_equal(c.code, 1);
    assert_string_equal(
        c.out, "{\"success\":false,\"reason\":\"coordinator_disabled\"}\n");
    call_free(&c);
    unsetenv("COORDINATOR_ENABLED");
}

static void all_faults_of_the_configuration_are_listed(void **state)
{
    struct call c;

    unsetenv("DATABASE_URL");
    setenv("BATCH_SYNC_LIMIT", "many", 1);
    call(&c, "", "migrate");
    assert_int_equal(c.code, 78);
    assert_string_equal(c.out, "");
    assert_within(c.err, "batchsync: configuration: DATABASE_URL");
    assert_within(
        c.err, "batchsync: configuration: BATCH_SYNC_LIMIT=\"many\": ");
    call_free(&c);
    unsetenv("BATCH_SYNC_LIMIT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_command_the_help_is_an_error),
        cmocka_unit_test(help_lists_the_commands),
        cmocka_unit_test(each_command_has_help),
        cmocka_unit_test(version_is_one_line),
        cmocka_unit_test(json_is_one_line),
        cmocka_unit_test(an_unknown_command_is_named_with_the_nearest),
        cmocka_unit_test(wrong_options_and_arguments_are_named),
        cmocka_unit_test(exit_codes_follow_the_error),
        cmocka_unit_test(a_disabled_program_says_so_without_any_configuration),
        cmocka_unit_test(all_faults_of_the_configuration_are_listed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
