/* The rows of a chunk: what its statement carries. */
#ifndef SYNC_CHUNK_STORE_H
#define SYNC_CHUNK_STORE_H

#include "sync/chunk.h"

/*
 * Fills c->store with the rows of the members of c->range that are still
 * open: one a text, or for a changed row one a stored piece. ERR_NOMEM.
 */
int chunk_store_prepare(struct chunk *c);

#endif
