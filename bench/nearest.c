/*
 * bench_nearest ITEMS DIMENSIONS: how long one thread takes for the 10 nearest
 * of each of so many vectors, exactly, all of them in memory; in seconds.
 */
#include "db/graph/job/nearest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void *zeroes(size_t n, size_t size)
{
    void *p = aligned_alloc(64, (n * size + 63) / 64 * 64);

    if (p == NULL)
        exit(1);
    return memset(p, 0, n * size);
}

static void fill(struct nearest_block *b, size_t n, int dimensions)
{
    float *vector = zeroes((size_t)dimensions, sizeof(*vector));

    b->stride = nearest_stride(dimensions);
    b->rows = zeroes((n + NEAREST_SPARE) * b->stride, sizeof(*b->rows));
    b->number = zeroes(n, sizeof(*b->number));
    srand(1);
    for (b->n = 0; b->n < n; b->n++) {
        for (int i = 0; i < dimensions; i++)
            vector[i] = (float)rand() / (float)RAND_MAX - 0.5F;
        nearest_scale(b->rows + b->n * b->stride, vector, dimensions);
        b->number[b->n] = (uint32_t)b->n;
    }
    free(vector);
}

int main(int argc, char **argv)
{
    size_t n = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
    struct nearest_block block;
    struct nearest *tops;
    double from;

    if (n == 0) {
        fputs("usage: bench_nearest ITEMS DIMENSIONS\n", stderr);
        return 64;
    }
    fill(&block, n, atoi(argv[2]));
    tops = zeroes(n, sizeof(*tops));
    from = now_s();
    nearest_within(&block, tops);
    printf("%.6f\n", now_s() - from);
    return 0;
}
