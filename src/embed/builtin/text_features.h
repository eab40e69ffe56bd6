/*
 * A text as a vector: its words and their parts, hashed to signed places and
 * summed; pure, integers throughout, so the same on every machine.
 */
#ifndef EMBED_TEXT_FEATURES_H
#define EMBED_TEXT_FEATURES_H

#include "base/str.h"
#include <stdint.h>

struct text_word;

/* Working memory, kept from text to text. All zeroes to begin with. */
struct text_features {
    int32_t *points; /* the words' folded code points; owned */
    size_t npoints, points_size;
    struct text_word *words; /* distinct ones, as they came; owned */
    size_t nwords, words_size;
    uint32_t *slots; /* hash table over words, 0 free; owned */
    size_t nslots;   /* a power of two */
    int64_t *sums;   /* one a dimension; owned */
    size_t sums_size;
};

/*
 * Fills the unit vector[dimensions] (of length 1, never zero, whatever the
 * text). ERR_NOMEM.
 */
int text_features_embed(
    struct text_features *f, struct str text, int dimensions, float *vector);

void text_features_free(struct text_features *f);

#endif
