#include "base/list.h"

#include "unit/base/check.h"

struct entry {
    int value;
    struct list link;
};

/* The values in order, as the digits of a number. */
static int values(const struct list *head)
{
    int number = 0;

    list_for_each (l, head)
        number = number * 10 + container_of(l, struct entry, link)->value;
    return number;
}

static void entries_come_out_as_they_went_in(void **state)
{
    struct entry e[3] = {{.value = 1}, {.value = 2}, {.value = 3}};
    struct list head;

    list_init(&head);
    assert_true(list_empty(&head));
    assert_null(list_pop(&head));
    for (int i = 0; i < 3; i++)
        list_push(&head, &e[i].link);
    assert_int_equal(values(&head), 123);
    assert_ptr_equal(list_pop(&head), &e[0].link);
    assert_int_equal(values(&head), 23);
    list_push(head.next, &e[0].link);
    assert_int_equal(values(&head), 123);
}

static void removing_twice_is_harmless(void **state)
{
    struct entry e[2] = {{.value = 1}, {.value = 2}};
    struct list head;

    list_init(&head);
    list_push(&head, &e[0].link);
    list_push(&head, &e[1].link);
    list_remove(&e[0].link);
    list_remove(&e[0].link);
    assert_int_equal(values(&head), 2);
    assert_true(list_empty(&e[0].link));
}

static void splicing_moves_everything_to_the_tail(void **state)
{
    struct entry e[4] = {
        {.value = 1}, {.value = 2}, {.value = 3}, {.value = 4}};
    struct list to, from;

    list_init(&to);
    list_init(&from);
    list_splice(&to, &from);
    assert_true(list_empty(&to));
    list_push(&to, &e[0].link);
    list_push(&from, &e[1].link);
    list_push(&from, &e[2].link);
    list_splice(&to, &from);
    assert_int_equal(values(&to), 123);
    assert_true(list_empty(&from));
    list_push(&to, &e[3].link);
    assert_int_equal(values(&to), 1234);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_come_out_as_they_went_in),
        cmocka_unit_test(removing_twice_is_harmless),
        cmocka_unit_test(splicing_moves_everything_to_the_tail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
