/* What the files of the service share among themselves. */
#ifndef SYNC_SERVICE_IMPL_H
#define SYNC_SERVICE_IMPL_H

#include "sync/service.h"

struct service_busy {
    struct service *service;               /* borrowed; the owner */
    const struct service_begin_req *claim; /* borrowed from the run */
    struct store_open_req open;
    struct sweep_req sweep;
    struct service_end_req end;
    struct retry retry;
    struct timer_req kick; /* pending: a decision is due */
    uint64_t started_ms;
    bool failed; /* reads no further page */
};

/* PAGES: looks at everything and decides what happens next. */
void service_step_pages(struct service *s);

/* PAGES -> SWEEP when what is gone is to be deleted, else -> END. */
void service_sweep(struct service *s);

/* -> END, from wherever it failed. */
void service_end(struct service *s);

/* Asserted against the header's drawing. */
void service_move(struct service *s, enum service_state to);

/* An error of a page, or with 0 of the service: logged and put in R. */
void service_error(struct service *s, int page, const struct err *err);

#endif
