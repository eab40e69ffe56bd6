/*
 * Storing rows that nobody has seen before: COPY in its binary form, which
 * costs the database less than an upsert and nothing of it is held twice here.
 */
#ifndef DB_STORE_STORE_COPY_H
#define DB_STORE_STORE_COPY_H

#include "db/store/store_impl.h"
#include "db/store/store_verify.h"

/*
 * A column of store_open()'s statement: can rows be copied? Not where COPY does
 * another thing than INSERT or is refused: into a view or a foreign table,
 * beside rules, under row security; not where a trigger may change rows, which
 * are then to be read back; nor where a column is of another type than the
 * binary form that is sent.
 */
#define STORE_COPIES                                                         \
    "NOT (" VERIFY_NEEDED ") AND (SELECT relkind IN ('r', 'p')"              \
    " AND NOT relhasrules AND (SELECT count(*) = 16 FROM pg_attribute a"     \
    "  JOIN pg_type t ON t.oid = a.atttypid WHERE attrelid = c.oid"          \
    "  AND attgenerated = '' AND attidentity = '' AND (attname,"             \
    "   CASE typname WHEN 'varchar' THEN 'text' ELSE typname END) IN ("      \
    "   ('id', 'text'), ('tenant_id', 'text'), ('microservice_id', 'text')," \
    "   ('content_type', 'text'), ('content_id', 'text'),"                   \
    "   ('chunk_index', 'int4'), ('metadata', 'jsonb'),"                     \
    "   ('embed_hash', 'bytea'), ('row_hash', 'bytea'),"                     \
    "   ('content_text', 'text'), ('embedding', 'vector'),"                  \
    "   ('vector_hash', 'bytea'), ('repairs', 'int2'),"                      \
    "   ('created_at', 'timestamp'), ('updated_at', 'timestamp'),"           \
    "   ('written_at', 'timestamp')))"                                       \
    " FROM pg_class c WHERE oid = '@.vector_embeddings'::regclass)"

/* Have copies cost so many connections that none is tried for a while? */
bool store_copy_is_barred(const struct store *s);

/* Are these rows that can go by it, and nothing else? */
bool store_copy_fits(const struct call *c);

/*
 * Sends the request's rows. Ends the call, or, refused, hands it back:
 * instead() then sends them in another way.
 */
void store_copy_send(struct call *c, void (*instead)(struct call *call));

#endif
