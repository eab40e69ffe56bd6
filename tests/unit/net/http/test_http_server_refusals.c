/* What the server answers by itself, and what it must not understand. */
#include "unit/net/http/http_server_world.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"
#define POST "POST /p HTTP/1.1\r\nHost: h\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n"

struct refused {
    const char *name;
    int status;
    const char *request;
};

static const struct refused refused[] = {
    /* Framed in two ways. */
    {"length and coding", 400, CHUNKED "Content-Length: 3\r\n\r\nabc"},
    {"coding behind a length", 400,
        POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc"},
    {"two lengths", 400,
        POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc"},
    {"the same length twice", 400,
        POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"},
    {"a list of lengths", 400, POST "Content-Length: 3, 3\r\n\r\nabc"},
    {"two codings", 400, CHUNKED "Transfer-Encoding: chunked\r\n\r\n"},
    {"coded twice", 400, POST "Transfer-Encoding: gzip, chunked\r\n\r\n"},
    {"not chunked", 400, POST "Transfer-Encoding: identity\r\n\r\n"},
    {"chunked first", 400, POST "Transfer-Encoding: chunked, gzip\r\n\r\n"},
    {"chunked misspelt", 400, POST "Transfer-Encoding: xchunked\r\n\r\n"},
    {"an empty coding", 400, POST "Transfer-Encoding:\r\n\r\n"},
    {"chunked in HTTP/1.0", 400,
        "POST /p HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {"blank before the colon", 400, POST "Content-Length : 3\r\n\r\nabc"},
    {"tab before the colon", 400,
        POST "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n"},
    {"a folded line", 400, POST "X: a\r\n Content-Length: 3\r\n\r\nabc"},
    {"a line that begins with a blank", 400,
        "GET / HTTP/1.1\r\n Host: h\r\n\r\n"},
    {"LF alone", 400, "GET / HTTP/1.1\nHost: h\n\n"},
    {"LF alone in a header", 400,
        POST "X: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {"CR alone", 400, POST "X: a\rContent-Length: 3\r\n\r\nabc"},
    {"a negative length", 400, POST "Content-Length: -1\r\n\r\n"},
    {"a length with a sign", 400, POST "Content-Length: +3\r\n\r\nabc"},
    {"a hexadecimal length", 400, POST "Content-Length: 0x3\r\n\r\nabc"},
    {"no length", 400, POST "Content-Length:\r\n\r\n"},
    {"a length of 2^64", 400,
        POST "Content-Length: 18446744073709551616\r\n\r\n"},
    {"a chunk that is longer than it says", 400,
        CHUNKED "\r\n3\r\nabcd\r\n0\r\n\r\n"},
    {"a chunk without CR LF", 400, CHUNKED "\r\n3\r\nabc0\r\n\r\n"},
    {"a chunk with LF alone", 400, CHUNKED "\r\n3\nabc\r\n0\r\n\r\n"},
    {"a chunk's end with LF alone", 400, CHUNKED "\r\n3\r\nabc\n0\r\n\r\n"},
    {"a chunk size with 0x", 400, CHUNKED "\r\n0x3\r\nabc\r\n0\r\n\r\n"},
    {"a chunk size with a sign", 400, CHUNKED "\r\n-1\r\nabc\r\n0\r\n\r\n"},
    {"a chunk size with a blank", 400, CHUNKED "\r\n3 \r\nabc\r\n0\r\n\r\n"},
    {"a chunk size of 2^64", 400,
        CHUNKED "\r\n10000000000000000\r\nabc\r\n0\r\n\r\n"},
    {"no chunk size", 400, CHUNKED "\r\n\r\nabc\r\n0\r\n\r\n"},
    {"a trailer with LF alone", 400, CHUNKED "\r\n0\r\nX: a\nY: b\r\n\r\n"},

    /* Malformed. */
    {"not HTTP", 400, "hello\r\n\r\n"},
    {"TLS", 400, "\x16\x03\x01\x02"},
    {"an unknown method", 400, "BREW / HTTP/1.1\r\nHost: h\r\n\r\n"},
    {"a small method", 400, "get / HTTP/1.1\r\nHost: h\r\n\r\n"},
    {"no Host", 400, "GET / HTTP/1.1\r\n\r\n"},
    {"two Hosts", 400, "GET / HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n"},
    {"two Hosts in HTTP/1.0", 400,
        "GET / HTTP/1.0\r\nHost: h\r\nHost: i\r\n\r\n"},
    {"CONNECT", 400, "CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n"},
    {"a fragment", 400, GET("/a#b")},
    {"a path that is none", 400, GET("a")},
    {"a star", 400, GET("*")},
    {"another scheme", 400, GET("ftp://h/a")},
    {"a blank in the path", 400, GET("/a b")},
    {"no path", 400, "GET HTTP/1.1\r\nHost: h\r\n\r\n"},
    {"a header without a colon", 400, POST "X\r\n\r\n"},
    {"a header without a name", 400, POST ": x\r\n\r\n"},
    {"a name with a blank", 400, POST "X Y: z\r\n\r\n"},
    {"a control character in a value", 400, POST "X: a\x01\r\n\r\n"},
    {"a control character in the path", 400, GET("/a\x01")},
    {"HTTP/0.9 without a word", 505, "GET /\r\n\r\n"},
    {"HTTP/0.9", 505, "GET / HTTP/0.9\r\nHost: h\r\n\r\n"},
    {"HTTP/1.2", 505, "GET / HTTP/1.2\r\nHost: h\r\n\r\n"},
    {"HTTP/2.0", 505, "GET / HTTP/2.0\r\nHost: h\r\n\r\n"},
    {"HTTP/2", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
    {"another expectation", 417, POST "Expect: wonders\r\n\r\n"},
    {"two expectations", 417,
        POST "Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n"},

    /* Too much. */
    {"a long body", 413, POST "Content-Length: 1001\r\n\r\n"},
    {"a very long body", 413, POST "Content-Length: 999999999999999\r\n\r\n"},
    {"a long chunk", 413, CHUNKED "\r\n3\r\nabc\r\n3e6\r\n"},
    {"a very long chunk", 413, CHUNKED "\r\nffffffffffffffff\r\n"},
};

/* One answer that is the last one; whatever follows is not looked at. */
static void check_refused(const struct refused *r, struct client *c)
{
    int status = take_answer(c, NULL);

    if (status != r->status)
        print_error("%s: %d\n", r->name, status);
    assert_int_equal(status, r->status);
    assert_string_equal(header_of(c, "Connection"), "close");
    assert_string_equal(header_of(c, "Content-Type"), "application/json");
    say(c, GET("/smuggled"));
    UNTIL(c->eof);
    assert_int_equal(c->in.len, 0);
    hang_up(c);
}

static void is_refused(void **state)
{
    size_t n = sizeof(refused) / sizeof(*refused);

    w.options.max_body_bytes = 1000;
    start();
    for (size_t i = 0; i < n; i++) {
        struct client *c = dial();

        say(c, refused[i].request);
        check_refused(&refused[i], c);
    }
    assert_int_equal(w.nrequests, 0);
    assert_int_equal(http_server_stats(w.server).refused, n);
    UNTIL(http_server_stats(w.server).connections == 0);
}

/* However the bytes come: nothing depends on where a read ends. */
static void is_refused_byte_by_byte(void **state)
{
    w.options.max_body_bytes = 1000;
    start();
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        struct client *c = dial();

        for (const char *p = refused[i].request; *p != '\0'; p++) {
            say_bytes(c, p, 1);
            turn_unread();
        }
        check_refused(&refused[i], c);
    }
    assert_int_equal(w.nrequests, 0);
}

static void a_nul_byte(void **state)
{
    static const struct refused r = {"NUL", 400, NULL};
    static const char *const places[] = {"GET /a%c HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nX: a%cb\r\n", "GET%c / H",
        "GET / HTTP/1.1\r\nX%c: b\r\n"};
    char request[64];

    start();
    for (size_t i = 0; i < 4; i++) {
        struct client *c = dial();
        const char *at = strstr(places[i], "%c");
        size_t before = (size_t)(at - places[i]);

        memcpy(request, places[i], before);
        request[before] = '\0';
        memcpy(request + before + 1, at + 2, strlen(at + 2));
        say_bytes(c, request, strlen(places[i]) - 1);
        check_refused(&r, c);
    }
}

static void the_path_is_in_the_error(void **state)
{
    struct client *c;

    start();
    c = dial();
    say(c, "GET /a%20b?c HTTP/1.1\r\n\r\n");
    assert_int_equal(
        take_answer(c,
            "{\"error\":{\"message\":\"exactly one Host header is required\","
            "\"statusCode\":400,\"path\":\"/a%20b\"}}"),
        400);
}

/* Sends GET with `n` bytes of what between what stands before and behind. */
static int ask_long(const char *before, size_t n, const char *behind)
{
    struct client *c = dial();
    char *much = malloc(n);
    int status;

    memset(much, 'a', n);
    say(c, before);
    say_bytes(c, much, n);
    say(c, behind);
    status = take_answer(c, NULL);
    hang_up(c);
    free(much);
    return status;
}

static void a_long_url(void **state)
{
    start();
    assert_int_equal(
        ask_long("GET /", 4095, " HTTP/1.1\r\nHost: h\r\n\r\n"), 200);
    assert_int_equal(
        ask_long("GET /", 4096, " HTTP/1.1\r\nHost: h\r\n\r\n"), 414);
    assert_int_equal(ask_long("GET /", 1000000, ""), 414);
    assert_int_equal(ask_long("", 1000000, ""), 400);
}

/* A line counts with name, value and 4 bytes more; "Host: h" is 9. */
static void long_headers(void **state)
{
    size_t most = 16 * 1024 - 9 - 5;

    start();
    assert_int_equal(
        ask_long("GET / HTTP/1.1\r\nHost: h\r\nX: ", most, "\r\n\r\n"), 200);
    assert_int_equal(
        ask_long("GET / HTTP/1.1\r\nHost: h\r\nX: ", most + 1, "\r\n\r\n"),
        431);
    assert_int_equal(
        ask_long("GET / HTTP/1.1\r\nHost: h\r\nX: ", 1000000, ""), 431);
    assert_int_equal(
        ask_long("GET / HTTP/1.1\r\nHost: h\r\n", 1000000, ""), 431);
}

static int ask_with_headers(int n)
{
    struct client *c = dial();
    int status;

    say(c, "GET / HTTP/1.1\r\nHost: h\r\n");
    for (int i = 1; i < n; i++)
        say(c, i % 2 ? "X: y\r\n" : "Z:\r\n");
    say(c, "\r\n");
    status = take_answer(c, NULL);
    hang_up(c);
    return status;
}

static void many_headers(void **state)
{
    start();
    assert_int_equal(ask_with_headers(64), 200);
    assert_int_equal(ask_with_headers(65), 431);
}

/* What is skipped costs nothing to send without end, were it not counted. */
static int ask_forever(const char *before, const char *again)
{
    struct client *c = dial();
    size_t sent = 0;
    int status;

    say(c, before);
    while (!c->eof && !c->reset && c->in.len == 0 && sent < 100000000) {
        say(c, again);
        sent += strlen(again);
        turn();
    }
    status = take_answer(c, NULL);
    hang_up(c);
    return status;
}

static void blanks_without_end(void **state)
{
    static char blanks[8192], lines[8192], extension[8192];

    memset(blanks, ' ', sizeof(blanks) - 1);
    memset(extension, 'x', sizeof(extension) - 1);
    for (size_t i = 0; i + 2 < sizeof(lines); i += 2)
        memcpy(lines + i, "\r\n", 2);
    w.options.max_body_bytes = 10000;
    start();
    assert_int_equal(ask_forever("", lines), 431);
    assert_int_equal(ask_forever("GET / HTTP/1.1\r\nX:", blanks), 431);
    assert_int_equal(ask_forever(CHUNKED "\r\n3;", extension), 413);
    assert_int_equal(ask_forever(CHUNKED "\r\n0\r\nTrailer: ", extension), 431);
}

/* The smallest chunks there are still make a whole body. */
static void small_chunks(void **state)
{
    struct client *c;
    char expected[1200] = "POST /p ? ";

    w.options.max_body_bytes = 1000;
    start();
    c = dial();
    say(c, CHUNKED "\r\n");
    for (int i = 0; i < 1000; i++)
        say(c, "1\r\nx\r\n");
    memset(expected + strlen(expected), 'x', 1000);
    assert_int_equal(ask(c, "0\r\n\r\n", expected), 200);
    say(c, CHUNKED "\r\n");
    for (int i = 0; i < 1001; i++)
        say(c, "1\r\nx\r\n");
    assert_int_equal(take_answer(c, NULL), 413);
}

/* The client sends on for a while, and reads only then. */
static void a_refusal_arrives_at_a_client_that_still_sends(void **state)
{
    static const char much[64 * 1024];
    struct client *c;

    start();
    c = dial();
    say(c, POST "Content-Length: 10000000\r\n\r\n");
    for (int i = 0; i < 100; i++) {
        ssize_t n =
            send(c->fd, much, sizeof(much), MSG_DONTWAIT | MSG_NOSIGNAL);

        assert_true(n > 0 || errno == EAGAIN);
        turn_unread();
    }
    assert_int_equal(take_answer(c, NULL), 413);
    UNTIL(c->eof);
    assert_false(c->reset);
}

static void an_incomplete_request(void **state)
{
    struct client *c;

    start();
    c = dial();
    say(c, GET("/a") "GET /b HTT");
    shutdown(c->fd, SHUT_WR);
    assert_int_equal(take_answer(c, "GET /a ? "), 200);
    assert_int_equal(take_answer(c, NULL), 400);
    UNTIL(c->eof);
    c = dial();
    say(c, POST "Content-Length: 3\r\n\r\nab");
    shutdown(c->fd, SHUT_WR);
    assert_int_equal(take_answer(c, NULL), 400);
    UNTIL(c->eof);
}

/* Complete requests before a bad one are answered. */
static void a_bad_request_behind_a_good_one(void **state)
{
    struct client *c;

    start();
    c = dial();
    say(c, GET("/a") "GET /b HTTP/1.1\r\n\r\n" GET("/c"));
    assert_int_equal(take_answer(c, "GET /a ? "), 200);
    assert_int_equal(take_answer(c, NULL), 400);
    UNTIL(c->eof);
    assert_int_equal(c->in.len, 0);
    assert_int_equal(w.nrequests, 1);
}

static void a_refused_head_has_no_body(void **state)
{
    struct client *c;

    start();
    c = dial();
    say(c, "HEAD / HTTP/1.1\r\nHost: h\r\nExpect: wonders\r\n\r\n");
    assert_int_equal(take_head(c), 417);
    UNTIL(c->eof);
    assert_int_equal(c->in.len, 0);
}

/* Bodies that are being sent have a bound together, sixteen whole ones. */
static void bodies_at_once(void **state)
{
    static char part[1000];
    struct client *clients[40];
    int refusals = 0;

    memset(part, 'a', sizeof(part));
    w.options.max_body_bytes = sizeof(part) + 1;
    start();
    for (int i = 0; i < 40; i++) {
        clients[i] = dial();
        say(clients[i], POST "Content-Length: 1001\r\n\r\n");
        say_bytes(clients[i], part, sizeof(part));
    }
    turns_for(50);
    for (int i = 0; i < 40; i++)
        if (clients[i]->in.len > 0) {
            assert_int_equal(take_answer(clients[i], NULL), 503);
            refusals++;
        } else {
            say(clients[i], "b");
            assert_int_equal(take_answer(clients[i], NULL), 200);
        }
    assert_true(refusals >= 20 && refusals <= 30);
    assert_int_equal(
        ask_long(POST "Content-Length: 1001\r\n\r\n", 1001, ""), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(is_refused),
        WORLD_TEST(is_refused_byte_by_byte),
        WORLD_TEST(a_nul_byte),
        WORLD_TEST(the_path_is_in_the_error),
        WORLD_TEST(a_long_url),
        WORLD_TEST(long_headers),
        WORLD_TEST(many_headers),
        WORLD_TEST(blanks_without_end),
        WORLD_TEST(small_chunks),
        WORLD_TEST(a_refusal_arrives_at_a_client_that_still_sends),
        WORLD_TEST(an_incomplete_request),
        WORLD_TEST(a_bad_request_behind_a_good_one),
        WORLD_TEST(a_refused_head_has_no_body),
        WORLD_TEST(bodies_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
