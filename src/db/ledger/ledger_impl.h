/* Between the files of the ledger. */
#ifndef DB_LEDGER_LEDGER_IMPL_H
#define DB_LEDGER_LEDGER_IMPL_H

#include "db/call.h"
#include "db/ledger/ledger.h"

struct ledger_work {
    struct ledger *ledger;
    void *req;                       /* the request, borrowed */
    void (*send)(struct call *call); /* sends the transaction */
    void (*take)(struct call *call); /* reads its results and ends */
    int tries;                       /* times that it had to wait for a lock */
};

void ledger_start(struct ledger *l, struct op *op, void *req,
    void (*send)(struct call *call), void (*take)(struct call *call));

static inline struct ledger_work *ledger_work(struct call *c)
{
    return c->data;
}

/* First in a transaction that may find a row locked: limits the wait. */
void ledger_add_lock_timeout(struct call *c);

/*
 * Claiming a service that has not been begun, behind the last such (false: that
 * is not known, or the request is for something else): adds a statement, and
 * takes its result (false: it found none).
 */
bool ledger_claim_add_pending(
    struct call *c, struct ledger *l, const struct service_begin_req *req);
bool ledger_claim_take_pending(
    struct ledger *l, struct service_begin_req *req, const struct pg_result *r);

/* The advisory lock under which runs are begun and joined. */
#define LEDGER_BEGIN_LOCK "7089061848"

void ledger_fail(struct call *c, int code, const char *why);

/*
 * Three statements: the lock timeout, the lock under which runs are begun, and
 * one that marks runs without a live process as interrupted. `owner`: the
 * caller, if it knows that it runs nothing; a running row under its name is
 * left over from a lost reply. NULL: the caller does not know.
 */
void ledger_add_lost(struct call *c, const char *owner);

/* Says, once, that the run belongs to newer programs. */
void ledger_leave(struct ledger *l, struct str run_id);

/* The lease with that token; "": a free one. NULL: there is none. */
struct ledger_lease *ledger_lease_of(struct ledger *l, const char *token);

/* What its service had counted before it was resumed; zeros when the lease has
 * been lost. */
const struct counts *ledger_base_of(struct ledger *l, const char *token);

/* Starts the heartbeats, of that run and no service yet; ends those of the
 * ledger's current run and service. */
void ledger_beat_run(struct ledger *l, const char *run_id);
void ledger_beat_start(struct ledger *l);
void ledger_beat_stop(struct ledger *l);

/* The counters of a service's row, as columns that follow others. */
#define LEDGER_COUNT(name, json) ", coalesce((s.counts->>'" #name "')::int8, 0)"
#define LEDGER_COUNTS COUNTS_MAP(LEDGER_COUNT, )

/* Reads those columns from *column on, and moves it behind them. */
void ledger_take_counts(
    struct counts *counts, const struct pg_result *r, int row, int *column);

/* base + counts as a JSON object, in the arena. */
const char *ledger_counts_json(
    struct arena *a, const struct counts *base, const struct counts *counts);

/*
 * Dead letters (ledger_letters.c). Where there are any, adds to the
 * checkpoint's statement the parameters from $8 on; and further statements to
 * the transaction where there is something for them. ERR_NOMEM.
 */
int ledger_add_letters(struct call *c, const struct checkpoint_req *req);

/* What PostgreSQL takes as text: valid UTF-8 without NUL; in the arena. */
struct str ledger_clean(struct arena *a, struct str text);

#endif
