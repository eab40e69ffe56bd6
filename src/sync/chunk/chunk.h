/*
 * A chunk: up to chunk_size changed items, of one page or several, embedded and
 * then stored in one statement.
 *
 *   EMBED <-> EMBED_WAIT      a request is under way / waits to be repeated
 *     |                       (these two hold an embedding slot, until the
 *     |                       last request is answered: the next one is on
 *     |                       its way before the answer is read)
 *     |  <-> SUSPECT_WAIT     texts that failed alone are to be tried again; a
 *     |                       slot is not held meanwhile
 *   READY                     has its vectors
 *     |
 *   STORE <-> STORE_WAIT      the statement is under way / waits
 *     |
 *   DONE                      items say how they ended; chunk->err says
 *                             whether something else went wrong
 *
 * Embedding works through ranges of texts. A range the provider refuses is
 * halved until the bad text is alone; its item fails, the rest goes on. So is
 * a range that keeps failing in a passing way (a 5xx, a time-out, a reset)
 * while other requests succeed; chunk_doubt.c says when its text is blamed. A
 * text that is too long for the model is cut in two. Storing works through
 * ranges of items in the same way. When nothing of the chunk could be embedded,
 * or nothing of it stored, and two items failed with the same words, the fault
 * is the request's or the table's and not the items': chunk->err is ERR_CONFIG
 * and no item is blamed, nor those of other chunks of their pages
 * (page_clear_blame()). Items that failed before, as they are, say nothing of
 * that.
 */
#ifndef SYNC_CHUNK_CHUNK_H
#define SYNC_CHUNK_CHUNK_H

#include "sync/chunk/page_item.h"
#include "sync/chunk/ranges.h"
#include "sync/pipeline.h"

enum chunk_state {
    CHUNK_EMBED,
    CHUNK_EMBED_WAIT,
    CHUNK_SUSPECT_WAIT,
    CHUNK_READY,
    CHUNK_STORE,
    CHUNK_STORE_WAIT,
    CHUNK_DONE
};

/* How many rows of a service the database has refused in this run. */
struct row_faults {
    uint64_t received; /* items of the service, so far */
    uint64_t refused;  /* of their rows, each by itself */
};

struct chunk;

/*
 * The chunks of a service: what they share and whom they tell. The service
 * fills it in; everything is borrowed from it.
 */
struct chunk_group {
    bool known; /* its items have failed before: they say nothing new of the
                   embedder */
    struct pipeline *p;
    const struct schema *schema;
    const struct scope *scope;
    const char *service;     /* registered name */
    struct row_faults *rows; /* the service's */
    struct list list;        /* of struct chunk.link: started, not done */
    /* A slot is free. Only notes it down for a later iteration of the loop. */
    void (*kick)(void *arg);
    void *arg;
    /* A chunk is done: frees it with chunk_free(). Its last call. */
    void (*done)(struct chunk_group *group, struct chunk *chunk);
};

/* One text to embed: a piece of an item. */
struct chunk_text {
    struct str text; /* borrowed from the item; what is sent may have more
                        before it (chunk_sent.c) */
    size_t member;   /* index into chunk->members */
    float *vector;   /* in the arena; NULL until it came */
    bool kept;       /* none will come: its row is there, and keeps its own */
    /* Of a suspect, which failed alone in a passing way (chunk_doubt.c): */
    unsigned alone;    /* how often; 0: it is none */
    uint64_t first_ms; /* the first time */
    uint64_t due_ms;   /* for the next try */
    uint64_t passed;   /* the run's requests that had passed at the last one */
    const char *why;   /* in its page's arena */
};

/* What was learned from refusals, to tell a bad item from a bad request: first
 * by the embedder, then by the database. */
struct chunk_verdict {
    size_t passed;   /* texts that were embedded; items that were stored */
    size_t refused;  /* what was refused alone, of items never refused before */
    bool same_words; /* all of it with these: */
    char words[ERR_MSG_BYTES];
    struct err first;
};

/* The range under way, while it fails in a passing way (chunk_doubt.c). */
struct chunk_trial {
    unsigned failures; /* of the range, as it is */
    uint64_t passed;   /* the run's requests that had passed at the first */
    uint64_t own;      /* failed requests of the chunk, of any range */
    bool witnessing;   /* a witness is to be asked, or is */
    bool outage;       /* and has failed, too */
    bool proving;      /* the run's first text was refused: are all? */
    bool garbage;      /* so was the witness, in words that made no sense */
    struct err err;    /* of the range */
};

struct chunk {
    struct list link;          /* in group->list */
    struct chunk_group *group; /* borrowed; the parent */
    struct pipeline *p;        /* borrowed; the group's */
    struct arena arena;        /* members, texts, vectors, rows */
    enum chunk_state state;
    bool has_slot;   /* counts in window.embedding */
    bool wants_slot; /* again, having given it away; counts in window.owed */
    bool canceled;
    bool unstorable;            /* the database takes nothing more */
    bool released;              /* gives up rather than wait for a suspect */
    struct page_item **members; /* nmembers; the items are their pages' */
    size_t nmembers;
    uint64_t tokens, tokens_guess; /* of all its requests: billed, estimated */
    uint64_t refused[EMBED_REFUSALS];
    struct chunk_text *texts; /* ntexts, by member, then piece */
    size_t ntexts, texts_size;
    struct piece_context *contexts; /* nmembers: what their later pieces are
                                       sent with; NULL: nothing */
    struct arena sent;              /* the texts of the request under way that
                                       are not borrowed */
    size_t sent_from;               /* index of its first one */
    struct ranges ranges;           /* what is left to embed, then to store */
    struct range range;             /* the one under way */
    float *vectors;                 /* for the request under way */
    size_t vectors_size;            /* floats */
    struct chunk_verdict verdict;
    struct chunk_trial trial;
    struct retry retry;
    struct work_req collecting; /* the texts of large items */
    int collected;              /* how that ended: 0, ERR_NOMEM */
    struct embed_req embed;
    struct store_req store;
    /* Of an item that is stored in parts: rows that are left to store, and once
     * the ones under way are; 0: all, none. */
    size_t unwritten, unwritten_next;
    struct err err; /* why items without an outcome have none */
};

/*
 * Takes the first n of a queue of items and starts. The end comes to
 * group->done(), at the latest when canceled; it may come at once.
 */
void chunk_start(struct chunk_group *group, struct page_item *first, size_t n);

/* The number of the page that its first item is of, for logs. */
int chunk_page(const struct chunk *c);

/* A chunk in EMBED that waits for a slot goes on, if one is free; true: it
 * has, and may be gone. */
bool chunk_resume(struct chunk *c);

/* A chunk in READY goes on. */
void chunk_store_now(struct chunk *c);

/*
 * Ends what is under way, whatever it is; group->done() still comes, and for a
 * chunk in READY at once.
 */
void chunk_cancel(struct chunk *c);

/* Nothing new is to be tried: a chunk that waits to try a text again gives
 * up on what it has not embedded, and stores the rest. */
void chunk_release(struct chunk *c);

/* By group->done() only. */
void chunk_free(struct chunk *c);

#endif
