/*
 * Polls for runs that this idle process can help with: those with services that
 * no process is at work on. So the replicas on one database share a run, and
 * resume what a lost one leaves behind.
 */
#ifndef DAEMON_RUN_POLLER_H
#define DAEMON_RUN_POLLER_H

#include "daemon/runner.h"

struct run_poller;

/* `options` are the runner's; both are borrowed for the poller's life. */
int run_poller_init(struct run_poller **j, const struct runner_options *options,
    struct runner *runner);

/* Only when idle. */
void run_poller_free(struct run_poller *j);

/* Looks now, and every JOINER_POLL_MS from then on. */
enum { JOINER_POLL_MS = 2000 };
void run_poller_start(struct run_poller *j);

/* Stops looking; a run that was joined is the runner's to end. */
void run_poller_stop(struct run_poller *j);
bool run_poller_is_idle(const struct run_poller *j);

#endif
