#include "db/graph/job/nearest.h"

#include "base/cpu/processor.h"
#include <math.h>
#include <string.h>

enum {
    LANES = 8,   /* floats added up side by side */
    TALL = 4,    /* rows of a and of b that meet at once: as many sums as */
    WIDE = 2,    /* the registers of AVX2 hold */
    PANEL = 128, /* rows of b that stay in the cache while a goes by */
};

typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));

/* Of the lengths within which float arithmetic can square; as in graph_sql.c.
 */
static const double LEAST_SQUARE = 1e-12, MOST_SQUARE = 1e12;

size_t nearest_stride(int dimensions)
{
    return ((size_t)dimensions + LANES - 1) / LANES * LANES;
}

int nearest_scale(float *row, const float *vector, int dimensions)
{
    double sum = 0;

    for (int i = 0; i < dimensions; i++)
        sum += (double)vector[i] * vector[i];
    if (!(sum >= LEAST_SQUARE && sum <= MOST_SQUARE))
        return -1;
    for (int i = 0; i < dimensions; i++)
        row[i] = (float)(vector[i] / sqrt(sum));
    memset(row + dimensions, 0,
        (nearest_stride(dimensions) - (size_t)dimensions) * sizeof(row[0]));
    return 0;
}

/* --- the nearest --- */

static void nearest_add(struct nearest *top, float similarity, uint32_t which)
{
    uint32_t at = top->n;

    while (at > 0 && (top->similarity[at - 1] < similarity ||
                         (top->similarity[at - 1] == similarity &&
                             top->which[at - 1] > which)))
        at--;
    if (at == NEAREST)
        return;
    if (top->n < NEAREST)
        top->n++;
    memmove(&top->similarity[at + 1], &top->similarity[at],
        (top->n - 1 - at) * sizeof(top->similarity[0]));
    memmove(&top->which[at + 1], &top->which[at],
        (top->n - 1 - at) * sizeof(top->which[0]));
    top->similarity[at] = similarity;
    top->which[at] = which;
}

struct meeting {
    const struct nearest_block *a, *b;
    struct nearest *tops;
};

static void nearest_pair(
    const struct meeting *m, size_t i, size_t j, float similarity)
{
    uint32_t x = m->a->number[i], y = m->b->number[j];

    if (x == y)
        return;
    nearest_add(&m->tops[x], similarity, y);
    nearest_add(&m->tops[y], similarity, x);
}

/* --- similarities --- */

/* TALL rows with WIDE others. Each sum is made in the same order
 * whatever tile it is in, so that a similarity is the same from both sides.
 * Only with its loops unrolled are the sums in registers: in memory they take
 * twice as long. */
COMPILE_FOR("arch=x86-64-v4", "avx2,fma")
static void nearest_tile(
    const float *a, const float *b, size_t stride, float out[TALL][WIDE])
{
    lanes sum[TALL][WIDE] = {{{0}}};

    for (size_t k = 0; k < stride; k += LANES) {
        UNROLL
        for (int i = 0; i < TALL; i++) {
            lanes x = *(const lanes *)(a + (size_t)i * stride + k);

            UNROLL
            for (int j = 0; j < WIDE; j++)
                sum[i][j] += x * *(const lanes *)(b + (size_t)j * stride + k);
        }
    }
    UNROLL
    for (int i = 0; i < TALL; i++) {
        UNROLL
        for (int j = 0; j < WIDE; j++) {
            out[i][j] = 0;
            UNROLL
            for (int l = 0; l < LANES; l++)
                out[i][j] += sum[i][j][l];
        }
    }
}

/* One row of tiles of a, before rows [from, to) of b. */
static void nearest_strip(
    const struct meeting *m, size_t i, size_t from, size_t to)
{
    size_t stride = m->a->stride;
    float out[TALL][WIDE] = {{0}};

    for (size_t j = from; j < to; j += WIDE) {
        nearest_tile(
            m->a->rows + i * stride, m->b->rows + j * stride, stride, out);
        for (size_t x = i; x < i + TALL && x < m->a->n; x++) {
            for (size_t y = j; y < j + WIDE && y < to; y++) {
                if (out[x - i][y - j] > NEAREST_FLOOR &&
                    (m->a != m->b || x < y))
                    nearest_pair(m, x, y, out[x - i][y - j]);
            }
        }
    }
}

static void nearest_run(const struct meeting *m)
{
    for (size_t from = 0; from < m->b->n; from += PANEL) {
        size_t to = from + PANEL < m->b->n ? from + PANEL : m->b->n;

        for (size_t i = 0; i < m->a->n; i += TALL) {
            if (m->a != m->b || i < to)
                nearest_strip(m, i, from, to);
        }
    }
}

void nearest_meet(const struct nearest_block *a, const struct nearest_block *b,
    struct nearest *tops)
{
    nearest_run(&(struct meeting){a, b, tops});
}

void nearest_within(const struct nearest_block *a, struct nearest *tops)
{
    nearest_run(&(struct meeting){a, a, tops});
}
