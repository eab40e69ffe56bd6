/*
 * What stands where rows were written. A trigger may leave a row out, make it
 * another one or change what it holds, and row security may hide it from the
 * update that was meant for it; none of this is an error of the statement. So
 * where the table has such a trigger, or row security holds for the role, the
 * rows are read back in their own transaction and compared with what was sent.
 */
#ifndef DB_STORE_STORE_VERIFY_H
#define DB_STORE_STORE_VERIFY_H

#include "db/store/store_impl.h"

/* A column of store_open()'s statement: is there something to compare for? */
#define VERIFY_NEEDED                                      \
    "row_security_active('@.vector_embeddings'::regclass)" \
    " OR " STORE_HAS_TRIGGERS

/* Adds the statement that reads the request's rows back. ERR_NOMEM. */
int verify_add(struct call *c, const struct store_req *req);

/* What it found. */
struct verified {
    size_t refused; /* rows that are not there as they were sent */
    size_t gone;    /* rows whose vector was to stay, and are not there */
};

/* Takes its result; says in the rows what became other. */
struct verified verify_take(
    const struct pg_result *r, const struct store_req *req);

#endif
