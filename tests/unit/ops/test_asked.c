/* What may be said in a request, on either side. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ops/asked.h"
#include "ops/retry.h"
#include "ops/services.h"
#include "ops/trigger.h"

static void limits(void **state)
{
    static const char *const bad[] = {
        "", "0", "501", "-1", "5x", "1.5", "99999999999999999999"};
    struct err err;
    int limit = 7;

    assert_int_equal(asked_limit(NULL, &limit, &err), 0);
    assert_int_equal(limit, 7);
    assert_int_equal(asked_limit("500", &limit, &err), 0);
    assert_int_equal(limit, 500);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(asked_limit(bad[i], &limit, &err), ERR_INVALID);
    assert_int_equal(limit, 500);
}

static void words(void **state)
{
    enum history_letters letters = LETTERS_ALL;
    struct err err;

    assert_int_equal(asked_letters(NULL, &letters, &err), 0);
    assert_int_equal(letters, LETTERS_OPEN);
    assert_int_equal(asked_letters("resolved", &letters, &err), 0);
    assert_int_equal(letters, LETTERS_RESOLVED);
    assert_int_equal(asked_letters("closed", &letters, &err), ERR_INVALID);
    assert_int_equal(asked_subject(&err, "--status %s", "closed"), ERR_INVALID);
    assert_string_equal(
        err.msg, "--status closed must be open, resolved or all");
    assert_int_equal(asked_run_status(NULL, &err), 0);
    assert_int_equal(asked_run_status("abandoned", &err), 0);
    assert_int_equal(asked_run_status("Abandoned", &err), ERR_INVALID);
    assert_int_equal(asked_fire_outcome(NULL, &err), 0);
    assert_int_equal(asked_fire_outcome("paused", &err), 0);
    assert_int_equal(asked_fire_outcome("missed", &err), ERR_INVALID);
    assert_string_equal(err.msg, "must be skipped, replaced, paused or failed");
}

static void kinds_and_times(void **state)
{
    struct trigger_ask ask;
    struct err err;

    trigger_ask_init(&ask, "cli");
    assert_string_equal(ask.spec.kind, "batch");
    assert_null(ask.spec.since);
    assert_int_equal(trigger_ask_kind(&ask, "weekly", &err), ERR_INVALID);
    assert_int_equal(trigger_ask_kind(&ask, "daily", &err), 0);
    assert_string_equal(ask.spec.kind, "daily");
    assert_int_equal(trigger_ask_since(&ask, "soon", &err), ERR_INVALID);
    assert_int_equal(trigger_ask_since(&ask, "2026-01-31T08:30:00Z", &err), 0);
    assert_string_equal(ask.spec.since, "2026-01-31T08:30:00.000Z");
    assert_string_equal(ask.spec.kind, "incremental");
}

static void names(void **state)
{
    char longest[202];
    const char *good[] = {"a", "b c"}, *bad[1];
    struct trigger_ask ask;
    struct err err;

    trigger_ask_init(&ask, "cli");
    assert_int_equal(trigger_ask_services(&ask, good, 2, &err), 0);
    assert_int_equal(ask.spec.nservices, 2);
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    bad[0] = longest;
    assert_int_equal(trigger_ask_services(&ask, bad, 1, &err), ERR_INVALID);
    longest[200] = '\0';
    assert_int_equal(trigger_ask_services(&ask, bad, 1, &err), 0);
    bad[0] = "\xff";
    assert_int_equal(trigger_ask_services(&ask, bad, 1, &err), ERR_INVALID);
    bad[0] = "a,b";
    assert_int_equal(trigger_ask_services(&ask, bad, 1, &err), ERR_INVALID);
}

static void refusals(void **state)
{
    struct config config = {.sync.enabled = true, .coordinator.enabled = true};
    struct err err = {.code = 0};

    assert_int_equal(trigger_check_enabled(&config, &err), 0);
    config.coordinator.enabled = false;
    assert_int_equal(trigger_check_enabled(&config, &err), ERR_DISABLED);
    assert_string_equal(err.msg, "coordinator_disabled");
    config.sync.enabled = false;
    trigger_check_enabled(&config, &err);
    assert_string_equal(err.msg, "disabled");
    assert_true(trigger_is_refused(&err));
    assert_false(trigger_is_refused(&(struct err){.code = ERR_TIMEOUT}));
}

static void a_retry_reads_the_services_of_its_letters(void **state)
{
    const char *letters_of[] = {"a", "b"};
    struct retry_letters_req req = {
        .tenant = "acme", .names = letters_of, .nnames = 2};
    struct run_spec spec = retry_spec(&req, "http");

    assert_string_equal(spec.trigger, "http");
    assert_string_equal(spec.tenant, "acme");
    assert_string_equal(spec.kind, "batch");
    assert_int_equal(spec.nservices, 2);
    assert_ptr_equal(spec.services, letters_of);
}

static void sources(void **state)
{
    assert_string_equal(services_source_text(NULL), "as asked for");
    assert_string_equal(services_source_text("request"), "as asked for");
    assert_string_equal(
        services_source_text("env"), "from BATCH_SYNC_SERVICES");
    assert_string_equal(
        services_source_text("coordinator"), "listed by the coordinator");
    assert_string_equal(
        services_source_text("fallback"), "from the fallback list");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits),
        cmocka_unit_test(words),
        cmocka_unit_test(kinds_and_times),
        cmocka_unit_test(names),
        cmocka_unit_test(refusals),
        cmocka_unit_test(a_retry_reads_the_services_of_its_letters),
        cmocka_unit_test(sources),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
