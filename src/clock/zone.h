/*
 * Time zones: the offsets of an IANA zone as a table that is read once from
 * the system's zone data and never changes. Looking into it is pure and safe
 * from any thread; the process's own TZ is neither read nor set.
 */
#ifndef CLOCK_ZONE_H
#define CLOCK_ZONE_H

#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

/* No offset reaches further from UTC, on either side. */
enum { ZONE_OFFSET_MAX_S = 26 * 60 * 60 };

/* The bounds of the first and of the last span: before and after all else. */
#define ZONE_NEVER_S (INT64_MIN / 4)
#define ZONE_FOREVER_S (INT64_MAX / 4)

/* A stretch of time with one offset: [from_s, until_s), instants in UTC. */
struct zone_span {
    int64_t from_s, until_s;
    int32_t offset_s; /* wall clock = instant + offset */
};

struct zone;

/*
 * The zone of that name; zone_close() frees it. Offsets are known until the
 * year 2200 and stay from then on. NULL: ERR_NOT_FOUND, with the nearest name
 * where there is one, or ERR_INVALID for what cannot be a name.
 */
struct zone *zone_open(const char *name, struct err *err);

/*
 * A zone of one's own: offset_s[i] holds from from_s[i] on, ascending;
 * from_s[0] is ignored, the first offset holds from ever. n > 0. Offsets
 * beyond ZONE_OFFSET_MAX_S: NULL.
 */
struct zone *zone_new(
    const char *name, const int64_t *from_s, const int32_t *offset_s, size_t n);

/* May be NULL. */
void zone_close(struct zone *zone);

/* As it was asked for; borrowed from the zone. */
const char *zone_name(const struct zone *zone);

/* The span that holds the instant. */
struct zone_span zone_at(const struct zone *zone, int64_t instant_s);

#endif
