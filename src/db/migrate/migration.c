#include "db/migrate/migration.h"

#include <string.h>

int migration_find(struct str name)
{
    for (int i = 0; migrations[i].name != NULL; i++)
        if (str_eq(name, str_of(migrations[i].name)))
            return i;
    return -1;
}

int migrate_generation(void)
{
    int n = 0;

    while (migrations[n].name != NULL)
        n++;
    return n;
}

/* Each {{dimensions}} becomes the number. */
static void migration_add_sql(struct buf *out, const char *sql, int dimensions)
{
    static const char mark[] = "{{dimensions}}";
    const char *at;

    while ((at = strstr(sql, mark)) != NULL) {
        buf_add(out, sql, (size_t)(at - sql));
        buf_printf(out, "%d", dimensions);
        sql = at + sizeof(mark) - 1;
    }
    buf_puts(out, sql);
}

/* Looks again under the lock: another migrator may have been here. */
void migration_write(struct buf *out, const struct migration *m, int dimensions)
{
    buf_printf(out,
        "DO $do$ BEGIN\n"
        "IF NOT EXISTS (SELECT 1 FROM batch_sync_migrations"
        " WHERE name = '%s') THEN EXECUTE $migration$\n",
        m->name);
    migration_add_sql(out, m->sql, dimensions);
    buf_printf(out,
        "$migration$; INSERT INTO batch_sync_migrations (name) VALUES ('%s');"
        " END IF; END $do$;\n",
        m->name);
}
