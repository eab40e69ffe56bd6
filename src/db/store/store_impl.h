/* Between the files of the store. */
#ifndef DB_STORE_STORE_IMPL_H
#define DB_STORE_STORE_IMPL_H

#include "db/call.h"
#include "db/store/store.h"

/* A request on the store: the types are asked for first, if need be. */
struct store_work {
    struct store *store;
    void *req;                       /* the request, borrowed */
    void (*send)(struct call *call); /* sends the transaction */
    void (*take)(struct call *call); /* takes its results and ends */
    struct store_copy *copy;         /* store_copy.c's; in the arena */
    int tries;                       /* store_open.c's, as is the next */
    unsigned lacks;
};

void store_start(struct store *s, struct op *op, void *req,
    void (*send)(struct call *call), void (*take)(struct call *call));

static inline struct store_work *store_work(struct call *c)
{
    return c->data;
}

/* One transaction, of several requests' rows perhaps (store_write.c). */
void store_write_batch(struct store *s, struct store_req *req);

/*
 * Goes on with a call that has written rows, and ends it: notes what triggers
 * have made of them (store_settle.c).
 */
void store_settle(struct call *c);

/* May a row be other than what was written? */
#define STORE_HAS_TRIGGERS                                            \
    "EXISTS (SELECT FROM pg_trigger"                                  \
    " WHERE (tgrelid = '@.vector_embeddings'::regclass OR tgrelid IN" \
    "  (SELECT relid FROM pg_partition_tree('@.vector_embeddings')))" \
    " AND NOT tgisinternal AND tgenabled <> 'D' AND tgtype & 20 <> 0)"

/*
 * A statement's rows by a list u of (content_id, chunk_index), $2 tenant and $3
 * microservice: to be followed by a comparison of chunk_index and OFFSET 0) e.
 * Columns are hidden from the planner as in the look-up (store.c).
 */
#define STORE_EXISTING                                        \
    " CROSS JOIN LATERAL (SELECT id FROM @.vector_embeddings" \
    " WHERE tenant_id = $2 AND microservice_id || '' = $3"    \
    " AND content_type || '' = 'microservice_data'"           \
    " AND content_id = u.content_id AND chunk_index "

/* The row v is e's: in a partitioned table, ids are another tenant's, too. */
#define STORE_SAME_ROW "v.id = e.id AND v.tenant_id || '' = $2"

/* Ends the call for want of memory, or with another error. */
void store_fail(struct call *c, int code, const char *why);

/* Bytes of a vector in its binary form, and writing them. */
size_t vector_bytes(int dimensions);
void vector_put(uint8_t *at, const float *values, int dimensions);

#endif
