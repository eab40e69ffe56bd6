/* What the files of the service share among themselves. */
#ifndef SYNC_SERVICE_IMPL_H
#define SYNC_SERVICE_IMPL_H

#include "record/pass/care.h"
#include "sync/page/altered.h"
#include "sync/service/service.h"

/* Items with and without an id, of the pages that have ended. */
struct service_ids {
    uint64_t with, without;
    uint64_t untold;   /* new dead letters of which no error tells yet */
    struct err advice; /* from the first item without one */
};

struct service_busy {
    struct service *service;               /* borrowed; the owner */
    const struct service_begin_req *claim; /* borrowed from the run */
    struct store_open_req open;
    struct sweep_req sweep;
    struct service_end_req end;
    struct retry retry;
    struct timer_req kick; /* pending: a decision is due */
    struct timer_req fill; /* pending: a chunk that is not full waits */
    uint64_t started_ms;
    bool failed;        /* reads no further page */
    bool told_given_up; /* that pages behind a failed one were given up */
    struct err
        unstorable; /* the database takes nothing more; code 0: it does */
    int shrunk;     /* the limit of our own making that pages are counted in; 0:
                       none, or the source has shown that it honours it */
    struct care care;
    struct due_letters_req due; /* pending: dead letters are looked for */
    struct arena due_arena;
    uint8_t due_after[SHA256_BYTES]; /* the last one tried */
    bool due_tried;                  /* all that were due */
    struct counts of_letters;        /* of those tried, until the end */
    struct service_ids ids;
    struct altered altered;
    bool told_odd; /* of a has_more that is not understood */
};

/* What it held of the window or the slots is free. */
void service_kick_siblings(struct service *s);

/* No other is under way. */
bool service_is_alone(const struct service *s);

/* It has taken some of the window or a slot: the others come first now. */
void service_took(struct service *s);

/* PAGES: looks at everything and decides what happens next. */
void service_step_pages(struct service *s);

/* The first page of the window; NULL: it is empty. */
static inline struct page *service_first_page(const struct service *s)
{
    return list_empty(&s->pages)
               ? NULL
               : container_of(s->pages.next, struct page, link);
}

/*
 * The reader (service_read.c). service_read(): reads on, if that may be and
 * there is room. service_read_has_room(): for one page more of this service.
 * service_read_follow(): the page has been judged; an early one behind it is
 * the next one, or is discarded. service_read_discard(): an early page.
 * service_read_discard_behind(): those behind a page.
 */
void service_read(struct service *s);
bool service_read_has_room(struct service *s);
void service_read_follow(struct service *s, const struct page *page);
void service_read_discard(struct page *page);
void service_read_discard_behind(struct service *s, const struct page *page);

/*
 * The filler (service_fill.c). service_fill_init(): the chunks' group.
 * service_fill_take(): the page's work. service_fill_drop_failed(): forgets
 * that of pages that have failed. service_fill_start(): starts the chunks that
 * are due. service_fill_curb(): ends, or hurries, chunks of failed pages only.
 * service_fill_store(): chunks that have their vectors go on.
 */
void service_fill_init(struct service *s);
void service_fill_take(struct service *s, struct page *page);
void service_fill_drop_failed(struct service *s);
void service_fill_start(struct service *s);
void service_fill_curb(struct service *s);
void service_fill_store(struct service *s);

/* No chunk waits to be filled any more; false: try again after a kick. */
bool service_fill_close(struct service *s);

/* PAGES: what the page says about the ones behind it, and at the end whether
 * the pass is complete (service_pass.c). */
void service_take_page(struct service *s, struct page *page);
void service_weigh_pass(struct service *s);

/* PAGES, when all of them have ended: tries dead letters that are due; true:
 * they are under way (service_letters.c). */
bool service_try_letters(struct service *s);

/* What the service's counts warn of goes into the log. */
void service_warn(const struct service *s);

/* PAGES -> SWEEP when what is gone is to be deleted, else -> END. */
void service_sweep(struct service *s);

/* -> END, from wherever it failed. */
void service_end(struct service *s);

/* Asserted against the header's drawing. */
void service_move(struct service *s, enum service_state to);

/* An error of a page, or with 0 of the service: logged and put in R. */
void service_error(struct service *s, int page, const struct err *err);

/* Counts the items of a page that has ended; true: of its dead letters
 * service_ids_report() will tell. */
bool service_ids_note(struct service *s, const struct page *page);

/* The last page has ended. */
void service_ids_report(struct service *s);

#endif
