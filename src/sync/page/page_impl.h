/* What the files of the page share among themselves. */
#ifndef SYNC_PAGE_PAGE_IMPL_H
#define SYNC_PAGE_PAGE_IMPL_H

#include "sync/page/page.h"

/* Of texts and metadata, in one iteration of the loop: a millisecond or two. */
enum { SLICE_BYTES = 512 * 1024 };

/* The page's requests, one of which is under way at a time. */
struct page_work {
    struct page *page;   /* borrowed; the owner */
    struct arena answer; /* of the fetch; freed once understood */
    struct page_req fetch;
    struct work_req computing;
    struct err why; /* it went wrong; code 0: it did not */
    struct lookup_req lookup;
    struct checkpoint_req checkpoint;
    struct retry retry;
    struct arena texts;    /* and metadata, of the items that are not lean */
    struct arena passing;  /* of one item, while it is looked at; at last what
                              the checkpoint says of all of them */
    size_t kept;           /* bytes of the items that are not lean */
    struct buf scratch;    /* for rendering */
    size_t rendered;       /* items rendered so far */
    struct id_key *keys;   /* of them, view.n */
    struct id_key *sorted; /* the same, once all are rendered */
    size_t compared;       /* of open, and the row that comes next */
    size_t compared_rows;
    struct page_item **open; /* looked up, in the order of lookup.ids */
    bool meets; /* items of a page that was not compared when it was ready */
    size_t waiting;          /* items that wait for another's write */
    struct page_item *woken; /* no longer: a list by `next`, the last first */
    size_t nwoken;
    bool again;           /* what is looked up, or compared, was woken */
    struct counts so_far; /* the service's, this page's included */
};

static inline struct page *page_of_timer(struct op *op)
{
    return container_of(op, struct page_work, retry.timer.op)->page;
}

static inline struct page *page_of_computing(struct op *op)
{
    return container_of(op, struct page_work, computing.op)->page;
}

/* What is pure computing on a large page is done in the pool. */
static inline bool page_is_large(const struct page *page)
{
    return page->bytes > page->ctx->p->options->loop_bytes;
}
void page_compute(
    struct page *page, void (*work)(struct work_req *req), op_cb done);

/* Moves, asserted against the header's drawing, and tells the service. */
void page_move(struct page *page, enum page_state to);

/* In RENDER (page_render.c). */
void page_render(struct page *page);

static inline struct page *page_of_item(const struct page_item *it)
{
    return container_of(it->page, struct page, share);
}

/* Finds the items that have to wait (page_wait.c). */
void page_find_waiting(
    struct page *page, const struct list *window, bool replaces);

/* None of its items waits, or is to be compared again. */
void page_forget_waiting(struct page *page);

/* Looks up and compares the n items of busy->open; ERR_NOMEM. */
int page_compare_plan(struct page *page, size_t n);
void page_compare_submit(struct page *page);

/* Counts every item out and moves to DONE. */
void page_finish(struct page *page);

/* Waits in state `wait` when *err is worth another try. */
bool page_retry(
    struct page *page, const struct err *err, enum page_state wait, op_cb done);

/*
 * Dead letters (page_letters.c). Fails what a look-up with letters knows to be
 * poison; fills in the letters and resolved ids of busy->checkpoint
 * (ERR_NOMEM).
 */
void page_skip_known(struct page *page);

/* Fails the first item that would be tried: it ended the process. */
void page_set_aside(struct page *page);
int page_write_letters(struct page *page);

/* Once they are written: those that may pass are the service's to know. */
void page_note_letters(struct page *page);

/* Blames no item for what embedder or database refused; was there one? */
bool page_clear_blame(struct page *page);

/* Calls back in a later iteration of the loop; uses the retry timer. */
void page_later(struct page *page, op_cb done);

#endif
