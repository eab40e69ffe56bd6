#include "cli/report.h"
#include "ops/result_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct page_error two_errors[] = {
    {.page = 3, .code = ERR_SOURCE, .error = "the service says: \"no\""},
    {.page = 0, .code = ERR_SOURCE, .error = "broken \xff byte"},
};

/* One service went well, the other met errors on the way. */
static struct service_result two_services[] = {
    {.service = "assessment-service",
        .success = true,
        .counts = {.received = 1234,
            .stored = 1000,
            .unchanged = 231,
            .failed = 1,
            .known_failures = 1,
            .repaired = 3,
            .contested = 1,
            .collisions = 2,
            .embedded = 998,
            .tokens = 4321,
            .nuls_dropped = 7,
            .deleted = 4},
        .pass = {.shortfall = 8, .reason = "12 of 20 came"},
        .pages = 2,
        .duration_ms = 4210},
    {.service = "devlab-service",
        .success = false,
        .counts = {.received = 10, .stored = 10, .embedded = 10},
        .pages = 1,
        .errors = two_errors,
        .nerrors = 2,
        .errors_total = 5,
        .duration_ms = 120},
};

static const struct run_result partial = {
    .status = RUN_PARTIAL,
    .source = "coordinator",
    .services = two_services,
    .nservices = 2,
    .counts = {.received = 1244,
        .stored = 1010,
        .unchanged = 231,
        .failed = 1,
        .known_failures = 1,
        .repaired = 3,
        .contested = 1,
        .collisions = 2,
        .embedded = 1008,
        .tokens = 4321,
        .nuls_dropped = 7,
        .deleted = 4},
    .duration_ms = 65000,
};

static const struct run_result success = {
    .status = RUN_SUCCESS,
    .source = "env",
    .services = two_services,
    .nservices = 1,
    .counts = {.received = 1234},
    .duration_ms = 999,
};

static void assert_json(json_t *value, const char *expected)
{
    char *text = json_dumps(value, JSON_COMPACT);

    assert_string_equal(text, expected);
    free(text);
    json_decref(value);
}

#define CONTESTED                                                              \
    "contested: 1 item was changed again by another program after 2 repairs, " \
    "and left alone until 7 days after the last one: stop what else writes "   \
    "vector_embeddings (rows with repairs >= 2 and updated_at <> written_at)"

static void json_has_every_key_in_order(void **state)
{
    assert_json(result_json(&partial),
        "{\"success\":false,\"services\":["
        "{\"service\":\"assessment-service\",\"success\":true,"
        "\"totalItems\":1234,\"totalPages\":2,\"errors\":[],"
        "\"duration_ms\":4210,\"embedded\":998,\"unchanged\":231,"
        "\"stored\":1000,\"deleted\":4,\"failed\":1,\"collisions\":2,"
        "\"nulsDropped\":7,\"deleteRefused\":0,\"knownFailures\":1,"
        "\"repaired\":3,\"tokens\":4321,\"complete\":false,"
        "\"reason\":\"12 of 20 came\",\"warnings\":[\"" CONTESTED "\"]},"
        "{\"service\":\"devlab-service\",\"success\":false,"
        "\"totalItems\":10,\"totalPages\":1,\"errors\":["
        "{\"page\":3,\"error\":\"the service says: \\\"no\\\"\"},"
        "{\"page\":0,\"error\":\"broken \xef\xbf\xbd byte\"}],"
        "\"duration_ms\":120,\"embedded\":10,\"unchanged\":0,"
        "\"stored\":10,\"deleted\":0,\"failed\":0,\"collisions\":0,"
        "\"nulsDropped\":0,\"deleteRefused\":0,\"knownFailures\":0,"
        "\"repaired\":0,\"tokens\":0,\"complete\":false,"
        "\"reason\":\"not all of its pages were read\"}],"
        "\"totalItems\":1244,\"totalErrors\":5,\"successfulServices\":1,"
        "\"failedServices\":1,\"duration_ms\":65000,"
        "\"status\":\"partial\",\"collisions\":2,"
        "\"nulsDropped\":7,\"deleteRefused\":0,\"knownFailures\":1,"
        "\"repaired\":3,\"tokens\":4321}");
}

static void json_says_why_nothing_ran(void **state)
{
    struct err err;

    err_set(&err, ERR_ALREADY_RUNNING, "run r1 is alive");
    assert_json(result_json_refused(&err),
        "{\"success\":false,\"reason\":\"already_running\"}");
    err_set(&err, ERR_DISABLED, "disabled");
    assert_json(result_json_refused(&err),
        "{\"success\":false,\"reason\":\"disabled\"}");
    err_set(&err, ERR_DISABLED, "coordinator_disabled");
    assert_json(result_json_refused(&err),
        "{\"success\":false,\"reason\":\"coordinator_disabled\"}");
    err_set(&err, ERR_UNAVAILABLE, "no route");
    assert_json(result_json_refused(&err),
        "{\"success\":false,\"reason\":\"unavailable\","
        "\"error\":\"no route\"}");
}

static void json_of_a_run_without_services_is_whole(void **state)
{
    struct run_result none = {.status = RUN_SUCCESS};

    assert_json(result_json(&none),
        "{\"success\":true,\"services\":[],\"totalItems\":0,"
        "\"totalErrors\":0,\"successfulServices\":0,\"failedServices\":0,"
        "\"duration_ms\":0,\"status\":\"success\",\"collisions\":0,"
        "\"nulsDropped\":0,"
        "\"deleteRefused\":0,\"knownFailures\":0,\"repaired\":0,"
        "\"tokens\":0}");
}

static char *printed(const struct run_result *result)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    report_print(out, result);
    fclose(out);
    return text;
}

static void assert_within(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("not found: %s\n--- in:\n%s", part, text);
}

static int count(const char *text, const char *part)
{
    int n = 0;

    while ((text = strstr(text, part)) != NULL) {
        text += strlen(part);
        n++;
    }
    return n;
}

static void a_success_is_a_table(void **state)
{
    char *text = printed(&success);

    assert_within(text, "success: 1,234 items in 999 ms; 1 service, from "
                        "BATCH_SYNC_SERVICES\n");
    assert_within(text, "assessment-service      1,234      1,000        231");
    assert_null(strstr(text, "partial"));
    assert_null(strstr(text, "\nall "));
    free(text);
}

static void a_partial_run_lists_errors_with_advice_once(void **state)
{
    char *text = printed(&partial);

    assert_within(text, "partial: 1,244 items in 1 min 05 s; 2 services");
    assert_within(text, "120 ms  partial\n");
    assert_within(text, "\nall ");
    assert_within(text, "  page 3: the service says: \"no\"\n");
    assert_within(text, "  ... and 3 more\n");
    assert_within(text, "1 of the failed items was already known");
    assert_within(text, "3 of the stored items were repaired: another program");
    assert_within(text, "assessment-service: " CONTESTED "\n");
    assert_within(text, "4 items deleted");
    assert_within(text, "7 NUL characters dropped");
    assert_int_equal(count(text, "  -> "), 1);
    free(text);
}

static void a_service_that_stored_nothing_has_failed(void **state)
{
    struct page_error error = {.code = ERR_INVALID, .error = "no schema"};
    struct service_result service = {
        .service = "x", .errors = &error, .nerrors = 1, .errors_total = 1};
    struct run_result failed = {.status = RUN_FAILED,
        .source = "request",
        .services = &service,
        .nservices = 1};
    char *text = printed(&failed);

    assert_within(text, "failed: 0 items in 0 ms; 1 service, as asked for\n");
    assert_within(text, "FAILED\n");
    assert_within(text, "\nx:\n  no schema\n  -> add a schema");
    free(text);
}

static void services_with_one_and_the_same_error_share_it(void **state)
{
    struct page_error error = {
        .code = ERR_AUTH, .error = "not begun: HTTP 401"};
    struct service_result services[] = {
        {.service = "a", .errors = &error, .nerrors = 1, .errors_total = 1},
        {.service = "b", .errors = &error, .nerrors = 1, .errors_total = 1},
    };
    struct run_result failed = {
        .status = RUN_FAILED, .services = services, .nservices = 2};
    char *text = printed(&failed);

    assert_within(
        text, "\na, b:\n  not begun: HTTP 401\n  -> correct the credentials");
    assert_int_equal(count(text, "HTTP 401"), 1);
    free(text);
}

static void a_stopped_service_is_no_failed_one(void **state)
{
    struct page_error error = {.page = 2, .code = ERR_CANCELED, .error = "s"};
    struct service_result service = {
        .service = "x", .errors = &error, .nerrors = 1, .errors_total = 1};
    struct run_result canceled = {.status = RUN_CANCELED,
        .source = "request",
        .services = &service,
        .nservices = 1};
    char *text = printed(&canceled);

    assert_within(text, "canceled: 0 items");
    assert_within(text, "  stopped\n");
    assert_within(text, "  page 2: s\n  -> run again");
    free(text);
}

static void refusals_say_what_to_do(void **state)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    struct err err;

    err_set(&err, ERR_ALREADY_RUNNING, "another run is alive");
    report_refused(out, &err);
    err_set(&err, ERR_DISABLED, "coordinator_disabled");
    report_refused(out, &err);
    fclose(out);
    assert_string_equal(text,
        "batchsync: nothing done: another run is alive; "
        "try again when it has ended (a lost process is given up after "
        "BATCH_SYNC_LEASE_SECONDS)\n"
        "batchsync: nothing done: COORDINATOR_ENABLED is false\n");
    free(text);
}

static void assert_number(uint64_t n, const char *expected)
{
    char text[REPORT_NUMBER_BYTES];

    report_number(n, text);
    assert_string_equal(text, expected);
}

static void numbers_have_thousands_separators(void **state)
{
    assert_number(0, "0");
    assert_number(999, "999");
    assert_number(1000, "1,000");
    assert_number(1234567, "1,234,567");
    assert_number(UINT64_MAX, "18,446,744,073,709,551,615");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_has_every_key_in_order),
        cmocka_unit_test(json_says_why_nothing_ran),
        cmocka_unit_test(json_of_a_run_without_services_is_whole),
        cmocka_unit_test(a_success_is_a_table),
        cmocka_unit_test(a_partial_run_lists_errors_with_advice_once),
        cmocka_unit_test(a_service_that_stored_nothing_has_failed),
        cmocka_unit_test(services_with_one_and_the_same_error_share_it),
        cmocka_unit_test(a_stopped_service_is_no_failed_one),
        cmocka_unit_test(refusals_say_what_to_do),
        cmocka_unit_test(numbers_have_thousands_separators),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
