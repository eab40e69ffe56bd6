#include "sync/chunk/ranges.h"

#include "base/err.h"
#include <assert.h>

/*
 * Each pop and halve of a stack of k ranges leaves at most k + 1, and the
 * ranges on it are disjoint, so there are never more than `max`, plus those
 * that a later insertion makes possible.
 */
int ranges_init(struct ranges *r, struct arena *a, size_t max)
{
    r->n = 0;
    r->size = max + 64;
    r->stack = arena_calloc(a, r->size, sizeof(*r->stack));
    return r->stack == NULL ? ERR_NOMEM : 0;
}

void ranges_push(struct ranges *r, struct range range)
{
    assert(r->n < r->size && range.lo < range.hi);
    r->stack[r->n++] = range;
}

bool ranges_pop(struct ranges *r, struct range *out)
{
    if (r->n == 0)
        return false;
    *out = r->stack[--r->n];
    return true;
}

void ranges_halve(struct ranges *r, struct range range)
{
    size_t middle = range.lo + (range.hi - range.lo) / 2;

    struct range left = range, right = range;

    left.hi = right.lo = middle;
    ranges_push(r, right);
    ranges_push(r, left);
}

void ranges_shift(struct ranges *r, size_t at)
{
    for (size_t i = 0; i < r->n; i++) {
        if (r->stack[i].lo <= at)
            continue;
        r->stack[i].lo++;
        r->stack[i].hi++;
    }
}
