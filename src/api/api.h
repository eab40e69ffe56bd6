/*
 * The HTTP side: triggers, health, metrics and history. Below /admin/ a Bearer
 * token is asked for, before the path is looked at; without a configured one
 * only loopback clients are answered there.
 */
#ifndef API_API_H
#define API_API_H

#include "daemon/probe.h"
#include "daemon/runner.h"
#include "daemon/scheduler.h"
#include "db/ledger/ledger.h"
#include "metrics/metrics.h"
#include "net/http/http_server.h"
#include "net/pg/pg.h"

struct admin;

/* All borrowed for the admin's life. */
struct admin_options {
    struct loop *loop;
    const struct config *config;
    const struct ports *ports; /* list_services */
    struct pg_pool *history;   /* for the runs */
    struct runner *runner;
    struct ledger *ledger; /* to cancel runs of other processes */
    struct scheduler *scheduler;
    struct probe *probe;
    struct metrics *metrics;
};

/* Listens; ERR_UNAVAILABLE, ERR_CONFIG as http_server_start() has them. */
int admin_start(
    struct admin **a, const struct admin_options *options, struct err *err);

int admin_port(const struct admin *a);

/* What /readyz says from now on: NULL ready, else why not (static). */
void admin_set_ready(struct admin *a, const char *why_not);

/*
 * Answers those who wait for a run with 503. Metrics and health go on being
 * served until admin_close(), which frees the admin: only when nothing it
 * submitted is pending any more (admin_is_idle()).
 */
void admin_drain(struct admin *a);
bool admin_is_idle(const struct admin *a);
void admin_close(struct admin *a);

#endif
