/*
 * The nearest of many vectors, exactly: cosine similarities of the rows of two
 * matrices, block by block, and for each vector those that are nearest to it.
 * Pure; runs on any thread.
 *
 * A vector is known by its number. Of equally near ones the lower number wins,
 * so that the outcome does not depend on the order in which blocks meet.
 */
#ifndef DB_GRAPH_JOB_NEAREST_H
#define DB_GRAPH_JOB_NEAREST_H

#include <stddef.h>
#include <stdint.h>

enum { NEAREST = 10 };

/* Less near is not near at all. */
#define NEAREST_FLOOR 0.70f

struct nearest {
    float similarity[NEAREST]; /* descending, above NEAREST_FLOOR */
    uint32_t which[NEAREST];
    uint32_t n;
};

/* Rows of length 1, each padded with zeros to `stride` floats. There is room
 * for NEAREST_SPARE rows behind the last one, whatever they hold. */
enum { NEAREST_SPARE = 3 };

struct nearest_block {
    float *rows;      /* 64 bytes aligned */
    uint32_t *number; /* n: of each row */
    size_t n, stride;
};

/* Floats of a row of so many dimensions. */
size_t nearest_stride(int dimensions);

/*
 * Copies a vector into a row, scaled to length 1. < 0: it is of length 0, or
 * not a finite one, and near to nothing.
 */
int nearest_scale(float *row, const float *vector, int dimensions);

/*
 * Each row of `a` meets each of `b`, but itself. tops: by number, those of
 * `a`'s rows and of `b`'s are updated.
 */
void nearest_meet(const struct nearest_block *a, const struct nearest_block *b,
    struct nearest *tops);

/* Each pair of its own rows. */
void nearest_within(const struct nearest_block *a, struct nearest *tops);

#endif
