/* How common words are, and for how long that is known. */
#include "db/search/term_shares.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

/* Each: a query, and the share of the rows that it stands for. */
static const struct {
    const char *query;
    double share;
} cases[] = {
    {"('river')", 0.5},
    {"('stone')", 0},
    /* All of them: as rare as the rarest. */
    {"('river' & 'bank')", 0.25},
    {"('river' & 'stone')", 0},
    {"('river' <-> 'bank')", 0.25},
    /* Any of them: as common as the most common. */
    {"('river') | ('bank')", 0.5},
    {"('stone') | ('bank')", 0.25},
    {"('bank' & 'river') | ('stone')", 0.25},
    /* What stands within quotes is no operator. */
    {"('a|b')", 0.125},
    {"('it''s')", 0.0625},
    {"('back\\\\slash')", 0.03125},
    {"('תנאי')", 0.75},
    {"", 1},
};

static void add(struct term_shares *s, const char *lexeme, double share)
{
    term_shares_add(s, str_of(lexeme), share);
}

static void test_of(void **state)
{
    static struct term_shares s;

    (void)state;
    term_shares_begin(&s, str_of("an_index"), 1000);
    add(&s, "תנאי", 0.75);
    add(&s, "river", 0.5);
    add(&s, "bank", 0.25);
    add(&s, "a|b", 0.125);
    add(&s, "it's", 0.0625);
    add(&s, "back\\slash", 0.03125);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        double share = term_shares_of(&s, str_of(cases[i].query));

        if (share != cases[i].share)
            fail_msg("%s: %f", cases[i].query, share);
    }
}

static void test_fresh(void **state)
{
    static struct term_shares s;
    struct str index = str_of("an_index");

    (void)state;
    assert_false(term_shares_are_fresh(&s, str_of(""), 0));
    assert_false(term_shares_are_fresh(&s, index, 0));
    term_shares_begin(&s, index, 1000);
    assert_true(term_shares_are_fresh(&s, index, 1000));
    assert_true(
        term_shares_are_fresh(&s, index, 1000 + TERM_SHARES_KEPT_MS - 1));
    assert_false(term_shares_are_fresh(&s, index, 1000 + TERM_SHARES_KEPT_MS));
    assert_false(term_shares_are_fresh(&s, str_of("another"), 1000));
}

/* Further words count as rare, and nothing of another index is left. */
static void test_bound(void **state)
{
    static struct term_shares s;
    char lexeme[16];

    (void)state;
    term_shares_begin(&s, str_of("an_index"), 0);
    for (int i = 0; i <= TERM_SHARES; i++) {
        snprintf(lexeme, sizeof(lexeme), "word%d", i);
        add(&s, lexeme, 0.5);
    }
    assert_int_equal(s.n, TERM_SHARES);
    assert_true(term_shares_of(&s, str_of("'word0'")) > 0);
    assert_true(term_shares_of(&s, str_of("'word1024'")) == 0);
    term_shares_begin(&s, str_of("another"), 0);
    assert_true(term_shares_of(&s, str_of("'word0'")) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_of),
        cmocka_unit_test(test_fresh),
        cmocka_unit_test(test_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
