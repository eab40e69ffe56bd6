/*
 * What was learnt about providers of embeddings (batch_sync_limits). A limit
 * is known by the address and the model; that settings are proven also by the
 * settings.
 */
#ifndef DB_LIMITS_LIMITS_H
#define DB_LIMITS_LIMITS_H

#include "base/json.h"
#include "db/call.h"
#include "sync/embed/embed_limits.h"

/* All borrowed. */
struct limits_key {
    const char *address, *model, *settings;
};

struct limits_load_req {
    struct op op;
    struct limits_key key;
    struct embed_limits known; /* out */
};

void limits_load(
    struct pg_pool *pool, struct loop *loop, struct limits_load_req *req);

/* Keeps one limit, learnt now; 0 forgets it. */
struct limits_save_req {
    struct op op;
    struct limits_key key;
    enum embed_limit limit;
    uint64_t value;
};

void limits_save(
    struct pg_pool *pool, struct loop *loop, struct limits_save_req *req);

/* All limits of the database, or those of an address or a model, as an array
 * of {address, model, kind, settings, value, learntAt}. */
struct limits_list_req {
    struct op op;
    const char *address, *model; /* borrowed; NULL: of all */
    bool forget;                 /* and deletes them */
    json_t *list;                /* out; a new reference, NULL on failure */
};

void limits_list(
    struct pg_pool *pool, struct loop *loop, struct limits_list_req *req);

#endif
