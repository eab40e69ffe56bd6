#include "base/err.h"
#include "base/strmap.h"

#include "unit/base/check.h"
#include <stdio.h>

static void a_key_keeps_its_value(void **state)
{
    struct arena a;
    struct strmap m;
    bool found;
    size_t *one;

    arena_init(&a, 0);
    assert_int_equal(strmap_init(&m, &a, 2), 0);
    one = strmap_put(&m, STR("one"), &found);
    assert_false(found);
    assert_int_equal(*one, 0);
    *one = 1;
    *strmap_put(&m, STR("two"), &found) = 2;
    assert_ptr_equal(strmap_put(&m, STR("one"), &found), one);
    assert_true(found);
    assert_int_equal(*strmap_get(&m, STR("two")), 2);
    assert_null(strmap_get(&m, STR("three")));
    assert_int_equal(m.count, 2);
    arena_free(&a);
}

static void an_empty_key_is_a_key_whatever_it_points_to(void **state)
{
    struct arena a;
    struct strmap m;
    bool found;

    arena_init(&a, 0);
    strmap_init(&m, &a, 1);
    assert_null(strmap_get(&m, STR("")));
    *strmap_put(&m, (struct str){NULL, 0}, &found) = 7;
    assert_false(found);
    assert_int_equal(*strmap_get(&m, STR("")), 7);
    strmap_put(&m, STR(""), &found);
    assert_true(found);
    arena_free(&a);
}

static void keys_are_bytes_with_a_length(void **state)
{
    struct arena a;
    struct strmap m;
    bool found;

    arena_init(&a, 0);
    strmap_init(&m, &a, 4);
    *strmap_put(&m, (struct str){"a\0b", 3}, &found) = 1;
    *strmap_put(&m, (struct str){"a\0c", 3}, &found) = 2;
    *strmap_put(&m, (struct str){"a\0\0\0\0\0\0", 7}, &found) = 3;
    *strmap_put(&m, (struct str){"a\0\0\0\0\0\0\0", 8}, &found) = 4;
    assert_int_equal(m.count, 4);
    assert_int_equal(*strmap_get(&m, (struct str){"a\0b", 3}), 1);
    assert_int_equal(*strmap_get(&m, (struct str){"a\0\0\0\0\0\0", 7}), 3);
    assert_null(strmap_get(&m, STR("a")));
    arena_free(&a);
}

static void nothing_is_in_a_map_of_zeroes(void **state)
{
    const struct strmap m = {0};

    assert_null(strmap_get(&m, STR("a")));
}

static void many_keys_are_all_found(void **state)
{
    enum { MANY = 20000 };
    struct arena a;
    struct strmap m;
    bool found;
    char key[16];

    arena_init(&a, 0);
    assert_int_equal(strmap_init(&m, &a, MANY), 0);
    for (size_t i = 0; i < MANY; i++) {
        snprintf(key, sizeof(key), "key-%zu", i);
        *strmap_put(&m, arena_dup(&a, str_of(key)), &found) = i;
        assert_false(found);
    }
    assert_int_equal(m.count, MANY);
    for (size_t i = 0; i < MANY; i++) {
        snprintf(key, sizeof(key), "key-%zu", i);
        assert_int_equal(*strmap_get(&m, str_of(key)), i);
    }
    assert_null(strmap_get(&m, STR("key-20000")));
    arena_free(&a);
}

static void a_full_map_says_so(void **state)
{
    struct arena a;
    struct strmap m;
    bool found;
    size_t puts = 0;
    char key[16];

    arena_init(&a, 0);
    strmap_init(&m, &a, 1);
    for (; puts < 1000; puts++) {
        snprintf(key, sizeof(key), "%zu", puts);
        if (strmap_put(&m, arena_dup(&a, str_of(key)), &found) == NULL)
            break;
    }
    assert_true(puts >= 1 && puts < 1000);
    assert_null(strmap_get(&m, STR("absent")));
    arena_free(&a);
}

static void memory_that_is_not_there_is_an_error(void **state)
{
    struct arena a;
    struct strmap m;

    arena_init(&a, 1000);
    assert_int_equal(strmap_init(&m, &a, 1000), ERR_NOMEM);
    assert_null(strmap_get(&m, STR("a")));
    assert_int_equal(strmap_init(&m, &a, SIZE_MAX), ERR_NOMEM);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_keeps_its_value),
        cmocka_unit_test(an_empty_key_is_a_key_whatever_it_points_to),
        cmocka_unit_test(keys_are_bytes_with_a_length),
        cmocka_unit_test(nothing_is_in_a_map_of_zeroes),
        cmocka_unit_test(many_keys_are_all_found),
        cmocka_unit_test(a_full_map_says_so),
        cmocka_unit_test(memory_that_is_not_there_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
