/* Pieces become items, and two rankings one. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ops/search/search_fuse.h"

enum { MOST = 400 };

static struct search_item items[MOST];

static struct search_hit piece(const char *id, int chunk, double score)
{
    return (struct search_hit){.service = STR("s"),
        .content_id = str_of(id),
        .chunk_index = chunk,
        .score = score,
        .similarity = NAN};
}

static void check(size_t i, const char *id, int vector, int text)
{
    assert_true(str_eq(items[i].hit->content_id, str_of(id)));
    assert_int_equal(items[i].vector_rank, vector);
    assert_int_equal(items[i].text_rank, text);
}

static void pieces_count_for_their_item(void **state)
{
    const struct search_hit hits[] = {
        piece("a", 4, 0.9), piece("a", 1, 0.8), piece("b", 0, 0.7)};
    size_t n = search_fuse(
        items, (struct search_ranking){hits, 3}, (struct search_ranking){0});

    assert_int_equal(n, 2);
    check(0, "a", 1, 0);
    assert_int_equal(items[0].hit->chunk_index, 4);
    assert_true(items[0].similarity == 0.9);
    check(1, "b", 2, 0);
}

static void what_both_find_comes_first(void **state)
{
    const struct search_hit vector[] = {piece("a", 0, 0.9), piece("b", 0, 0.8)};
    const struct search_hit text[] = {piece("b", 3, 2.5), piece("c", 0, 1)};
    size_t n = search_fuse(items, (struct search_ranking){vector, 2},
        (struct search_ranking){text, 2});

    assert_int_equal(n, 3);
    check(0, "b", 2, 1);
    assert_int_equal(items[0].hit->chunk_index, 3); /* around the words */
    assert_true(items[0].similarity == 0.8);
    assert_true(items[0].text_score == 2.5);
}

static void the_same_id_of_two_services_is_two_items(void **state)
{
    struct search_hit hits[] = {piece("a", 0, 0.9), piece("a", 0, 0.8)};

    hits[1].service = STR("t");
    assert_int_equal(search_fuse(items, (struct search_ranking){hits, 2},
                         (struct search_ranking){0}),
        2);
}

/* Whatever the vectors say: the only one that has the words in a row. */
static void a_phrase_that_one_item_has_is_first(void **state)
{
    static struct search_hit vector[100], text[100];
    static char ids[200][8];

    for (int i = 0; i < 100; i++) {
        snprintf(ids[i], sizeof(ids[i]), "v%d", i);
        vector[i] = piece(ids[i], 0, 0.9 - i / 200.0);
        text[i] = piece(ids[i == 0 ? 0 : i - 1], 0, 50 - i / 4.0);
    }
    text[0] = piece("phrase", 0, 1);
    text[0].phrase = true;
    search_fuse(items, (struct search_ranking){vector, 100},
        (struct search_ranking){text, 100});
    check(0, "phrase", 0, 1);
    assert_true(items[0].phrase && isnan(items[0].similarity));
}

static void nothing_is_nothing(void **state)
{
    assert_int_equal(search_fuse(items, (struct search_ranking){0},
                         (struct search_ranking){0}),
        0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_count_for_their_item),
        cmocka_unit_test(what_both_find_comes_first),
        cmocka_unit_test(the_same_id_of_two_services_is_two_items),
        cmocka_unit_test(a_phrase_that_one_item_has_is_first),
        cmocka_unit_test(nothing_is_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
