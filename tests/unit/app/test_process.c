/* A confined process can write and execute nothing, and still read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/process.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/process-test-XXXXXX";
static char file[64], other[64];

/* Each returns 0 when it could be done, else errno. */

static int read_a_file(void)
{
    return open(file, O_RDONLY) < 0 ? errno : 0;
}

static int write_a_file(void)
{
    return open(file, O_WRONLY) < 0 ? errno : 0;
}

static int make_a_file(void)
{
    return open(other, O_WRONLY | O_CREAT, 0600) < 0 ? errno : 0;
}

static int make_a_folder(void)
{
    return mkdir(other, 0700) < 0 ? errno : 0;
}

static int make_a_link(void)
{
    return symlink(file, other) < 0 ? errno : 0;
}

static int rename_a_file(void)
{
    return rename(file, other) < 0 ? errno : 0;
}

static int remove_a_file(void)
{
    return unlink(file) < 0 ? errno : 0;
}

static int truncate_a_file(void)
{
    return truncate(file, 0) < 0 ? errno : 0;
}

static int execute_a_program(void)
{
    execl("/bin/true", "true", (char *)NULL);
    return errno;
}

static int gain_privileges(void)
{
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? EACCES : 0;
}

/* The sanitizers need it to be, to find leaks. */
#ifndef __SANITIZE_ADDRESS__
static int be_dumped(void)
{
    return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? EACCES : 0;
}
#endif

static int lack_descriptors(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur == limit.rlim_max || limit.rlim_cur >= 65536 ? EACCES
                                                                       : 0;
}

/* What a confined child got when it tried. */
static int confined(int (*tried)(void))
{
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        process_confine();
        _exit(tried());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_confined_process(void **state)
{
    static const struct {
        const char *what;
        int (*tried)(void);
        int got;
        bool landlock;
    } rows[] = {
        {"read a file", read_a_file, 0, true},
        {"write a file", write_a_file, EACCES, true},
        {"make a file", make_a_file, EACCES, true},
        {"make a folder", make_a_folder, EACCES, true},
        {"make a link", make_a_link, EACCES, true},
        {"rename a file", rename_a_file, EACCES, true},
        {"truncate a file", truncate_a_file, EACCES, true},
        {"remove a file", remove_a_file, EACCES, true},
        {"execute a program", execute_a_program, EACCES, true},
        {"gain privileges", gain_privileges, EACCES, false},
#ifndef __SANITIZE_ADDRESS__
        {"be dumped", be_dumped, EACCES, false},
#endif
        {"lack descriptors", lack_descriptors, EACCES, false},
    };
    bool landlock = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0,
                        LANDLOCK_CREATE_RULESET_VERSION) >= 1;
    int got;

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        if (rows[i].landlock && !landlock)
            continue;
        got = confined(rows[i].tried);
        if (got != rows[i].got)
            fail_msg("%s: %d, not %d", rows[i].what, got, rows[i].got);
    }
}

static int setup(void **state)
{
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(file, sizeof(file), "%s/file", dir);
    snprintf(other, sizeof(other), "%s/other", dir);
    close(open(file, O_WRONLY | O_CREAT, 0600));
    return 0;
}

static int teardown(void **state)
{
    unlink(file);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_confined_process, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
