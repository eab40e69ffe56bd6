/*
 * Which schema the tables are in: the one that DATABASE_URL names, else the
 * first of the role's search_path that holds vector_embeddings, else the first
 * that may be created in. Two of the path that hold it are a matter for a
 * person. Found once for a pool, before its first transaction; a session's
 * search_path is never set, because a pooler would hand it to somebody else.
 */
#ifndef DB_TABLE_SCHEMA_H
#define DB_TABLE_SCHEMA_H

#include "base/arena.h"
#include "net/pg/pg.h"

struct schema_question;

/* Makes *req the question; what it was comes back with the answer. */
struct schema_question *table_schema_ask(
    struct arena *arena, const struct pg_pool *pool, struct pg_req *req);

/* Takes the answer, tells the pool and restores *req; ERR_CONFIG when there is
 * no schema, or more than one. *err: how the question ended. */
int table_schema_found(struct schema_question *f, struct pg_pool *pool,
    struct pg_req *req, struct err *err);

#endif
