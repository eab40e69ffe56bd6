/*
 * Hashes for rows that another program has stored: told which model made their
 * vectors, the first sync keeps those whose text is still the same. Only
 * embed_hash follows from what is stored; row_hash stays unknown, so that the
 * first sync writes the metadata of such rows once, without embedding.
 */
#ifndef DB_MIGRATE_BACKFILL_HASHES_H
#define DB_MIGRATE_BACKFILL_HASHES_H

#include "net/pg/pg.h"
#include "record/item.h"

struct backfill_hashes_req {
    /* err: what the database answered. What was done until then stays, and
     * doing it again goes on from there. */
    struct op op;

    /* In; borrowed. */
    const struct embedding_id *id;
    bool dry_run; /* only count */

    /* Out. */
    uint64_t hashed;  /* rows that got their hash, or would */
    uint64_t without; /* rows that cannot: no vector, no text, pieces missing,
                         or changed just now */

    struct backfill_work *work; /* its own */
};

/*
 * Goes through the items without a hash in batches, each a transaction, with
 * at most ASSUME_BYTES of texts and one more row in memory. Needs our columns.
 */
enum { ASSUME_ROWS = 1000, ASSUME_BYTES = 8 * 1024 * 1024 };
int backfill_hashes_run(
    struct pg_pool *pool, struct loop *loop, struct backfill_hashes_req *req);

#endif
