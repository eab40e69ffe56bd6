/*
 * Who is asked before a request that costs tokens is sent, and told afterwards
 * what it has cost. The embedder knows no budgets; what keeps them wires itself
 * in here.
 */
#ifndef SYNC_EMBED_EMBED_GATE_H
#define SYNC_EMBED_EMBED_GATE_H

#include "net/op.h"

/* The budgets that a request is held against: a day's and a run's. */
enum { EMBED_BUDGETS = 2 };

struct embed_hold {
    struct op op;    /* ERR_BUDGET: the request would cross a budget */
    const char *run; /* the run's id; borrowed until it is settled */
    uint64_t tokens; /* estimated: hardly ever fewer than will be billed */
    bool held; /* by the gate: admitted and not settled yet, also where it was
                  canceled meanwhile */
    /* The keeper's own. */
    struct list link;
    uint64_t epochs[EMBED_BUDGETS];
};

struct embed_gate {
    void *arg;
    /* A submit, as in net/op.h. */
    void (*ask)(void *arg, struct embed_hold *hold);
    /* Of each that is held, once. */
    void (*settle)(void *arg, struct embed_hold *hold, uint64_t billed);
};

#endif
