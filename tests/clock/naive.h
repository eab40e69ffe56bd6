/*
 * What an expression means, found by trying: every minute of the wall clock
 * one after another, against the text of the fields. Slow and plain, and
 * independent of the program's own reading.
 */
#ifndef TESTS_CLOCK_NAIVE_H
#define TESTS_CLOCK_NAIVE_H

#include "tzif.h"

struct naive {
    char fields[6][64]; /* seconds first */
    bool second[60], minute[60], hour[24], month[13];
    bool by_clock;   /* the hour has a * or a step */
    bool either_day; /* both day fields are restricted */
};

struct naive_fire {
    int64_t at;      /* instant */
    int64_t nominal; /* the wall time that matched */
    bool gap;        /* the wall clock never shows it */
    bool twice;      /* it shows it more than once */
};

/* `text` is a valid expression of 5 or 6 fields of at most 63 characters. */
void naive_read(struct naive *e, const char *text);

/*
 * The first fire after an instant, seconds since 1970; false: none until
 * `until`, and what comes later was not looked at.
 */
bool naive_next(const struct naive *e, const struct tzif *z, int64_t after,
    int64_t until, struct naive_fire *out);

#endif
