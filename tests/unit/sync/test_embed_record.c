#include "sync/embed/embed_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void pass(struct embed_record *r, int requests, size_t texts)
{
    for (int i = 0; i < requests; i++)
        embed_record_pass(r, texts);
}

static void one_failure_convicts_nobody(void **state)
{
    struct embed_record r = {.proven = false};

    pass(&r, 1000000, 50);
    embed_record_fail(&r, 1, false, 1);
    assert_false(embed_record_convicts(&r, 1, 1));
}

static void two_do_when_thousands_of_others_passed(void **state)
{
    struct embed_record r = {.proven = false};

    pass(&r, 10000, 50);
    embed_record_fail(&r, 1, false, 1);
    embed_record_fail(&r, 1, true, 2);
    assert_true(embed_record_convicts(&r, 2, 2));
    r.texts = 1000000; /* one of which fails twice by chance */
    assert_false(embed_record_convicts(&r, 2, 2));
}

/* With few requests beside it a text has to fail more often. */
static void few_witnesses_want_more_failures(void **state)
{
    struct embed_record r = {.proven = false};
    unsigned alone = 0;

    do {
        pass(&r, 1, 1);
        embed_record_fail(&r, 1, false, 1);
        alone++;
    } while (!embed_record_convicts(&r, alone, alone));
    assert_in_range(alone, 8, 14);
}

/* One request in three fails for everyone: so does this one's. */
static void a_flapping_provider_excuses_its_texts(void **state)
{
    struct embed_record r = {.proven = false};

    for (int i = 0; i < 100; i++) {
        pass(&r, 2, 50);
        embed_record_fail(&r, 50, false, 1);
    }
    assert_false(embed_record_convicts(&r, 9, 0));
    assert_true(embed_record_convicts(&r, 18, 0));
}

static void nothing_has_passed_so_nothing_is_convicted(void **state)
{
    struct embed_record r = {.proven = false};

    for (int i = 0; i < 100; i++)
        embed_record_fail(&r, 1, false, 1);
    assert_false(embed_record_convicts(&r, 100, 100));
}

static void a_size_is_too_large_only_if_none_of_it_passed(void **state)
{
    struct embed_record r = {.proven = false};

    embed_record_fail(&r, 50, false, 1);
    assert_int_equal(embed_record_cap(&r), SIZE_MAX);
    embed_record_fail(&r, 50, true, 2);
    embed_record_fail(&r, 49, true, 3);
    assert_int_equal(embed_record_cap(&r), 24);
    embed_record_fail(&r, 24, true, 4);
    assert_int_equal(embed_record_cap(&r), 12);
    pass(&r, 1, 15);
    assert_int_equal(embed_record_cap(&r), 15);
    pass(&r, 1, 50);
    assert_int_equal(embed_record_cap(&r), SIZE_MAX);
}

static void a_share_may_be_set_aside(void **state)
{
    struct embed_record r = {.texts = 100, .set_aside = SET_ASIDE_LEAST};

    assert_false(embed_record_may_set_aside(&r));
    r.texts = 100 * (SET_ASIDE_LEAST + 1);
    assert_true(embed_record_may_set_aside(&r));
}

static void an_outage_ends_with_an_answer(void **state)
{
    struct embed_record r = {.proven = false};

    embed_record_fail(&r, 5, false, 700);
    embed_record_fail(&r, 5, true, 900);
    assert_int_equal(r.failing_since_ms, 700);
    pass(&r, 1, 1);
    assert_int_equal(r.failing_since_ms, 0);
    assert_true(r.proven);
}

static void no_witness_is_another(void **state)
{
    char first[WITNESS_BYTES], second[WITNESS_BYTES];

    embed_record_witness(7, first);
    embed_record_witness(UINT64_MAX, second);
    assert_int_equal(strlen(first), 11);
    assert_int_equal(strlen(second), 11);
    assert_string_not_equal(first, second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_failure_convicts_nobody),
        cmocka_unit_test(two_do_when_thousands_of_others_passed),
        cmocka_unit_test(few_witnesses_want_more_failures),
        cmocka_unit_test(a_flapping_provider_excuses_its_texts),
        cmocka_unit_test(nothing_has_passed_so_nothing_is_convicted),
        cmocka_unit_test(a_size_is_too_large_only_if_none_of_it_passed),
        cmocka_unit_test(a_share_may_be_set_aside),
        cmocka_unit_test(an_outage_ends_with_an_answer),
        cmocka_unit_test(no_witness_is_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
