/*
 * The zone data as it lies in the file (RFC 8536), read here without the
 * library that the program uses, so that a fault of either one shows.
 */
#ifndef TESTS_CLOCK_TZIF_H
#define TESTS_CLOCK_TZIF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TZIF_DIRECTORY "/usr/share/zoneinfo"

/* offset[i] holds in [from[i], from[i + 1]); from[0] is INT64_MIN. Stretches
 * of the same offset are one. */
struct tzif {
    char name[64];
    int64_t *from;   /* owned */
    int64_t *offset; /* owned */
    size_t n;
    uint64_t digest; /* equal for links to the same data */
};

/* False: there is no such file, or it is no zone. */
bool tzif_read(struct tzif *z, const char *name);
void tzif_free(struct tzif *z);

/* All zones of the system; the caller frees with tzif_free_all(). */
struct tzif *tzif_read_all(size_t *n);
void tzif_free_all(struct tzif *zones, size_t n);

/* The stretch that holds the instant. */
size_t tzif_find(const struct tzif *z, int64_t instant);

/* Where the i-th stretch ends. */
int64_t tzif_until(const struct tzif *z, size_t i);

#endif
