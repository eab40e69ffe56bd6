#include "daemon/memory_budget.h"

#include "base/str.h"
#include "sync/pipeline.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PROGRAM_BYTES = 24 * 1024 * 1024, /* measured, libraries included */
    STORE_CONNECTIONS = 2,
    PATH_BYTES = 4096
};

/* Larger numbers are the kernel's way to say that there is no limit. */
static const uint64_t no_limit = UINT64_C(1) << 60;

static uint64_t memory_budget_larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void memory_budget(const struct config *config, struct memory_budget *out)
{
    uint64_t workers = (uint64_t)config->sync.workers;
    uint64_t fetches =
        (uint64_t)config->sync.fetches * (uint64_t)config->sync.parallel;
    uint64_t answers =
        (fetches < WINDOW_PAGES ? fetches : (uint64_t)WINDOW_PAGES) *
        (uint64_t)config->coordinator.max_message_bytes;
    uint64_t vectors = (uint64_t)config->sync.chunk_size *
                       (uint64_t)config->embedding.dimensions * sizeof(float);

    *out = (struct memory_budget){
        .program = PROGRAM_BYTES,
        .pages = memory_budget_larger(WINDOW_BYTES, 2 * answers),
        .chunks = 2 * workers * (2 * (uint64_t)CHUNK_BYTES + vectors),
        .requests = workers * 2 * (uint64_t)CHUNK_BYTES,
        .stores = (uint64_t)STORE_CONNECTIONS * 2 * STORE_BYTES,
        .item = 2 * (uint64_t)config->sync.max_item_bytes,
    };
}

uint64_t memory_budget_sum(const struct memory_budget *b)
{
    return b->program + b->pages + b->chunks + b->requests + b->stores +
           b->item;
}

/* A limit in a file; 0: it is not there, or says that there is none. */
static uint64_t memory_budget_limit_in(
    const char *root, const char *group, const char *name)
{
    char path[3 * PATH_BYTES];
    uint64_t bytes = 0;
    FILE *f;

    snprintf(path, sizeof(path), "%s/sys/fs/cgroup%s%s", root, group, name);
    f = fopen(path, "r");
    if (f == NULL)
        return 0;
    if (fscanf(f, "%" SCNu64, &bytes) != 1 || bytes >= no_limit)
        bytes = 0; /* "max", too */
    fclose(f);
    return bytes;
}

/* The group's path within its hierarchy, from a line of /proc/self/cgroup. */
static bool memory_budget_read_group(
    FILE *f, bool *unified, char group[PATH_BYTES])
{
    char line[PATH_BYTES], *path;

    while (fgets(line, sizeof(line), f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        *unified = strncmp(line, "0::", 3) == 0;
        path = strchr(line, '/');
        if (path == NULL || (!*unified && strstr(line, ":memory:") == NULL))
            continue;
        snprintf(group, PATH_BYTES, "%s", strcmp(path, "/") == 0 ? "" : path);
        return true;
    }
    return false;
}

uint64_t memory_limit(const char *root)
{
    char path[PATH_BYTES], group[PATH_BYTES] = "", in_memory[PATH_BYTES + 8];
    bool unified = true, found;
    uint64_t bytes;
    FILE *f;

    snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
    f = fopen(path, "r");
    found = f != NULL && memory_budget_read_group(f, &unified, group);
    if (f != NULL)
        fclose(f);
    snprintf(in_memory, sizeof(in_memory), "/memory%s", group);
    bytes = unified ? memory_budget_limit_in(root, group, "/memory.max")
                    : memory_budget_limit_in(
                          root, in_memory, "/memory.limit_in_bytes");
    if (bytes > 0 || !found)
        return bytes;
    /* A container sees its own group as the root. */
    return unified ? memory_budget_limit_in(root, "", "/memory.max")
                   : memory_budget_limit_in(
                         root, "/memory", "/memory.limit_in_bytes");
}
