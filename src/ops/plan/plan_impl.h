/* What the files of the plan share among themselves. */
#ifndef OPS_PLAN_PLAN_IMPL_H
#define OPS_PLAN_PLAN_IMPL_H

#include "base/strmap.h"
#include "db/read/plan_facts.h"
#include "ops/plan/plan.h"

/* What the run would do with a service. */
struct plan_service {
    struct plan *plan; /* borrowed; its owner */
    const char *registered;
    const char *service; /* the schema's service_name; NULL: not begun */
    bool deletes;        /* what two passes have missed */
    bool told;           /* the source tells what is deleted */
    struct plan_facts_req facts;
    struct store_open_req open; /* a copy; its model_before */
    struct strmap unseen;       /* of facts.unseen, those not seen now either */
    uint64_t seen;              /* of them, by this pass */
    bool swept;                 /* the pass was complete: the rest may go */
    bool refused;               /* it is too much */
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

/* So many items at once are not believed to be gone. */
bool plan_is_too_much(
    const struct plan *p, const struct plan_service *s, uint64_t n);

/* The answer, when the run has ended. */
json_t *plan_json(const struct plan *p);

#endif
