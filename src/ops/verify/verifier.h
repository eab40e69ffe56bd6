/*
 * verify as a job of the service: one at a time in this process, asked for over
 * HTTP or by BATCH_SYNC_VERIFY_SCHEDULE. What the last one found is kept in
 * memory.
 *
 * Happy path: verifier_begin(), verifier_json() while it goes on and
 * afterwards. Failures: kept as the last one's error, and logged. Stop: cancels
 * it; what it has mended stays. Close: verifier_free() when it is idle.
 */
#ifndef OPS_VERIFY_VERIFIER_H
#define OPS_VERIFY_VERIFIER_H

#include "clock/schedule.h"
#include "db/verify/verify_claim.h"
#include "metrics/metrics.h"
#include "ops/verify/verify.h"

struct verifier {
    const struct ops *ops;   /* borrowed */
    struct linker *linker;   /* borrowed; kicked after a repair */
    struct metrics *metrics; /* borrowed */

    bool running;
    struct verify_request req; /* while it runs */
    struct arena asked;        /* what req.ask points at */
    const char *trigger;       /* static: "http", "schedule" */
    int64_t began_ms;          /* since 1970 */
    json_t *last;              /* owned; NULL: there was none yet */

    /* The schedule, if there is one. */
    struct cron cron;
    struct zone *zone; /* owned; NULL: none */
    struct schedule schedule;
    struct timer_req timer;
    struct verify_claim_req claim;
    bool stopped;
};

/* It must stay where it is until verifier_free(). The configuration has been
 * checked. */
void verifier_init(struct verifier *v, const struct ops *ops,
    struct linker *linker, struct metrics *metrics);

/* The database is there: the schedule begins. */
void verifier_start(struct verifier *v);

/* Begins a verification; `ask` is copied. ERR_ALREADY_RUNNING: here. */
int verifier_begin(struct verifier *v, const struct verify_ask *ask,
    const char *trigger, struct err *err);

/*
 * {"running":{"trigger","startedAt","rows","items","nodes","found"} or null,
 * "last":verify_json() with "trigger","startedAt","finishedAt","error" or null,
 * "next"}; a new reference.
 */
json_t *verifier_json(const struct verifier *v);

void verifier_stop(struct verifier *v);
bool verifier_is_idle(const struct verifier *v);
void verifier_free(struct verifier *v);

#endif
