#include "unit/cli/call.h"

#include <jansson.h>
#include <unistd.h>

static const char schema_text[] =
    "{\"service_name\": \"things\",\n"
    " \"data_structure\": {\"id\": \"integer\", \"name\": \"string\"}}\n";

/* Renders with the schema given; a file of its own for each call. */
static void render(struct call *c, const char *schema, const char *items)
{
    char path[] = "/tmp/batchsync-schema-XXXXXX";
    char line[128];
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");

    assert_non_null(file);
    fputs(schema, file);
    fclose(file);
    snprintf(line, sizeof(line), "render --schema %s", path);
    call(c, items, line);
    remove(path);
}

static void lines_are_rendered_one_by_one(void **state)
{
    struct call c;

    render(&c, schema_text,
        "{\"id\":1,\"name\":\"a \\\"b\\\"\"}\n\n  {\"id\":2}\r\n{\"id\":3}");
    assert_string_equal(c.err, "");
    assert_string_equal(c.out,
        "{\"content_id\":\"1\",\"content_text\":"
        "\"id: 1\\n\\nname: a \\\"b\\\"\"}\n"
        "{\"content_id\":\"2\",\"content_text\":\"id: 2\"}\n"
        "{\"content_id\":\"3\",\"content_text\":\"id: 3\"}\n");
    assert_int_equal(c.code, 0);
    call_free(&c);
}

static void links_are_shown_where_the_schema_declares_some(void **state)
{
    struct call c;

    render(&c,
        "{\"service_name\": \"things\", \"data_structure\": {\"id\":"
        " \"integer\", \"of\": \"array\"}, \"links\": [{\"field\": \"of\","
        " \"service\": \"sets\", \"type\": \"part_of\"}]}",
        "{\"id\":1,\"of\":[\"a\",7]}\n{\"id\":2}\n");
    assert_string_equal(c.err, "");
    assert_string_equal(c.out,
        "{\"content_id\":\"1\",\"content_text\":\"id: 1\\n\\nof:\\n"
        "  1. a\\n  2. 7\",\"links\":[{\"type\":\"part_of\",\"service\":"
        "\"sets\",\"id\":\"a\"},{\"type\":\"part_of\",\"service\":\"sets\","
        "\"id\":\"7\"}]}\n"
        "{\"content_id\":\"2\",\"content_text\":\"id: 2\",\"links\":[]}\n");
    call_free(&c);
}

static void an_array_is_rendered_item_by_item(void **state)
{
    struct call c;

    render(&c, schema_text, "\n [{\"id\":1},\n {\"id\":2}]\n");
    assert_string_equal(c.err, "");
    assert_string_equal(c.out,
        "{\"content_id\":\"1\",\"content_text\":\"id: 1\"}\n"
        "{\"content_id\":\"2\",\"content_text\":\"id: 2\"}\n");
    assert_int_equal(c.code, 0);
    call_free(&c);
}

static void errors_keep_their_place_and_fail_the_command(void **state)
{
    struct call c;

    render(&c, schema_text,
        "{\"id\":1}\n{\"id\":null,\"name\":\"x\"}\n7\n{\n{\"id\":5}\n");
    assert_int_equal(c.code, 1);
    assert_string_equal(c.err, "");
    assert_non_null(
        strstr(c.out, "id: 1\"}\n{\"error\":\"no content id\"}\n"
                      "{\"error\":\"not an object\"}\n{\"error\":\"line 4: "));
    assert_non_null(strstr(c.out, "\"content_id\":\"5\""));
    call_free(&c);
}

static void an_object_over_several_lines_is_explained(void **state)
{
    struct call c;

    render(&c, schema_text, "{\n\"id\": 1\n}\n");
    assert_int_equal(c.code, 1);
    assert_within(c.err, "each line must be a whole object");
    call_free(&c);
}

static void a_long_line_is_one_line(void **state)
{
    enum { LENGTH = 300 * 1000 };
    char *items = malloc(LENGTH + 64);
    struct call c;
    size_t at = (size_t)sprintf(items, "{\"id\":1,\"name\":\"");

    memset(items + at, 'x', LENGTH);
    strcpy(items + at + LENGTH, "\"}\n{\"id\":2}\n");
    render(&c, schema_text, items);
    assert_int_equal(c.code, 0);
    assert_true(strlen(c.out) > LENGTH);
    assert_non_null(strstr(c.out, "x\"}\n{\"content_id\":\"2\""));
    free(items);
    call_free(&c);
}

static void nothing_in_nothing_out(void **state)
{
    struct call c;

    render(&c, schema_text, "");
    assert_int_equal(c.code, 0);
    assert_string_equal(c.out, "");
    call_free(&c);
    render(&c, schema_text, "[]");
    assert_int_equal(c.code, 0);
    assert_string_equal(c.out, "");
    call_free(&c);
}

static void an_array_that_does_not_end_is_an_error(void **state)
{
    struct call c;

    render(&c, schema_text, "[{\"id\":1},");
    assert_int_equal(c.code, 1);
    assert_string_equal(c.out, "");
    assert_memory_equal(c.err, "batchsync: render: ", 19);
    call_free(&c);
}

static void a_bad_schema_is_a_configuration_fault(void **state)
{
    struct call c;

    render(&c, "{\"service_name\":", "{}");
    assert_int_equal(c.code, 78);
    assert_string_equal(c.out, "");
    assert_non_null(strstr(c.err, "batchsync: schema: /tmp/batchsync-schema-"));
    call_free(&c);
    call(&c, "{}", "render --schema /no/such/file");
    assert_int_equal(c.code, 78);
    assert_non_null(strstr(c.err, "/no/such/file"));
    call_free(&c);
}

/* Schema, item and text in one file. */
static void the_golden_case_comes_out(void **state)
{
    json_t *golden = json_load_file(TEST_DATA "/golden-render.json", 0, NULL);
    char *schema = json_dumps(json_object_get(golden, "schema"), 0);
    char *item = json_dumps(json_object_get(golden, "item"), JSON_COMPACT);
    json_t *answer;
    struct call c;

    render(&c, schema, item);
    assert_string_equal(c.err, "");
    assert_int_equal(c.code, 0);
    answer = json_loads(c.out, 0, NULL);
    assert_true(json_equal(json_object_get(answer, "content_id"),
        json_object_get(golden, "content_id")));
    assert_true(json_equal(json_object_get(answer, "content_text"),
        json_object_get(golden, "content_text")));
    json_decref(answer);
    json_decref(golden);
    free(schema);
    free(item);
    call_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_rendered_one_by_one),
        cmocka_unit_test(links_are_shown_where_the_schema_declares_some),
        cmocka_unit_test(an_array_is_rendered_item_by_item),
        cmocka_unit_test(errors_keep_their_place_and_fail_the_command),
        cmocka_unit_test(an_object_over_several_lines_is_explained),
        cmocka_unit_test(a_long_line_is_one_line),
        cmocka_unit_test(nothing_in_nothing_out),
        cmocka_unit_test(an_array_that_does_not_end_is_an_error),
        cmocka_unit_test(a_bad_schema_is_a_configuration_fault),
        cmocka_unit_test(the_golden_case_comes_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
