#include "cli/check/check_pgvector.h"

#include <stddef.h>
#include <stdio.h>

const char check_pgvector_update[] =
    "install 0.8.4 or newer, then ALTER EXTENSION vector UPDATE; a vendor's "
    "package may have it under an older number: look for it in the package's "
    "changelog (apt changelog postgresql-NN-pgvector, rpm -q --changelog "
    "pgvector_NN) or the provider's release notes";

static const struct pgvector_fault faults[] = {
    {PGVECTOR_LEAST, "is older than 0.8",
        "filtered searches and linking would miss items: install 0.8.4 or "
        "newer, then ALTER EXTENSION vector UPDATE;"},
    {802,
        "building an HNSW index with parallel workers can overflow a buffer "
        "(CVE-2026-3172, mended in 0.8.2), so batchsync builds it without "
        "them; vacuuming one can corrupt it or fail (mended in 0.8.3 and "
        "0.8.4)",
        NULL},
    {803, "vacuuming an HNSW index can corrupt it or fail (mended in 0.8.4)",
        NULL},
    {804, "vacuuming an HNSW index can fail (mended in 0.8.4)", NULL},
};

/* A version's place among others. */
static int check_pgvector_version_rank(const char *version)
{
    int major = 0, minor = 0, patch = 0;

    sscanf(version, "%d.%d.%d", &major, &minor, &patch);
    return major * 10000 + minor * 100 + patch;
}

const struct pgvector_fault *check_pgvector_fault(const char *version)
{
    int rank = check_pgvector_version_rank(version);

    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
        if (rank < faults[i].below)
            return &faults[i];
    return NULL;
}
