/* The line that `batchsync check` has about memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/check/check_memory.h"
#include <string.h>

static const uint64_t MIB = 1024 * 1024;

static void says(uint64_t limit, bool fits, const char *words)
{
    struct memory_budget budget = {
        1 * MIB, 2 * MIB, 3 * MIB, 4 * MIB, 5 * MIB, 6 * MIB - 1};
    struct buf line;

    buf_init(&line, 4096);
    assert_true(check_memory_write(&line, &budget, limit) == fits);
    if (strstr(line.data, words) == NULL)
        fail_msg("%s: without %s", line.data, words);
    if (strncmp(line.data, "at most 21 MiB: program 1,", 26) != 0)
        fail_msg("%s", line.data);
    buf_free(&line);
}

static void test_line(void **state)
{
    (void)state;

    says(0, true, "no limit");
    says(21 * MIB, true, "the container's limit is 21 MiB");
    says(20 * MIB, false, "is 20 MiB -> raise the limit, or lower GRPC_MAX");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_line)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
