/*
 * An embedder that costs next to nothing: HTTP/1.1 with a thread a connection,
 * vectors copied from tables that are base64, or decimal, already.
 *
 *   bench_embedder PORT LATENCY_MS JITTER_MS
 *
 * An answer comes LATENCY_MS after its request, evenly up to JITTER_MS sooner
 * or later. A text costs a token for four bytes. GET /stats answers "REQUESTS
 * TEXTS BILLED UNIQUE" since the last time it did: tokens of all texts, and of
 * those that differ.
 */
#include "corpus.h"
#include "util.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <yyjson.h>

enum { HEAD_BYTES = 16 << 10, BODY_BYTES = 16 << 20, ENTRY_BYTES = 96 };

enum { SEEN_SLOTS = 1 << 22 }; /* for a million texts and more */

static double latency, jitter; /* seconds */
static atomic_uint requests, texts;

/* The bill, and a set of hashes of the texts on it. */
static pthread_mutex_t bill = PTHREAD_MUTEX_INITIALIZER;
static uint64_t billed, unique, seen[SEEN_SLOTS];

struct connection {
    int fd;
    unsigned seed;
    size_t len;     /* bytes in `in` */
    char *in, *out; /* a request; an answer's body */
    size_t out_size;
};

static void send_all(int fd, struct iovec *v, int n)
{
    while (n > 0) {
        ssize_t sent = writev(fd, v, n);

        if (sent < 0)
            return; /* the next read tells */
        while (n > 0 && (size_t)sent >= v->iov_len) {
            sent -= (ssize_t)v->iov_len;
            v++;
            n--;
        }
        if (n > 0) {
            v->iov_base = (char *)v->iov_base + sent;
            v->iov_len -= (size_t)sent;
        }
    }
}

static void reply(struct connection *c, int status, size_t len)
{
    char head[160];
    struct iovec v[2] = {{head, 0}, {c->out, len}};

    v[0].iov_len = (size_t)snprintf(head, sizeof(head),
        "HTTP/1.1 %d %s\r\ncontent-type: application/json\r\n"
        "content-length: %zu\r\n\r\n",
        status, status == 200 ? "OK" : "Bad Request", len);
    send_all(c->fd, v, 2);
}

static uint64_t hash_of(const char *s, size_t len)
{
    uint64_t h = len + 1, word;

    for (; len >= sizeof(word); s += sizeof(word), len -= sizeof(word)) {
        memcpy(&word, s, sizeof(word));
        h = (h ^ word) * 0x9E3779B97F4A7C15u;
        h ^= h >> 29;
    }
    for (; len > 0; s++, len--)
        h = (h ^ (unsigned char)*s) * 0x9E3779B97F4A7C15u;
    h ^= h >> 32;
    return h == 0 ? 1 : h;
}

static unsigned put_on_the_bill(const char *s, size_t len)
{
    unsigned tokens = (unsigned)(len + 3) / 4;
    uint64_t hash = hash_of(s, len), *slot = &seen[hash % SEEN_SLOTS];

    pthread_mutex_lock(&bill);
    while (*slot != 0 && *slot != hash)
        slot = slot == &seen[SEEN_SLOTS - 1] ? seen : slot + 1;
    billed += tokens;
    unique += *slot == 0 ? tokens : 0;
    *slot = hash;
    pthread_mutex_unlock(&bill);
    return tokens;
}

static void reply_stats(struct connection *c)
{
    unsigned nrequests = atomic_exchange(&requests, 0);
    unsigned ntexts = atomic_exchange(&texts, 0);
    size_t len;

    pthread_mutex_lock(&bill);
    len = (size_t)snprintf(c->out, c->out_size, "%u %u %llu %llu\n", nrequests,
        ntexts, (unsigned long long)billed, (unsigned long long)unique);
    if (billed > 0)
        memset(seen, 0, sizeof(seen));
    billed = unique = 0;
    pthread_mutex_unlock(&bill);
    reply(c, 200, len);
}

static size_t put(char *at, const char *text)
{
    size_t len = strlen(text);

    memcpy(at, text, len);
    return len;
}

static size_t put_vector(
    char *at, yyjson_val *text, int dimensions, int in_base64)
{
    const char *s = yyjson_get_str(text);
    size_t len = yyjson_get_len(text), n = 1;

    at[0] = in_base64 ? '"' : '[';
    n +=
        (in_base64 ? vector_base64 : vector_floats)(s, len, dimensions, at + n);
    at[n++] = in_base64 ? '"' : ']';
    return n;
}

/* The answer's body; 0 for a request that is not understood. */
static size_t embed(struct connection *c, yyjson_val *root)
{
    yyjson_val *input = yyjson_obj_get(root, "input"), *text;
    int in_base64 =
        yyjson_equals_str(yyjson_obj_get(root, "encoding_format"), "base64");
    int dimensions = (int)yyjson_get_int(yyjson_obj_get(root, "dimensions"));
    size_t i, n, len, size;
    unsigned tokens = 0;

    if (dimensions < 1 || dimensions > VECTOR_MAX ||
        yyjson_arr_size(input) == 0)
        return 0;
    size = (size_t)dimensions * (in_base64 ? 6 : FLOAT_TEXT) + ENTRY_BYTES;
    size = yyjson_arr_size(input) * size + 256;
    if (size > c->out_size)
        c->out = must(realloc(c->out, c->out_size = size));
    len = put(c->out, "{\"object\":\"list\",\"data\":[");
    yyjson_arr_foreach(input, i, n, text)
    {
        len += (size_t)sprintf(c->out + len,
            "%s{\"object\":\"embedding\",\"index\":%zu,\"embedding\":",
            i > 0 ? "," : "", i);
        len += put_vector(c->out + len, text, dimensions, in_base64);
        tokens += put_on_the_bill(yyjson_get_str(text), yyjson_get_len(text));
        len += put(c->out + len, "}");
    }
    len += (size_t)sprintf(c->out + len,
        "],\"model\":\"bench\","
        "\"usage\":{\"prompt_tokens\":%u,\"total_tokens\":%u}}",
        tokens, tokens);
    atomic_fetch_add(&requests, 1);
    atomic_fetch_add(&texts, (unsigned)yyjson_arr_size(input));
    return len;
}

static void wait_until(double due)
{
    struct timespec t = {(time_t)due, 0};

    t.tv_nsec = (long)((due - (double)t.tv_sec) * 1e9);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0)
        ;
}

static void answer(struct connection *c, char *body, size_t len)
{
    double due = seconds() + latency +
                 jitter * (2.0 * rand_r(&c->seed) / RAND_MAX - 1.0);
    yyjson_doc *doc = yyjson_read(body, len, 0);
    size_t n = doc != NULL ? embed(c, yyjson_doc_get_root(doc)) : 0;

    yyjson_doc_free(doc);
    if (latency > 0)
        wait_until(due);
    if (n > 0)
        reply(c, 200, n);
    else
        reply(c, 400,
            put(c->out, "{\"error\":{\"message\":\"not understood\"}}"));
}

/* Reads until `need` bytes are there; false at the end of the connection. */
static int fill(struct connection *c, size_t need)
{
    while (c->len < need) {
        ssize_t n =
            recv(c->fd, c->in + c->len, HEAD_BYTES + BODY_BYTES - c->len, 0);

        if (n <= 0)
            return 0;
        c->len += (size_t)n;
        c->in[c->len] = '\0';
    }
    return 1;
}

static int one_request(struct connection *c)
{
    char *body, *field;
    size_t head, len = 0;

    while ((body = strstr(c->in, "\r\n\r\n")) == NULL) {
        if (c->len > HEAD_BYTES || !fill(c, c->len + 1))
            return 0;
    }
    *body = '\0';
    head = (size_t)(body + 4 - c->in);
    field = strcasestr(c->in, "\r\ncontent-length:");
    if (field != NULL)
        len = strtoul(field + 17, NULL, 10);
    if (len > BODY_BYTES || !fill(c, head + len))
        return 0;
    if (strncmp(c->in, "GET /stats", 10) == 0)
        reply_stats(c);
    else
        answer(c, c->in + head, len);
    c->len -= head + len;
    memmove(c->in, c->in + head + len, c->len + 1);
    return 1;
}

static void *serve(void *arg)
{
    struct connection *c = arg;
    int on = 1;

    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    prctl(PR_SET_TIMERSLACK, 1UL); /* the latency as told, not 50 us more */
    c->in = must(malloc(HEAD_BYTES + BODY_BYTES + 1)); /* touched as needed */
    c->in[0] = '\0';
    c->out = must(malloc(c->out_size = 4096));
    while (one_request(c))
        ;
    close(c->fd);
    free(c->in);
    free(c->out);
    free(c);
    return NULL;
}

static int listen_on(unsigned port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 64) < 0)
        die("cannot listen on port %u", port);
    return fd;
}

int main(int argc, char **argv)
{
    pthread_attr_t detached;
    unsigned count = 0;
    int fd;

    if (argc != 4)
        die("usage: bench_embedder PORT LATENCY_MS JITTER_MS");
    signal(SIGPIPE, SIG_IGN);
    latency = number_of(argv[2]) / 1e3;
    jitter = number_of(argv[3]) / 1e3;
    vectors_init();
    fd = listen_on(number_of(argv[1]));
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        struct connection *c = must(calloc(1, sizeof(*c)));
        pthread_t thread;

        c->fd = accept(fd, NULL, NULL);
        c->seed = ++count;
        if (c->fd < 0 || pthread_create(&thread, &detached, serve, c) != 0)
            die("a connection cannot be served");
    }
}
