#include "embed/embed_caps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void takes_the_number_that_is_told(void **state)
{
    struct embed_caps caps = {.guesses = 0};
    struct embedder_excess inputs = {EXCESS_INPUTS, 10, 0};
    struct embedder_excess tokens = {EXCESS_TOKENS, 1000, 2000};

    assert_true(embed_caps_learn(&caps, &inputs, 50, 9000, 5));
    assert_int_equal(caps.inputs.most, 10);
    assert_int_equal(caps.tokens.most, 0);
    assert_true(embed_caps_learn(&caps, &tokens, 10, 3000, 6));
    /* ours are one and a half of theirs */
    assert_int_equal(caps.tokens.most, 1500);
    assert_int_equal(caps.tokens.learnt_ms, 6);
    assert_int_equal(caps.inputs.learnt_ms, 5);
}

static void guesses_in_growing_steps(void **state)
{
    struct embed_caps caps = {.guesses = 0};
    struct embedder_excess inputs = {EXCESS_INPUTS, 0, 0};

    assert_true(embed_caps_learn(&caps, &inputs, 64, 1, 0));
    assert_int_equal(caps.inputs.most, 32);
    assert_true(embed_caps_learn(&caps, &inputs, 32, 1, 0));
    assert_int_equal(caps.inputs.most, 8);
    caps.guesses = 0; /* one has passed */
    assert_true(embed_caps_learn(&caps, &inputs, 8, 1, 0));
    assert_int_equal(caps.inputs.most, 4);
    assert_true(embed_caps_learn(&caps, &inputs, 3, 1, 0));
    assert_int_equal(caps.inputs.most, 1);
    assert_false(embed_caps_learn(&caps, &inputs, 1, 1, 0));
}

static void is_not_fooled_by_numbers_that_allow_it(void **state)
{
    struct embed_caps caps = {.guesses = 0};
    struct embedder_excess tokens = {EXCESS_TOKENS, 9000, 0};

    assert_true(embed_caps_learn(&caps, &tokens, 2, 3000, 0));
    assert_int_equal(caps.tokens.most, 1500);
}

/* One request tries twice as much, the others do not. */
static void tries_more_once_after_a_day(void **state)
{
    struct embed_caps caps = {.inputs = {.most = 10, .learnt_ms = 100}};

    embed_caps_age(&caps, 100 + CAPS_DAY_MS - 1);
    assert_int_equal(embed_cap_room(&caps.inputs), 10);
    embed_caps_age(&caps, 100 + CAPS_DAY_MS);
    assert_int_equal(embed_cap_room(&caps.inputs), 20);
    embed_cap_sent(&caps.inputs, 10); /* there were no more texts */
    assert_int_equal(embed_cap_room(&caps.inputs), 20);
    embed_cap_sent(&caps.inputs, 20);
    assert_int_equal(embed_cap_room(&caps.inputs), 10);
    assert_false(embed_cap_passed(&caps.inputs, 10, 7));
    assert_true(embed_cap_passed(&caps.inputs, 20, 7));
    assert_int_equal(embed_cap_room(&caps.inputs), 20);
    assert_int_equal(caps.inputs.learnt_ms, 7);
    embed_caps_age(&caps, 6 + CAPS_DAY_MS);
    assert_int_equal(embed_cap_room(&caps.inputs), 20);
}

static void falls_back_when_more_is_refused(void **state)
{
    struct embed_caps caps = {
        .inputs = {.most = 10, .trial = TRIAL_DUE}, .guesses = 1};
    struct embedder_excess inputs = {EXCESS_INPUTS, 0, 0};

    embed_cap_sent(&caps.inputs, 15);
    assert_true(embed_caps_learn(&caps, &inputs, 15, 1, CAPS_DAY_MS));
    assert_int_equal(embed_cap_room(&caps.inputs), 10);
    embed_caps_age(&caps, 2 * CAPS_DAY_MS - 1);
    assert_int_equal(embed_cap_room(&caps.inputs), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_number_that_is_told),
        cmocka_unit_test(guesses_in_growing_steps),
        cmocka_unit_test(is_not_fooled_by_numbers_that_allow_it),
        cmocka_unit_test(tries_more_once_after_a_day),
        cmocka_unit_test(falls_back_when_more_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
