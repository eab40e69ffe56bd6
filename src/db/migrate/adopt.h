/*
 * Taking over the tables of another program, in place: parts of a migration
 * (db/migrate/migrate.h), which has the connection, the lock and the
 * transaction.
 *
 * Only rows of content_type microservice_data are touched. The steps prepare
 * the unique key of items: services that rows name are created, of rows with
 * the same key the newest is kept, rows without a service get the one that
 * their metadata names. Of duplicate edges of our two types the newest is
 * kept. No other row, column or index is touched.
 *
 * Happy path: check (can these tables be taken over?), then either the plan,
 * which only reads, or the steps as part of the migration's script.
 */
#ifndef DB_MIGRATE_ADOPT_H
#define DB_MIGRATE_ADOPT_H

#include "base/buf.h"
#include "db/call.h"

/* The most bytes that any part of the script may take. */
enum { ADOPT_MS = 24 * 60 * 60 * 1000 };

/* Queries the obstacles, one per row. */
void adopt_ask_shape(struct call *c);

/* ERR_CONFIG when there is an obstacle; each is a line of the report. */
int adopt_check_result(
    const struct pg_result *r, struct buf *report, struct err *err);

/* `tables`: the names of those that are there. */
struct adopt_tables {
    bool vectors, edges;
};
struct adopt_tables adopt_tables(const char *tables);

/*
 * Of a recorded migration `name`: is what it added to another program's table
 * gone? That program's deploy scripts may drop what they do not know.
 */
#define ADOPT_LACKS(n, columns)                            \
    "(SELECT count(*) < " n " FROM pg_attribute"           \
    " WHERE attrelid = to_regclass('@.vector_embeddings')" \
    " AND NOT attisdropped AND attname IN (" columns "))"
#define ADOPT_LOST                                                           \
    "CASE name WHEN '0001_core' THEN NOT EXISTS (SELECT FROM pg_index"       \
    " WHERE indrelid = to_regclass('@.vector_embeddings')"                   \
    " AND indisunique AND indisvalid AND pg_get_indexdef(indexrelid)"        \
    " LIKE '%(tenant_id, microservice_id, content_id, chunk_index) WHERE%')" \
    " OR " ADOPT_LACKS(                                                      \
        "2", "'embed_hash', 'row_hash'") " WHEN '0027_repair' "              \
                                         "THEN " ADOPT_LACKS("3",            \
                                             "'written_at', 'vector_hash', " \
                                             "'repairs'") " ELSE false END"

int adopt_refuse_lost(struct err *err); /* ERR_CONFIG */

/* Queries what would change; changes nothing. */
void adopt_ask_plan(struct call *c, struct adopt_tables tables);
/* ERR_CONFIG when the steps would fail. */
int adopt_report_plan(const struct pg_result *r, struct adopt_tables tables,
    struct buf *report, struct err *err);

/* Adds what makes a script's transaction look for tables in that schema alone,
 * and for the types of pgvector where they are. */
void adopt_write_path(struct buf *script, const char *schema);

/* Adds the steps that go before the migrations. */
void adopt_write_steps(struct buf *script, struct adopt_tables tables);

/* Columns for the script's last query, and their lines in the report, from
 * the column `first` on; nothing when no steps were taken. */
#define ADOPT_COUNTS                                \
    "current_setting('batchsync.services', true),"  \
    " current_setting('batchsync.doubles', true),"  \
    " current_setting('batchsync.placed', true),"   \
    " current_setting('batchsync.unplaced', true)," \
    " current_setting('batchsync.edges', true)"
void adopt_report(const struct pg_result *r, int first, struct buf *report);

#endif
