/*
 * Deletes history older than BATCH_SYNC_HISTORY_DAYS while this process has
 * nothing else to do: at the start, and every HOUSEKEEPER_MS from then on.
 */
#ifndef DAEMON_HOUSEKEEPER_H
#define DAEMON_HOUSEKEEPER_H

#include "daemon/runner.h"
#include "db/ledger/ledger_expire.h"

enum { HOUSEKEEPER_MS = 60 * 60 * 1000 };

struct housekeeper {
    struct pg_pool *pool;  /* borrowed */
    struct loop *loop;     /* borrowed */
    struct runner *runner; /* borrowed */
    int days;
    struct timer_req timer;
    struct expire_req expire;
    uint64_t runs, letters; /* deleted since the last pause */
    bool stopped;
};

/* It must stay where it is until it is idle. */
void housekeeper_init(struct housekeeper *h, struct pg_pool *pool,
    struct loop *loop, struct runner *runner, int days);

void housekeeper_start(struct housekeeper *h);

/* Begins nothing more; what is under way is canceled. */
void housekeeper_stop(struct housekeeper *h);
bool housekeeper_is_idle(const struct housekeeper *h);

#endif
