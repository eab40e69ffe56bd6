/*
 * Migrations: the numbered SQL of schema/sql/, embedded in the binary and
 * applied in order, in one transaction under an advisory lock, each recorded
 * in batch_sync_migrations. Tables that another program has made are taken
 * over in the same transaction (db/migrate/adopt.h), if the caller asks for
 * that.
 */
#ifndef DB_MIGRATE_MIGRATE_H
#define DB_MIGRATE_MIGRATE_H

#include "base/buf.h"
#include "net/pg/pg.h"

enum migrate_mode {
    MIGRATE_APPLY,
    MIGRATE_DRY_RUN, /* only say what would be done */
    MIGRATE_CHECK,   /* ERR_CONFIG unless the database is ready to use */
    MIGRATE_LOOK     /* the same for who only reads: also of a standby */
};

struct migrate_req {
    /*
     * err: ERR_CONFIG when a person must act (another program's tables without
     * `adopt` or with obstacles, a missing extension that the role may not
     * create, another vector size); the message says what to do, with the
     * exact command. Otherwise the database's error.
     */
    struct op op;

    /* In. */
    enum migrate_mode mode;
    int dimensions;
    bool adopt; /* take over another program's tables */
    /* Whose items are to be written, so that this is tried, and another
     * tenant's items are noticed; NULL: neither. `tenant_chosen`: by somebody,
     * not by default. */
    const char *tenant;
    bool tenant_chosen;

    /* Out: what was done, or would be: a line each ("0001_core: applied").
     * Owned by the request: buf_free(). */
    struct buf report;
    bool ready; /* the tables are complete and migrated by batchsync */

    struct migrate_work *work; /* the migration's */
};

void migrate_run(
    struct pg_pool *pool, struct loop *loop, struct migrate_req *req);

#endif
