/* What a service does about a page whose owners die in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "record/pass/care.h"

static void smaller_and_smaller(void **state)
{
    static const struct {
        int usual, deaths, page, limit; /* of the ledger */
        enum care_mode mode;
        int to_page, to_limit;
    } rows[] = {
        {1000, 0, 3, 1000, CARE_NONE, 3, 1000},
        {1000, 1, 3, 1000, CARE_NONE, 3, 1000},
        {1000, 2, 3, 1000, CARE_ALONE, 3, 1000},
        {1000, 3, 3, 1000, CARE_SMALL, 81, 25},
        {1000, 3, 82, 25, CARE_SMALL, 82, 25}, /* one of 25 was stored */
        {1000, 4, 3, 1000, CARE_SMALL, 2001, 1},
        {1000, 4, 82, 25, CARE_SMALL, 2026, 1},
        {1000, 6, 2026, 1, CARE_SMALL, 2026, 1},
        {1000, 7, 2026, 1, CARE_ASIDE, 2026, 1},
        {1000, 8, 2026, 1, CARE_SKIP, 2026, 1},
        {1000, 99, 2026, 1, CARE_SKIP, 2026, 1},
        {997, 3, 2, 997, CARE_SMALL, 998, 1}, /* a prime */
        {50, 3, 2, 50, CARE_SMALL, 51, 1}, {50, 5, 51, 1, CARE_SMALL, 51, 1},
        {50, 6, 51, 1, CARE_ASIDE, 51, 1}, {1, 3, 7, 1, CARE_SMALL, 7, 1},
        {1, 6, 7, 1, CARE_ASIDE, 7, 1},
        {1000, 3, 2, 300, CARE_SMALL, 21, 15}, /* the source's own limit */
    };
    struct care c;

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        int page = rows[i].page, limit = rows[i].limit;

        care_begin(&c, rows[i].usual, rows[i].deaths, &page, &limit);
        if (c.mode != rows[i].mode || page != rows[i].to_page ||
            limit != rows[i].to_limit)
            fail_msg(
                "row %zu: mode %d, page %d of %d", i, (int)c.mode, page, limit);
    }
}

/* Whichever of the pages that were read ahead it was. */
static void alone_for_a_window_of_pages(void **state)
{
    int page = 3, limit = 300;
    struct care c;

    care_begin(&c, 1000, 2, &page, &limit);
    assert_int_equal(c.mode, CARE_ALONE);
    for (; page < 3 + CARE_ALONE_PAGES; page++) {
        assert_int_equal(care_deaths(&c, limit), 2);
        assert_false(care_is_over(&c, &page, &limit));
        assert_int_equal(c.mode, CARE_ALONE);
        care_go_on(&c);
    }
    care_is_over(&c, &page, &limit);
    assert_int_equal(c.mode, CARE_NONE);
    assert_int_equal(limit, 300);
    assert_int_equal(care_deaths(&c, limit), 0);
}

/* That page, and the next. */
static void as_usual_behind_two_pages(void **state)
{
    int page = 3, limit = 1000;
    struct care c;

    care_begin(&c, 1000, 3, &page, &limit);
    assert_int_equal(care_deaths(&c, limit), 3);
    assert_int_equal(care_deaths(&c, 1), 4);
    for (; page < 161; page++)
        assert_false(care_is_over(&c, &page, &limit));
    assert_true(care_is_over(&c, &page, &limit));
    assert_int_equal(page, 5);
    assert_int_equal(limit, 1000);
    assert_int_equal(care_deaths(&c, limit), 0);
    assert_false(care_is_over(&c, &page, &limit));
}

static void one_page_is_set_aside(void **state)
{
    int page = 9, limit = 1;
    struct care c;

    care_begin(&c, 50, 7, &page, &limit);
    assert_int_equal(c.mode, CARE_SKIP);
    care_go_on(&c);
    assert_int_equal(c.mode, CARE_SMALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(smaller_and_smaller),
        cmocka_unit_test(alone_for_a_window_of_pages),
        cmocka_unit_test(as_usual_behind_two_pages),
        cmocka_unit_test(one_page_is_set_aside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
