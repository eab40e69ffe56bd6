/* Starting, draining and closing; many connections, many requests. */
#include "unit/net/http/http_server_world.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"

enum { MANY = 200, SEQUENTIAL = 10000 };

/* AddressSanitizer keeps for a while what was freed. */
#ifdef __SANITIZE_ADDRESS__
enum { SLACK_BYTES = 512 * 1024 * 1024 };
#else
enum { SLACK_BYTES = 256 * 1024 };
#endif

static size_t connections(void)
{
    return http_server_stats(w.server).connections;
}

static struct client *dial_held(void)
{
    int before = w.nheld;
    struct client *c;

    w.options.handler = hold;
    if (w.server == NULL)
        start();
    c = dial();
    say(c, GET("/"));
    UNTIL(w.nheld == before + 1);
    return c;
}

/* Starting. */

static void an_address_in_use(void **state)
{
    struct http_server *second = NULL;
    struct http_server_options same;
    char expected[64];
    struct err err;

    start();
    same = w.options;
    same.port = http_server_port(w.server);
    assert_int_equal(
        http_server_start(&second, &w.loop, &same, &err), ERR_UNAVAILABLE);
    snprintf(expected, sizeof(expected),
        "cannot listen on 127.0.0.1:%d: ", same.port);
    assert_memory_equal(err.msg, expected, strlen(expected));
    assert_non_null(strstr(err.msg, "address already in use"));
    assert_null(second);
}

static void check_no_start(const char *host, int code, const char *words)
{
    struct http_server *none = NULL;
    struct err err;

    w.options.host = host;
    assert_int_equal(http_server_start(&none, &w.loop, &w.options, &err), code);
    assert_non_null(strstr(err.msg, words));
    assert_null(none);
}

static void no_such_address(void **state)
{
    check_no_start(
        "192.0.2.1", ERR_UNAVAILABLE, "cannot listen on 192.0.2.1:0: ");
    check_no_start("2001:db8::1", ERR_UNAVAILABLE, "[2001:db8::1]:0: ");
    check_no_start("no.such.host.invalid", ERR_CONFIG, "no.such.host.invalid");
    check_no_start("999.0.0.1", ERR_CONFIG, "999.0.0.1");
}

static void a_name(void **state)
{
    struct err err;

    w.options.host = "localhost";
    assert_int_equal(
        http_server_start(&w.server, &w.loop, &w.options, &err), 0);
    assert_true(http_server_port(w.server) > 0);
}

static void say_loopback(void *arg, struct http_exchange *x)
{
    http_answer(x, 200, NULL, 0, str_of(x->peer_is_loopback ? "yes" : "no"));
}

/* NULL: cannot. */
static struct client *dial_6(struct in6_addr to_address)
{
    struct sockaddr_in6 to = {.sin6_family = AF_INET6,
        .sin6_port = htons((uint16_t)http_server_port(w.server)),
        .sin6_addr = to_address};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);

    if (fd < 0)
        return NULL;
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
        return client_new(fd);
    close(fd);
    return NULL;
}

/* All addresses of both families; an IPv4 client is ::ffff:127.0.0.1 then. */
static void both_families(void **state)
{
    struct client *c;
    struct err err;

    w.options.host = "::";
    w.options.handler = say_loopback;
    if (http_server_start(&w.server, &w.loop, &w.options, &err) < 0)
        return; /* no IPv6 here */
    c = dial();
    assert_int_equal(ask(c, GET("/"), "yes"), 200);
    c = dial_6(in6addr_loopback);
    if (c != NULL)
        assert_int_equal(ask(c, GET("/"), "yes"), 200);
}

/* Many. */

static void two_hundred_connections(void **state)
{
    struct client *clients[MANY];
    char request[64], expected[32];

    start();
    for (int i = 0; i < MANY; i++)
        clients[i] = dial();
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY; i++) {
            snprintf(request, sizeof(request),
                "GET /%d HTTP/1.1\r\nHost: h\r\n\r\n", i);
            say(clients[i], request);
        }
        for (int i = 0; i < MANY; i++) {
            snprintf(expected, sizeof(expected), "GET /%d ? ", i);
            assert_int_equal(take_answer(clients[i], expected), 200);
        }
    }
    assert_int_equal(connections(), MANY);
    for (int i = 0; i < MANY; i++)
        hang_up(clients[i]);
    UNTIL(connections() == 0);
}

/* Nobody can give way: all of them have a request that is being handled. */
static void too_many_connections(void **state)
{
    struct client *c[6];

    w.options.max_connections = 3;
    w.options.handler = hold;
    start();
    for (int i = 0; i < 3; i++) {
        c[i] = dial();
        say(c[i], GET("/"));
        UNTIL(w.nheld == i + 1);
    }
    for (int i = 3; i < 6; i++) {
        c[i] = dial();
        assert_int_equal(ask(c[i], GET("/"),
                             "{\"error\":{\"message\":\"too many connections\","
                             "\"statusCode\":503,\"path\":\"\"}}"),
            503);
        UNTIL(c[i]->eof);
    }
    answer_held(0, "done");
    assert_int_equal(take_answer(c[0], "done"), 200);
    c[3] = dial();
    say(c[3], GET("/"));
    UNTIL(w.nheld == 4);
    assert_true(c[0]->eof);
    for (int i = 1; i < 4; i++)
        answer_held(i, "done");
}

/* Each newcomer is heard, however many say nothing. */
static void far_too_many_connections(void **state)
{
    w.options.max_connections = 3;
    start();
    for (int i = 0; i < 400; i++)
        dial();
    UNTIL(http_server_stats(w.server).accepted == 400);
    assert_int_equal(ask(&w.clients[399], GET("/"), "GET / ? "), 200);
    UNTIL(connections() == 3);
    assert_int_equal(http_server_stats(w.server).evicted, 397);
}

/* Connects from 127.0.0.<last>. */
static struct client *dial_from(unsigned last)
{
    struct sockaddr_in from = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000000 + last)};
    struct sockaddr_in to = {.sin_family = AF_INET,
        .sin_port = htons((uint16_t)http_server_port(w.server)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uint64_t before = http_server_stats(w.server).accepted;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    UNTIL(http_server_stats(w.server).accepted == before + 1);
    turns_for(3); /* so that their times differ */
    return client_new(fd);
}

static void the_busiest_address_gives_way(void **state)
{
    struct client *alone, *first, *half, *last, *new;

    w.options.max_connections = 4;
    start();
    alone = dial_from(2);
    first = dial_from(3);
    half = dial_from(3);
    say(half, "GET / HT");
    last = dial_from(3);
    new = dial_from(4);
    UNTIL(first->eof || first->reset);
    assert_int_equal(first->in.len, 0);
    assert_int_equal(ask(dial_from(5), GET("/"), "GET / ? "), 200);
    assert_int_equal(take_answer(half, NULL), 503);
    assert_int_equal(ask(alone, GET("/"), "GET / ? "), 200);
    assert_int_equal(ask(last, GET("/"), "GET / ? "), 200);
    assert_int_equal(ask(new, GET("/"), "GET / ? "), 200);
}

static void hold_a_stream(void *arg, struct http_exchange *x)
{
    http_stream_begin(x, 200, NULL, 0);
    hold(arg, x);
}

static void streams_give_way_last(void **state)
{
    struct client *stream, *idle;

    w.options.max_connections = 2;
    w.options.handler = hold_a_stream;
    start();
    stream = dial();
    assert_int_equal((say(stream, GET("/")), take_head(stream)), 200);
    idle = dial();
    UNTIL(connections() == 2);
    for (int i = 1; i < 3; i++) {
        struct client *c = dial();

        assert_int_equal((say(c, GET("/")), take_head(c)), 200);
        UNTIL(i == 1 ? idle->eof || idle->reset : w.ngone == 1);
        assert_int_equal(w.ngone, i - 1);
    }
    for (int i = 0; i < 3; i++)
        http_stream_end(w.held[i]);
}

/* A newcomer has a second for its request line, and the rest of its time for
 * the rest. */
static void the_silent_are_told_in_a_crowd(void **state)
{
    struct client *c[3];

    w.options.max_connections = 3;
    start();
    for (int i = 0; i < 3; i++)
        c[i] = dial();
    say(c[1], "GET / HTTP/1.1\r\nHost: h");
    UNTIL(connections() == 3);
    assert_int_equal(take_answer(c[0], NULL), 408);
    assert_int_equal(take_answer(c[2], NULL), 408);
    assert_int_equal(ask(c[1], "\r\n\r\n", "GET / ? "), 200);
}

static size_t resident_bytes(void)
{
    unsigned long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    assert_int_equal(fscanf(f, "%lu %lu", &pages, &resident), 2);
    fclose(f);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static void sequential(struct client *c, int n)
{
    for (int i = 0; i < n; i++)
        assert_int_equal(ask(c,
                             i % 2 ? GET("/a")
                                   : "POST /b HTTP/1.1\r\nHost: h\r\n"
                                     "Content-Length: 2\r\n\r\nxy",
                             i % 2 ? "GET /a ? " : "POST /b ? xy"),
            200);
}

static void ten_thousand_requests_on_a_connection(void **state)
{
    struct client *c;
    size_t resident;
    int fds;

    start();
    c = dial();
    sequential(c, 1000);
    fds = descriptors();
    resident = resident_bytes();
    sequential(c, SEQUENTIAL);
    assert_int_equal(descriptors(), fds);
    assert_true(resident_bytes() <= resident + SLACK_BYTES);
    assert_int_equal(http_server_stats(w.server).requests, SEQUENTIAL + 1000);
}

static void a_thousand_connections(void **state)
{
    int fds;

    start();
    fds = descriptors();
    for (int i = 0; i < 1000; i++) {
        struct client *c = dial();

        assert_int_equal(ask(c, GET("/"), "GET / ? "), 200);
        if (i % 3 == 0)
            break_off(c);
        else
            hang_up(c);
    }
    UNTIL(connections() == 0);
    assert_int_equal(descriptors(), fds);
}

/* Draining. */

static struct http_drain_req drained;

static void on_drained(struct op *op)
{
    w.ngone += 100;
}

static void drain(void)
{
    op_init(&drained.op, on_drained);
    http_server_drain(w.server, &drained);
    assert_int_equal(w.ngone / 100, 0);
}

static void drain_without_connections(void **state)
{
    start();
    drain();
    UNTIL(w.ngone == 100);
    assert_int_equal(drained.op.err.code, 0);
}

static void assert_not_listening(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0);
    close(fd);
}

static void drain_with_connections(void **state)
{
    struct client *busy = dial_held(), *half = dial(), *idle = dial_held();

    answer_held(1, "");
    assert_int_equal(take_answer(idle, ""), 200);
    say(half, "GET /half HTTP/1.1\r\n");
    turns_for(10);
    drain();
    UNTIL(idle->eof);
    assert_not_listening(http_server_port(w.server));
    say(half, "Host: h\r\n\r\n" GET("/too-late"));
    UNTIL(w.nheld == 3);
    assert_int_equal(w.held[2]->path.len, strlen("/half"));
    answer_held(2, "half");
    assert_int_equal(take_answer(half, "half"), 200);
    assert_string_equal(header_of(half, "Connection"), "close");
    UNTIL(half->eof);
    hang_up(half);
    hang_up(idle);
    turns_for(20);
    assert_int_equal(w.ngone, 0);
    answer_held(0, "busy");
    assert_int_equal(take_answer(busy, "busy"), 200);
    assert_string_equal(header_of(busy, "Connection"), "close");
    UNTIL(busy->eof);
    hang_up(busy);
    UNTIL(w.ngone == 100);
    assert_int_equal(w.nrequests, 3);
}

/* It has just connected, its request is on the way; but not for long. */
static void drain_with_a_fresh_connection(void **state)
{
    struct client *c, *silent;
    uint64_t before = now_ms();

    start();
    c = dial();
    silent = dial();
    UNTIL(connections() == 2);
    drain();
    assert_int_equal(ask(c, GET("/"), "GET / ? "), 200);
    assert_string_equal(header_of(c, "Connection"), "close");
    UNTIL(silent->eof);
    hang_up(c);
    UNTIL(w.ngone == 100);
    assert_true(now_ms() - before < 4000);
}

static void drain_with_a_stream(void **state)
{
    struct client *c = dial_held();

    http_stream_begin(w.held[0], 200, NULL, 0);
    drain();
    turns_for(20);
    assert_int_equal(http_stream_write(w.held[0], STR("on")), 0);
    http_stream_end(w.held[0]);
    UNTIL(c->eof);
    assert_non_null(strstr(c->in.data, "2\r\non\r\n0\r\n\r\n"));
    hang_up(c);
    UNTIL(w.ngone == 100);
}

static void drain_canceled(void **state)
{
    struct client *c = dial_held();

    drain();
    op_cancel(&drained.op);
    UNTIL(w.ngone == 100);
    assert_int_equal(drained.op.err.code, ERR_CANCELED);
    http_server_drain(w.server, NULL);
    answer_held(0, "still there");
    assert_int_equal(take_answer(c, "still there"), 200);
}

static void drain_ended_by_close(void **state)
{
    dial_held();
    drain();
    http_server_close(w.server);
    w.server = NULL;
    UNTIL(w.ngone == 101);
    assert_int_equal(drained.op.err.code, ERR_CANCELED);
    answer_held(0, "");
}

/* Closing. */

static void close_with_everything_open(void **state)
{
    struct client *idle, *half, *sending;

    dial_held();
    dial_held();
    http_stream_begin(w.held[1], 200, NULL, 0);
    http_stream_write(w.held[1], STR("x"));
    idle = dial();
    half = dial();
    sending = dial();
    say(half, "GET / HT");
    say(sending, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx");
    turns_for(10);
    http_server_close(w.server);
    w.server = NULL;
    assert_int_equal(w.ngone, 0);
    assert_int_equal(http_stream_write(w.held[1], STR("x")), ERR_UNAVAILABLE);
    UNTIL(w.ngone == 2);
    UNTIL(idle->eof || idle->reset);
    UNTIL(half->eof || half->reset);
    UNTIL(sending->eof || sending->reset);
    http_stream_end(w.held[1]);
    answer_held(0, "long after");
}

static long admit_all(void *arg, struct http_exchange *x)
{
    return 100;
}

/* Its request was shown before its body, and is the server's again: with
 * sanitizers a request that nobody frees is a leak. */
static void a_client_that_goes_within_its_body(void **state)
{
    struct client *c;

    w.options.admit = admit_all;
    w.options.handler = hold;
    start();
    for (int i = 0; i < 3; i++) {
        c = dial();
        say(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx");
        UNTIL(http_server_stats(w.server).connections == 1);
        turns_for(10);
        break_off(c);
        UNTIL(http_server_stats(w.server).connections == 0);
    }
    assert_int_equal(w.nrequests, 0);
    assert_int_equal(w.ngone, 0);
}

/* Between the close and the close callback. */
static void answer_at_once_after_close(void **state)
{
    dial_held();
    dial_held();
    http_server_close(w.server);
    w.server = NULL;
    answer_held(0, "x");
    http_stream_begin(w.held[1], 200, NULL, 0);
    http_stream_end(w.held[1]);
    turns_for(10);
    assert_int_equal(w.ngone, 0);
}

static void close_then_answer(void *arg, struct http_exchange *x)
{
    w.nrequests++;
    http_server_close(w.server);
    w.server = NULL;
    http_answer(x, 200, NULL, 0, STR("never sent"));
}

static void close_inside_the_handler(void **state)
{
    struct client *c;

    w.options.handler = close_then_answer;
    start();
    c = dial();
    say(c, GET("/1") GET("/2"));
    UNTIL(c->eof || c->reset);
    assert_int_equal(w.nrequests, 1);
    assert_int_equal(c->in.len, 0);
}

static void close_while_answering_and_lingering(void **state)
{
    struct client *c[4];

    start();
    for (int i = 0; i < 4; i++)
        c[i] = dial();
    say(c[0], "nonsense\r\n\r\n");
    assert_int_equal(take_answer(c[0], NULL), 400);
    say(c[1], GET("/"));
    say(c[2], "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    turn_unread();
    http_server_close(w.server);
    w.server = NULL;
    for (int i = 0; i < 4; i++)
        UNTIL(c[i]->eof || c[i]->reset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(an_address_in_use),
        WORLD_TEST(no_such_address),
        WORLD_TEST(a_name),
        WORLD_TEST(both_families),
        WORLD_TEST(two_hundred_connections),
        WORLD_TEST(too_many_connections),
        WORLD_TEST(far_too_many_connections),
        WORLD_TEST(the_busiest_address_gives_way),
        WORLD_TEST(streams_give_way_last),
        WORLD_TEST(the_silent_are_told_in_a_crowd),
        WORLD_TEST(ten_thousand_requests_on_a_connection),
        WORLD_TEST(a_thousand_connections),
        WORLD_TEST(drain_without_connections),
        WORLD_TEST(drain_with_connections),
        WORLD_TEST(drain_with_a_fresh_connection),
        WORLD_TEST(drain_with_a_stream),
        WORLD_TEST(drain_canceled),
        WORLD_TEST(drain_ended_by_close),
        WORLD_TEST(close_with_everything_open),
        WORLD_TEST(a_client_that_goes_within_its_body),
        WORLD_TEST(answer_at_once_after_close),
        WORLD_TEST(close_inside_the_handler),
        WORLD_TEST(close_while_answering_and_lingering),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
