/* What the bodies of requests may say, and what is said when they do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/body.h"

/* One run asked for: "kind tenant since service,service". */
static const char *read(const char *text)
{
    static char said[512];
    struct body_trigger b;
    struct err err;
    const struct run_spec *spec = &b.ask.spec;

    if (body_read_trigger(&b, str_of(text), &err) < 0) {
        assert_int_equal(err.code, ERR_INVALID);
        snprintf(said, sizeof(said), "%s", err.msg);
    } else {
        assert_string_equal(spec->trigger, "http");
        snprintf(said, sizeof(said), "%s %s %s", spec->kind,
            spec->tenant == NULL ? "-" : spec->tenant,
            spec->since == NULL ? "-" : spec->since);
        for (size_t i = 0; i < spec->nservices; i++)
            snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s%s",
                i == 0 ? " " : ",", spec->services[i]);
    }
    body_trigger_free(&b);
    return said;
}

static void no_body_is_a_batch_run_of_everything(void **state)
{
    assert_string_equal(read(""), "batch - -");
    assert_string_equal(read(" \r\n"), "batch - -");
    assert_string_equal(read("{}"), "batch - -");
    assert_string_equal(read("{\"services\":null,\"since\":null,"
                             "\"sync_type\":null,\"tenant_id\":null}"),
        "batch - -");
}

static void a_body_says_what_to_do(void **state)
{
    assert_string_equal(
        read("{\"services\":[\" a \",\"b\"],\"tenant_id\":\"acme\"}"),
        "batch acme - a,b");
    assert_string_equal(read("{\"sync_type\":\"daily\"}"), "daily - -");
    assert_string_equal(read("{\"since\":\"2026-01-31\"}"),
        "incremental - 2026-01-31T00:00:00.000Z");
    /* The word beside it wins. */
    assert_string_equal(
        read("{\"since\":\"2026-01-31\",\"sync_type\":\"batch\"}"),
        "batch - 2026-01-31T00:00:00.000Z");
}

static void what_is_no_object_is_refused(void **state)
{
    assert_string_equal(read("[]"), "the body must be a JSON object");
    assert_non_null(strstr(read("{"), "the body is not valid JSON: "));
    assert_non_null(strstr(read("{\n\"a\":}"), "(line 2)"));
}

static void a_member_of_another_type_is_refused(void **state)
{
    static const char kinds[] =
        "\"sync_type\" must be \"batch\", \"daily\" or \"incremental\"";

    assert_string_equal(read("{\"services\":\"a\"}"),
        "\"services\" must be an array of at most 1000 names");
    assert_string_equal(read("{\"services\":[\"a\",7]}"),
        "\"services\"[1] must be the name of a service");
    assert_string_equal(read("{\"services\":[\" \"]}"),
        "\"services\"[0] must be the name of a service");
    assert_string_equal(read("{\"sync_type\":1}"), kinds);
    assert_string_equal(read("{\"sync_type\":\"BATCH\"}"), kinds);
    assert_non_null(
        strstr(read("{\"since\":1767225600}"), "\"since\" must be a date"));
    assert_non_null(strstr(
        read("{\"since\":\"yesterday\"}"), "\"since\" must be a date or a"));
    assert_string_equal(read("{\"services\":[]}"),
        "\"services\" is empty; leave it out to mean all of them");
    assert_string_equal(read("{\"service\":[\"a\"]}"),
        "unknown member \"service\"; allowed are \"services\", "
        "\"sync_type\", \"since\" and \"tenant_id\"");
    assert_non_null(strstr(read("{\"since\":null,\"since\":\"2026-01-31\"}"),
        "the body is not valid JSON: "));
}

static void a_tenant_can_be_seen(void **state)
{
    static const char *const wrong[] = {"", " ", "\\t\\n", "a\\u0001",
        "a\\u200b", "\\u202eb", "\\u00a0\\ufeff"};
    char text[64];

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        snprintf(text, sizeof(text), "{\"tenant_id\":\"%s\"}", wrong[i]);
        assert_non_null(strstr(read(text), "\"tenant_id\" must be a string"));
    }
    assert_string_equal(read("{\"tenant_id\":\" a b \"}"), "batch a b -");
}

/* The same as on the command line. */
static void a_name_must_be_one(void **state)
{
    static const char *const invisible[] = {"\\n", "\\u0001", "\\u007f",
        "\\u0085", "\\u00ad", "\\u061c", "\\u200b", "\\u200d", "\\u200e",
        "\\u2028", "\\u202e", "\\u2060", "\\u2066", "\\u2069", "\\ufeff",
        "\\udb40\\udc41"};
    char text[300];

    assert_non_null(strstr(read("{\"services\":[\"a,b\"]}"), "comma"));
    for (size_t i = 0; i < sizeof(invisible) / sizeof(*invisible); i++) {
        snprintf(text, sizeof(text), "{\"services\":[\"a%sb\"]}", invisible[i]);
        assert_non_null(strstr(read(text), "without control characters"));
    }
    assert_string_equal(read("{\"services\":[\"d\\u00e9j\\u00e0 \\u4e2d\"]}"),
        "batch - - d\xc3\xa9j\xc3\xa0 \xe4\xb8\xad");
    snprintf(text, sizeof(text), "{\"services\":[\"%0201d\"]}", 0);
    assert_non_null(strstr(read(text), "1 to 200 bytes"));
    assert_non_null(strstr(
        read("{\"services\":[\"a\\u0000b\"]}"), "the body is not valid JSON"));
}

static void names_are_counted(void **state)
{
    char text[8192] = "{\"services\":[\"a\"";

    for (int i = 0; i < 1000; i++)
        strcat(text, ",\"a\"");
    strcat(text, "]}");
    assert_string_equal(
        read(text), "\"services\" must be an array of at most 1000 names");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_body_is_a_batch_run_of_everything),
        cmocka_unit_test(a_body_says_what_to_do),
        cmocka_unit_test(what_is_no_object_is_refused),
        cmocka_unit_test(a_member_of_another_type_is_refused),
        cmocka_unit_test(a_tenant_can_be_seen),
        cmocka_unit_test(a_name_must_be_one),
        cmocka_unit_test(names_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
