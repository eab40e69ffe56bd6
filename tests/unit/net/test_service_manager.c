#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/service_manager.h"

/* A manager's socket of the name, "@" for the abstract namespace. */
static int manager(const char *name)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    size_t len = strlen(name);

    assert_true(fd >= 0);
    memcpy(a.sun_path, name, len);
    if (name[0] == '@')
        a.sun_path[0] = '\0';
    assert_int_equal(
        bind(fd, (struct sockaddr *)&a,
            (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
        0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static void check_hears(const char *name)
{
    int fd = manager(name);
    char got[64] = "";

    assert_true(service_manager_tell("READY=1\nSTATUS=%d runs", 3));
    assert_int_equal(recv(fd, got, sizeof(got) - 1, 0), 21);
    assert_string_equal(got, "READY=1\nSTATUS=3 runs");
    close(fd);
}

static void a_path_and_an_abstract_name_are_told(void **state)
{
    char name[64];

    (void)state;
    snprintf(name, sizeof(name), "@batchsync-test-%d", (int)getpid());
    check_hears(name);
    snprintf(name, sizeof(name), "/tmp/batchsync-test-%d", (int)getpid());
    check_hears(name);
    unlink(name);
}

static void a_manager_that_does_not_read_is_not_waited_for(void **state)
{
    char name[64];
    int fd, sent = 0;

    (void)state;
    snprintf(name, sizeof(name), "@batchsync-full-%d", (int)getpid());
    fd = manager(name);
    while (sent < 100000 && service_manager_tell("WATCHDOG=1"))
        sent++;
    assert_in_range(sent, 1, 99999);
    close(fd);
    assert_false(service_manager_tell("WATCHDOG=1"));
}

static void without_a_manager_nothing_is_sent(void **state)
{
    static const char *const names[] = {"", "/", "relative", "tcp:1"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        setenv("NOTIFY_SOCKET", names[i], 1);
        assert_false(service_manager_tell("READY=1"));
    }
    unsetenv("NOTIFY_SOCKET");
    assert_false(service_manager_tell("READY=1"));
}

static void the_watchdog_is_this_process_s_own(void **state)
{
    char pid[32];

    (void)state;
    setenv("WATCHDOG_USEC", "30000000", 1);
    unsetenv("NOTIFY_SOCKET");
    assert_int_equal(service_manager_watchdog_ms(), 0);
    setenv("NOTIFY_SOCKET", "@x", 1);
    assert_int_equal(service_manager_watchdog_ms(), 30000);
    setenv("WATCHDOG_PID", "1", 1);
    assert_int_equal(service_manager_watchdog_ms(), 0);
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(service_manager_watchdog_ms(), 30000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_and_an_abstract_name_are_told),
        cmocka_unit_test(a_manager_that_does_not_read_is_not_waited_for),
        cmocka_unit_test(without_a_manager_nothing_is_sent),
        cmocka_unit_test(the_watchdog_is_this_process_s_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
