/*
 * Progress of a vector index build, as the server reports it: polled every
 * INDEX_WATCH_MS on a connection of its own while this process builds. The
 * result is a plain value for callers to show, and now and then a log line.
 */
#ifndef DB_GRAPH_INDEX_WATCH_H
#define DB_GRAPH_INDEX_WATCH_H

#include "net/pg/pg.h"
#include <stdint.h>

#define VECTOR_INDEX_NAME "idx_vector_embeddings_embedding_hnsw"

enum { INDEX_WATCH_MS = 2000, INDEX_LOG_MS = 15000 };

/*
 * Rows of pg_stat_progress_create_index for our index, built by any process,
 * as p. Without CONCURRENTLY the index has no oid there.
 */
#define INDEX_PROGRESS_ROWS                                            \
    "(SELECT * FROM pg_stat_progress_create_index"                     \
    " WHERE datname = current_database()"                              \
    "  AND relid = to_regclass('@.vector_embeddings')"                 \
    "  AND index_relid IN (0, to_regclass('@." VECTOR_INDEX_NAME "'))" \
    " LIMIT 1) p"

struct index_progress {
    bool building;
    char phase[64]; /* the server's words; "" before the first look */
    int64_t blocks_done, blocks_total;
    int64_t rows_done, rows_total; /* 0: not known */
    int64_t elapsed_ms;
};

struct index_watch {
    struct pg_pool *pool; /* borrowed; NULL: progress is not polled */
    struct loop *loop;    /* borrowed */
    struct index_progress progress;

    /* The watch's own. */
    struct op look;
    struct timer_req pause;
    uint64_t begun_ms, logged_ms;
};

/* A plain value; it stays where it is. */
void index_watch_init(
    struct index_watch *w, struct pg_pool *pool, struct loop *loop);

/* A building of so many rows begins, or has ended. Idempotent. */
void index_watch_begin(struct index_watch *w, int64_t rows);
void index_watch_end(struct index_watch *w);

#endif
