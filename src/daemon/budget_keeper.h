/*
 * Keeps a run within EMBEDDING_BUDGET_RUN and all replicas together within
 * EMBEDDING_BUDGET_DAY: asked before each embedding request, told what it was
 * billed.
 *
 * Tokens are reserved in the database a block at a time, 1% of the limit, so
 * that a request as a rule asks nobody. What a run has reserved and not spent
 * is given back at its end. A process that dies gives nothing back: at most a
 * block and its requests under way, which stay counted as used.
 */
#ifndef DAEMON_BUDGET_KEEPER_H
#define DAEMON_BUDGET_KEEPER_H

#include "config/config.h"
#include "db/limits/budgets.h"
#include "sync/embed/embed_gate.h"

enum budget_kind { BUDGET_DAY, BUDGET_RUN };

/* One budget, as this process sees it. */
struct budget {
    uint64_t limit, block; /* tokens; limit 0: there is none */
    char key[BUDGET_KEY_BYTES];
    uint64_t epoch;    /* counts the keys */
    uint64_t granted;  /* reserved by this process under the key */
    uint64_t spent;    /* of it: billed */
    uint64_t held;     /* of it: estimated, for requests under way */
    uint64_t reserved; /* by all processes, when the database last said so */
    struct budgets_return_req give_back;
};

struct budget_keeper {
    struct pg_pool *pool; /* borrowed */
    struct loop *loop;    /* borrowed */
    struct budget budgets[EMBED_BUDGETS];
    struct list line; /* of struct embed_hold.link: wait, oldest first */
    struct budgets_reserve_req reserve; /* one at a time */
    enum budget_kind asking;            /* whose it is */
    int64_t rests_until_ms; /* by loop_wall_ms(): takes part in nobody's run */
};

void budget_keeper_init(struct budget_keeper *k, struct pg_pool *pool,
    struct loop *loop, const struct config_embedding *config);

/* Is there any budget? If so this is the gate to pass. */
bool budget_keeper_is_needed(const struct budget_keeper *k);
struct embed_gate budget_keeper_gate(struct budget_keeper *k);

/* A run has ended here: what it has left is given back. */
void budget_keeper_run_ended(struct budget_keeper *k);

/* Was a budget reached, so that no other replica's run is to be joined now? */
bool budget_keeper_rests(const struct budget_keeper *k);

/* Is something not given back yet? NULL, or the request to wait for. */
struct op *budget_keeper_pending(struct budget_keeper *k);

/* The variable that sets the limit. */
const char *budget_variable(enum budget_kind kind);

/* Tokens that are used, or held for requests, as far as this process knows. */
uint64_t budget_used(const struct budget *b);

/* When the day of `now_ms` ends, in UTC. Both since 1970. */
int64_t budget_day_end_ms(int64_t now_ms);

#endif
