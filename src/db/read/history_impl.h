/* What the files of the history share among themselves. */
#ifndef DB_READ_HISTORY_IMPL_H
#define DB_READ_HISTORY_IMPL_H

#include "db/call.h"
#include "db/read/history.h"

/* clang-format off */

#define ISO(column)                                                       \
    "to_char(" column " AT TIME ZONE 'UTC',"                              \
    " 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"

/* A row stays "running" after its process has died, until another one looks. */
#define STATUS(row)                                                       \
    "CASE WHEN " row ".status = 'running'"                                \
    " AND " row ".expires_at < now() THEN 'interrupted'"                  \
    " ELSE " row ".status END"

/* Of the column `counts` that is in scope. */
#define COUNT(name, json)                                                 \
    "'" json "', coalesce((counts->>'" #name "')::int8, 0)"

#define COUNTS "json_build_object(" COUNTS_MAP(COUNT, ",") ")"

/* clang-format on */

/* A query of one statement that answers with one document; no row is
 * ERR_NOT_FOUND, which names req->id as a `what`. */
struct call *history_begin(struct pg_pool *pool, struct loop *loop,
    struct history_req *req, const char *sql, const char *what);

void history_add_limit(struct call *c, const struct history_req *req);

#endif
