/*
 * What is synced: items, each a function of its number and revision, and their
 * vectors, each a function of the text. Nothing else decides either, so that
 * any program here can say what must have been stored.
 */
#ifndef BENCH_CORPUS_H
#define BENCH_CORPUS_H

#include <stddef.h>
#include <stdint.h>

enum {
    CHANGED_EACH = 100, /* one item in so many differs from revision to next */
    ITEM_BYTES = 550,   /* of an item, where no other size is asked for */
    ITEM_ROOM = 512,    /* what an item may take beyond the size asked for */
    VECTOR_MAX = 4096,  /* dimensions */
    FLOAT_TEXT = 16     /* most characters of a float, and a comma */
};

#define BENCH_SERVICE "bench-items"

/*
 * Writes an item as JSON, of about `size` bytes but no less than about 120;
 * returns its length. `out` has room for ITEM_ROOM more.
 */
size_t item_json(char *out, unsigned number, unsigned revision, size_t size);

/* Makes the tables that vectors are cut from; once, before any other thread. */
void vectors_init(void);

/*
 * The vector of a text. Three quarters of it are its topic's, one of 1,024, so
 * that texts have neighbours; the rest is its own, so that no two texts have
 * the same one.
 */
void vector_of(const char *text, size_t len, int dimensions, float *out);

/* The same as the base64 of little-endian floats; returns its length. */
size_t vector_base64(const char *text, size_t len, int dimensions, char *out);

/* The same as numbers with commas between; returns its length. */
size_t vector_floats(const char *text, size_t len, int dimensions, char *out);

#endif
