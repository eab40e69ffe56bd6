/*
 * The library that reads the zone data can say which stretch an instant lies
 * in, but not where a stretch begins: the borders are found by bisection,
 * once, when a zone is opened.
 */
#include "clock/zone.h"

#include "clock/zone_names.h"
#include <glib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_S INT64_C(-6000000000) /* 1779, before any standard time */
#define UNTIL_S INT64_C(7258118400)  /* 2200-01-01 */
#define STRIDE_S INT64_C(8000000)    /* a season, the usual stretch */

struct zone {
    char *name;        /* owned */
    int64_t *from_s;   /* owned; [0] is ZONE_NEVER_S */
    int32_t *offset_s; /* owned */
    size_t n;
    size_t size; /* allocated */
};

static void *zone_must(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

/* Stretches that differ in name only are one. */
static void zone_append(struct zone *zone, int64_t from_s, int32_t offset_s)
{
    if (zone->n > 0 && zone->offset_s[zone->n - 1] == offset_s)
        return;
    if (zone->n == zone->size) {
        zone->size = zone->size == 0 ? 64 : zone->size * 2;
        zone->from_s = zone_must(
            realloc(zone->from_s, zone->size * sizeof(*zone->from_s)));
        zone->offset_s = zone_must(
            realloc(zone->offset_s, zone->size * sizeof(*zone->offset_s)));
    }
    zone->from_s[zone->n] = zone->n == 0 ? ZONE_NEVER_S : from_s;
    zone->offset_s[zone->n++] = offset_s;
}

static struct zone *zone_empty(const char *name)
{
    struct zone *zone = zone_must(calloc(1, sizeof(*zone)));

    zone->name = zone_must(strdup(name));
    return zone;
}

static int zone_stretch_at(GTimeZone *tz, int64_t instant_s)
{
    return g_time_zone_find_interval(tz, G_TIME_TYPE_UNIVERSAL, instant_s);
}

/* The first instant after from_s in another stretch; UNTIL_S when none is. */
static int64_t zone_stretch_end(GTimeZone *tz, int64_t from_s)
{
    int here = zone_stretch_at(tz, from_s);
    int64_t in = from_s, stride = STRIDE_S, out;

    for (out = from_s + stride; zone_stretch_at(tz, out) == here;
         out += stride) {
        if (out >= UNTIL_S)
            return UNTIL_S;
        in = out;
        stride *= 2;
    }
    while (out - in > 1) {
        int64_t middle = in + (out - in) / 2;

        if (zone_stretch_at(tz, middle) == here)
            in = middle;
        else
            out = middle;
    }
    return out;
}

static void zone_read_stretches(struct zone *zone, GTimeZone *tz)
{
    for (int64_t at = FIRST_S; at < UNTIL_S; at = zone_stretch_end(tz, at))
        zone_append(
            zone, at, g_time_zone_get_offset(tz, zone_stretch_at(tz, at)));
}

static bool zone_offsets_fit(const struct zone *zone)
{
    for (size_t i = 0; i < zone->n; i++) {
        if (zone->offset_s[i] > ZONE_OFFSET_MAX_S ||
            zone->offset_s[i] < -ZONE_OFFSET_MAX_S)
            return false;
    }
    return true;
}

struct zone *zone_open(const char *name, struct err *err)
{
    struct zone *zone;
    GTimeZone *tz;

    if (zone_name_check(name, err) < 0)
        return NULL;
    tz = g_time_zone_new_identifier(name);
    if (tz == NULL) {
        err_set(err, ERR_NOT_FOUND,
            "the data of time zone \"%s\" cannot be read", name);
        return NULL;
    }
    zone = zone_empty(name);
    zone_read_stretches(zone, tz);
    g_time_zone_unref(tz);
    if (zone_offsets_fit(zone))
        return zone;
    zone_close(zone);
    err_set(err, ERR_INVALID,
        "time zone \"%s\" is more than a day away from UTC", name);
    return NULL;
}

struct zone *zone_new(
    const char *name, const int64_t *from_s, const int32_t *offset_s, size_t n)
{
    struct zone *zone = zone_empty(name);

    for (size_t i = 0; i < n; i++)
        zone_append(zone, from_s[i], offset_s[i]);
    if (zone_offsets_fit(zone))
        return zone;
    zone_close(zone);
    return NULL;
}

void zone_close(struct zone *zone)
{
    if (zone == NULL)
        return;
    free(zone->offset_s);
    free(zone->from_s);
    free(zone->name);
    free(zone);
}

const char *zone_name(const struct zone *zone)
{
    return zone->name;
}

struct zone_span zone_at(const struct zone *zone, int64_t instant_s)
{
    size_t lo = 0, hi = zone->n;

    while (hi - lo > 1) {
        size_t middle = lo + (hi - lo) / 2;

        if (zone->from_s[middle] <= instant_s)
            lo = middle;
        else
            hi = middle;
    }
    return (struct zone_span){.from_s = zone->from_s[lo],
        .until_s = hi < zone->n ? zone->from_s[hi] : ZONE_FOREVER_S,
        .offset_s = zone->offset_s[lo]};
}
