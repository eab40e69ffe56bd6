#include "db/store/vector_hash.h"

#include "sync/ports.h"

_Static_assert((int)VECTOR_HASH_HALF == (int)TEXT_HASH_BYTES,
    "the look-up hands out the text's half");

void vector_hash_half(
    const void *bytes, size_t len, uint8_t out[VECTOR_HASH_HALF])
{
    uint8_t digest[SHA256_BYTES];
    struct sha256 s;

    sha256_init(&s);
    sha256_add(&s, bytes, len);
    sha256_end(&s, digest);
    memcpy(out, digest, VECTOR_HASH_HALF);
}

void vector_hash_write_vector_sql(
    struct buf *sql, const char *schema, const char *row)
{
    buf_printf(sql, "substr(sha256(%s.vector_send(%s.embedding)), 1, %d)",
        schema, row, VECTOR_HASH_HALF);
}

void vector_hash_write_sql(struct buf *sql, const char *schema, const char *row)
{
    buf_printf(sql,
        "substr(sha256(convert_to(%s.content_text, 'UTF8')), 1, %d) || ", row,
        VECTOR_HASH_HALF);
    vector_hash_write_vector_sql(sql, schema, row);
}
