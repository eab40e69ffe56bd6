/*
 * Fires of the schedules, and their pause. A fire is known by its schedule (the
 * service's name, or "" for the one that is for all) and its nominal instant,
 * which are the same in every replica.
 */
#ifndef DB_LEDGER_LEDGER_FIRE_H
#define DB_LEDGER_LEDGER_FIRE_H

#include "db/ledger/ledger.h"

enum { PAUSE_REASON_BYTES = 512 };

/* The last fire of a schedule that any replica has started or dropped. */
struct last_fire_req {
    struct op op;
    const char *schedule; /* borrowed until the callback */
    int64_t fire_ms;      /* out: its nominal instant; 0: there was none */
};
void ledger_last_fire(struct ledger *l, struct last_fire_req *req);

/* May this fire begin a run? */
struct fire_ask_req {
    struct op op;
    const char *schedule; /* borrowed until the callback */
    int64_t fire_ms;      /* 0: not a fire of a schedule */
    /* Out. */
    bool taken; /* it has begun one already, here or elsewhere */
    bool paused;
    char reason[PAUSE_REASON_BYTES];
};
void ledger_fire_ask(struct ledger *l, struct fire_ask_req *req);

/* It will begin none: so that nobody takes it for missed. */
struct fire_drop_req {
    struct op op;
    const char *schedule; /* borrowed until the callback */
    int64_t fire_ms;
    const char *outcome; /* static: "skipped", "replaced", "paused", "failed" */
    bool taken;          /* out: it has begun one elsewhere; nothing noted */
};
void ledger_fire_drop(struct ledger *l, struct fire_drop_req *req);

/* Pauses all schedules, or lets them go on. */
struct pause_req {
    struct op op;
    const char *reason; /* borrowed until the callback; NULL: go on */
    bool changed;       /* out: it was not so before */
};
void ledger_pause(struct ledger *l, struct pause_req *req);

#endif
