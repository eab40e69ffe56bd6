#include "http.h"

#include "util.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_BYTES = 1 << 20, MOST_SECONDS = 600 };

int http_connect(unsigned port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval most = {MOST_SECONDS, 0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    if (connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
        close(fd);
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most));
    return fd;
}

/* The answer's whole length, once its head is there; 0 before. */
static size_t length(const char *in)
{
    const char *end = strstr(in, "\r\n\r\n");
    const char *field = strcasestr(in, "\r\ncontent-length:");

    if (end == NULL)
        return 0;
    if (field == NULL || field > end)
        die("an answer without a length: %.200s", in);
    return (size_t)(end + 4 - in) + strtoul(field + 17, NULL, 10);
}

int http_ask(int fd, const char *method, const char *path)
{
    static _Thread_local char in[ANSWER_BYTES];
    char request[512];
    size_t len = 0, need = 0;
    int n = snprintf(request, sizeof(request),
        "%s %s HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 0\r\n\r\n",
        method, path);

    if (send(fd, request, (size_t)n, MSG_NOSIGNAL) != n)
        return 0;
    while (need == 0 || len < need) {
        ssize_t got = recv(fd, in + len, sizeof(in) - 1 - len, 0);

        if (got <= 0)
            return 0;
        len += (size_t)got;
        in[len] = '\0';
        if (need == 0)
            need = length(in);
    }
    return (int)strtol(in + strlen("HTTP/1.1 "), NULL, 10);
}
