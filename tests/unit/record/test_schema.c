#include "unit/record/support.h"

#include "record/schema.h"
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- one file ---- */

#define HEAD "{\"service_name\": \"svc\",\n"
#define FIELDS "\"data_structure\": {\"id\": \"string\", \"t\": \"text\"}"

struct bench {
    struct arena a;
    struct buf problems;
    struct schema *schema;
    int rc;
};

static void parse(struct bench *b, const char *path, const char *text)
{
    arena_init(&b->a, 0);
    buf_init(&b->problems, 1 << 16);
    buf_puts(&b->problems, "");
    b->rc = schema_parse(&b->a, path, str_of(text), &b->schema, &b->problems);
}

static void release(struct bench *b)
{
    buf_free(&b->problems);
    arena_free(&b->a);
}

static void assert_problems(const char *text, const char *expected)
{
    struct bench b;

    parse(&b, "/etc/x.json", text);
    if (strcmp(b.problems.data, expected) != 0)
        fail_msg("%s\nhas the problems\n%s", text, b.problems.data);
    assert_int_equal(b.rc, expected[0] == '\0' ? 0 : ERR_CONFIG);
    assert_true((b.schema != NULL) == (b.rc == 0));
    release(&b);
}

static void test_minimal(void **state)
{
    struct bench b;
    (void)state;

    parse(&b, "dir/name.json", HEAD FIELDS "}");
    assert_int_equal(b.rc, 0);
    assert_string_equal(b.schema->stem, "name");
    assert_string_equal(b.schema->service_name, "svc");
    assert_null(b.schema->description);
    assert_string_equal(b.schema->version, "1.0.0");
    assert_int_equal(b.schema->nfields, 2);
    assert_str(b.schema->fields[0].name, STR("id"));
    assert_str(b.schema->fields[1].label, STR("t"));
    assert_int_equal(b.schema->fields[1].type, FIELD_TEXT);
    assert_int_equal(b.schema->nid_parts, 1);
    assert_int_equal(b.schema->id_parts[0].field, 0);
    assert_int_equal(b.schema->naliases, 0);
    assert_int_equal(b.schema->title_field, -1);
    assert_int_equal(b.schema->url_field, -1);
    assert_false(b.schema->delete_missing);
    assert_false(b.schema->ignores_total);
    release(&b);
}

static void test_everything(void **state)
{
    struct bench b;
    (void)state;

    parse(&b, "name.json",
        HEAD "\"description\":\"What it is\",\"version\":\"2.1\","
             "\"data_structure\":{\"a\":\"string\",\"b\":\"text\","
             "\"c\":\"number\",\"d\":\"integer\",\"e\":\"boolean\","
             "\"f\":\"date\",\"g\":\"datetime\",\"h\":\"object\","
             "\"i\":\"array\"},\"field_descriptions\":{\"b\":\"Some text\"},"
             "\"id_fields\":[\"c\",\"a\"],\"aliases\":[\"x\",\"y\"],"
             "\"title_field\":\"b\",\"url_field\":\"a\","
             "\"delete_missing\":true,\"total\":\"ignore\","
             "\"sample_data\":[1],\"notes\":5,"
             "\"_status\":\"done\",\"anything\":{}}");
    assert_int_equal(b.rc, 0);
    assert_string_equal(b.schema->description, "What it is");
    assert_string_equal(b.schema->version, "2.1");
    assert_int_equal(b.schema->nfields, 9);
    for (size_t i = 0; i < 9; i++)
        assert_int_equal(b.schema->fields[i].type, i);
    assert_str(b.schema->fields[1].label, STR("Some"));
    assert_int_equal(b.schema->nid_parts, 2);
    assert_int_equal(b.schema->id_parts[0].field, 2);
    assert_int_equal(b.schema->id_parts[1].field, 0);
    assert_int_equal(b.schema->naliases, 2);
    assert_string_equal(b.schema->aliases[1], "y");
    assert_int_equal(b.schema->title_field, 1);
    assert_int_equal(b.schema->url_field, 0);
    assert_true(b.schema->delete_missing);
    assert_true(b.schema->ignores_total);
    release(&b);
}

/* As JavaScript has an object's keys. */
static void test_field_order(void **state)
{
    struct bench b;
    (void)state;

    parse(&b, "x.json",
        HEAD "\"data_structure\":{\"b\":\"text\",\"a\":\"text\","
             "\"10\":\"text\",\"b\":\"object\",\"9\":\"text\"}}");
    assert_int_equal(b.rc, 0);
    assert_int_equal(b.schema->nfields, 4);
    assert_str(b.schema->fields[0].name, STR("9"));
    assert_str(b.schema->fields[1].name, STR("10"));
    assert_str(b.schema->fields[2].name, STR("b"));
    assert_int_equal(b.schema->fields[2].type, FIELD_OBJECT);
    assert_str(b.schema->fields[3].name, STR("a"));
    release(&b);
}

static void test_pending(void **state)
{
    struct bench b;
    (void)state;

    parse(&b, "x.json", "{\"_status\":\"pending\",\"data_structure\":5}");
    assert_int_equal(b.rc, 0);
    assert_null(b.schema);
    release(&b);
}

static void test_absent(void **state)
{
    (void)state;
    assert_problems(HEAD FIELDS ",\"version\":null,\"description\":null,"
                                "\"id_fields\":null,\"aliases\":null,"
                                "\"title_field\":null,\"delete_missing\":null,"
                                "\"field_descriptions\":null}",
        "");
    assert_problems("{}", "/etc/x.json:1: key \"service_name\": missing\n"
                          "/etc/x.json:1: key \"data_structure\": missing\n");
    assert_problems(HEAD "\"data_structure\": {}}",
        "/etc/x.json:2: key \"data_structure\": must be an object with one or "
        "more fields and their types\n");
}

/* One fault, on that line; the words are the parser's. */
static void assert_syntax(const char *text, const char *begins)
{
    struct bench b;

    parse(&b, "/etc/x.json", text);
    assert_int_equal(b.rc, ERR_CONFIG);
    assert_int_equal(strncmp(b.problems.data, begins, strlen(begins)), 0);
    assert_true(b.problems.len > strlen(begins) + 1);
    assert_ptr_equal(
        strchr(b.problems.data, '\n'), b.problems.data + b.problems.len - 1);
    release(&b);
}

static void test_syntax(void **state)
{
    (void)state;
    assert_syntax("", "/etc/x.json:1: ");
    assert_syntax(
        "{\"service_name\": \"a\\n\\n\\n\",\n\"b\": nope}", "/etc/x.json:2: ");
    assert_syntax("{\"a\":\n\"\xFF\"}", "/etc/x.json:2: ");
    assert_syntax(HEAD FIELDS, "/etc/x.json:2: ");
    assert_problems("[]", "/etc/x.json:1: must be an object, not array\n");
}

#define ALLOWED                                                         \
    "allowed: string, text, number, integer, boolean, date, datetime, " \
    "object, array\n"

static void test_types(void **state)
{
    (void)state;
    assert_problems("{\"service_name\": 5,\n"
                    "\"data_structure\": {\n\"a\": \"strin\",\n"
                    "\"b\":\n\"\",\n\"c\": {}},\n"
                    "\"version\": 1.0,\n\"description\": [],\n"
                    "\"delete_missing\": \"yes\",\n"
                    "\"field_descriptions\": {\"a\":\n 1,\n \"b\": 2},\n"
                    "\"aliases\": \"x\",\n\"id_fields\": []}",
        "/etc/x.json:7: key \"version\": must be a string, not real\n"
        "/etc/x.json:1: key \"service_name\": must be a string, not uint\n"
        "/etc/x.json:8: key \"description\": must be a string, not array\n"
        "/etc/x.json:13: key \"aliases\": must be an array of names\n"
        "/etc/x.json:9: key \"delete_missing\": must be true or false, not "
        "string\n"
        "/etc/x.json:3: key \"a\": unknown type \"strin\"; " ALLOWED
        "/etc/x.json:5: key \"b\": unknown type \"\"; " ALLOWED
        "/etc/x.json:6: key \"c\": must be a string, not object\n"
        "/etc/x.json:10: key \"a\": must be a string, not uint\n"
        "/etc/x.json:12: key \"b\": must be a string, not uint\n"
        "/etc/x.json:14: key \"id_fields\": must be an array of one or more "
        "names\n");
}

static void test_wrong_total(void **state)
{
    (void)state;
    assert_problems(HEAD "\"data_structure\":{\"a\":\"string\"},\n"
                         "\"total\":\"heed\"}",
        "/etc/x.json:3: key \"total\": \"ignore\" is all that it may be; leave "
        "it out to heed the total that the source announces\n");
}

static void test_wrong_names(void **state)
{
    (void)state;
    assert_problems(
        "{\"service_name\":\"\",\"data_structure\":{\"title\":\"text\","
        "\"o\":\"object\"},\n\"title_field\":\"titel\",\n"
        "\"url_field\":\"http\",\n"
        "\"id_fields\":[\"title\",\"o\",\"title\",5,\n\"titl\"],\n"
        "\"aliases\":[\"\",1]}",
        "/etc/x.json:1: key \"service_name\": must have 1 to 256 bytes\n"
        "/etc/x.json:6: key \"aliases\": must have 1 to 256 bytes\n"
        "/etc/x.json:6: key \"aliases\": must be a string, not uint\n"
        "/etc/x.json:4: key \"id_fields\": \"o\" has type object and cannot "
        "be part of an id; name a value in it by its path, \"o.id\"\n"
        "/etc/x.json:4: key \"id_fields\": \"title\" is named twice\n"
        "/etc/x.json:4: key \"id_fields\": must be a string, not uint\n"
        "/etc/x.json:5: key \"id_fields\": \"titl\" is not a field of "
        "data_structure; did you mean \"title\"?\n"
        "/etc/x.json:2: key \"title_field\": \"titel\" is not a field of "
        "data_structure; did you mean \"title\"?\n"
        "/etc/x.json:3: key \"url_field\": \"http\" is not a field of "
        "data_structure\n");
}

static void test_nul(void **state)
{
    (void)state;
    assert_problems("{\"service_name\":\"a\\u0000\",\"data_structure\":"
                    "{\"i\\u0000\":\"text\"},\"version\":\"\\u0000\"}",
        "/etc/x.json:1: key \"version\": must not contain NUL characters\n"
        "/etc/x.json:1: key \"service_name\": must not contain NUL "
        "characters\n"
        "/etc/x.json:1: key \"data_structure\": field names must not contain "
        "NUL characters\n");
}

/* So many faults tell nothing new. */
static void test_many_faults(void **state)
{
    struct buf text;
    struct bench b;
    size_t lines = 0;
    (void)state;

    buf_init(&text, 1 << 20);
    buf_puts(&text, HEAD "\"data_structure\":{\"a\":\"x\"");
    for (int i = 0; i < 1000; i++)
        buf_printf(&text, ",\"f%d\":\"x\"", i);
    buf_puts(&text, "}}");
    parse(&b, "x.json", text.data);
    for (size_t i = 0; i < b.problems.len; i++)
        lines += b.problems.data[i] == '\n';
    assert_int_equal(b.rc, ERR_CONFIG);
    assert_int_equal(lines, 50);
    release(&b);
    buf_free(&text);
}

/* ---- a directory ---- */

struct dir {
    char path[64];
    struct schema_set set;
    struct buf problems;
    struct arena a;
};

static int open_dir(void **state)
{
    struct dir *d = calloc(1, sizeof(*d));

    strcpy(d->path, "/tmp/test-schema-XXXXXX");
    assert_non_null(mkdtemp(d->path));
    buf_init(&d->problems, 1 << 16);
    buf_puts(&d->problems, "");
    arena_init(&d->a, 0);
    *state = d;
    return 0;
}

static int close_dir(void **state)
{
    struct dir *d = *state;
    char command[128];

    schema_set_free(&d->set);
    buf_free(&d->problems);
    arena_free(&d->a);
    snprintf(command, sizeof(command), "rm -r %s", d->path);
    assert_int_equal(system(command), 0);
    free(d);
    return 0;
}

static void write_file(const struct dir *d, const char *name, const char *text)
{
    char path[256];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", d->path, name);
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    fclose(f);
}

static void write_schema(
    const struct dir *d, const char *name, const char *service)
{
    char text[512];

    snprintf(text, sizeof(text),
        "{\"service_name\":\"%s\",\n\"data_structure\":{\"id\":\"string\"}}",
        service);
    write_file(d, name, text);
}

static int load(struct dir *d)
{
    return schema_set_load(&d->set, d->path, &d->problems);
}

/* The problems, each beginning with the directory's path. */
static void assert_dir_problems(struct dir *d, const char *expected)
{
    char want[1024];

    snprintf(want, sizeof(want), expected, d->path, d->path, d->path, d->path);
    assert_string_equal(d->problems.data, want);
}

static void test_find(void **state)
{
    struct dir *d = *state;
    const struct schema *s;

    write_schema(d, "one.json", "backend-one");
    write_schema(d, "two.json", "backend-two");
    write_file(d, "three.json",
        "{\"service_name\":\"backend-three\",\"aliases\":[\"two\",\"drei\"],"
        "\"data_structure\":{\"id\":\"string\"}}");
    write_schema(d, "later.json", "one");
    write_file(d, "off.json", "{\"_status\":\"pending\"}");
    write_file(d, "readme.txt", "no schema");
    write_file(d, ".hidden.json", "no schema");
    assert_int_equal(load(d), 0);
    assert_int_equal(d->set.n, 4);
    assert_string_equal(d->set.schemas[0]->stem, "later");

    s = schema_find(&d->set, &d->a, "backend-one");
    assert_string_equal(s->stem, "one");
    s = schema_find(&d->set, &d->a, "drei");
    assert_string_equal(s->stem, "three");
    /* A service_name comes before a stem, an alias does, too. */
    assert_string_equal(schema_find(&d->set, &d->a, "one")->stem, "later");
    assert_string_equal(schema_find(&d->set, &d->a, "two")->stem, "three");
    assert_string_equal(schema_find(&d->set, &d->a, "later")->stem, "later");
    assert_null(schema_find(&d->set, &d->a, "off"));
    assert_null(schema_find(&d->set, &d->a, "nosuch"));
    assert_true(schema_is_named(s, STR("drei")));
    assert_true(schema_is_named(s, STR("three")));
    assert_true(schema_is_named(s, STR("backend-three")));
    assert_false(schema_is_named(s, STR("back")));
}

static void test_default(void **state)
{
    struct dir *d = *state;
    const struct schema *s;

    write_schema(d, "one.json", "backend-one");
    write_file(d, "_default.json",
        "{\"aliases\":[\"backend-one\"],"
        "\"data_structure\":{\"id\":\"string\"}}");
    assert_int_equal(load(d), 0);
    assert_int_equal(d->set.n, 1);
    assert_string_equal(
        schema_find(&d->set, &d->a, "one")->service_name, "backend-one");
    s = schema_find(&d->set, &d->a, "anything");
    assert_string_equal(s->service_name, "anything");
    assert_int_equal(s->nfields, 1);
    assert_int_equal(s->naliases, 0);
}

static void test_same_name(void **state)
{
    struct dir *d = *state;

    write_schema(d, "a.json", "svc");
    write_schema(d, "b.json", "svc");
    write_file(d, "c.json",
        "{\"service_name\":\"other\",\"data_structure\":{\"id\":\"string\"},"
        "\n\n\"aliases\":[\"other\",\"mine\",\"mine\",\"svc\"]}");
    assert_int_equal(load(d), ERR_CONFIG);
    assert_dir_problems(d,
        "%s/b.json:1: key \"service_name\": \"svc\" is named by %s/a.json, "
        "too\n"
        "%s/c.json:3: key \"aliases\": \"svc\" is named by %s/a.json, too\n");
}

static void test_all_faults(void **state)
{
    struct dir *d = *state;

    write_file(d, "a.json", "{\"service_name\":\"y\"}");
    write_schema(d, "b.json", "svc");
    write_file(d, "c.json", "{\"service_name\":\"x\"}");
    assert_int_equal(load(d), ERR_CONFIG);
    assert_dir_problems(d, "%s/a.json:1: key \"data_structure\": missing\n"
                           "%s/c.json:1: key \"data_structure\": missing\n");
}

static void test_nothing_there(void **state)
{
    struct dir *d = *state;

    write_file(d, "a.json", "{\"_status\":\"pending\"}");
    assert_int_equal(load(d), ERR_CONFIG);
    assert_dir_problems(d, "%s: no schema files (*.json)\n");
    schema_set_free(&d->set);
    buf_reset(&d->problems);
    assert_int_equal(
        schema_set_load(&d->set, "/nosuch/dir", &d->problems), ERR_CONFIG);
    assert_string_equal(
        d->problems.data, "/nosuch/dir: No such file or directory\n");
}

static void test_unreadable(void **state)
{
    struct dir *d = *state;
    char path[256];

    snprintf(path, sizeof(path), "%s/dir.json", d->path);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/link.json", d->path);
    assert_int_equal(symlink("/nosuch/file", path), 0);
    assert_int_equal(load(d), ERR_CONFIG);
    assert_dir_problems(d, "%s/dir.json: Is a directory\n"
                           "%s/link.json: No such file or directory\n");
}

static void test_large_file(void **state)
{
    struct dir *d = *state;
    size_t len = 2 * 1024 * 1024;
    char *text = malloc(len + 1);

    memset(text, ' ', len);
    text[len] = '\0';
    write_file(d, "a.json", text);
    free(text);
    assert_int_equal(load(d), ERR_CONFIG);
    assert_dir_problems(
        d, "%s/a.json: File too large: 1048576 bytes are allowed\n");
}

/* Those that come with the program. */
static void test_shipped(void **state)
{
    struct dir *d = *state;

    if (schema_set_load(&d->set, SCHEMA_SERVICES, &d->problems) < 0)
        fail_msg("%s", d->problems.data);
    assert_string_equal(
        schema_find(&d->set, &d->a, "demo-assessment")->service_name,
        "demo-assessment-backend");
}

#define DIR_TEST(f) cmocka_unit_test_setup_teardown(f, open_dir, close_dir)

static void test_id_paths(void **state)
{
    struct bench b;

    (void)state;
    parse(&b, "/etc/x.json",
        HEAD "\"data_structure\":{\"user\":\"object\",\"a.b\":\"string\"},"
             "\"id_fields\":[\"a.b\",\"user.id\",\"/x~1y/0/~0z\"]}");
    assert_int_equal(b.schema->nid_parts, 3);
    assert_int_equal(b.schema->id_parts[0].field, 1);
    assert_int_equal(b.schema->id_parts[1].field, -1);
    assert_int_equal(b.schema->id_parts[1].npath, 2);
    assert_int_equal(b.schema->id_parts[2].npath, 3);
    assert_true(str_eq(b.schema->id_parts[2].path[0], STR("x/y")));
    assert_true(str_eq(b.schema->id_parts[2].path[2], STR("~z")));
    release(&b);
    parse(&b, "/etc/x.json",
        HEAD "\"data_structure\":{\"a\":\"string\"},"
             "\"id\":\"hash\"}");
    assert_int_equal(b.schema->nid_parts, 0);
    release(&b);
}

static void test_wrong_ids(void **state)
{
    (void)state;
    assert_problems(HEAD "\"data_structure\":{\"a\":\"string\"},\n"
                         "\"id\":\"digest\"}",
        "/etc/x.json:3: key \"id\": \"hash\" is all that it may be; name the "
        "fields of an id in id_fields\n");
    assert_problems(HEAD "\"data_structure\":{\"a\":\"string\"},\n"
                         "\"id\":\"hash\",\"id_fields\":[\"a\"]}",
        "/etc/x.json:3: key \"id\": the id is either a hash or made of "
        "id_fields\n");
    assert_problems(HEAD "\"data_structure\":{\"a\":\"string\"},\n"
                         "\"id_fields\":[\"a..b\"]}",
        "/etc/x.json:3: key \"id_fields\": \"a..b\" is not a path: user.id or "
        "/user/0/id\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_minimal),
        cmocka_unit_test(test_everything),
        cmocka_unit_test(test_field_order),
        cmocka_unit_test(test_pending),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_syntax),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_wrong_total),
        cmocka_unit_test(test_wrong_names),
        cmocka_unit_test(test_id_paths),
        cmocka_unit_test(test_wrong_ids),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_many_faults),
        DIR_TEST(test_find),
        DIR_TEST(test_default),
        DIR_TEST(test_same_name),
        DIR_TEST(test_all_faults),
        DIR_TEST(test_nothing_there),
        DIR_TEST(test_unreadable),
        DIR_TEST(test_large_file),
        DIR_TEST(test_shipped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
