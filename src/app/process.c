#include "app/process.h"

#include "base/log.h"
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Rights that are younger than the headers of the oldest system we build on. */
#define RIGHT_REFER (1ULL << 13)
#define RIGHT_TRUNCATE (1ULL << 14)
#define RIGHTS                                                           \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |        \
        LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
        LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |     \
        LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |     \
        LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |   \
        LANDLOCK_ACCESS_FS_MAKE_SYM)

enum { MOST_DESCRIPTORS = 65536, ABI_REFER = 2, ABI_TRUNCATE = 3 };

/* The version of Landlock; < 1: the kernel has none, or it is switched off. */
static long process_landlock_version(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, (size_t)0,
        LANDLOCK_CREATE_RULESET_VERSION);
}

/* Handled, and allowed nowhere. */
static void process_forbid_writing(void)
{
    struct landlock_ruleset_attr rules = {.handled_access_fs = RIGHTS};
    long version = process_landlock_version(), fd;

    if (version < 1)
        return;
    if (version >= ABI_REFER)
        rules.handled_access_fs |= RIGHT_REFER;
    if (version >= ABI_TRUNCATE)
        rules.handled_access_fs |= RIGHT_TRUNCATE;
    fd = syscall(SYS_landlock_create_ruleset, &rules,
        sizeof(rules.handled_access_fs), 0);
    if (fd < 0)
        return;
    syscall(SYS_landlock_restrict_self, (int)fd, 0);
    close((int)fd);
}

/* The leak checker of sanitized builds is another process. */
static void process_hide(void)
{
#ifndef __SANITIZE_ADDRESS__
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

static void process_raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 ||
        limit.rlim_cur >= MOST_DESCRIPTORS)
        return;
    limit.rlim_cur =
        limit.rlim_max < MOST_DESCRIPTORS ? limit.rlim_max : MOST_DESCRIPTORS;
    setrlimit(RLIMIT_NOFILE, &limit);
}

void process_confine(void)
{
    process_raise_descriptors();
    process_hide();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
        process_forbid_writing();
}

void process_log(void)
{
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        log_debug(NULL, "the kernel cannot keep this process from gaining "
                        "privileges (no_new_privs)");
    if (process_landlock_version() < 1)
        log_debug(NULL, "the kernel has no Landlock: nothing keeps this "
                        "process from writing or executing files");
}
