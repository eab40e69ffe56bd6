/* Which pgvector the program works with. */
#ifndef DB_MIGRATE_PGVECTOR_VERSION_H
#define DB_MIGRATE_PGVECTOR_VERSION_H

#include "base/err.h"

/* `created`: the extension's version in this database, "" if it is not there;
 * `offered`: the server's. ERR_CONFIG: it is too old, with what to do. */
int pgvector_refuse_old(
    const char *created, const char *offered, struct err *err);

#endif
