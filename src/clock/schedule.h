/*
 * When a schedule's fires happen, decided from readings of two clocks: the
 * wall clock, which may jump either way, and a monotonic one, which may stop
 * while the machine sleeps. Pure: the caller reads the clocks, waits and
 * starts the runs.
 *
 * A fire is known by its nominal instant, which is the same in every replica.
 * It is due a little later where there is jitter. A fire that is found later
 * than SCHEDULE_GRACE_MS after it was due is missed: counted, and the latest
 * one of those missed runs only when that is asked for. No nominal instant is
 * given out twice, wherever the wall clock goes, as long as it was in one of
 * the last SCHEDULE_STRETCHES stretches of fires without a miss between them.
 */
#ifndef CLOCK_SCHEDULE_H
#define CLOCK_SCHEDULE_H

#include "clock/cron.h"

enum {
    SCHEDULE_WAKE_MS = 60 * 1000,      /* the longest wait */
    SCHEDULE_GRACE_MS = 5 * 60 * 1000, /* later than that is missed */
    SCHEDULE_JUMP_MS = 1000,           /* smaller ones are drift */
    SCHEDULE_COUNT_MAX = 10000, /* counts this many missed fires at most */
    SCHEDULE_STRETCHES = 4
};

/* "There is none", for an instant. */
#define SCHEDULE_NONE INT64_MIN

struct schedule_options {
    const struct cron *cron; /* borrowed */
    const struct zone *zone; /* borrowed */
    int64_t jitter_ms;       /* most that a fire is late on purpose; never as
                                late as the next one */
    uint64_t seed;           /* of the jitter: another one a replica */
    bool catch_up;           /* run once for what was missed */
};

/* Every fire in [from_ms, to_ms] was given out. */
struct schedule_stretch {
    int64_t from_ms, to_ms;
};

struct schedule {
    struct schedule_options options;
    int64_t pending_ms; /* nominal instant; SCHEDULE_NONE: no more fires */
    int64_t due_ms;     /* of the pending one */
    int64_t started_ms; /* without catch_up what was due by then is missed */
    int64_t wall_ms, mono_ms; /* the last readings */
    struct schedule_stretch stretches[SCHEDULE_STRETCHES]; /* newest first */
    bool unbroken; /* no miss since the newest stretch */
};

/* What to do now. */
struct schedule_step {
    bool fire;
    int64_t nominal_ms; /* of the fire */
    int64_t late_ms;    /* how long after it was due */
    uint64_t missed;    /* newly found missed, without the one that fires */
    bool missed_more;   /* and more than are counted */
    int64_t jump_ms;    /* how far the wall clock was set; 0: not at all */
    int64_t wake_ms;    /* time until the next look, 1 .. SCHEDULE_WAKE_MS,
                         * by the monotonic clock */
};

/*
 * last_ms: the nominal instant of the last fire that ran, here or elsewhere;
 * SCHEDULE_NONE: none is known, nothing was missed. Clocks in milliseconds,
 * wall_ms since 1970.
 */
void schedule_init(struct schedule *s, const struct schedule_options *options,
    int64_t last_ms, int64_t wall_ms, int64_t mono_ms);

/* May be called at any time; each fire is reported by one step only. */
void schedule_look(struct schedule *s, int64_t wall_ms, int64_t mono_ms,
    struct schedule_step *step);

/* The nominal instant of the next fire, SCHEDULE_NONE when none will come. */
int64_t schedule_next_ms(const struct schedule *s);

#endif
