/*
 * A service: a window of pages, read ahead while there is room, whose changed
 * items flow into chunks across their borders. Others may be under way beside
 * it: what one takes or gives back is for all of them to see, so a kick of one
 * kicks all.
 *
 *   OPEN    the tenant and the microservice have their rows
 *     |
 *   PAGES   `pages` is the window, in their order: each page is read, compared
 *     |     once those before it are, and drained; the first one is
 *     |     checkpointed when each of its items has an outcome
 *     |
 *   SWEEP   what is gone from the source is deleted; most have no such state
 *     |
 *   END     the ledger hears how it went
 *     |
 *   DONE    result is complete
 *
 * Every state goes on to END when it fails. What is stored does not wait for
 * the page before, but two writes of one id never overlap or overtake each
 * other (page/page_wait.c). Checkpoints are written in the order of the pages,
 * one at a time: a crash costs comparing the window again.
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

/* Changed items that no chunk has taken yet: a list by `next`. */
struct work_queue {
    struct page_item *first, *last;
};

struct service {
    struct pipeline *p;  /* borrowed */
    struct list sibling; /* in its `services` */
    struct arena *arena; /* borrowed from the run: errors, schema */
    const struct schema *schema;
    enum service_state state;
    struct scope scope;
    struct page_context ctx;
    struct list pages;         /* owned; of struct page.link, in their order */
    struct chunk_group chunks; /* of all of them */
    struct work_queue work[CHANGE_TEXT + 1]; /* by kind */
    int next_page, limit;                    /* of the next fetch */
    bool more;                               /* there is a page to fetch */
    bool suspect;          /* its last owner was lost, and what it was lost in
                              is not behind the service yet */
    size_t largest;        /* bytes that one of its pages has held */
    int judged;            /* number of the last page asked about more */
    struct pass pass;      /* what the pages judged have said */
    bool read_all;         /* the last of them was the end */
    struct known_ids *ids; /* owned; of the pages judged */
    struct service_result *result; /* borrowed; filled in */
    struct service_busy *busy;     /* requests */
    void (*done)(struct service *s, void *arg);
    /* What its end is to claim (service_end_req.next); NULL: nothing, ever. */
    struct service_begin_req *(*next)(void *arg);
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

/* The pipeline's stopping or aborting has changed. */
void service_kick(struct service *s);

/* Only after `done` has been called. */
void service_free(struct service *s);

/* Adds an error to a result (arena: of its list); further ones than
 * RESULT_ERRORS are counted only. */
void service_result_error(struct service_result *result, struct arena *arena,
    int page, const struct err *err);

#endif
