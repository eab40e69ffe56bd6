/* An item on its way: the page owns it, a chunk embeds and stores it. */
#ifndef SYNC_CHUNK_PAGE_ITEM_H
#define SYNC_CHUNK_PAGE_ITEM_H

#include "record/item.h"
#include "sync/result.h"

/* Most that one item may render to. */
enum { TEXT_BYTES = 64 * 1024 * 1024 };

/* How an item of the page ended. */
enum outcome {
    ITEM_OPEN, /* not yet */
    ITEM_UNCHANGED,
    ITEM_COLLISION, /* a later item, of the page or the window, has its id */
    ITEM_STORED,
    ITEM_TOMBSTONE, /* tells that the item of its id is deleted */
    ITEM_FAILED
};

/* What is different from the stored rows; CHANGE_EXTRA: there are more of them
 * than the item has pieces. */
enum change { CHANGE_NONE, CHANGE_EXTRA, CHANGE_ROW, CHANGE_TEXT };

/*
 * What chunks know of a page whose items they have; its other things are the
 * page's own. A page lives while a chunk has one of its items.
 */
struct page_share {
    struct arena *arena;   /* borrowed: the page's, for what outlives a chunk */
    struct counts *counts; /* borrowed: the page's */
    int number;
    size_t queued;        /* its changed items that no chunk has yet */
    size_t under_way;     /* and those that one has */
    uint64_t compared_ms; /* when the last of them were found */
    bool failed;          /* nothing new of it is started */
    bool canceled;        /* and nothing goes on */
};

struct page_item {
    struct page_share *page;  /* borrowed */
    struct page_item *next;   /* in a queue of its service or its page */
    struct page_item *waiter; /* of a later page, with the same id: it is
                                 compared again when this one is settled */
    struct item item;  /* without its text and metadata while it is lean */
    yyjson_val *value; /* as it came */
    enum outcome outcome;
    enum change change;
    size_t stored_pieces; /* rows found, up to the last one */
    size_t own_pieces;    /* of them, the first ones, with hashes */
    const bool *keeps;    /* own_pieces: those of an altered item that are as
                             they were written; NULL: none */
    int repairs;          /* what its rows get: it was found changed by another
                             program so often in a row; 0: it was not */
    bool contested;       /* so often that it is left alone */
    enum cut_rule cut;    /* of its pieces: stored ones that keep their text
                             keep theirs */
    uint8_t altered;      /* by a trigger of the table: enum store_altered */
    bool is_news;         /* a tombstone's: its id is stored, or about to be */
    bool waits;           /* it is some item's waiter */
    bool has_letter;      /* an open dead letter has its id */
    bool failed_before;   /* and is of this very item */
    bool refused;         /* as it is, by the embedder or the database */
    bool suppressed;      /* a known poison, not tried again */
    bool passing;         /* it may do better another time: failed alone */
    bool lean;            /* made when they are needed; their lengths stay */
    bool unembedded;      /* its chunk gave up before it had all its vectors */
    const char *reason;   /* of a dead letter; NULL: none */
    size_t most_tokens;   /* estimated: longer texts of it were refused for it;
                             0: none was */
};

/*
 * Makes text and metadata of a lean item once more, in `a`, and forgets them
 * again before the arena goes. ERR_NOMEM.
 */
int page_item_make(struct page_item *it, const struct schema *schema,
    struct arena *a, struct buf *scratch);
void page_item_forget(struct page_item *it);

#endif
