/* What a run has to say for itself: R of the HTTP and command-line answers. */
#ifndef SYNC_RESULT_H
#define SYNC_RESULT_H

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Items, not pieces. Every received item is counted out exactly once:
 * received = stored + unchanged + failed + collisions, where a collision is
 * an item that a later one of the same id and page replaced. Rows deleted
 * because their source is gone are no received items.
 */
struct counts {
    uint64_t received;
    uint64_t stored;
    uint64_t unchanged;
    uint64_t deleted;        /* gone from their source */
    uint64_t delete_refused; /* gone too, but too many to be believed */
    uint64_t failed;
    uint64_t known_failures; /* of `failed`: dead letters known before */
    uint64_t collisions;
    uint64_t embedded;     /* items sent to the embedder and answered */
    uint64_t nuls_dropped; /* NUL characters */
    uint64_t replaced;     /* lone surrogates and broken bytes, now U+FFFD */
};

void counts_add(struct counts *to, const struct counts *from);

struct page_error {
    int page; /* 0: the service as a whole */
    int code; /* enum err_code */
    char error[ERR_MSG_BYTES];
};

enum { RESULT_ERRORS = 50 }; /* kept per service; further ones are counted */

/* Has all come that the source spoke of? Not the same as success. */
struct pass_end {
    bool complete;
    int64_t shortfall;  /* items; -1: unknown, not all pages were read */
    const char *reason; /* why it is not complete; NULL: complete, or not all
                           pages were read; owned by the run's arena */
};

struct service_result {
    const char *service; /* registered name; borrowed from the run */
    bool success;
    struct counts counts;
    struct pass_end pass;
    uint32_t pages;            /* read and completed */
    struct page_error *errors; /* owned by the run's arena */
    uint32_t nerrors;          /* entries in `errors` */
    uint32_t errors_total;
    uint64_t duration_ms;
};

enum run_status {
    RUN_SUCCESS,
    RUN_PARTIAL,
    RUN_FAILED,
    RUN_CANCELED,   /* for good */
    RUN_INTERRUPTED /* resumable, by this process or another */
};

struct run_result {
    enum run_status status; /* success iff RUN_SUCCESS */
    const char *source;     /* "request", "env", "coordinator", "fallback" */
    struct service_result *services; /* nservices, in the run's order */
    size_t nservices;
    struct counts counts; /* the sum */
    uint64_t duration_ms;
    struct err err; /* why nothing ran at all: ERR_ALREADY_RUNNING, ... */
};

const char *run_status_name(enum run_status status);

/* Did all services fail, and only because something that they depend on is
 * away? Then the same run may succeed later. */
bool run_result_is_outage(const struct run_result *result);

#endif
