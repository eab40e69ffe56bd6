/*
 * What becomes of the fires of one schedule, or of the start-up: each begins a
 * run, or leaves a note in the ledger why it did not.
 *
 *   begin -> ask -> trigger -> the run ends
 *             |        \-> wait, ask again    (passing; or a run under way)
 *             \-> noted as paused, skipped, replaced, failed
 */
#ifndef DAEMON_FIRING_H
#define DAEMON_FIRING_H

#include "daemon/runner.h"
#include "db/ledger/ledger_fire.h"
#include "metrics/metrics.h"

struct firing {
    /* In; all borrowed. */
    struct loop *loop;
    struct ledger *ledger;
    struct runner *runner;
    struct metrics *metrics;
    const char *trigger;  /* static: "schedule" or "startup" */
    const char *schedule; /* the service whose own it is; "": all */
    bool queues; /* a fire that meets a run waits for its end, the latest one */

    /* Its own. */
    int64_t nominal_ms; /* of the fire under way; 0: of no schedule */
    int64_t next_ms;    /* of the one that waits behind it; 0: none */
    uint64_t since_ms;  /* when it was tried first, on the loop's clock */
    uint64_t wait_ms;   /* before the last try; 0: it was the first */
    bool told;          /* that it waits */
    size_t notes;       /* being written */
    bool stopped;
    struct fire_ask_req ask;
    struct trigger_req req;
    struct timer_req again; /* before the next try */
};

/* What is "in" has been set. */
void firing_init(struct firing *f);

/* A fire is due; 0: of no schedule. */
void firing_fire(struct firing *f, int64_t nominal_ms);

/* Gives up what waits; a run that was begun goes on. */
void firing_stop(struct firing *f);
bool firing_is_idle(const struct firing *f);

#endif
