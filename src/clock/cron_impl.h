/* Shared by the cron files. */
#ifndef CLOCK_CRON_IMPL_H
#define CLOCK_CRON_IMPL_H

#include "clock/cron.h"
#include <stddef.h>

/* The text of one field, read from left to right. */
struct cron_reader {
    const char *text;               /* the whole expression */
    size_t at, end;                 /* this field: text[at .. end) */
    const struct cron_field *field; /* what may stand in it */
    struct err *err;
};

struct cron_field {
    const char *name;
    const char *allowed; /* for messages */
    int least, most;     /* most is what `*` ends with */
    int accepted;        /* the largest number: 7 for a weekday */
    const char *names;   /* three letters each, from `least` on; NULL: none */
    /* Takes an item that is this field's own (`L`, `15W`): 1 when it did, 0
       when the item is a common one, < 0 on error. NULL: no such items. */
    int (*special)(struct cron_reader *r, struct cron *cron);
    bool question; /* may be ? */
};

/* What a common item says: *, 5, 1-5, each with a step or without. */
struct cron_item {
    int from, to, step; /* from > to: wraps around */
    bool star, stepped;
};

/* One whole field into *set. *star: it begins with * or is ?; *follows: some
 * item has a * or a step. */
int cron_read_field(struct cron_reader *r, struct cron *cron, uint64_t *set,
    bool *star, bool *follows);

/* The items of day of month and of day of week that others do not have. */
int cron_special_day(struct cron_reader *r, struct cron *cron);
int cron_special_weekday(struct cron_reader *r, struct cron *cron);

/* ERR_INVALID: "FIELD field, character N: WHAT; allowed: ...". */
int cron_unreadable(struct cron_reader *r, size_t at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* A number or a name that the field knows; < 0 with *r->err set. */
int cron_read_value(struct cron_reader *r);

/* Digits as a number of at most `most`. */
int cron_read_number(struct cron_reader *r, int least, int most);

/* Takes the character, in either case; false: it is another. */
bool cron_take(struct cron_reader *r, char c);

/* The days that match in a month of `ndays` whose first day is a `first`. */
uint32_t cron_days(const struct cron *cron, int first, int ndays);

/* Is there a month, in any year, with a day that matches? */
bool cron_can_fire(const struct cron *cron);

/*
 * The first matching wall time at or after wall_s, seconds on the wall clock;
 * false: none in the years that a calendar takes to come round.
 */
bool cron_next_wall(const struct cron *cron, int64_t wall_s, int64_t *out);

#endif
