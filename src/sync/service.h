/*
 * A service: its pages one after another, the next one already being read
 * and embedded while the current one drains.
 *
 *   OPEN    the tenant and the microservice have their rows
 *     |
 *   PAGES   `head` is the page that may store, `ahead` the one behind it,
 *     |     `checkpointing` the one before, whose checkpoint is being written
 *     |
 *   SWEEP   what is gone from the source is deleted; most have no such state
 *     |
 *   END     the ledger hears how it went
 *     |
 *   DONE    result is complete
 *
 * Every state goes on to END when it fails. At most one page is ahead, and only
 * while the window has room for one as large as the largest so far; a page gets
 * its turn to store when every chunk of the one before it has committed.
 * Checkpoints are written in the order of the pages, one at a time.
 */
#ifndef SYNC_SERVICE_H
#define SYNC_SERVICE_H

#include "record/pass/pass.h"
#include "sync/page/page.h"

enum service_state {
    SERVICE_OPEN,
    SERVICE_PAGES,
    SERVICE_SWEEP,
    SERVICE_END,
    SERVICE_DONE
};

struct service {
    struct pipeline *p;  /* borrowed */
    struct arena *arena; /* borrowed from the run: errors, schema */
    const struct schema *schema;
    enum service_state state;
    struct scope scope;
    struct page_context ctx;
    struct page *checkpointing, *head, *ahead; /* owned; in the pages' order */
    int next_page, limit;                      /* of the next fetch */
    bool more;                                 /* there is a page to fetch */
    size_t largest;        /* bytes that one of its pages has held */
    int judged;            /* number of the last page asked about more */
    struct pass pass;      /* what the pages judged have said */
    bool read_all;         /* the last of them was the end */
    struct known_ids *ids; /* owned; of the pages judged */
    struct service_result *result; /* borrowed; filled in */
    struct service_busy *busy;     /* requests */
    void (*done)(struct service *s, void *arg);
    void *arg; /* the run's */
};

/*
 * Starts a service of the run that this process has claimed. `claim` and
 * `schemas` are borrowed, and so is `result`, with its name filled in. `done`
 * comes once, from the loop, and may free the service.
 */
struct service *service_start(struct pipeline *p, struct arena *arena,
    const struct schema_set *schemas, const struct service_begin_req *claim,
    struct service_result *result, void (*done)(struct service *s, void *arg),
    void *arg);

/* The pipeline's stopping, aborting or fatal has changed. */
void service_kick(struct service *s);

/* Only after `done` has been called. */
void service_free(struct service *s);

/* Adds an error to a result (arena: of its list); further ones than
 * RESULT_ERRORS are counted only. */
void service_result_error(struct service_result *result, struct arena *arena,
    int page, const struct err *err);

#endif
