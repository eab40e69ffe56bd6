/* `batchsync schema`: a directory with one schema and its cases, as data. */
#include "unit/cli/call.h"

#include <unistd.h>

#define FIELDS                                                             \
    "{\"service_name\": \"svc\", \"data_structure\": {\"id\": \"string\"," \
    " \"title\": \"string\", \"n\": \"integer\", \"when\": \"datetime\","  \
    " \"tags\": \"array\", \"on\": \"boolean\"}"
#define ITEM                                                                \
    "{\"id\": \"1\", \"title\": \"A\", \"n\": 1, \"when\": \"2025-01-02\"," \
    " \"tags\": \"[]\", \"on\": \"true\"}"

struct example {
    const char *verb, *schema, *cases; /* cases NULL: no such file */
    int code;
    const char *says; /* in the output, or with code 78 on stderr */
};

static void write_file(const char *dir, const char *name, const char *text)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    if (text == NULL)
        return;
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void remove_file(const char *dir, const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    unlink(path);
}

static void review(const struct example *e)
{
    char dir[] = "/tmp/batchsync-schemas-XXXXXX";
    char line[128];
    struct call c;

    assert_non_null(mkdtemp(dir));
    write_file(dir, "svc.json", e->schema);
    write_file(dir, "svc.cases.json", e->cases);
    snprintf(line, sizeof(line), "schema %s %s", e->verb, dir);
    call(&c, "", line);
    if (c.code != e->code)
        fail_msg("%s: %d instead of %d\n%s%s", e->says, c.code, e->code, c.out,
            c.err);
    assert_within(e->code == 78 ? c.err : c.out, e->says);
    call_free(&c);
    remove_file(dir, "svc.json");
    remove_file(dir, "svc.cases.json");
    rmdir(dir);
}

static void review_each(const struct example *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        review(&list[i]);
}

#define REVIEW_EACH(list) review_each(list, sizeof(list) / sizeof((list)[0]))

static void cases_hold_or_show_where_they_differ(void **state)
{
    static const struct example examples[] = {
        {"test", FIELDS "}", NULL, 0, "1 schema, 0 cases: all well\n1 of the"},
        {"test", FIELDS "}",
            "[{\"item\": " ITEM ", \"id\": \"1\", \"text\": \"id: 1\\n\\n"
            "title: A\\n\\nn: 1\\n\\nwhen: 1/2/2025\\n\\ntags:\\n\\n"
            "on: true\"}]",
            0, "1 schema, 1 case: all well\n"},
        {"test", FIELDS "}", "[{\"item\": {\"id\": 1}, \"id\": \"2\"}]", 1,
            "svc.cases.json: case 1: the id differs (- expected, + rendered)\n"
            "  - 2\n  + 1\n1 schema, 1 case: 1 finding\n"},
        {"test", FIELDS "}",
            "[{\"name\": \"a b\", \"item\": {\"id\": 1, \"title\": \"B\"},"
            " \"text\": \"id: 1\\n\\ntitle: A\"}]",
            1,
            "case 1 \"a b\": the text differs (- expected, + rendered)\n"
            "  - title: A\n  + title: B\n"},
        {"test", FIELDS "}",
            "[{\"item\": {\"id\": null}, \"error\": \"no content id\"},"
            " {\"item\": {\"id\": 1}, \"error\": \"no content id\"},"
            " {\"item\": {\"id\": []}, \"text\": \"id: \"}]",
            1,
            "case 2: the error differs (- expected, + rendered)\n"
            "  - no content id\n  + no error\n"},
    };

    (void)state;
    REVIEW_EACH(examples);
}

static void json_has_each_finding_with_its_lines(void **state)
{
    static const struct example examples[] = {
        {"test --json", FIELDS "}",
            "[{\"item\": {\"id\": 1}, \"id\": \"2\"},"
            " {\"item\": {\"id\": 3}, \"id\": \"4\"}]",
            1,
            "{\"success\":false,\"schemas\":1,\"cases\":2,\"withoutCases\":0,"
            "\"findings\":[\""},
        {"test --json", FIELDS "}",
            "[{\"item\": {\"id\": 1}, \"id\": \"2\"},"
            " {\"item\": {\"id\": 3}, \"id\": \"4\"}]",
            1, "(- expected, + rendered)\\n  - 2\\n  + 1\",\""},
        {"lint --json", FIELDS "}", NULL, 0,
            "{\"success\":true,\"schemas\":1,\"cases\":0,\"withoutCases\":1,"
            "\"findings\":[]}\n"},
    };

    (void)state;
    REVIEW_EACH(examples);
}

static void lint_finds_what_looks_wrong(void **state)
{
    static const struct example examples[] = {
        {"lint", FIELDS "}", "[{\"item\": " ITEM ", \"id\": \"1\"}]", 0,
            "all well"},
        {"lint",
            FIELDS ", \"field_descriptions\": {\"n\": \"Title of it\","
                   " \"title\": \"Title\"}}",
            NULL, 1, "field \"n\": has the label \"Title\", as \"title\" has"},
        {"lint", FIELDS "}",
            "[{\"item\": {\"id\": 1, \"n\": 1.5, \"title\": \"x\"},"
            " \"id\": \"1\"}]",
            1, "field \"n\": has the type integer, but 1.5 is not a whole"},
        {"lint", FIELDS "}",
            "[{\"item\": {\"id\": 1, \"when\": \"soon\"}, \"id\": \"1\"}]", 1,
            "\"when\": has the type datetime, but \"soon\" is not a date"},
        {"lint", FIELDS "}",
            "[{\"item\": {\"id\": 1, \"title\": {}}, \"id\": \"1\"}]", 1,
            "but {} is not a text; declare it as an object or an array"},
        {"lint", FIELDS "}",
            "[{\"item\": {\"id\": 1, \"tags\": \"a,b\"}, \"id\": \"1\"}]", 1,
            "has the type array, but \"a,b\" is not an array (case 1)"},
        {"lint", FIELDS "}",
            "[{\"item\": {\"id\": 1, \"on\": \"yes\"}, \"id\": \"1\"}]", 1,
            "has the type boolean, but \"yes\" is not a boolean"},
        {"lint", FIELDS "}",
            "[{\"item\": {\"id\": 1}, \"id\": \"1\"},"
            " {\"item\": {\"id\": null}, \"error\": \"no content id\"}]",
            1, "\"title\": has no value in any of the 1 record\n"},
        {"lint", FIELDS "}",
            "[{\"item\": {\"id\": 1}, \"id\": \"1\"},"
            " {\"item\": {\"id\": \"1\", \"n\": 2}, \"id\": \"1\"}]",
            1, "the id \"1\" is that of cases 1 and 2; of records with one id"},
    };

    (void)state;
    REVIEW_EACH(examples);
}

static void files_that_cannot_be_used_are_told_apart(void **state)
{
    static const struct example examples[] = {
        {"test", "{}", NULL, 78, "svc.json:1: "},
        {"test", FIELDS "}", "{}", 78, "must be an array of cases, not object"},
        {"test", FIELDS "}", "[", 78, "svc.cases.json: "},
        {"lint", FIELDS "}", "[1]", 78, "case 1: is not an object"},
        {"test", FIELDS "}", "[{\"item\": {}}]", 78,
            "case 1: expects nothing; give id, text or error"},
        {"test", FIELDS "}", "[{\"id\": \"1\"}]", 78, "case 1: has no item"},
        {"test", FIELDS "}", "[{\"item\": {}, \"id\": 1}]", 78,
            "case 1: key \"id\": must be a string, not uint"},
        {"test", FIELDS "}", "[{\"item\": {}, \"txt\": \"1\"}]", 78,
            "unknown key \"txt\"; a case has name, item, id, text and error"},
        {"test", FIELDS "}",
            "[{\"item\": {}, \"text\": \"\", \"error\": \"\"}]", 78,
            "case 1: expects both a text and an error"},
    };

    (void)state;
    REVIEW_EACH(examples);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases_hold_or_show_where_they_differ),
        cmocka_unit_test(json_has_each_finding_with_its_lines),
        cmocka_unit_test(lint_finds_what_looks_wrong),
        cmocka_unit_test(files_that_cannot_be_used_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
