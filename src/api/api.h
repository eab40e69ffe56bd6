/*
 * The HTTP side: triggers, health, metrics and history. Translates between
 * HTTP and the use cases of ops/:
 *
 *   access    may the request speak to us? auth knows who asks, tokens who may
 *   routes    the table: method, path, handler; router finds the entry
 *   route_*   the handlers;  body  reads JSON bodies
 *   calls     answering at once, and requests that are answered later
 */
#ifndef API_API_H
#define API_API_H

#include "daemon/probe.h"
#include "daemon/scheduler.h"
#include "events/journal.h"
#include "metrics/metrics.h"
#include "ops/ops.h"

struct api;

/* All borrowed for the api's life. */
struct api_options {
    const struct ops *ops; /* all of it */
    struct scheduler *scheduler;
    struct probe *probe;
    struct metrics *metrics;
    struct tally_poller *tally;
    struct journal *journal;
};

/* Listens; ERR_UNAVAILABLE, ERR_CONFIG as http_server_start() has them. */
int api_start(
    struct api **api, const struct api_options *options, struct err *err);

int api_port(const struct api *api);

/* Reads the files of tokens again, now. */
void api_reload(struct api *api);

/* What /readyz says from now on: NULL ready, else why not (static). */
void api_set_ready(struct api *api, const char *why_not);

/*
 * Ends in three steps. api_drain() answers clients that wait for a run with
 * 503. api_shut(), once nothing else is left to do, refuses /admin/ with 503,
 * so that clients that keep asking do not hold up the end, and no request that
 * comes at the last moment begins something that api_close() would pull the
 * ground from. api_close() frees the api: only when nothing it submitted is
 * pending any more (api_is_idle()). Metrics and health are served until then.
 */
void api_drain(struct api *api);
void api_shut(struct api *api);
bool api_is_idle(const struct api *api);
void api_close(struct api *api);

#endif
