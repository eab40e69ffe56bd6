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
};

void store_start(struct store *s, struct op *op, void *req,
    void (*send)(struct call *call), void (*take)(struct call *call));

static inline struct store_work *store_work(struct call *c)
{
    return c->data;
}

/* One transaction, of several requests' rows perhaps (store_write.c). */
void store_write_batch(struct store *s, struct store_req *req);

/* Ends the call for want of memory, or with another error. */
void store_fail(struct call *c, int code, const char *why);

/* Bytes of a vector in its binary form, and writing them. */
size_t vector_bytes(int dimensions);
void vector_put(uint8_t *at, const float *values, int dimensions);

#endif
