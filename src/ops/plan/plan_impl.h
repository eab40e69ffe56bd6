/* What the files of the plan share among themselves. */
#ifndef OPS_PLAN_PLAN_IMPL_H
#define OPS_PLAN_PLAN_IMPL_H

#include "base/strmap.h"
#include "db/read/plan_facts.h"
#include "ops/plan/plan.h"

/* Ids that the pages may take out. */
struct plan_ids {
    struct strmap map; /* 1: it has been taken out */
    uint64_t left;
};

/* What the run would do with a service. */
struct plan_service {
    struct plan *plan; /* borrowed; its owner */
    const char *registered;
    const char *service; /* the schema's service_name; NULL: not begun */
    bool deletes;        /* what two passes have missed */
    bool told;           /* the source tells what is deleted */
    struct plan_facts_req facts;
    struct store_open_req open; /* a copy; its model_before */
    struct plan_ids unseen;     /* of facts.unseen, those not seen now either */
    struct plan_ids told_before; /* of facts.told, those not told of now */
    bool swept;                  /* the pass was complete: the rest may go */
    bool swept_told; /* it has come to the end: what was told goes */
    /* Items. */
    uint64_t fresh, changed, metadata;
    uint64_t pieces; /* rows with a vector to come */
    uint64_t requests, texts, tokens;
    struct service_result result; /* as the pipeline ended it */
};

struct plan {
    struct plan_req *req; /* borrowed */
    const struct ops *ops;
    struct config config; /* the service's, but one service after another */
    struct ports ports;   /* dry */
    struct runner *runner;
    struct trigger_req run;
    struct arena arena;
    struct plan_service *services; /* nservices, in the run's order */
    size_t nservices, next;        /* to be begun */
    struct plan_service *at;       /* the one under way */
    struct plan_since_req since;
    struct service_begin_req *begin; /* waits for `since` */
    struct store_open_req *opening;  /* waits for the facts of `at` */
};

/* Ports that only read and count; `world` is the plan. */
void plan_wire(struct plan *p);

/*
 * The items of the service when the run judges what is told to be deleted, and
 * then what is missing: those that are new are stored by then, and what was
 * told is gone.
 */
uint64_t plan_told(const struct plan_service *s);
uint64_t plan_items_told(const struct plan_service *s);
uint64_t plan_items_missing(const struct plan_service *s);

/* So many items at once are not believed to be gone. */
bool plan_refuses_told(const struct plan *p, const struct plan_service *s);
bool plan_refuses_missing(const struct plan *p, const struct plan_service *s);

/* The answer, when the run has ended. */
json_t *plan_json(const struct plan *p);

#endif
