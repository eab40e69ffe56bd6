/*
 * Sees to the full-text index where BATCH_SYNC_FULL_TEXT asks for one: at the
 * start, and after each run. While a run is at work nothing is begun, since
 * building slows storing.
 */
#ifndef DAEMON_TEXT_INDEXER_H
#define DAEMON_TEXT_INDEXER_H

#include "db/search/text_index.h"
#include "net/loop.h"
#include "record/schema.h"

enum { TEXT_INDEXER_RETRY_MS = 60 * 1000 };

struct text_indexer {
    struct store *store; /* borrowed; NULL: there is never anything to do */
    struct loop *loop;   /* borrowed */
    const struct schema_set *schemas; /* borrowed */
    struct arena arena;               /* of the request under way */
    struct text_index_req req;
    struct timer_req pause;
    bool busy;   /* a run is at work */
    bool again;  /* kicked meanwhile */
    bool warned; /* that somebody else has to build it */
    bool stopped;
};

/* It must stay where it is until it is idle. */
void text_indexer_init(struct text_indexer *t, struct store *store,
    struct loop *loop, const struct schema_set *schemas);

/* Looks as soon as no run is at work. Cheap, at any time. */
void text_indexer_kick(struct text_indexer *t);

/* A run begins, or has ended; its end is a kick. */
void text_indexer_run(struct text_indexer *t, bool busy);

/* For good: what is under way is canceled. */
void text_indexer_stop(struct text_indexer *t);
bool text_indexer_is_idle(const struct text_indexer *t);

#endif
