/* Sums of a tensor's rows: what a static model's vectors are made of. */
#ifndef EMBED_TENSOR_SUM_H
#define EMBED_TENSOR_SUM_H

#include "embed/static/safetensors.h"

struct tensor_term {
    size_t row;
    float weight;
};

/*
 * Fills sums[columns] with the sum of terms[n], each its row times its weight,
 * added up as floats in the order of the terms: the same bits on every
 * processor. Floats lose digits when many are added up: give few at a time.
 */
void tensor_sum(const struct tensor *t, const struct tensor_term *terms,
    size_t n, float *sums);

#endif
