/*
 * Are the database, the coordinator and the embedder there? The last known
 * answer, so that health and readiness need no query of their own.
 *
 * The database is asked every second, over a pool of the probe's own. The
 * coordinator and the embedder are not asked at all: what the pipeline's calls
 * met is remembered.
 */
#ifndef DAEMON_PROBE_H
#define DAEMON_PROBE_H

#include "net/pg/pg.h"
#include "sync/ports.h"

struct probe;

enum probe_status { PROBE_UNKNOWN, PROBE_OK, PROBE_DOWN };

/* All borrowed until probe_stop(), the pool until the loop has ended. */
struct probe_options {
    struct loop *loop;
    struct pg_pool *pool; /* one connection that nobody else uses */
    /*
     * The database came up or went down, or was asked for the first time; or
     * NULL. May call probe_stop().
     */
    void (*changed)(void *arg, bool ok);
    void *arg; /* borrowed */
};

/* Asks the database at once and then every second. ERR_NOMEM. */
int probe_start(struct probe **p, const struct probe_options *options);

/* Asks no more; frees itself on the loop, soon. NULL is fine. */
void probe_stop(struct probe *p);

/* To be called with every event of the pipeline. */
void probe_event(struct probe *p, const struct run_event *event);

/* Did the database answer when it was asked last? */
bool probe_database_ok(const struct probe *p);

/*
 * Appends {"database":D,"coordinator":D,"embedder":D}, where D is
 * {"status":"ok","since","checkedAt"}, {"status":"down","since","checkedAt",
 * "error"} or {"status":"unknown"}; times as ISO-8601 with milliseconds.
 */
void probe_write_dependencies(const struct probe *p, struct buf *out);

#endif
