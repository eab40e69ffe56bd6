/* Ranges: every index is worked through once, left to right. */
#include "sync/chunk/ranges.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct arena arena;

static int setup(void **state)
{
    arena_init(&arena, 0);
    return 0;
}

static int teardown(void **state)
{
    arena_free(&arena);
    return 0;
}

static void nothing_is_left_of_nothing(void **state)
{
    struct ranges r;
    struct range out;

    assert_int_equal(ranges_init(&r, &arena, 0), 0);
    assert_false(ranges_pop(&r, &out));
}

/* Halves whatever holds `bad` until it is alone; counts the requests. */
static int narrow(size_t n, size_t bad, size_t *seen)
{
    struct ranges r;
    struct range out;
    int requests = 0;
    size_t next = 0;

    assert_int_equal(ranges_init(&r, &arena, n), 0);
    ranges_push(&r, (struct range){0, n});
    while (ranges_pop(&r, &out)) {
        requests++;
        if (bad >= out.lo && bad < out.hi && out.hi - out.lo > 1) {
            ranges_halve(&r, out);
            continue;
        }
        assert_int_equal(out.lo, next);
        next = out.hi;
        *seen += out.hi - out.lo;
    }
    assert_int_equal(next, n);
    return requests;
}

static void one_culprit_costs_a_logarithm(void **state)
{
    for (size_t n = 1; n <= 64; n++)
        for (size_t bad = 0; bad < n; bad++) {
            size_t seen = 0;
            int most = 1, halves = 1;

            while (halves < (int)n) {
                halves *= 2;
                most += 2;
            }
            assert_in_range(narrow(n, bad, &seen), 1, most);
            assert_int_equal(seen, n);
        }
}

static void halves_may_be_suspect(void **state)
{
    struct ranges r;
    struct range out;

    assert_int_equal(ranges_init(&r, &arena, 4), 0);
    ranges_halve(&r, (struct range){0, 4, .suspect = true});
    assert_true(ranges_pop(&r, &out));
    assert_true(out.suspect && out.lo == 0 && out.hi == 2);
}

static void an_insertion_moves_what_is_left(void **state)
{
    struct ranges r;
    struct range out;

    assert_int_equal(ranges_init(&r, &arena, 4), 0);
    ranges_push(&r, (struct range){2, 4});
    ranges_push(&r, (struct range){0, 1});
    ranges_shift(&r, 1);
    assert_true(ranges_pop(&r, &out));
    assert_true(out.lo == 0 && out.hi == 1);
    assert_true(ranges_pop(&r, &out));
    assert_true(out.lo == 3 && out.hi == 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            nothing_is_left_of_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(
            one_culprit_costs_a_logarithm, setup, teardown),
        cmocka_unit_test_setup_teardown(halves_may_be_suspect, setup, teardown),
        cmocka_unit_test_setup_teardown(
            an_insertion_moves_what_is_left, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
