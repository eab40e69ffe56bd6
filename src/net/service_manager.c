/*
 * The protocol is a stable part of systemd's interface and fits on this page,
 * which is less than libsystemd brings into every image.
 */
#include "net/service_manager.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { STATE_BYTES = 1024 };

/* A path, or a name that begins with "@": the abstract namespace. */
static socklen_t service_manager_address(struct sockaddr_un *out)
{
    const char *name = getenv("NOTIFY_SOCKET");
    size_t len = name == NULL ? 0 : strlen(name);

    if (len < 2 || len >= sizeof(out->sun_path) ||
        (name[0] != '/' && name[0] != '@'))
        return 0;
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(out->sun_path, name, len);
    if (name[0] == '@')
        out->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

bool service_manager_tell(const char *fmt, ...)
{
    struct sockaddr_un address;
    socklen_t address_len = service_manager_address(&address);
    char state[STATE_BYTES];
    va_list args;
    int fd, len;
    bool sent;

    if (address_len == 0)
        return false;
    va_start(args, fmt);
    len = vsnprintf(state, sizeof(state), fmt, args);
    va_end(args);
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    sent = len > 0 && len < STATE_BYTES &&
           sendto(fd, state, (size_t)len, MSG_NOSIGNAL,
               (const struct sockaddr *)&address, address_len) == len;
    close(fd);
    return sent;
}

uint64_t service_manager_watchdog_ms(void)
{
    const char *usec = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");

    if (usec == NULL || getenv("NOTIFY_SOCKET") == NULL)
        return 0;
    if (pid != NULL && strtol(pid, NULL, 10) != (long)getpid())
        return 0;
    return strtoull(usec, NULL, 10) / 1000;
}
