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
    ITEM_BYTES = 1024,  /* room for an item */
    VECTOR_MAX = 4096,  /* dimensions */
    BASE64_MAX = 21852  /* characters of so many floats, padding included */
};

#define BENCH_SERVICE "bench-items"

/* Writes an item as JSON, about 600 bytes; returns its length. */
size_t item_json(char out[ITEM_BYTES], unsigned number, unsigned revision);

/* Makes the tables that vectors are cut from; once, before any other thread. */
void vectors_init(void);

/* The vector of a text: no two texts have the same one. */
void vector_of(const char *text, size_t len, int dimensions, float *out);

/* The same as the base64 of little-endian floats; returns its length. */
size_t vector_base64(const char *text, size_t len, int dimensions, char *out);

#endif
