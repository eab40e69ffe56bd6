/* Links that a schema declares, and those that an item has by it. */
#include "unit/record/support.h"

#include "record/links/item_links.h"
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCHEMA(links)                                                  \
    "{\"service_name\":\"s\",\n\"data_structure\":{\"id\":\"string\"," \
    "\"course\":\"string\",\"tags\":\"array\",\"part\":\"object\"},\n" \
    "\"links\":" links "}"

#define LINK(field)                                                            \
    SCHEMA("[{\"field\":\"" field "\",\"service\":\"c\",\"type\":\"part_of\"}" \
           "]")

/* "service/target type", in order, of an item by its schema. */
static void assert_links(
    const char *schema, const char *json, const char *expected)
{
    struct arena a;
    struct buf scratch, got;
    struct item_links links = {.n = 0};

    arena_init(&a, 0);
    buf_init(&scratch, 1000);
    buf_init(&got, 4096);
    buf_puts(&got, "");
    assert_int_equal(item_links_add(&links, parse_schema(&a, str_of(schema)),
                         parse_json(&a, str_of(json)), STR("me"), &a, &scratch),
        0);
    for (size_t i = 0; i < links.n; i++) {
        const struct item_link *l = &links.links[i];

        assert_str(l->content_id, STR("me"));
        buf_printf(&got, "%s%.*s/%.*s %.*s", i > 0 ? ", " : "",
            STR_ARG(l->service), STR_ARG(l->target), STR_ARG(l->type));
    }
    if (strcmp(got.data, expected) != 0)
        fail_msg("%s\nhas the links %s", json, got.data);
    buf_free(&got);
    buf_free(&scratch);
    arena_free(&a);
}

static void each_value_is_a_link(void **state)
{
    static const struct {
        const char *field, *item, *links;
    } cases[] = {
        {"course", "{\"course\":\"7\"}", "c/7 part_of"},
        {"course", "{\"course\":12345678901234567890}",
            "c/12345678901234567890 part_of"},
        {"course", "{\"course\":0}", "c/0 part_of"},
        {"course", "{}", ""},
        {"course", "{\"course\":null}", ""},
        {"course", "{\"course\":\"\"}", ""},
        {"course", "{\"course\":{\"id\":1}}", ""},
        {"tags", "{\"tags\":[\"a\",2,null,\"\",{\"id\":3},[4]]}",
            "c/a part_of, c/2 part_of"},
        {"tags", "{\"tags\":\"[\\\"a\\\",\\\"b\\\"]\"}",
            "c/a part_of, c/b part_of"},
        {"part.id", "{\"part\":{\"id\":\"x\"}}", "c/x part_of"},
        {"part.id", "{\"part\":\"{\\\"id\\\":\\\"x\\\"}\"}", "c/x part_of"},
        {"part.ids", "{\"part\":{\"ids\":[1,2]}}", "c/1 part_of, c/2 part_of"},
        {"/tags/1", "{\"tags\":[\"a\",\"b\"]}", "c/b part_of"},
        {"tags.id", "{\"tags\":[{\"id\":1},{\"id\":[2,3]},4]}",
            "c/1 part_of, c/2 part_of, c/3 part_of"},
        {"course.id", "{\"course\":\"no object\"}", ""},
        {"not.in.schema", "{\"not\":{\"in\":{\"schema\":\"x\"}}}",
            "c/x part_of"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char schema[1024];

        snprintf(schema, sizeof(schema), LINK("%s"), cases[i].field);
        assert_links(schema, cases[i].item, cases[i].links);
    }
}

/* Ids have up to 1,000 bytes; nothing is stored under a longer one. */
static void what_can_be_no_id_is_no_link(void **state)
{
    char item[1100];
    (void)state;

    snprintf(item, sizeof(item), "{\"course\":\"%01001d\"}", 0);
    assert_links(LINK("course"), item, "");
}

static void several_links_keep_the_schemas_order(void **state)
{
    (void)state;
    assert_links(
        SCHEMA("[{\"field\":\"tags\",\"service\":\"t\",\"type\":\"has\"},"
               "{\"field\":\"course\",\"service\":\"c\",\"type\":\"in\"},"
               "{\"field\":\"course\",\"service\":\"c\",\"type\":\"of\"}]"),
        "{\"course\":\"1\",\"tags\":[\"x\"]}", "t/x has, c/1 in, c/1 of");
    assert_links(SCHEMA("[]"), "{\"course\":\"1\"}", "");
    assert_links(SCHEMA("null"), "{\"course\":\"1\"}", "");
}

static void faults_name_the_line_and_say_what_is_allowed(void **state)
{
#define AT "dir/x.json:3: key \"links\": "
    static const char long_type[] =
        "ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt";
    static const struct {
        const char *links, *problems;
    } cases[] = {
        {"{}",
            AT "must be an array of links: [{\"field\": ..., \"service\": ..., "
               "\"type\": ...}]\n"},
        {"[5]", AT "a link is an object with \"field\", \"service\" and "
                   "\"type\"\n"},
        {"[{\"field\":\"id\",\"service\":\"c\"}]",
            AT "a link without \"type\"; it has \"field\", \"service\" and "
               "\"type\"\n"},
        {"[{\"field\":\"id\",\"service\":\"c\",\"type\":\"related\"}]",
            AT "the type \"related\" is that of computed edges; choose another "
               "one\n"},
        {"[{\"field\":\"id\",\"service\":\"c\",\"type\":\"strongly_related\"}]",
            AT
            "the type \"strongly_related\" is that of computed edges; choose "
            "another one\n"},
        {"[{\"field\":\"id\",\"service\":\"c\",\"type\":\"\"}]",
            AT "a type must have 1 to 64 bytes\n"},
        {"[{\"field\":\"id\",\"service\":\"c\",\"type\":5}]",
            AT "must be a string, not uint\n"},
        {"[{\"field\":\"id\",\"service\":\"\",\"type\":\"t\"}]",
            AT "must have 1 to 256 bytes\n"},
        {"[{\"field\":\"corse\",\"service\":\"c\",\"type\":\"t\"}]",
            AT "\"corse\" is not a field of data_structure; did you mean "
               "\"course\"?\n"},
        {"[{\"field\":\"part..id\",\"service\":\"c\",\"type\":\"t\"}]",
            AT "\"part..id\" is not a path: user.id or /user/0/id\n"},
        {"[{\"field\":\"id\",\"service\":\"c\",\"type\":\"t\",\"to\":1}]",
            AT "a link has \"field\", \"service\" and \"type\", not \"to\"\n"},
    };
    char text[1024];
    struct arena a;
    struct buf problems;
    struct schema *schema;
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        arena_init(&a, 0);
        buf_init(&problems, 4096);
        snprintf(text, sizeof(text), SCHEMA("%s"), cases[i].links);
        assert_int_equal(
            schema_parse(&a, "dir/x.json", str_of(text), &schema, &problems),
            ERR_CONFIG);
        assert_string_equal(problems.data, cases[i].problems);
        buf_free(&problems);
        arena_free(&a);
    }
    arena_init(&a, 0);
    buf_init(&problems, 4096);
    snprintf(text, sizeof(text),
        SCHEMA("[{\"field\":\"id\",\"service\":\"c\",\"type\":\"%s\"}]"),
        long_type);
    assert_int_equal(
        schema_parse(&a, "dir/x.json", str_of(text), &schema, &problems),
        ERR_CONFIG);
    buf_free(&problems);
    arena_free(&a);
}

static void put_file(const char *dir, const char *name, const char *text)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* Rows have the schema's name, whatever the service is registered as. */
static void a_service_is_known_by_any_of_its_names(void **state)
{
    static const char *const names[] = {
        "backend", "other", "course-service", "elsewhere"};
    static const char *const expected[] = {
        "backend", "backend", "backend", "elsewhere"};
    char dir[] = "/tmp/links-XXXXXX", text[512], path[128];
    struct schema_set set;
    struct buf problems;
    (void)state;

    assert_non_null(mkdtemp(dir));
    put_file(dir, "course-service.json",
        "{\"service_name\":\"backend\",\"aliases\":[\"other\"],"
        "\"data_structure\":{\"id\":\"string\"}}");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(text, sizeof(text),
            SCHEMA("[{\"field\":\"id\",\"service\":\"%s\",\"type\":\"t\"}]"),
            names[i]);
        put_file(dir, "s.json", text);
        buf_init(&problems, 4096);
        assert_int_equal(schema_set_load(&set, dir, &problems), 0);
        assert_string_equal(
            schema_find(&set, &set.arena, "s")->links[0].service, expected[i]);
        schema_set_free(&set);
        buf_free(&problems);
    }
    snprintf(path, sizeof(path), "%s/s.json", dir);
    unlink(path);
    snprintf(path, sizeof(path), "%s/course-service.json", dir);
    unlink(path);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_value_is_a_link),
        cmocka_unit_test(what_can_be_no_id_is_no_link),
        cmocka_unit_test(several_links_keep_the_schemas_order),
        cmocka_unit_test(faults_name_the_line_and_say_what_is_allowed),
        cmocka_unit_test(a_service_is_known_by_any_of_its_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
