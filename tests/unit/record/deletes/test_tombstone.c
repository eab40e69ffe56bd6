/* Records that tell of deletes, and the schemas that know them. */
#include "unit/record/support.h"

#include "record/deletes/tombstone.h"
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCHEMA(when)                                                      \
    "{\"service_name\":\"s\",\n\"data_structure\":{\"id\":\"string\"},\n" \
    "\"deleted_when\":" when "}"

static void only_the_same_value_is_a_tombstone(void **state)
{
    static const struct {
        const char *when, *record;
        bool is;
    } cases[] = {
        {"{\"field\":\"gone\",\"equals\":true}", "{\"gone\":true}", true},
        {"{\"field\":\"gone\",\"equals\":true}", "{\"gone\":\"true\"}", false},
        {"{\"field\":\"gone\",\"equals\":true}", "{\"gone\":1}", false},
        {"{\"field\":\"gone\",\"equals\":false}", "{\"gone\":false}", true},
        {"{\"field\":\"gone\",\"equals\":false}", "{}", false},
        {"{\"field\":\"gone\",\"equals\":null}", "{\"gone\":null}", true},
        {"{\"field\":\"gone\",\"equals\":null}", "{}", false},
        {"{\"field\":\"gone\",\"equals\":\"\"}", "{\"gone\":\"\"}", true},
        {"{\"field\":\"gone\",\"equals\":\"\"}", "{\"gone\":null}", false},
        {"{\"field\":\"s\",\"equals\":\"deleted\"}", "{\"s\":\"deleted\"}",
            true},
        {"{\"field\":\"s\",\"equals\":\"deleted\"}", "{\"s\":\"Deleted\"}",
            false},
        {"{\"field\":\"s\",\"equals\":\"deleted\"}",
            "{\"s\":\"deleted\",\"s\":\"live\"}", false},
        {"{\"field\":\"n\",\"equals\":1}", "{\"n\":1.0}", true},
        {"{\"field\":\"n\",\"equals\":1}", "{\"n\":\"1\"}", false},
        {"{\"field\":\"n\",\"equals\":1}", "{\"n\":true}", false},
        {"{\"field\":\"n\",\"equals\":-0.5}", "{\"n\":-5e-1}", true},
        {"{\"field\":\"n\",\"equals\":18446744073709551615}",
            "{\"n\":18446744073709551615}", true},
        {"{\"field\":\"n\",\"equals\":18446744073709551615}",
            "{\"n\":18446744073709551614}", false},
        {"{\"field\":\"meta.state\",\"equals\":\"x\"}",
            "{\"meta\":{\"state\":\"x\"}}", true},
        {"{\"field\":\"meta.state\",\"equals\":\"x\"}",
            "{\"meta.state\":\"x\"}", true},
        {"{\"field\":\"meta.state\",\"equals\":\"x\"}",
            "{\"meta\":\"{\\\"state\\\":\\\"x\\\"}\"}", false},
        {"{\"field\":\"/flags/1\",\"equals\":\"x\"}",
            "{\"flags\":[\"y\",\"x\"]}", true},
        {"{\"field\":\"gone\",\"equals\":true}", "[true]", false},
        {"{\"field\":\"gone\",\"equals\":true}", "{\"gone\":[true]}", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena a;
        char text[512];

        arena_init(&a, 0);
        snprintf(text, sizeof(text), SCHEMA("%s"), cases[i].when);
        if (tombstone_is(parse_schema(&a, str_of(text)),
                parse_json(&a, str_of(cases[i].record))) != cases[i].is)
            fail_msg("%s of %s", cases[i].record, cases[i].when);
        arena_free(&a);
    }
}

static void faults_name_file_line_and_key(void **state)
{
    static const struct {
        const char *schema, *problem;
    } cases[] = {
        {SCHEMA("true"), "must be an object: {\"field\": ..., \"equals\": "
                         "...}"},
        {SCHEMA("{\"equals\":1}"),
            "without \"field\", the name of a record's key, or the path to "
            "one"},
        {SCHEMA("{\"field\":\"a\"}"),
            "without \"equals\", the value that a deleted item has there"},
        {SCHEMA("{\"field\":\"\",\"equals\":1}"), "\"field\" is empty"},
        {SCHEMA("{\"field\":7,\"equals\":1}"), "must be a string, not uint"},
        {SCHEMA("{\"field\":\"a..b\",\"equals\":1}"),
            "\"a..b\" is not a path: user.id or /user/0/id"},
        {SCHEMA("{\"field\":\"a\",\"equals\":[1]}"),
            "\"equals\" must be a string, a number, true, false or null, not "
            "array"},
        {SCHEMA("{\"field\":\"a\",\"equals\":1,\"value\":2}"),
            "has \"field\" and \"equals\", not \"value\""},
        {SCHEMA("{\"field\":\"a\",\"equals\":1},\"id\":\"hash\""),
            "needs an id that a deleted item still has: with \"id\": \"hash\" "
            "it has another one as soon as a field is gone; name the fields of "
            "an id in id_fields"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena a;
        struct buf problems;
        struct schema *schema;
        char expected[512];

        arena_init(&a, 0);
        buf_init(&problems, 4096);
        assert_int_equal(schema_parse(&a, "/etc/x.json",
                             str_of(cases[i].schema), &schema, &problems),
            ERR_CONFIG);
        snprintf(expected, sizeof(expected),
            "/etc/x.json:3: key \"deleted_when\": %s\n", cases[i].problem);
        assert_string_equal(problems.data, expected);
        buf_free(&problems);
        arena_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_same_value_is_a_tombstone),
        cmocka_unit_test(faults_name_file_line_and_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
