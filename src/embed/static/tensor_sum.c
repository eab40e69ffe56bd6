#include "embed/static/tensor_sum.h"

#include "base/cpu/processor.h"
#include <stdbool.h>
#include <string.h>

/* The analyzer of GCC takes the number of lanes for their width in bits. */
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wanalyzer-shift-count-overflow"
#endif

/* Numbers added up side by side, and how many of these a pass over the rows
 * keeps in registers. Bytes are work enough for the widest ones there are. */
enum { LANES = 8, WIDE = 4, BYTES_LANES = 16, BYTES_WIDE = 4 };

typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));
typedef uint32_t lanes_bits __attribute__((vector_size(sizeof(lanes))));
typedef uint16_t lanes_halves __attribute__((vector_size(sizeof(lanes) / 2)));
typedef float bytes_lanes
    __attribute__((vector_size(BYTES_LANES * sizeof(float))));
typedef int32_t bytes_whole __attribute__((vector_size(sizeof(bytes_lanes))));
typedef uint32_t bytes_bits __attribute__((vector_size(sizeof(bytes_lanes))));

/* A half's bits, moved to where a float has its own, make an exponent that is
 * too small by a constant, which is added. Infinities and NaNs get a float's
 * largest exponent instead. */
INLINED void tensor_sum_widen(const char *p, lanes *out)
{
    lanes_halves halves;
    lanes_bits bits, size;
    lanes scaled;

    memcpy(&halves, p, sizeof(halves));
    bits = __builtin_convertvector(halves, lanes_bits);
    size = (bits & 0x7FFF) << 13;
    memcpy(&scaled, &size, sizeof(scaled));
    scaled *= 0x1p112f;
    memcpy(&size, &scaled, sizeof(size));
    size |= (lanes_bits)((bits & 0x7C00) == 0x7C00) & 0x7F800000;
    size |= (bits & 0x8000) << 16;
    memcpy(out, &size, sizeof(*out));
}

/* Adds WIDE * LANES values. */
INLINED void tensor_sum_add(
    bool halves, const char *p, float weight, lanes sum[WIDE])
{
    lanes x;

    UNROLL
    for (size_t w = 0; w < WIDE; w++) {
        if (halves)
            tensor_sum_widen(p + w * LANES * 2, &x);
        else
            memcpy(&x, p + w * sizeof(lanes), sizeof(x));
        sum[w] += x * weight;
    }
}

/* What models are published with. Each adds up some columns of all rows. */
COMPILE_FOR("avx2")
static void tensor_sum_floats(const struct tensor *t,
    const struct tensor_term *terms, size_t n, size_t from, float *sums)
{
    const char *data = t->data + from * sizeof(float);
    lanes sum[WIDE] = {{0}};

    for (size_t i = 0; i < n; i++)
        tensor_sum_add(false, data + terms[i].row * t->columns * sizeof(float),
            terms[i].weight, sum);
    memcpy(sums, sum, sizeof(sum));
}

COMPILE_FOR("avx2")
static void tensor_sum_halves(const struct tensor *t,
    const struct tensor_term *terms, size_t n, size_t from, float *sums)
{
    const char *data = t->data + from * sizeof(uint16_t);
    lanes sum[WIDE] = {{0}};

    for (size_t i = 0; i < n; i++)
        tensor_sum_add(true,
            data + terms[i].row * t->columns * sizeof(uint16_t),
            terms[i].weight, sum);
    memcpy(sums, sum, sizeof(sum));
}

/* Every fourth byte at a time, taken out of its place in 32 bits: no processor
 * needs anything but shifts for that. */
COMPILE_FOR("arch=x86-64-v4", "avx2")
static void tensor_sum_bytes(const struct tensor *t,
    const struct tensor_term *terms, size_t n, size_t from, float *sums)
{
    const char *data = t->data + from;
    bytes_lanes sum[BYTES_WIDE] = {{0}};

    for (size_t i = 0; i < n; i++) {
        bytes_bits bits;

        memcpy(&bits, data + terms[i].row * t->columns, sizeof(bits));
        UNROLL
        for (int w = 0; w < BYTES_WIDE; w++) {
            bytes_whole x = (bytes_whole)(bits << (24 - 8 * w)) >> 24;

            sum[w] += __builtin_convertvector(x, bytes_lanes) * terms[i].weight;
        }
    }
    for (size_t c = 0; c < BYTES_WIDE * BYTES_LANES; c++)
        sums[c] = sum[c % BYTES_WIDE][c / BYTES_WIDE];
}

/* Any column of any type. */
static void tensor_sum_column(const struct tensor *t,
    const struct tensor_term *terms, size_t n, size_t column, float *sum)
{
    *sum = 0;
    for (size_t i = 0; i < n; i++)
        *sum += terms[i].weight * (float)tensor_number(t, terms[i].row, column);
}

/* In the order of enum tensor_type; those that are not here go by columns. */
static const struct {
    size_t columns; /* that one call adds up */
    void (*sum)(const struct tensor *t, const struct tensor_term *terms,
        size_t n, size_t from, float *sums);
} kinds[] = {
    [TENSOR_F64] = {0, NULL},
    [TENSOR_F32] = {WIDE * LANES, tensor_sum_floats},
    [TENSOR_F16] = {WIDE * LANES, tensor_sum_halves},
    [TENSOR_I64] = {0, NULL},
    [TENSOR_I32] = {0, NULL},
    [TENSOR_I8] = {BYTES_WIDE * BYTES_LANES, tensor_sum_bytes},
};

void tensor_sum(const struct tensor *t, const struct tensor_term *terms,
    size_t n, float *sums)
{
    size_t some = kinds[t->type].columns, c = 0;

    for (; some > 0 && c + some <= t->columns; c += some)
        kinds[t->type].sum(t, terms, n, c, sums + c);
    for (; c < t->columns; c++)
        tensor_sum_column(t, terms, n, c, &sums[c]);
}
