/* Random expressions, the same ones for the same seed. */
#ifndef TESTS_CLOCK_RANDOM_CRON_H
#define TESTS_CLOCK_RANDOM_CRON_H

#include <stddef.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

uint64_t random_next(struct random *r);

/* Evenly within [least, most]. */
int64_t random_within(struct random *r, int64_t least, int64_t most);

/*
 * An expression of the whole grammar. hour < 0: any; else fixed hours are near
 * that one, so that they meet a change of the clocks.
 */
void random_cron(struct random *r, int hour, char *out, size_t size);

#endif
