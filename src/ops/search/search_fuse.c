#include "ops/search/search_fuse.h"

#include <math.h>
#include <stdlib.h>

/*
 * Chosen on the tuning half of examples/queries. That the words stand in a row
 * counts as a ranking of its own: what alone holds a phrase comes first, even
 * when no vector finds it.
 */
static const double rank_offset = 10;
static const double vector_weight = 1, text_weight = 2, phrase_weight = 2;

static bool search_fuse_is_same(
    const struct search_hit *a, const struct search_hit *b)
{
    return str_eq(a->content_id, b->content_id) &&
           str_eq(a->service, b->service);
}

/* The item that the piece is of; a new one if need be. */
static struct search_item *search_fuse_item(
    struct search_item *items, size_t *n, const struct search_hit *hit)
{
    for (size_t i = 0; i < *n; i++) {
        if (search_fuse_is_same(items[i].hit, hit))
            return &items[i];
    }
    items[*n] = (struct search_item){.hit = hit, .similarity = NAN};
    return &items[(*n)++];
}

/* The passage around the words says more than the beginning of a piece. */
static size_t search_fuse_add_text(
    struct search_item *items, struct search_ranking text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++) {
        const struct search_hit *hit = &text.hits[i];
        struct search_item *item = search_fuse_item(items, &n, hit);

        if (item->text_rank != 0)
            continue;
        item->text_rank = (int)n;
        item->text_score = hit->score;
        item->similarity = hit->similarity;
        item->phrase = hit->phrase;
    }
    return n;
}

static size_t search_fuse_add_vector(
    struct search_item *items, size_t n, struct search_ranking vector)
{
    int rank = 0;

    for (size_t i = 0; i < vector.n; i++) {
        const struct search_hit *hit = &vector.hits[i];
        struct search_item *item = search_fuse_item(items, &n, hit);

        if (item->vector_rank != 0)
            continue;
        item->vector_rank = ++rank;
        item->similarity = hit->score;
    }
    return n;
}

static double search_fuse_score(const struct search_item *item)
{
    double score = 0;

    if (item->vector_rank > 0)
        score += vector_weight / (rank_offset + item->vector_rank);
    if (item->text_rank > 0)
        score += (text_weight + (item->phrase ? phrase_weight : 0)) /
                 (rank_offset + item->text_rank);
    return score;
}

/* Ties: what is found by its words first, then by vector, then by id. */
static int search_fuse_compare(const void *a, const void *b)
{
    const struct search_item *x = a, *y = b;

    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    if (x->text_rank != y->text_rank)
        return x->text_rank - y->text_rank;
    if (x->vector_rank != y->vector_rank)
        return x->vector_rank - y->vector_rank;
    return 0;
}

size_t search_fuse(struct search_item *items, struct search_ranking vector,
    struct search_ranking text)
{
    size_t n = search_fuse_add_text(items, text);

    n = search_fuse_add_vector(items, n, vector);
    for (size_t i = 0; i < n; i++)
        items[i].score = search_fuse_score(&items[i]);
    if (n > 1)
        qsort(items, n, sizeof(*items), search_fuse_compare);
    return n;
}
