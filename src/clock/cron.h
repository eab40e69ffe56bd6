/*
 * Cron expressions: what they say, when they fire next in a time zone, and
 * the same in plain English. docs/calendar.md has the grammar and the rules.
 *
 * A wall time is what a clock on the wall of the zone shows, kept as the
 * milliseconds that UTC would count to show the same digits.
 */
#ifndef CLOCK_CRON_H
#define CLOCK_CRON_H

#include "base/buf.h"
#include "base/err.h"
#include "clock/zone.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    CRON_TEXT_BYTES = 512,   /* an expression is shorter */
    CRON_HORIZON_YEARS = 100 /* how far ahead a fire is looked for */
};

/* A set of values is a word with bit v for the value v. */
struct cron {
    uint64_t seconds, minutes; /* 0 .. 59 */
    uint32_t hours;            /* 0 .. 23 */
    uint32_t days;             /* 1 .. 31 */
    uint32_t months;           /* 1 .. 12 */
    uint32_t weekdays;         /* 0 .. 6, Sunday first */

    uint32_t last_days;     /* bit n: n days before the last (L, L-3) */
    uint32_t near_days;     /* bit d: the weekday nearest to d (15W); bit 0:
                               the last weekday of the month (LW) */
    uint32_t last_weekdays; /* the last of its kind in the month (5L) */
    uint64_t nth_weekdays;  /* bit 7 * (n - 1) + v: the n-th v (MON#2) */

    bool any_day;       /* day of month begins with * or is ? */
    bool any_weekday;   /* day of week likewise; with neither, either matches */
    bool follows_clock; /* the hour has a * or a step: fires whenever the wall
                           clock shows a time that matches */
    bool has_seconds;   /* six fields */
};

/*
 * Reads an expression. ERR_INVALID names the field, the character and what is
 * allowed there, or says that no calendar has a matching day.
 */
int cron_parse(const char *text, struct cron *out, struct err *err);

/* What differs from other crons in this expression; NULL: nothing. */
const char *cron_warning(const struct cron *cron);

struct cron_fire {
    int64_t at_ms;      /* the instant: a whole second */
    int64_t wall_ms;    /* what the wall clock shows then */
    int64_t nominal_ms; /* the wall time that the expression names: it differs
                           in a gap only */
    bool in_gap;        /* the wall clock skips the nominal time */
    bool repeats;       /* it shows it twice, and this is the first; there is
                           no fire at the second */
};

/*
 * The first fire after an instant. Pure, and of bounded cost whatever the
 * expression. False: none within CRON_HORIZON_YEARS, or after_ms lies outside
 * of the years 1 .. 9999.
 */
bool cron_next(const struct cron *cron, const struct zone *zone,
    int64_t after_ms, struct cron_fire *out);

/* Appends one line of plain English, without a full stop or a newline. */
void cron_describe(const struct cron *cron, struct buf *out);

#endif
