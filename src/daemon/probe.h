/*
 * Are the database, the coordinator and the embedder there? Remembers the last
 * known answer, so that health and readiness need no query of their own.
 *
 * The database is asked every second whether one can write, over a pool
 * of its own; while the server has no connection for it, nothing new is known.
 * When a write of the pipeline was refused, one is tried, and rolled back; and
 * again every second for as long as that is refused, too.
 * The coordinator and the embedder are not asked at all: the probe remembers
 * how the pipeline's calls ended.
 */
#ifndef DAEMON_PROBE_H
#define DAEMON_PROBE_H

#include "net/pg/pg.h"
#include "sync/ports.h"

struct probe;

enum probe_status { PROBE_UNKNOWN, PROBE_OK, PROBE_DOWN };

enum probe_dependency {
    PROBE_DATABASE,
    PROBE_COORDINATOR,
    PROBE_EMBEDDER,
    PROBE_DEPENDENCIES
};

/* The last that is known of one of them. */
struct dependency {
    const char *name; /* static: "database", "coordinator", "embedder" */
    enum probe_status status;
    int64_t since_ms, checked_ms; /* since 1970; 0: unknown */
    int code;                     /* while down, and its message: */
    char error[ERR_MSG_BYTES];
};

/* All borrowed until probe_stop(), the pool until the loop has ended. */
struct probe_options {
    struct loop *loop;
    struct pg_pool *pool;
    const char *tenant; /* whose rows a try would write */
    /*
     * NULL, or called when the database comes up or goes down, and after the
     * first answer. May call probe_stop().
     */
    void (*changed)(void *arg, bool ok);
    void *arg; /* borrowed */
};

/* Asks the database at once and then every second. ERR_NOMEM. */
int probe_start(struct probe **p, const struct probe_options *options);

/* Stops asking; frees itself on the loop. NULL is fine. */
void probe_stop(struct probe *p);

/* To be called with every event of the pipeline. */
void probe_event(struct probe *p, const struct run_event *event);

/* Could one write to the database when it was asked last? */
bool probe_database_ok(const struct probe *p);
/* Why not; borrowed until the probe ends, and may change. */
const char *probe_database_reason(const struct probe *p);

/* What is known: PROBE_DEPENDENCIES of them, by enum probe_dependency;
 * borrowed until probe_stop(). */
const struct dependency *probe_dependencies(const struct probe *p);

#endif
