#include "unit/record/support.h"

#include "sync/result.h"

/* Every member is added, and to its own. */
static void test_counts_add(void **state)
{
    enum { MEMBERS = sizeof(struct counts) / sizeof(uint64_t) };
    union {
        struct counts counts;
        uint64_t each[MEMBERS];
    } to, from;
    (void)state;

    for (uint64_t i = 0; i < MEMBERS; i++) {
        to.each[i] = 1000 * i;
        from.each[i] = i + 1;
    }
    counts_add(&to.counts, &from.counts);
    for (uint64_t i = 0; i < MEMBERS; i++)
        assert_int_equal(to.each[i], 1000 * i + i + 1);
}

static void test_status_names(void **state)
{
    (void)state;
    assert_string_equal(run_status_name(RUN_SUCCESS), "success");
    assert_string_equal(run_status_name(RUN_PARTIAL), "partial");
    assert_string_equal(run_status_name(RUN_FAILED), "failed");
    assert_string_equal(run_status_name(RUN_CANCELED), "canceled");
    assert_string_equal(run_status_name(RUN_INTERRUPTED), "interrupted");
    assert_string_equal(run_status_name((enum run_status)99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_add),
        cmocka_unit_test(test_status_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
