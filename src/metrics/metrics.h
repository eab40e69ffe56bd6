/*
 * What the process has done, in numbers, for Prometheus: counters, gauges and
 * histograms, fed by the pipeline's events and by the HTTP server. Every name
 * begins with `batchsync_`, but for the process's own, which all clients name
 * alike (`process_cpu_seconds_total`); docs/metrics.md lists them.
 *
 * Memory is bounded: label values that come from outside (services, routes)
 * have a cap, and those over it are counted under the label "other".
 */
#ifndef METRICS_METRICS_H
#define METRICS_METRICS_H

#include "base/buf.h"
#include "db/graph/index_watch.h"
#include "db/read/service_tally.h"
#include "net/loop.h"
#include "sync/linker.h"
#include "sync/ports.h"

struct metrics;

enum {
    METRICS_SERVICES = 512,              /* kept apart; further ones: "other" */
    METRICS_TEXT_BYTES = 8 * 1024 * 1024 /* a cap that any answer fits in */
};

/* `version` is copied. ERR_NOMEM. */
int metrics_init(struct metrics **m, const char *version);
void metrics_free(struct metrics *m);

/* To be called with every event of the pipeline. */
void metrics_event(struct metrics *m, const struct run_event *event);

/*
 * A trigger ("http", "schedule", "startup") and its outcome:
 * "accepted", "already_running", "disabled", "coordinator_disabled",
 * "shutting_down", "failed".
 */
void metrics_trigger(
    struct metrics *m, const char *trigger, const char *outcome);

/* How much later than planned a timer of the loop fired. */
void metrics_loop_lag(struct metrics *m, uint64_t lag_ms);

/*
 * What the ledger knows of the services, asked for at `moment`, which
 * metrics_moment() gave before. False, and nothing changes, when a service has
 * ended here since then: the answer may be older than that.
 */
uint64_t metrics_moment(const struct metrics *m);
bool metrics_tally(struct metrics *m, uint64_t moment,
    const struct service_tally *services, size_t n);

/* A service that is going to be synced: its counters begin at zero. */
void metrics_know_service(struct metrics *m, const char *service);

/* A try to deliver a message to the webhook: "delivered", "failed", which is
 * tried again, or "given_up"; and how many messages wait. */
void metrics_webhook(struct metrics *m, const char *outcome);
void metrics_budget(
    struct metrics *m, const char *budget, uint64_t limit, uint64_t used);
void metrics_webhooks_waiting(struct metrics *m, uint64_t messages);

/* When a schedule fires next; 0: never. `service`: whose own it is; "": all. */
void metrics_next_run(struct metrics *m, const char *service, int64_t next_ms);

/* A verification of what is stored has ended: what it found and did not mend,
 * and when, in seconds since 1970. */
void metrics_verified(struct metrics *m, uint64_t left, int64_t now_s);

/* Are the schedules paused? */
void metrics_paused(struct metrics *m, bool paused);

/* The progress of building the vector index. */
void metrics_index(struct metrics *m, const struct index_progress *progress);

/* What the loop's turns have cost so far. */
void metrics_loop_turns(struct metrics *m, const struct loop_turns *turns);

/*
 * A request was answered. `route` is the pattern ("/admin/.../runs/<id>"),
 * never the path that a client sent; `method` may be anything.
 */
void metrics_http(struct metrics *m, const char *method, const char *route,
    int status, uint64_t duration_ms);

/* A request lacked the rights it needs. */
void metrics_http_refused(struct metrics *m);

/* Items that wait to be linked, as the linker last counted; exposed from the
 * first call on. */
void metrics_link_queue(struct metrics *m, uint64_t items);

/* What the linker has done so far. */
void metrics_linker(struct metrics *m, const struct linker_progress *progress);

/* The text exposition format 0.0.4, and OpenMetrics 1.0. */
enum metrics_format { METRICS_TEXT, METRICS_OPEN };

/* What a scraper's Accept header asks for: OpenMetrics if it is named. */
enum metrics_format metrics_format_for(struct str accept);
const char *metrics_content_type(enum metrics_format format);

/* Appends everything, and looks at /proc/self for the process's own numbers.
 * Errors stick to `out`. */
void metrics_write(
    struct metrics *m, enum metrics_format format, struct buf *out);

#endif
