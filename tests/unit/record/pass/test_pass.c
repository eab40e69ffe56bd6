/* What follows from what pages say: a pass a row, a page a column. */
#include "unit/record/support.h"

#include "record/pass/pass.h"

enum { LIMIT = 20, MOST = 12 };

/* has_more as it came */
enum says { SILENT, MORE, LAST };

struct told {
    int n;
    int fresh; /* of the n */
    int64_t total;
    enum says says;
    int limit; /* answered; 0: none */
};

/* n new items; n that are known; total; has_more. */
#define NEW(n)              \
    {                       \
        n, n, -1, SILENT, 0 \
    }
#define NEW_OF(n, total)       \
    {                          \
        n, n, total, SILENT, 0 \
    }
#define NEW_SAYS(n, says) \
    {                     \
        n, n, -1, says, 0 \
    }
#define OLD(n)              \
    {                       \
        n, 0, -1, SILENT, 0 \
    }
#define OLD_OF(n, total)       \
    {                          \
        n, 0, total, SILENT, 0 \
    }
#define OLD_SAYS(n, says) \
    {                     \
        n, 0, -1, says, 0 \
    }
#define EMPTY               \
    {                       \
        0, 0, -1, SILENT, 0 \
    }
#define EMPTY_OF(total)        \
    {                          \
        0, 0, total, SILENT, 0 \
    }

struct pass_case {
    const char *name;
    struct told pages[MOST];
    int n;
    enum pass_next end; /* of the last page; all before it say MORE */
    int64_t shortfall;  /* at the end; -1: complete; 0: has_more alone */
};

#define PAGES(...) \
    {__VA_ARGS__}, sizeof((struct told[]){__VA_ARGS__}) / sizeof(struct told)

static const struct pass_case cases[] = {
    /* The end. */
    {"nothing at all", PAGES(EMPTY), PASS_END, -1},
    {"a short page that says nothing, and an empty one", PAGES(NEW(9), EMPTY),
        PASS_END, -1},
    {"a full page", PAGES(NEW(20), EMPTY), PASS_END, -1},
    {"a full page, whatever has_more says", PAGES(NEW_SAYS(20, LAST), EMPTY),
        PASS_END, -1},
    {"has_more says no on a short page", PAGES(NEW_SAYS(9, LAST)), PASS_END,
        -1},
    {"has_more says yes on a short page",
        PAGES(NEW_SAYS(9, MORE), NEW_SAYS(9, LAST)), PASS_END, -1},
    {"a total that is reached", PAGES(NEW_OF(20, 25), NEW_OF(5, 25)), PASS_END,
        -1},
    {"a total, said once", PAGES(NEW_OF(20, 25), NEW(5)), PASS_END, -1},
    {"a total against has_more", PAGES({9, 9, 12, LAST, 0}, NEW_OF(3, 12)),
        PASS_END, -1},
    {"a server's own smaller pages", PAGES(NEW(7), NEW(7), NEW(3), EMPTY),
        PASS_END, -1},
    {"the answered limit is the one in force",
        PAGES({7, 7, -1, LAST, 7}, {3, 3, -1, LAST, 7}), PASS_END, -1},

    /* Short of what was announced. */
    {"an empty page after 20 of 60", PAGES(NEW_OF(20, 60), EMPTY_OF(60)),
        PASS_END, 40},
    {"the empty page says nothing", PAGES(NEW_OF(20, 60), EMPTY), PASS_END, 40},
    {"the empty page counts itself", PAGES(NEW_OF(20, 60), EMPTY_OF(0)),
        PASS_END, 40},
    {"an empty page first", PAGES(EMPTY_OF(60)), PASS_END, 60},
    {"short pages all along",
        PAGES(NEW_OF(15, 60), NEW_OF(12, 60), NEW_OF(13, 60), EMPTY_OF(60)),
        PASS_END, 20},
    {"an empty page whose total has grown", PAGES(NEW_OF(20, 60), EMPTY_OF(70)),
        PASS_END, 40},
    {"a total that grows, and is not reached",
        PAGES(NEW_OF(20, 60), NEW_OF(20, 70), EMPTY_OF(70)), PASS_END, 30},
    {"has_more on an empty page",
        PAGES(NEW_SAYS(20, MORE), {0, 0, -1, MORE, 0}), PASS_END, 0},

    /* Totals that do not matter, and those that count something else. */
    {"a total that grows", PAGES(NEW_OF(20, 30), NEW_OF(15, 35)), PASS_END, -1},
    {"one that grows behind the last page",
        PAGES(NEW_OF(20, 40), NEW_OF(20, 40), EMPTY_OF(43)), PASS_END, -1},
    {"the same behind a page that counts itself",
        PAGES(NEW_OF(9, 9), EMPTY_OF(12)), PASS_END, -1},
    {"a total that shrinks", PAGES(NEW_OF(20, 60), NEW_OF(15, 35)), PASS_END,
        -1},
    {"shrunk below what has come, by an empty page too",
        PAGES(NEW_OF(20, 60), EMPTY_OF(15)), PASS_END, -1},
    {"a number of pages",
        PAGES(NEW_OF(20, 3), NEW_OF(20, 3), NEW_OF(5, 3), EMPTY_OF(3)),
        PASS_END, -1},
    {"each page's own count, full pages",
        PAGES(NEW_OF(20, 20), NEW_OF(20, 20), NEW_OF(5, 5), EMPTY_OF(0)),
        PASS_END, -1},
    {"each page's own count, small pages",
        PAGES(NEW_OF(7, 7), NEW_OF(7, 7), EMPTY_OF(0)), PASS_END, -1},
    {"one that counts the insides of a single item",
        PAGES(NEW_OF(1, 12), EMPTY), PASS_END, 11},
    {"the same, of a source that ignores the page",
        PAGES(NEW_OF(1, 12), OLD_OF(1, 12)), PASS_REPEATED, 11},

    /* Repeats that are the end. */
    {"an array that ignores the page", PAGES(NEW(15), OLD(15)), PASS_REPEATED,
        -1},
    {"the same with its own count", PAGES(NEW_OF(15, 15), OLD_OF(15, 15)),
        PASS_REPEATED, -1},
    {"the last page once more", PAGES(NEW(20), NEW(20), NEW(5), OLD(5)),
        PASS_REPEATED, -1},
    {"the last page once more, full", PAGES(NEW(20), OLD(20), EMPTY), PASS_END,
        -1},
    {"has_more says no on it", PAGES(NEW(15), OLD_SAYS(15, LAST)),
        PASS_REPEATED, -1},

    /* Repeats that would never end. */
    {"items whose ids came before count all the same",
        PAGES(NEW_OF(20, 44), OLD_OF(20, 44), OLD_OF(4, 44)), PASS_END, -1},
    {"full pages", PAGES(NEW(20), OLD(20), OLD(20), OLD(20)), PASS_STUCK, -1},
    {"two are not enough",
        PAGES(NEW(20), OLD(20), OLD(20), NEW(20), OLD(20), OLD(20), EMPTY),
        PASS_END, -1},
    {"with a total that is never reached",
        PAGES(NEW_OF(20, 60), OLD_OF(20, 60), OLD_OF(20, 60), OLD_OF(20, 60)),
        PASS_STUCK, -1},
    {"pages smaller than the configured limit: six",
        PAGES({5, 5, -1, SILENT, 5}, {5, 0, -1, SILENT, 5},
            {5, 0, -1, SILENT, 5}, {5, 0, -1, SILENT, 5}, {5, 0, -1, SILENT, 5},
            {5, 0, -1, SILENT, 5}, {5, 0, -1, SILENT, 5}),
        PASS_STUCK, -1},
    {"short pages that always say has_more: six",
        PAGES(NEW_SAYS(5, MORE), OLD_SAYS(5, MORE), OLD_SAYS(5, MORE),
            OLD_SAYS(5, MORE), OLD_SAYS(5, MORE), OLD_SAYS(5, MORE),
            OLD_SAYS(5, MORE)),
        PASS_STUCK, -1},
    {"larger pages than asked for", PAGES(NEW(30), OLD(30), OLD(30), OLD(30)),
        PASS_STUCK, -1},
    {"one new id among them",
        PAGES(
            NEW(20), OLD(20), OLD(20), {20, 1, -1, SILENT, 0}, OLD(20), EMPTY),
        PASS_END, -1},
};

static enum pass_next take(struct pass *pass, const struct told *told)
{
    struct page_view view = {.n = (size_t)told->n,
        .has_more_known = told->says != SILENT,
        .has_more = told->says == MORE,
        .total = told->total,
        .limit = told->limit > 0 ? told->limit : -1};

    return pass_take(pass, &view, LIMIT, (uint64_t)told->fresh);
}

static void run_case(const struct pass_case *c)
{
    struct pass pass;
    struct err why;
    bool complete;

    pass_begin(&pass, LIMIT, false, 0, -1);
    for (int i = 0; i < c->n; i++) {
        enum pass_next next = take(&pass, &c->pages[i]);

        if (next != (i == c->n - 1 ? c->end : PASS_MORE))
            fail_msg("%s: page %d: %d", c->name, i + 1, next);
    }
    complete = pass_is_complete(&pass, &why);
    if (complete != (c->shortfall < 0))
        fail_msg("%s: %s", c->name, complete ? "complete" : why.msg);
    if (c->shortfall > 0 && pass_shortfall(&pass) != (uint64_t)c->shortfall)
        fail_msg("%s: short by %llu", c->name,
            (unsigned long long)pass_shortfall(&pass));
}

static void test_pass_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        run_case(&cases[i]);
}

static void test_total_ignored(void **state)
{
    static const struct told pages[] = {
        NEW_OF(20, 60), NEW_OF(5, 60), EMPTY_OF(60)};
    struct pass pass;
    struct err why;
    (void)state;

    pass_begin(&pass, LIMIT, true, 0, -1);
    assert_int_equal(take(&pass, &pages[0]), PASS_MORE);
    assert_int_equal(take(&pass, &pages[1]), PASS_MORE);
    assert_int_equal(take(&pass, &pages[2]), PASS_END);
    assert_true(pass_is_complete(&pass, &why));
}

/* What was announced before another process stopped still holds. */
static void test_resumed(void **state)
{
    static const struct told empty = EMPTY, own = NEW_OF(20, 20);
    struct pass pass;
    struct err why;
    (void)state;

    pass_begin(&pass, LIMIT, false, 40, 60);
    assert_int_equal(take(&pass, &empty), PASS_END);
    assert_false(pass_is_complete(&pass, &why));
    assert_int_equal(why.code, ERR_INCOMPLETE);
    assert_string_equal(why.msg, "the source announced 60 items, and 40 came");
    pass_begin(&pass, LIMIT, false, 40, 60);
    assert_int_equal(take(&pass, &own), PASS_MORE);
    assert_int_equal(pass.total, -1);
}

static void test_worse(void **state)
{
    struct pass pass = {.received = 100, .total = 120};
    (void)state;

    assert_true(pass_is_worse(&pass, -1)); /* complete before */
    assert_true(pass_is_worse(&pass, 0));
    assert_true(pass_is_worse(&pass, 16));
    assert_false(pass_is_worse(&pass, 17));
    assert_false(pass_is_worse(&pass, 20));
    assert_false(pass_is_worse(&pass, 500));
    pass.total = -1; /* an empty page says has_more */
    assert_true(pass_is_worse(&pass, -1));
    assert_false(pass_is_worse(&pass, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pass_cases),
        cmocka_unit_test(test_total_ignored),
        cmocka_unit_test(test_resumed),
        cmocka_unit_test(test_worse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
