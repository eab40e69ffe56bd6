/*
 * Keeps the metrics of the services what the ledger says: after a start, when a
 * service has ended here, and every 10 seconds, since other processes sync as
 * well.
 */
#ifndef DAEMON_TALLY_POLLER_H
#define DAEMON_TALLY_POLLER_H

#include "config/config.h"
#include "metrics/metrics.h"

struct tally_poller;

enum { TALLY_POLL_MS = 10 * 1000 };

/* Are the schedules paused, as far as is known? */
struct tally_pause {
    const char *reason; /* NULL: they are not; borrowed until the next turn */
    int64_t since_ms;   /* since 1970 */
};

/* All borrowed until tally_poller_free(). The configured services get their
 * counters at once. ERR_NOMEM. */
int tally_poller_init(struct tally_poller **t, struct loop *loop,
    struct pg_pool *pool, const struct config *config, struct metrics *metrics);

/* Asks now, and from then on at every tick. */
void tally_poller_look(struct tally_poller *t);

struct tally_pause tally_poller_pause(const struct tally_poller *t);

void tally_poller_stop(struct tally_poller *t);
bool tally_poller_is_idle(const struct tally_poller *t);

/* Stopped, and idle; or never asked. NULL is fine. */
void tally_poller_free(struct tally_poller *t);

#endif
