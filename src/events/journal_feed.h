/*
 * Writes what the pipeline reports into the journal, as JSON. What comes with
 * every chunk is told a few times a second; what ends is told always.
 *
 *   run       {"id","status","services"}; status "running", or how it ended
 *   service   {"run","service","position","status","counts"}
 *   progress  the same with "page", while it runs
 *   retry     {"run","service","call","error"}
 *   linking   {"queued","method","perSecond"}; method "": idle
 *   index     {"building","phase","blocksDone","blocksTotal"}
 */
#ifndef EVENTS_JOURNAL_FEED_H
#define EVENTS_JOURNAL_FEED_H

#include "db/graph/index_watch.h"
#include "events/journal.h"
#include "sync/linker.h"

enum { FEED_PAUSE_MS = 250 }; /* between two entries of one kind */

struct journal_feed {
    struct journal *journal; /* borrowed */
    uint64_t progress_ms;    /* when progress was told last */
    int64_t queued;          /* that was told last; -1: nothing was */
    bool building;
    bool joined; /* the run at hand was begun by another process */
};

void journal_feed_init(struct journal_feed *f, struct journal *journal);

/* To be called with every event of the pipeline; now_ms by a steady clock. */
void journal_feed_event(
    struct journal_feed *f, const struct run_event *event, uint64_t now_ms);

/* How many items wait to be linked; told when it has changed. */
void journal_feed_linking(struct journal_feed *f, int64_t queued,
    const struct linker_progress *progress);

/* How far the vector index is; told while it is built, and at the end. */
void journal_feed_index(
    struct journal_feed *f, const struct index_progress *progress);

#endif
