/*
 * Pages from the coordinator over gRPC: the real side of the fetch_page port.
 * The answer is passed on unparsed; record/envelope parses it.
 */
#ifndef SOURCE_COORDINATOR_H
#define SOURCE_COORDINATOR_H

#include "config/config.h"
#include "net/loop.h"
#include "sync/ports.h"

struct coordinator;

struct coordinator_options {
    const struct config_coordinator *config; /* borrowed during init */
    int timeout_ms;                          /* deadline of a call; > 0 */

    /* For tests; NULL: the system's. */
    int64_t (*wall_ms)(void *arg);
    uint64_t (*random)(void *arg);
    void *arg; /* borrowed; handed to both */
};

/*
 * Loads the signing key (ERR_CONFIG when one is set but unreadable) and
 * prepares the channel; the first call connects.
 */
int coordinator_init(struct coordinator **c, struct loop *loop,
    const struct coordinator_options *options, struct err *err);

/* Cancels what is pending; frees itself on the loop. */
void coordinator_close(struct coordinator *c);

/*
 * The port. Errors are net/rpc.h's by status (ERR_UNAVAILABLE for ERR_BUSY),
 * with "coordinator: " before the first line of the coordinator's text;
 * ERR_PROTOCOL for an answer that is not a RouteResponse, ERR_TOO_LARGE for
 * one that does not fit into the arena.
 */
void coordinator_fetch(struct coordinator *c, struct page_req *req);

#endif
