#include "unit/record/support.h"

#include "sync/run_result.h"

enum { SERVICES = 4 };

static const struct err stopped = {.code = ERR_CANCELED, .msg = "stopped"};

static void make(
    struct run_result *result, struct service_result services[SERVICES])
{
    static const char *names[SERVICES] = {"a", "b", "c", "d"};

    for (int i = 0; i < SERVICES; i++)
        services[i] = (struct service_result){.service = names[i],
            .success = true,
            .counts = {.received = 1, .stored = 1}};
    *result = (struct run_result){.services = services, .nservices = SERVICES};
}

static void the_ledger_knows_all_lives(void **state)
{
    struct page_error mine = {.page = 3, .error = "mine"};
    struct page_error theirs = {.page = 4, .error = "theirs"};
    struct service_result services[SERVICES],
        known[SERVICES] = {
            {.counts = {.received = 10, .stored = 10}, .success = true},
            {.counts = {.received = 20, .failed = 20},
                .errors = &theirs,
                .nerrors = 1,
                .errors_total = 1},
            {.counts = {.received = 5}}};
    bool ended[SERVICES] = {true, true, false, false};
    bool ours[SERVICES] = {true, false, true, false};
    struct run_end_req end = {.services = known, .ended = ended};
    struct run_result result;
    struct arena arena;

    arena_init(&arena, 0);
    make(&result, services);
    services[0].errors = &mine;
    services[0].nerrors = services[0].errors_total = 1;
    run_result_complete(&result, &arena, ours, &end, &stopped);
    /* resumed and ended here; the errors are the ones at hand */
    assert_string_equal(services[0].service, "a");
    assert_int_equal(services[0].counts.stored, 10);
    assert_ptr_equal(services[0].errors, &mine);
    /* ended by another */
    assert_string_equal(services[1].service, "b");
    assert_false(services[1].success);
    assert_ptr_equal(services[1].errors, &theirs);
    /* stopped here: not ended, so as it is */
    assert_int_equal(services[2].counts.stored, 1);
    /* begun by nobody */
    assert_false(services[3].success);
    assert_int_equal(services[3].counts.received, 0);
    assert_string_equal(services[3].errors[0].error, "stopped");
    assert_int_equal(result.counts.received, 31);
    arena_free(&arena);
}

static void without_the_ledger_what_is_here_counts(void **state)
{
    bool ours[SERVICES] = {true, true, false, false};
    struct service_result services[SERVICES];
    struct run_result result;
    struct arena arena;

    arena_init(&arena, 0);
    make(&result, services);
    run_result_complete(&result, &arena, ours, NULL, &stopped);
    assert_int_equal(result.counts.received, 2);
    assert_int_equal(services[2].errors_total, 1);
    assert_int_equal(services[3].errors_total, 1);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ledger_knows_all_lives),
        cmocka_unit_test(without_the_ledger_what_is_here_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
