/*
 * Hashes for rows that another program has stored. Given the model that made
 * their vectors, the first sync keeps the vectors whose text is unchanged.
 * Only embed_hash can be computed from a stored row; row_hash stays NULL, so
 * the first sync writes the metadata of such rows once, without embedding.
 */
#ifndef DB_MIGRATE_BACKFILL_HASHES_H
#define DB_MIGRATE_BACKFILL_HASHES_H

#include "net/pg/pg.h"
#include "record/item.h"

struct backfill_hashes_req {
    /* err: the database's. Batches that were committed stay; another call
     * continues after them. */
    struct op op;

    /* In; borrowed. */
    const struct embedding_id *id;
    size_t max_tokens; /* of a piece, as a sync would cut it */
    bool dry_run;      /* only count */

    /* Out. */
    uint64_t hashed;  /* rows that got their hash, or would */
    uint64_t without; /* rows that cannot get one: no vector, no text,
                       * pieces missing, or just changed */

    struct backfill_work *work; /* its own */
};

/*
 * Goes through the items without a hash in batches, each a transaction, with
 * at most ASSUME_BYTES of texts and one more row in memory. Needs our columns.
 */
enum { ASSUME_ROWS = 1000, ASSUME_BYTES = 8 * 1024 * 1024 };
void backfill_hashes_run(
    struct pg_pool *pool, struct loop *loop, struct backfill_hashes_req *req);

#endif
