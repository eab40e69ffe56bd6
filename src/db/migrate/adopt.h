/*
 * Taking over the tables of another program, in place: parts of a migration
 * (db/migrate/migrate.h), which has the connection, the lock and the
 * transaction.
 *
 * A row of ours is one of content_type microservice_data. What is needed for
 * the unique key of items comes first: services that rows name are created,
 * of rows with the same key the newest stays, rows without a service get the
 * one that their metadata names. Of edges that we write and that are there
 * twice the newest stays. No other row, column or index is touched.
 *
 * Happy path: shape (is this what we can work with?), then either the plan,
 * which only reads, or the steps as part of the migration's script.
 */
#ifndef DB_MIGRATE_ADOPT_H
#define DB_MIGRATE_ADOPT_H

#include "base/buf.h"
#include "db/call.h"

/* The most that any of it may take. */
enum { ADOPT_MS = 24 * 60 * 60 * 1000 };

/* Sends the question what stands in the way; a row an obstacle. */
void adopt_ask_shape(struct call *c);

/* ERR_CONFIG when there is any; each is a line of the report. */
int adopt_check_result(
    const struct pg_result *r, struct buf *report, struct err *err);

/* `tables`: the names of those that are there. */
struct adopt_tables {
    bool vectors, edges;
};
struct adopt_tables adopt_tables(const char *tables);

/* Sends the question what would change, which changes nothing. */
void adopt_ask_plan(struct call *c, struct adopt_tables tables);
/* ERR_CONFIG when that would fail. */
int adopt_report_plan(const struct pg_result *r, struct adopt_tables tables,
    struct buf *report, struct err *err);

/* Adds the steps that go before the migrations. */
void adopt_write_steps(struct buf *script, struct adopt_tables tables);

/* Columns for the script's last query, and what they say, from the column
 * `first` on; nothing when no steps were taken. */
#define ADOPT_COUNTS                                \
    "current_setting('batchsync.services', true),"  \
    " current_setting('batchsync.doubles', true),"  \
    " current_setting('batchsync.placed', true),"   \
    " current_setting('batchsync.unplaced', true)," \
    " current_setting('batchsync.edges', true)"
void adopt_report(const struct pg_result *r, int first, struct buf *report);

#endif
