/*
 * The server with a real connection: any bytes as its requests, in one part
 * and in several, answered at once, later or as a stream, by a client that
 * stays, closes its side or goes. The same requests are handed over however
 * they are cut, each is ended once, and nothing is left of the connection.
 *
 * The first byte is the length of a part, the second what the handler and the
 * client do.
 */
#include "fuzz.h"

#include "net/http/http_server.h"
#include <arpa/inet.h>
#include <unistd.h>

enum {
    MOST_BYTES = 2048,
    MOST_OPEN = 16,
    BODY_BYTES = 128,
    SAID_BYTES = 1 << 20
};
enum { TURNS = 4, MOST_TURNS = 100000 };

enum doing {
    LATER = 1,    /* the answer comes after the next part */
    STREAM = 2,   /* the answer is a stream */
    UNREAD = 4,   /* no body is admitted */
    HALF = 8,     /* the client closes its side when it has sent all */
    GONE = 16,    /* the client goes after half of what it sends */
    DRAINED = 32, /* so does the server */
};

enum { ADDRESSES = 200 }; /* of clients: 127.0.0.1 and those behind it */

struct world {
    struct loop loop;
    struct http_server *server;
    struct http_exchange *open[MOST_OPEN]; /* to be answered later */
    size_t nopen;
    unsigned doing;
    size_t handed, ended;
    struct buf said; /* by the requests that were handed over */
};

static struct world world;

static void say(struct str s)
{
    buf_printf(&world.said, "%zu:", s.len);
    buf_str(&world.said, s);
}

static void end(struct http_exchange *x)
{
    static const struct http_header_out headers[] = {
        {"Content-Type", "text/plain"}};

    world.ended++;
    if ((world.doing & STREAM) == 0) {
        http_answer(x, 200, headers, 1, x->path);
        return;
    }
    http_stream_begin(x, 200, headers, 1);
    http_stream_write(x, x->path);
    http_stream_write(x, x->body);
    http_stream_end(x);
}

static void take(struct http_exchange *x)
{
    world.handed++;
    if ((world.doing & LATER) != 0 && world.nopen < MOST_OPEN)
        world.open[world.nopen++] = x;
    else
        end(x);
}

static void on_request(void *arg, struct http_exchange *x)
{
    require(x->method != NULL && x->path.len > 0 && x->body.len <= BODY_BYTES);
    say(str_of(x->method));
    say(x->path);
    say(x->query);
    say(x->body);
    for (size_t i = 0; i < x->nheaders; i++)
        say(x->headers[i].value);
    take(x);
}

static long on_head(void *arg, struct http_exchange *x)
{
    require(x->body.len == 0);
    if ((world.doing & UNREAD) == 0)
        return BODY_BYTES;
    say(x->path);
    take(x);
    return -1;
}

static void end_open(void)
{
    size_t n = world.nopen;

    world.nopen = 0;
    for (size_t i = 0; i < n; i++)
        end(world.open[i]);
}

static void start_server(void)
{
    static const struct http_server_options options = {.host = "127.0.0.1",
        .handler = on_request,
        .admit = on_head,
        .max_connections = 4,
        .max_url_bytes = 64,
        .max_header_bytes = 256,
        .max_headers = 8,
        .max_body_bytes = BODY_BYTES};
    struct err err;

    require(http_server_start(&world.server, &world.loop, &options, &err) == 0);
}

static void turn(int times)
{
    while (times-- > 0)
        uv_run(&world.loop.uv, UV_RUN_NOWAIT);
}

/* A client whose end leaves no port behind that cannot be used for a while.
 * Where the server ends first there is one: so addresses take turns. */
static int dial(void)
{
    static uint32_t turns;
    struct sockaddr_in from = {.sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK + turns++ % ADDRESSES)};
    struct sockaddr_in to = {.sin_family = AF_INET,
        .sin_port = htons((uint16_t)http_server_port(world.server)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct linger none = {.l_onoff = 1, .l_linger = 0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    require(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
    setsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof(on));
    require(bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0);
    require(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
    return fd;
}

/* What came so far is thrown away. */
static void drain_client(int fd)
{
    char bytes[4096];

    while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
        ;
}

/* False: nothing more comes of what was sent. */
static bool advance(void)
{
    size_t before = world.handed;

    turn(TURNS);
    end_open();
    return world.handed > before || world.nopen > 0;
}

static void send_parts(int fd, struct str in, size_t step)
{
    size_t most = (world.doing & GONE) != 0 ? in.len / 2 : in.len;

    for (size_t at = 0; at < most; at += step) {
        size_t len = most - at < step ? most - at : step;

        if (send(fd, in.p + at, len, MSG_NOSIGNAL) < 0)
            break;
        turn(TURNS);
        end_open();
        drain_client(fd);
    }
    if ((world.doing & HALF) != 0)
        shutdown(fd, SHUT_WR);
    if ((world.doing & DRAINED) != 0)
        http_server_drain(world.server, NULL);
    while (advance())
        ;
}

/* Until nothing is left of the connection. */
static void settle(void)
{
    int i = 0;

    while (http_server_stats(world.server).connections > 0) {
        require(i++ < MOST_TURNS);
        turn(1);
        end_open();
    }
}

static void run(struct str in, size_t step)
{
    struct http_server_stats before, after;
    int fd = dial();

    world.handed = world.ended = 0;
    buf_init(&world.said, SAID_BYTES);
    turn(TURNS);
    before = http_server_stats(world.server);
    send_parts(fd, in, step);
    close(fd);
    settle();
    after = http_server_stats(world.server);
    require(world.handed == world.ended);
    require(after.requests - before.requests == world.handed);
    if ((world.doing & DRAINED) == 0)
        return;
    http_server_close(world.server);
    turn(TURNS);
    start_server();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = {(const char *)data + 2, size - 2};
    struct buf whole;
    struct err err;

    if (size < 3 || size > MOST_BYTES)
        return 0;
    if (world.server == NULL) {
        require(loop_init(&world.loop, &err) == 0);
        start_server();
    }
    world.doing = data[1] % 64;
    run(in, in.len);
    whole = world.said;
    run(in, 1 + data[0] % 64);
    /* What a drain or a client that goes finds read depends on the parts. */
    if ((world.doing & (DRAINED | GONE)) == 0)
        require(str_eq(buf_view(&whole), buf_view(&world.said)));
    buf_free(&whole);
    buf_free(&world.said);
    return 0;
}
