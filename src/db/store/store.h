/*
 * The store: synced items as rows of vector_embeddings. The real side of the
 * ports store_open, lookup and store (sync/ports.h). What was stored is
 * searched in db/search/.
 */
#ifndef DB_STORE_STORE_H
#define DB_STORE_STORE_H

#include "db/search/term_shares.h"
#include "net/pg/pg.h"
#include "sync/ports.h"

/* Of an item's first row: its title, if that is a text. */
#define STORE_TITLE                                        \
    "CASE WHEN jsonb_typeof(metadata->'title') = 'string'" \
    " THEN metadata->>'title' END"

/* Nothing to free, but not to be moved. Both pointers are borrowed. */
struct store {
    struct pg_pool *pool;
    struct loop *loop;
    /* What this database calls its vectors; 0: not asked yet. */
    unsigned vector_oid, vector_array_oid;
    char vector_schema[128]; /* quoted */
    bool iterative_scan;     /* pgvector 0.8 or newer */
    bool parallel_builds;    /* 0.8.2 or newer: CVE-2026-3172 is mended */
    bool verifies; /* rows are read back: there are triggers (store_verify.h) */
    bool copies;   /* new rows may go by COPY (store_copy.h) */
    bool remodeled;      /* a run of another model is in the ledger */
    uint64_t asked_ms;   /* when these three were asked for; 0: never */
    int copies_lost;     /* connections that broke in a COPY, in a row */
    uint64_t lost_ms;    /* the last of them */
    struct list waiting; /* requests to store, while that many are under way */
    int nbatches;
    struct term_shares shares; /* what searches keep (db/search/text_look.c) */
    /* The owner's to set, false and 0 after store_init(). */
    bool queues_links;  /* stored items go on the link queue */
    size_t second_rows; /* a second transaction begins beside one under way
                           where so many rows wait for it */
};

/* Does that version of pgvector build in parallel without overflowing a buffer
 * (CVE-2026-3172)? */
bool store_version_builds_parallel(const char *version);

void store_init(struct store *s, struct pg_pool *pool, struct loop *loop);

/*
 * Makes sure of the tenant's and the microservice's rows. Like all requests
 * below, ERR_CONFIG when the database has no pgvector.
 */
void store_open(struct store *s, struct store_open_req *req);

/* One query for all ids. */
void store_lookup(struct store *s, struct lookup_req *req);

/*
 * Requests that wait for a connection are stored together. One statement, one
 * transaction: fence, rows, rows that keep their vector, the link queue, stale
 * pieces; or, where all rows are fresh, a COPY. ERR_FENCED: nothing was
 * written. ERR_DATA: the database refused what a single row may have caused,
 * nothing was written; or a trigger or row security left a row out, the others
 * were written. ERR_DATABASE when a row that was to keep its vector is no
 * longer there; the others were written.
 */
void store_write(struct store *s, struct store_req *req);

#endif
