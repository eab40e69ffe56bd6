/*
 * A page: fetched, understood, rendered, compared with what is stored, then
 * drained by the chunks of its service and checkpointed.
 *
 *   FETCH <-> FETCH_WAIT    one coordinator call at a time
 *     |
 *   RENDER                  item by item, a slice per iteration of the loop
 *     |
 *   READY                   waits for page_compare(): the pages before must
 *     |                     know first which ids they write
 *   LOOKUP <-> LOOKUP_WAIT  the stored hashes, in one query; known poison
 *     |                     fails here, without being tried again
 *   DRAIN                   the service takes its work into chunks; items that
 *     |                     waited for an earlier write of their id are looked
 *     |                     up and compared again (page_wait.c)
 *     |
 *   CHECKPOINT <-> ..._WAIT all its items have an outcome and it is this page's
 *     |                     turn
 *   DONE                    page->err says how it ended; page->counts adds up
 *
 * A page that fails ends in DONE too; what of it was stored stays stored, and
 * items without an outcome are counted as failed.
 */
#ifndef SYNC_PAGE_PAGE_H
#define SYNC_PAGE_PAGE_H

#include "base/strmap.h"
#include "record/envelope.h"
#include "record/pass/known_ids.h"
#include "sync/chunk/chunk.h"
#include "sync/pipeline.h"

struct page;

enum page_state {
    PAGE_FETCH,
    PAGE_FETCH_WAIT,
    PAGE_RENDER,
    PAGE_READY,
    PAGE_LOOKUP,
    PAGE_LOOKUP_WAIT,
    PAGE_DRAIN,
    PAGE_CHECKPOINT,
    PAGE_CHECKPOINT_WAIT,
    PAGE_DONE
};

/* What a service tells its pages; all borrowed. */
struct page_context {
    struct pipeline *p;
    const struct schema *schema;
    const struct scope *scope;
    const char *service; /* registered name */
    const char *since;   /* NULL: everything */
    bool has_letters;    /* the service has open dead letters */
    bool made_letters;   /* of a passing kind, in this pass: look-ups may have
                            come too early for them */
    struct row_faults rows;
    /* A page has moved on. Only notes it down for a later iteration of the
     * loop, so that pages and chunks may call it anywhere. */
    void (*kick)(void *arg);
    void *arg;
};

struct page {
    struct list link;         /* in the service's window */
    struct page_context *ctx; /* borrowed from the service */
    struct arena arena;
    enum page_state state;
    int number, limit; /* as asked for */
    struct page_view view;
    struct page_item *items; /* view.n */
    struct page_item **work; /* nwork changed items: texts, rows, extras */
    size_t nwork, cursor;    /* the service has those before cursor */
    struct strmap ids;       /* content id -> index of its last item */
    struct page_share share; /* what chunks know of it */
    bool too_large;
    bool given_up; /* it failed because a page before it has */
    /* Asked for before anybody has said that there is such a page. It may be
     * read and rendered, no more, and whatever became of it counts for nothing
     * until it turns out to be the next one; or it is discarded. */
    bool early, discarded;
    bool set_aside; /* its first new item is not tried */
    bool unread;    /* skipped: it was not even asked for */
    /* Not the source's: items of dead letters, whose digests these are, n. */
    const uint8_t (*letters)[SHA256_BYTES];
    int next_page;          /* where an interrupted service goes on behind it */
    int next_limit;         /* in pages of so many items */
    int64_t announced;      /* items of the source, by this page; -1: none */
    bool unstorable;        /* the database takes nothing more of the service */
    struct counts counts;   /* complete in DONE */
    struct err err;         /* code 0: checkpointed */
    size_t bytes;           /* of the answer */
    struct page_work *busy; /* requests and their memory */
};

/* Starts fetching. */
struct page *page_start(struct page_context *ctx, int number, int limit);

/*
 * Instead: a page of one item that ended the process whenever it was read.
 * It is in DRAIN, with nothing to do but to write its dead letter.
 */
struct page *page_skip(struct page_context *ctx, int number);

/* Instead: the items of dead letters that are due, which are copied. It is no
 * page of the source, and `next_page` is still the one to be read next. */
struct page *page_start_letters(
    struct page_context *ctx, int next_page, const struct due_letters_req *due);

/*
 * READY -> LOOKUP. The pages before this one in its list know their work, or
 * have no id in common with it (page_is_apart()). An item whose id one of them
 * still writes waits for that; `replaces`: in the place of an item that has
 * waited so far, which counts as a collision then.
 */
void page_compare(struct page *page, const struct list *window, bool replaces);

/* One of its items is settled: the one that waits for it is compared again. */
void page_wake_waiter(struct page_item *it);

/* In DRAIN: looks up items that no longer wait, if there are any. */
void page_compare_again(struct page *page);

/*
 * From READY on, before anything has started (page_progress.c): how many of
 * its items have ids that no page before had; < 0: the look-up has to tell.
 */
long page_count_new(const struct page *page, const struct known_ids *ids);

/* Adds its ids to those that are known. */
void page_note_ids(struct page *page, struct known_ids *ids);

/* The same stage: none of its items is taken, as if it were empty. */
void page_leave_out(struct page *page);

/* In DRAIN: is there an item that no chunk has taken yet? */
bool page_has_work(const struct page *page);

/* In LOOKUP: has the database not answered yet? */
bool page_is_looking_up(const struct page *page);

/* In READY: has it no item of the same id as one of a page before it that is
 * still to be compared? Then it need not wait for that. */
bool page_is_apart(struct page *page, const struct list *window);

/* May it still find items that have changed? */
bool page_is_comparing(const struct page *page);

/* In DRAIN: is nothing of it under way, and nothing left? */
bool page_is_drained(const struct page *page);

/*
 * In DRAIN, drained, with the turn: writes the checkpoint and the dead
 * letters, or when the page has failed the letters alone. `total` is the
 * service's count up to the page before, `deaths` what the ledger is to count.
 */
void page_checkpoint(struct page *page, const struct counts *total, int deaths);

/* The same, but a page before this one has failed: a run that is resumed
 * begins there, so nothing is written of this one. */
void page_drop(struct page *page);

/*
 * The page cannot be completed, for the reason given (the first one counts).
 * With `cancel`, also ends what is under way; its chunks are the service's.
 */
void page_fail(struct page *page, const struct err *err, bool cancel);

/* Bytes that it holds; NULL, or not read yet: 0. */
size_t page_held(const struct page *page);

/* New dead letters of a checkpointed page: those not known before. */
uint64_t page_new_letters(const struct page *page);

/* The first item of the page that failed, one that was tried if there is one;
 * NULL: none. */
const struct page_item *page_first_failure(const struct page *page);

/* Only in DONE. */
void page_free(struct page *page);

#endif
