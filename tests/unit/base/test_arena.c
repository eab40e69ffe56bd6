#include "base/arena.h"
#include "base/err.h"

#include "unit/base/check.h"

static void pieces_are_aligned_and_apart(void **state)
{
    static const size_t sizes[] = {0, 1, 15, 16, 17, 100, 9000, 70000, 3};
    unsigned char *p[COUNT(sizes)];
    struct arena a;

    arena_init(&a, 0);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        p[i] = arena_alloc(&a, sizes[i]);
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t)p[i] % 16, 0);
        memset(p[i], (int)i, sizes[i]);
    }
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(p[i][k], i);
    arena_free(&a);
    assert_int_equal(a.used_bytes, 0);
}

static void the_cap_holds_and_the_arena_stays_usable(void **state)
{
    struct arena a;

    arena_init(&a, 100000);
    assert_non_null(arena_alloc(&a, 50000));
    assert_null(arena_alloc(&a, 60000));
    assert_true(a.used_bytes <= 100000);
    assert_non_null(arena_alloc(&a, 10));
    arena_free(&a);
    assert_non_null(arena_alloc(&a, 60000));
    arena_free(&a);
}

static void sizes_that_overflow_are_refused(void **state)
{
    struct arena a;

    arena_init(&a, 0);
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 20));
    assert_null(arena_calloc(&a, SIZE_MAX / 2, 3));
    arena_free(&a);
}

static void counted_elements_are_zeroed(void **state)
{
    struct arena a;
    int *p;

    arena_init(&a, 0);
    memset(arena_alloc(&a, 64), 0xFF, 64);
    p = arena_calloc(&a, 100, sizeof(*p));
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(p[i], 0);
    arena_free(&a);
}

static void copies_end_in_a_nul(void **state)
{
    struct arena a;
    struct str copy;

    arena_init(&a, 0);
    copy = arena_dup(&a, (struct str){"abcdef", 3});
    assert_string_equal(copy.p, "abc");
    assert_int_equal(copy.len, 3);
    assert_string_equal(arena_dup(&a, (struct str){NULL, 0}).p, "");
    arena_free(&a);
}

struct trace {
    char *at;
};

static void note_a(void *ptr)
{
    *((struct trace *)ptr)->at++ = 'a';
}

static void note_b(void *ptr)
{
    *((struct trace *)ptr)->at++ = 'b';
}

static void cleanups_run_once_newest_first(void **state)
{
    char order[8] = "";
    struct trace trace = {order};
    struct arena a;

    arena_init(&a, 0);
    assert_int_equal(arena_defer(&a, note_a, &trace), 0);
    assert_int_equal(arena_defer(&a, note_b, &trace), 0);
    arena_free(&a);
    arena_free(&a);
    assert_string_equal(order, "ba");
}

static void a_cleanup_needs_room(void **state)
{
    char order[8] = "";
    struct trace trace = {order};
    struct arena a;

    arena_init(&a, 16);
    assert_int_equal(arena_defer(&a, note_a, &trace), ERR_NOMEM);
    arena_free(&a);
    assert_string_equal(order, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_apart),
        cmocka_unit_test(the_cap_holds_and_the_arena_stays_usable),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(counted_elements_are_zeroed),
        cmocka_unit_test(copies_end_in_a_nul),
        cmocka_unit_test(cleanups_run_once_newest_first),
        cmocka_unit_test(a_cleanup_needs_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
