/* The numbered SQL of schema/sql/, as it is in the binary. */
#ifndef DB_MIGRATION_H
#define DB_MIGRATION_H

#include "base/buf.h"
#include "base/str.h"

struct migration {
    const char *name; /* "0001_core"; NULL ends the list */
    const char *sql;  /* {{dimensions}} stands for the vector's size */
};

extern const struct migration migrations[];

/* How many there are: a larger number is a newer program. */
int migrate_generation(void);

/* Its place in the list; -1: there is none of that name. */
int migration_find(struct str name);

/* Appends the SQL that applies and records it, unless it is recorded already.
 */
void migration_write(
    struct buf *out, const struct migration *m, int dimensions);

#endif
