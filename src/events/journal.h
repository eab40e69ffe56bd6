/*
 * What happens, numbered, for readers that come and go. The last entries are
 * kept, so that one that was away for a moment misses nothing; memory is
 * bounded by JOURNAL_ENTRIES and JOURNAL_BYTES, however much happens and
 * however many read. Synchronous, on the loop.
 */
#ifndef EVENTS_JOURNAL_H
#define EVENTS_JOURNAL_H

#include "base/list.h"
#include "base/str.h"
#include "sync/ports.h"
#include <stdbool.h>

enum { JOURNAL_ENTRIES = 512, JOURNAL_BYTES = 512 * 1024 };

struct journal_entry {
    uint64_t number;       /* from 1, without gaps */
    const char *kind;      /* static: "run", "service", ... */
    char run_id[ID_BYTES]; /* "": of no run */
    struct str data;       /* JSON, one line; the journal's */
};

struct journal_reader {
    struct list link;
    /* The entry is borrowed for the call. False: it has left the journal, and
     * may be gone. */
    bool (*on_entry)(void *arg, const struct journal_entry *entry);
    void *arg; /* borrowed */
};

struct journal;

/* journal_free() only when nobody reads. */
struct journal *journal_new(void);
void journal_free(struct journal *j);

/* Adds an entry and calls the readers. The data are copied; an entry that is
 * longer than a quarter of JOURNAL_BYTES is left out. */
void journal_add(
    struct journal *j, const char *kind, const char *run_id, struct str data);

/* The number of the newest entry; 0: there was none. */
uint64_t journal_newest(const struct journal *j);

/*
 * Calls `r` for the kept entries behind number `after`, then for each new one;
 * `r` is borrowed until journal_leave(). False: some of those entries are gone,
 * and none was replayed.
 */
bool journal_join(struct journal *j, struct journal_reader *r, uint64_t after);

/* Idempotent; one that never joined may leave if it is zeroed. */
void journal_leave(struct journal_reader *r);

#endif
