/*
 * Some servers give no index, and so leave it to be believed that their vectors
 * come in the order of the texts. Asked for two of the texts again, the other
 * way round, they show it: the vectors have to change places as well.
 */
#include "embed/embedder_impl.h"

#include <math.h>

static const double ALIKE = 0.9999; /* a cosine: too near to tell apart */

static double order_cosine(const float *a, const float *b, int dimensions)
{
    double ab = 0, aa = 0, bb = 0;

    for (int i = 0; i < dimensions; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return aa == 0 || bb == 0 ? 0 : ab / sqrt(aa * bb);
}

static const float *order_row(
    const struct embed_post *post, int dimensions, size_t at)
{
    return post->vectors + at * (size_t)dimensions;
}

/* The first good one, and the one that is least like it. */
bool embed_order_choose(
    const struct embed_post *post, int dimensions, size_t pair[2])
{
    double least = ALIKE;
    bool found = false;
    size_t first = 0;

    while (first < post->n && !post->good[first])
        first++;
    for (size_t i = first + 1; i < post->n; i++) {
        double cosine = !post->good[i]
                            ? 1
                            : order_cosine(order_row(post, dimensions, first),
                                  order_row(post, dimensions, i), dimensions);

        if (cosine >= least)
            continue;
        least = cosine;
        found = true;
        pair[0] = first;
        pair[1] = i;
    }
    return found;
}

bool embed_order_proven(const struct embed_post *post, int dimensions,
    const size_t pair[2], const float *swapped)
{
    const float *a = order_row(post, dimensions, pair[0]);
    const float *b = order_row(post, dimensions, pair[1]);
    const float *first = swapped, *second = swapped + dimensions;

    return order_cosine(first, b, dimensions) >
               order_cosine(first, a, dimensions) &&
           order_cosine(second, a, dimensions) >
               order_cosine(second, b, dimensions);
}
