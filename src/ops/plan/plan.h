/*
 * What a run would do now, and what it would cost: nothing is embedded and
 * nothing written.
 *
 * The pipeline itself is the one that looks, over ports that read what a run
 * reads and only count what it would send or write (plan_ports.c); so a plan
 * cannot count otherwise than the run that follows.
 */
#ifndef OPS_PLAN_PLAN_H
#define OPS_PLAN_PLAN_H

#include "ops/ops.h"

struct plan_req {
    struct op op; /* err: what trigger_req has */
    /* In; borrowed until the callback. */
    const struct run_spec *spec; /* what the run would be asked to do */
    bool bare;        /* the database has no tables yet: all would be new */
    json_t *plan;     /* out; a new reference, NULL on failure */
    struct plan *own; /* the request's own */
};

/* Works with the configuration, the ports, the schemas, the loop, what vectors
 * come from, and connections. It may go on beside a run. */
void plan_run(const struct ops *ops, struct plan_req *req);

/* May all services be read and told of? */
bool plan_succeeded(const json_t *plan);

#endif
