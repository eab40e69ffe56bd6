/*
 * A stack of index ranges that are still to be worked through, leftmost on
 * top: what is refused is taken off, halved and put back.
 */
#ifndef SYNC_CHUNK_RANGES_H
#define SYNC_CHUNK_RANGES_H

#include "base/arena.h"

struct range {
    size_t lo, hi; /* [lo, hi) */
    bool suspect;  /* part of a range that kept coming back wrong */
    bool doubted;  /* part of one that kept failing in a passing way */
};

struct ranges {
    struct range *stack; /* in the arena */
    size_t n, size;
};

/* Room for any way of halving `max` indexes; ERR_NOMEM. */
int ranges_init(struct ranges *r, struct arena *a, size_t max);

void ranges_push(struct ranges *r, struct range range);

/* False when nothing is left. */
bool ranges_pop(struct ranges *r, struct range *out);

/* Puts both halves of a range of two or more back, the left one on top; each
 * is what the whole is. */
void ranges_halve(struct ranges *r, struct range range);

/* An index was inserted behind `at`: what lies behind it moves up by one. */
void ranges_shift(struct ranges *r, size_t at);

#endif
