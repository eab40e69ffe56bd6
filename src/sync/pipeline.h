/*
 * What every stage of a run shares: the world, the options, the window of
 * chunks in flight, and why the run should end, if it should.
 *
 *   run -> service -> page -> chunk
 *
 * Each is a state machine that owns its children. A child ends through one
 * callback, as the last thing it does in an iteration of the loop; before that
 * it may only kick: note down that there is something to decide. Parents call
 * their children's functions directly.
 */
#ifndef SYNC_PIPELINE_H
#define SYNC_PIPELINE_H

#include "base/list.h"
#include "base/log.h"
#include "sync/embed/embed_record.h"
#include "sync/ports.h"

/* Whom a call goes to. */
enum provider { COORDINATOR, EMBEDDER, DATABASE, PROVIDERS };

/* Most pages, of all services, that have been asked for and are not
 * checkpointed. */
enum { WINDOW_PAGES = 16 };

/*
 * The window: at most `workers` chunks hold an embedding slot, and at most as
 * many again wait for the database. While the embedder asks to slow down,
 * fewer hold a slot: halved by each such answer, one more for every `slots`
 * good ones. A slot is free once the embedder has answered: a chunk whose
 * answer then makes no sense gets the next one.
 */
struct window {
    int embedding;      /* chunks that hold a slot */
    int owed;           /* chunks that need one again */
    int in_flight;      /* chunks started and not done */
    double slots;       /* 1 .. workers */
    uint64_t slowed_ms; /* when it was last halved */
};

struct pipeline {
    const struct ports *ports;         /* borrowed */
    const struct run_options *options; /* borrowed; NULL: not a run's */
    const char *tenant;                /* borrowed; NULL: not a run's */
    const char *run_id;                /* borrowed; "" before it began */
    struct retry_policy retries;
    struct window window;
    int parallel;         /* services that may be under way at once */
    struct list services; /* those that are, by struct service.sibling: first
                             who has taken nothing for the longest time */
    int spent[PROVIDERS]; /* of each one's budget of retries */
    struct embed_record embed;
    struct trace_context trace;

    bool stopping;    /* start nothing new */
    bool canceled;    /* and no process may resume it */
    bool aborting;    /* nothing in flight may go on either */
    struct err fatal; /* the fault is the run's: code != 0 */
    bool all_refused; /* and is seen in items, none of which is to blame */
};

/* May anything new be started? */
static inline bool pipeline_open(const struct pipeline *p)
{
    return !p->stopping && p->fatal.code == 0;
}

/* Until the provider's settings have embedded something, one request at a
 * time finds out whether they do. */
static inline int pipeline_slots(const struct pipeline *p)
{
    return p->embed.proven ? (int)p->window.slots : 1;
}

static inline bool pipeline_has_slot(const struct pipeline *p)
{
    return p->window.embedding < pipeline_slots(p);
}

/* May another chunk start now? `embeds`: it needs a slot. */
static inline bool pipeline_has_room(const struct pipeline *p, bool embeds)
{
    const struct window *w = &p->window;

    return w->in_flight < 2 * p->options->workers &&
           (!embeds || w->embedding + w->owed < pipeline_slots(p));
}

/* An embedding call has ended: opens or narrows the window. */
void pipeline_pace(struct pipeline *p, const struct op *op);

/* op_init() for a call that is measured: notes when it begins. */
void pipeline_op_init(struct pipeline *p, struct op *op, op_cb done);

/* Reports to the listeners; `err` may be NULL. */
void pipeline_event(const struct pipeline *p, const struct run_event *event);

/* Tells how long the call that has just ended took, and how it ended. An
 * answer gives a retry back to its provider's budget. */
void pipeline_measure(
    struct pipeline *p, enum call_kind call, const struct op *op);

/* Says that a call is tried again: a warning, an event. */
void pipeline_note_retry(const struct pipeline *p, const char *service,
    int page, enum call_kind call, const struct err *err);

/*
 * A request that is tried again: counts tries and waits between them. Being
 * asked to slow down is not a failure: such answers are counted apart, and
 * RETRY_BUSY_FACTOR times as many are allowed. And a database that is away is
 * waited for by time, not by tries: what hangs on it has been paid for.
 *
 * Tries bound what one call costs; a budget for each provider bounds what all
 * calls of the run add to one that does not answer (ERR_UNAVAILABLE,
 * ERR_TIMEOUT). A retry takes one of it, an answer gives one back, so it only
 * shrinks while more calls fail than succeed. Once RETRY_BUDGET_FACTOR calls'
 * worth of tries is spent, what fails there fails at its first try, until the
 * provider answers again: the services that are left fail fast instead of one
 * after another in vain. The budgets are apart, so that no provider's outage
 * takes another's retries. Answers that make no sense, being asked to slow
 * down and a database that is away take nothing of it: they have bounds of
 * their own.
 *
 * A wait holds nothing of another provider's: a chunk that waits for the
 * database has given its embedding slot back, a page that waits for the
 * coordinator never had one. One that waits for the embedder keeps its slot:
 * freeing it would send the next chunk's request to a provider in trouble. What
 * may pass of an embedder's failures is not tried again here at all, but
 * weighed in chunk_doubt.c.
 */
enum {
    RETRY_BUSY_FACTOR = 20,
    RETRY_BUDGET_FACTOR = 10,
    RETRY_PATIENCE_MS = 10 * 60 * 1000
};

struct retry {
    int tries;        /* failed ones so far */
    int busy;         /* answers that asked to slow down */
    int away;         /* tries that have found the database away */
    uint64_t away_ms; /* since when, if there are any */
    struct timer_req timer;
};

/* The next request starts with fresh tries. */
static inline void retry_reset(struct retry *r)
{
    r->tries = r->busy = r->away = 0;
}

/*
 * Should a call that failed with *err be tried again? `call`: its kind; those
 * of the ledger that are not measured go as CALL_CHECKPOINT. If so the timer
 * is running and `done` comes when the wait is over (or canceled).
 */
bool retry_start(struct retry *r, struct pipeline *p, enum call_kind call,
    const struct err *err, op_cb done);

/* The wait: full jitter below base * 2^tries and 30 s, after what the other
 * side asked for: those that it has told the same do not come back at once. */
uint64_t retry_delay_ms(
    int base_ms, int tries, uint32_t retry_after_ms, uint64_t random);

/* Is this the fault of the run's own configuration, whatever the item? */
bool err_is_fatal(int code);

/* How logs name what was stored. */
static inline const char *pipeline_stored_word(const struct pipeline *p)
{
    return p->ports->dry ? "would be stored" : "stored";
}

#endif
