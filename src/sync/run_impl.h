/* Between run.c and run_services.c. */
#ifndef SYNC_RUN_IMPL_H
#define SYNC_RUN_IMPL_H

#include "sync/run.h"
#include "sync/service/service.h"

/* Room for one of the services that are under way at once. */
struct run_slot {
    struct run *run;
    struct service_begin_req claim;
    struct service_begin_req next; /* CLAIM_SERVICE: its end has claimed it */
    bool claimed;                  /* and not ended */
    struct service *service;       /* owned; NULL: not started */
};

struct run {
    struct run_req *req;              /* borrowed; the owner's */
    const struct schema_set *schemas; /* borrowed */
    struct pipeline p;
    struct arena arena; /* names, results, errors */
    const char **names;
    bool *ours;                /* per service: ended by this process */
    struct run_slot *slots;    /* p.parallel */
    struct run_slot *claiming; /* whose claim is under way; NULL: none */
    bool over;                 /* nothing is left to be claimed */
    struct services_req list;
    struct run_begin_req begin;
    struct recall_req recall;
    struct timer_req poll;
    struct run_end_req end;
    struct err lost; /* why no more could be claimed; code 0: it could */
    struct retry retry;
    uint64_t started_ms;
};

/* Does it take part in a run that another process has begun? */
static inline bool run_is_helper(const struct run *r)
{
    return r->p.options->spec.run_id != NULL;
}

/* Claims what there is room for; and when all have ended, ends the run. */
void run_services_go_on(struct run *r);

/* The pipeline's stopping or aborting has changed. */
void run_services_kick(struct run *r);

/* No service is under way any more. */
void run_end_run(struct run *r);

#endif
