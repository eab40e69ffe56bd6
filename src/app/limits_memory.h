/*
 * Keeps what is learnt about the provider of embeddings in the database: taken
 * over when a run begins, saved one after another as it is learnt, without
 * holding the run up. Where the table cannot be used the run goes on without.
 */
#ifndef APP_LIMITS_MEMORY_H
#define APP_LIMITS_MEMORY_H

#include "db/limits/limits.h"
#include "embed/embedder.h"

struct recall_req;

struct limits_memory {
    struct embedder *embedder; /* borrowed */
    struct pg_pool *pool;      /* borrowed */
    struct loop *loop;         /* borrowed */
    struct limits_key key;
    char settings[EMBED_SETTINGS_BYTES];
    uint64_t value[EMBED_LIMITS]; /* to be saved */
    bool due[EMBED_LIMITS];       /* which of them */
    struct limits_save_req save;  /* one at a time */
};

void limits_memory_init(struct limits_memory *m, struct embedder *embedder,
    struct pg_pool *pool, struct loop *loop, const char *model);

/* ports.recall. */
void limits_memory_recall(struct limits_memory *m, struct recall_req *req);

/* Is something not saved yet? NULL, or the request to wait for. */
struct op *limits_memory_pending(struct limits_memory *m);

#endif
