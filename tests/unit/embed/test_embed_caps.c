#include "embed/embed_caps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void takes_the_number_that_is_told(void **state)
{
    struct embed_caps caps = {0};
    struct embedder_excess inputs = {EXCESS_INPUTS, 10, 0};
    struct embedder_excess tokens = {EXCESS_TOKENS, 1000, 2000};

    assert_true(embed_caps_learn(&caps, &inputs, 50, 9000, 5));
    assert_int_equal(caps.inputs, 10);
    assert_int_equal(caps.tokens, 0);
    assert_true(embed_caps_learn(&caps, &tokens, 10, 3000, 6));
    assert_int_equal(caps.tokens, 1500); /* ours are one and a half of theirs */
    assert_int_equal(caps.learnt_ms, 6);
}

static void guesses_in_growing_steps(void **state)
{
    struct embed_caps caps = {0};
    struct embedder_excess inputs = {EXCESS_INPUTS, 0, 0};

    assert_true(embed_caps_learn(&caps, &inputs, 64, 1, 0));
    assert_int_equal(caps.inputs, 32);
    assert_true(embed_caps_learn(&caps, &inputs, 32, 1, 0));
    assert_int_equal(caps.inputs, 8);
    embed_caps_passed(&caps);
    assert_true(embed_caps_learn(&caps, &inputs, 8, 1, 0));
    assert_int_equal(caps.inputs, 4);
    assert_true(embed_caps_learn(&caps, &inputs, 3, 1, 0));
    assert_int_equal(caps.inputs, 1);
    assert_false(embed_caps_learn(&caps, &inputs, 1, 1, 0));
}

static void is_not_fooled_by_numbers_that_allow_it(void **state)
{
    struct embed_caps caps = {0};
    struct embedder_excess tokens = {EXCESS_TOKENS, 9000, 0};

    assert_true(embed_caps_learn(&caps, &tokens, 2, 3000, 0));
    assert_int_equal(caps.tokens, 1500);
}

static void offers_more_after_a_day(void **state)
{
    struct embed_caps caps = {.inputs = 10, .learnt_ms = 100};

    embed_caps_age(&caps, 100 + CAPS_DAY_MS - 1);
    assert_int_equal(caps.inputs, 10);
    embed_caps_age(&caps, 100 + CAPS_DAY_MS);
    assert_int_equal(caps.inputs, 20);
    embed_caps_age(&caps, 200 + CAPS_DAY_MS);
    assert_int_equal(caps.inputs, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_number_that_is_told),
        cmocka_unit_test(guesses_in_growing_steps),
        cmocka_unit_test(is_not_fooled_by_numbers_that_allow_it),
        cmocka_unit_test(offers_more_after_a_day),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
