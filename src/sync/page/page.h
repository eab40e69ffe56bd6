/*
 * A page: fetched, understood, rendered, compared with what is stored, then
 * drained chunk by chunk and checkpointed.
 *
 *   FETCH <-> FETCH_WAIT    one coordinator call at a time
 *     |
 *   RENDER                  item by item, a slice per iteration of the loop
 *     |
 *   READY                   waits for page_compare(): the page before must
 *     |                     know first which ids it writes
 *   LOOKUP <-> LOOKUP_WAIT  the stored hashes, in one query; known poison
 *     |                     fails here, without being tried again
 *   DRAIN                   chunks run; the service starts them
 *     |
 *   CHECKPOINT <-> ..._WAIT all chunks have committed and it is this page's
 *     |                     turn
 *   DONE                    page->err says how it ended; page->counts adds up
 *
 * A page that fails ends in DONE too; what its chunks stored stays stored,
 * and items without an outcome are counted as failed.
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
    struct page_context *ctx; /* borrowed from the service */
    struct arena arena;
    enum page_state state;
    int number, limit; /* as asked for */
    struct page_view view;
    struct page_item *items; /* view.n */
    struct page_item **work; /* nwork changed items: texts, rows, extras */
    size_t nwork, cursor;    /* work before cursor is in chunks */
    struct strmap ids;       /* content id -> index of its last item */
    struct chunk_group chunks;
    bool failed, too_large;
    bool set_aside; /* its first new item is not tried */
    bool unread;    /* skipped: it was not even asked for */
    /* Not the source's: items of dead letters, whose digests these are, n. */
    const uint8_t (*letters)[SHA256_BYTES];
    int next_page;          /* where an interrupted service goes on behind it */
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
 * READY -> LOOKUP. `before` (NULL: none) is the page ahead of this one; ids
 * that it writes and has not committed count as changed here.
 */
void page_compare(struct page *page, const struct page *before);

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

/* In DRAIN, with work: starts the next chunk. */
void page_start_chunk(struct page *page);

/* Would the next chunk need an embedding slot? */
bool page_next_embeds(const struct page *page);

/* Chunks that wait for an embedding slot take those that are free. */
void page_resume(struct page *page);

/* Nothing new is to be tried: chunks that wait to try a text again give up,
 * and store what they have. */
void page_release(struct page *page);

/* The page before has committed, or there was none: chunks that have their
 * vectors are stored. */
void page_store(struct page *page);

/* In DRAIN: no chunk is left, and none will be started. */
bool page_is_drained(const struct page *page);

/*
 * In DRAIN, drained, with the turn: writes the checkpoint and the dead
 * letters, or when the page has failed the letters alone. `total` is the
 * service's count up to the page before, `next_limit` the limit in force,
 * `announced` how many items the source says there are (-1: it does not),
 * `deaths` what the ledger is to count.
 */
void page_checkpoint(struct page *page, const struct counts *total,
    int next_limit, int64_t announced, int deaths);

/* The same, but a page before this one has failed: a run that is resumed
 * begins there, so nothing is written of this one. */
void page_drop(struct page *page);

/*
 * The page cannot be completed, for the reason given (the first one counts).
 * It starts no further chunk; with `cancel`, also ends what is under way.
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
