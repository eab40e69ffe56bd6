/*
 * Asks the embedder for vectors as fast as it gives them and prints how many
 * a second, without looking at any.
 *
 *   bench_load PORT DIMENSIONS CONNECTIONS REQUESTS
 *
 * Every request asks for 50 texts; a connection has one under way.
 */
#include "corpus.h"
#include "util.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TEXTS = 50, ANSWER_BYTES = 4 << 20 };

static unsigned port, dimensions, per_connection;
static char *request;
static size_t request_len;

static void make_request(void)
{
    enum { ROOM = ITEM_BYTES + ITEM_ROOM };
    char *body = must(malloc(TEXTS * ROOM + 256)), item[ROOM];
    size_t n = (size_t)sprintf(body,
        "{\"model\":\"bench\",\"dimensions\":%u,\"encoding_format\":\"base64\","
        "\"input\":[",
        dimensions);

    for (unsigned i = 0; i < TEXTS; i++) {
        size_t len = item_json(item, i, 0, ITEM_BYTES);

        body[n++] = '"';
        for (size_t k = 0; k < len; k++) /* of the same size as its text */
            body[n++] = item[k] == '"' || item[k] == '\\' ? '\'' : item[k];
        n += (size_t)sprintf(body + n, "\"%s", i + 1 < TEXTS ? "," : "]}");
    }
    request = must(malloc(n + 256));
    request_len = (size_t)sprintf(request,
        "POST /v1/embeddings HTTP/1.1\r\nhost: bench\r\n"
        "content-length: %zu\r\n\r\n",
        n);
    memcpy(request + request_len, body, n);
    request_len += n;
    free(body);
}

static void read_answer(int fd, char *in)
{
    size_t len = 0, need = 0;
    char *body;

    while (need == 0 || len < need) {
        ssize_t n = recv(fd, in + len, ANSWER_BYTES - len - 1, 0);

        if (n <= 0)
            die("the embedder hung up");
        len += (size_t)n;
        in[len] = '\0';
        if (need == 0 && (body = strstr(in, "\r\n\r\n")) != NULL)
            need = (size_t)(body + 4 - in) +
                   strtoul(strstr(in, "content-length:") + 15, NULL, 10);
    }
    if (strncmp(in, "HTTP/1.1 200", 12) != 0)
        die("the embedder refused: %.300s", in);
}

static void *drive(void *arg)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char *in = must(malloc(ANSWER_BYTES));
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
        die("no embedder on port %u", port);
    for (unsigned i = 0; i < per_connection; i++) {
        if (send(fd, request, request_len, 0) != (ssize_t)request_len)
            die("the embedder does not read");
        read_answer(fd, in);
    }
    close(fd);
    free(in);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[64];
    unsigned n;
    double start;

    if (argc != 5 || (n = number_of(argv[3])) > 64 || n == 0)
        die("usage: bench_load PORT DIMENSIONS CONNECTIONS REQUESTS");
    port = number_of(argv[1]);
    dimensions = number_of(argv[2]);
    per_connection = number_of(argv[4]) / n;
    make_request();
    start = seconds();
    for (unsigned i = 0; i < n; i++) {
        if (pthread_create(&threads[i], NULL, drive, NULL) != 0)
            die("no thread");
    }
    for (unsigned i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    printf("%.0f\n", per_connection * n * TEXTS / (seconds() - start));
    return 0;
}
