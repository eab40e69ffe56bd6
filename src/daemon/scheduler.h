/*
 * Starts the scheduled runs: clock/schedule decides, the loop has the time, and
 * a firing does what is to be done. One schedule is for all services, others
 * (BATCH_SYNC_SCHEDULES) for one each. Reads the wall clock at least once a
 * minute, so that it notices a jump.
 */
#ifndef DAEMON_SCHEDULER_H
#define DAEMON_SCHEDULER_H

#include "clock/cron.h"
#include "config/config.h"
#include "daemon/runner.h"
#include "db/ledger/ledger.h"
#include "metrics/metrics.h"

struct scheduler;

struct scheduler_status {
    bool scheduled;  /* it fires */
    int64_t next_ms; /* of the schedule for all, since 1970; 0: none */
};

/*
 * Reads the expression for all and the zone; zone_close() frees *zone.
 * ERR_CONFIG as scheduler_init() has it.
 */
int scheduler_read(const struct config_schedule *config, struct cron *cron,
    struct zone **zone, struct err *err);

/* Everything is borrowed. ERR_CONFIG: an expression or the zone is wrong;
 * the message names the variable and what is allowed. */
int scheduler_init(struct scheduler **s, struct loop *loop,
    const struct config *config, struct ledger *ledger, struct runner *runner,
    struct metrics *metrics, struct err *err);

/* Asks the ledger for the last fires and begins to fire, and with
 * BATCH_SYNC_ON_STARTUP runs once in 5 seconds. Does nothing when syncs are
 * disabled. */
void scheduler_start(struct scheduler *s);

/* Stops firing. */
void scheduler_stop(struct scheduler *s);
bool scheduler_is_idle(const struct scheduler *s);

/* Stopped, and idle. */
void scheduler_free(struct scheduler *s);

void scheduler_status(
    const struct scheduler *s, struct scheduler_status *status);

/* The schedules, the one for all first. */
size_t scheduler_count(const struct scheduler *s);

struct scheduler_entry {
    const char *service;    /* "": for all; borrowed */
    const char *expression; /* borrowed */
    bool queues;
};
struct scheduler_entry scheduler_entry(const struct scheduler *s, size_t i);

/* Its next fires from now on; returns how many there are, at most n. */
size_t scheduler_next(
    const struct scheduler *s, size_t i, size_t n, int64_t next_ms[]);

#endif
