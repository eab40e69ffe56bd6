#include "db/migrate/pgvector_version.h"

#include <stdbool.h>
#include <stdio.h>

/* Is the version older than 0.8, the first with iterative scans? "": no. */
static bool version_is_old(const char *version)
{
    int major = 0, minor = 0;

    return sscanf(version, "%d.%d", &major, &minor) == 2 && major == 0 &&
           minor < 8;
}

int pgvector_refuse_old(
    const char *created, const char *offered, struct err *err)
{
    const char *version = created[0] != '\0' ? created : offered;
    bool on_server = offered[0] != '\0' && !version_is_old(offered);

    if (!version_is_old(version))
        return 0;
    return err_set(err, ERR_CONFIG,
        "pgvector %s is older than 0.8: filtered searches and linking would "
        "miss items: %srun %s",
        version, on_server ? "" : "install 0.8.4 or newer on the server, then ",
        created[0] != '\0' ? "ALTER EXTENSION vector UPDATE;"
                           : "batchsync migrate");
}
