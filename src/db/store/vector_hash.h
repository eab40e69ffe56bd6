/*
 * vector_embeddings.vector_hash: what batchsync wrote, told in 16 bytes: 8 of
 * the SHA-256 of the text in UTF-8, then 8 of that of the vector in its binary
 * form, as vector_send() has it. Made here for rows that are written, and by
 * the database for rows that are there. Two halves, so that a row that keeps
 * its vector gets a new text's without reading the vector, and so that one can
 * tell which of the two has changed.
 */
#ifndef DB_STORE_VECTOR_HASH_H
#define DB_STORE_VECTOR_HASH_H

#include "base/buf.h"
#include "base/crypto.h"

enum { VECTOR_HASH_HALF = 8, VECTOR_HASH_BYTES = 2 * VECTOR_HASH_HALF };

/* A half: of bytes, whichever they are. */
void vector_hash_half(
    const void *bytes, size_t len, uint8_t out[VECTOR_HASH_HALF]);

/*
 * The expressions for a row of vector_embeddings that goes by the name `row`.
 * `schema`: where pgvector is, quoted. NULL where text or vector is.
 */
void vector_hash_write_sql(
    struct buf *sql, const char *schema, const char *row);
void vector_hash_write_vector_sql(
    struct buf *sql, const char *schema, const char *row);

#endif
