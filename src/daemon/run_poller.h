/*
 * What a process does that has nothing to do: it looks for a run whose
 * services wait for somebody, and takes part in it. So the replicas on one
 * database share a run, and what one of them leaves behind is gone on with.
 */
#ifndef DAEMON_RUN_POLLER_H
#define DAEMON_RUN_POLLER_H

#include "daemon/runner.h"

struct joiner;

/* `options` are the runner's; both are borrowed for the joiner's life. */
int joiner_init(struct joiner **j, const struct runner_options *options,
    struct runner *runner);

/* Only when idle. */
void joiner_free(struct joiner *j);

/* Looks now, and every JOINER_POLL_MS from then on. */
enum { JOINER_POLL_MS = 2000 };
void joiner_start(struct joiner *j);

/* Looks no more; what it takes part in is the runner's to end. */
void joiner_stop(struct joiner *j);
bool joiner_is_idle(const struct joiner *j);

#endif
