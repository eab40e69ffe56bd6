/* What a run may take, and what the container lets it have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/memory_budget.h"
#include <string.h>
#include <sys/stat.h>

static const uint64_t MIB = 1024 * 1024;

static void test_sum(void **state)
{
    struct config config = {.sync = {.workers = 5,
                                .fetches = 1,
                                .parallel = 1,
                                .chunk_size = 50,
                                .max_item_bytes = 8 << 20},
        .coordinator = {.max_message_bytes = 64 << 20},
        .embedding = {.dimensions = 1536}};
    struct memory_budget few, many;
    (void)state;

    /* What docker-compose.yml gives it. */
    memory_budget(&config, &few);
    assert_in_range(memory_budget_sum(&few), 128 * MIB, 256 * MIB);
    config.sync.workers = 50;
    memory_budget(&config, &many);
    assert_true(many.chunks == 10 * few.chunks);
    config.sync.fetches = 4; /* which may all be as large as one may be */
    memory_budget(&config, &many);
    assert_true(many.pages == 4 * few.pages);
    config.coordinator.max_message_bytes = 1 << 20;
    memory_budget(&config, &few);
    assert_true(few.pages == WINDOW_BYTES && few.pages < many.pages);
}

/* A file below the root, with its folders. */
static void put(const char *root, const char *path, const char *text)
{
    char full[512];
    FILE *f;

    snprintf(full, sizeof(full), "%s%s", root, path);
    for (char *at = full + strlen(root) + 1; (at = strchr(at, '/')) != NULL;
         at++) {
        *at = '\0';
        mkdir(full, 0700);
        *at = '/';
    }
    f = fopen(full, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

struct place {
    const char *group; /* of /proc/self/cgroup; NULL: no such file */
    const char *path, *text;
    uint64_t limit;
};

static const struct place places[] = {
    {NULL, "/else", "", 0},
    {"0::/\n", "/sys/fs/cgroup/memory.max", "268435456\n", 256},
    {"0::/\n", "/sys/fs/cgroup/memory.max", "max\n", 0},
    {"0::/a/b\n", "/sys/fs/cgroup/a/b/memory.max", "134217728\n", 128},
    {"0::/seen/outside\n", "/sys/fs/cgroup/memory.max", "134217728\n", 128},
    {"5:cpu:/x\n4:memory:/x\n", "/sys/fs/cgroup/memory/x/memory.limit_in_bytes",
        "67108864\n", 64},
    {"4:memory:/docker/1\n", "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "67108864\n", 64},
    {"4:memory:/\n", "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "9223372036854771712\n", 0},
};

static void test_limit(void **state)
{
    char root[64], command[128];
    (void)state;

    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        const struct place *p = &places[i];

        snprintf(root, sizeof(root), "/tmp/test_memory_budget_XXXXXX");
        assert_non_null(mkdtemp(root));
        if (p->group != NULL)
            put(root, "/proc/self/cgroup", p->group);
        put(root, p->path, p->text);
        if (memory_limit(root) != p->limit * MIB)
            fail_msg("%zu: %s", i, p->path);
        snprintf(command, sizeof(command), "rm -r %s", root);
        assert_int_equal(system(command), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sum),
        cmocka_unit_test(test_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
