/* Clients that take their time or go away; streams; drain and close. */
#include "unit/net/http/http_server_world.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"
#define HEAD_LINES " / HTTP/1.1\r\nHost: h\r\n\r\n"

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

/* Time. */

static void a_slow_request(void **state)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: h\r\nX: ";
    uint64_t before = now_ms();
    struct client *c;

    w.options.request_ms = 200;
    start();
    c = dial();
    for (size_t i = 0; !c->eof && c->in.len == 0; i++) {
        say_bytes(c, i < sizeof(request) - 1 ? request + i : "x", 1);
        turns_for(5);
    }
    assert_true(now_ms() - before >= 150 && now_ms() - before < 3000);
    assert_int_equal(take_answer(c, NULL), 408);
    assert_string_equal(header_of(c, "Connection"), "close");
    UNTIL(c->eof);
    assert_int_equal(w.nrequests, 0);
}

static void a_slow_body(void **state)
{
    struct client *c;

    w.options.request_ms = 100;
    start();
    c = dial();
    say(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
    while (c->in.len == 0 && !c->eof) {
        say(c, "x");
        turns_for(5);
    }
    assert_int_equal(take_answer(c, NULL), 408);
}

static void a_client_that_says_nothing(void **state)
{
    struct client *c;

    w.options.request_ms = 100;
    start();
    c = dial();
    UNTIL(c->eof);
    assert_int_equal(c->in.len, 0);
    assert_int_equal(http_server_stats(w.server).refused, 0);
    UNTIL(connections() == 0);
}

static void an_idle_connection(void **state)
{
    struct client *c;
    uint64_t before;

    w.options.idle_ms = 500;
    start();
    c = dial();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(c, GET("/"), "GET / ? "), 200);
        turns_for(250);
        assert_false(c->eof);
    }
    before = now_ms();
    UNTIL(c->eof);
    assert_true(now_ms() - before < 3000);
    assert_int_equal(c->in.len, 0);
}

/* The time of a request does not run while it is being worked on. */
static void a_slow_handler(void **state)
{
    struct client *c;

    w.options.request_ms = w.options.idle_ms = w.options.write_ms = 200;
    c = dial_held();
    turns_for(600);
    answer_held(0, "late");
    assert_int_equal(take_answer(c, "late"), 200);
}

static void answer_big(void *arg, struct http_exchange *x)
{
    size_t len = 16 * 1024 * 1024;
    char *body = calloc(len, 1);

    http_answer(x, 200, NULL, 0, (struct str){body, len});
    free(body);
}

static void a_client_that_does_not_read(void **state)
{
    struct client *c;
    uint64_t before = now_ms();

    w.options.handler = answer_big;
    w.options.write_ms = 200;
    start();
    c = dial_with(4096);
    say(c, GET("/"));
    while (connections() > 0 || http_server_stats(w.server).accepted == 0) {
        assert_true(now_ms() - before < PATIENCE_MS);
        turn_unread();
    }
    assert_true(now_ms() - before >= 150);
}

/* Little by little is enough. */
static void a_client_that_reads_slowly(void **state)
{
    static char some[512 * 1024];
    size_t got = 0;
    struct client *c;

    w.options.handler = answer_big;
    w.options.write_ms = 1000;
    start();
    c = dial();
    say(c, GET("/"));
    while (got < 16 * 1024 * 1024) {
        uint64_t end_ms = now_ms() + 50;
        ssize_t n;

        while (now_ms() < end_ms)
            turn_unread();
        n = recv(c->fd, some, sizeof(some), MSG_DONTWAIT);
        assert_true(n > 0);
        got += (size_t)n;
    }
}

/* Gone. */

static void a_client_that_breaks_off(void **state)
{
    struct client *c = dial_held();

    break_off(c);
    UNTIL(w.ngone == 1 && connections() == 0);
    assert_null(w.held[0]->conn);
    assert_memory_equal(w.held[0]->path.p, "/", 1);
    answer_held(0, "to nobody");
    assert_int_equal(w.ngone, 1);
}

static void end_gone(struct http_exchange *x)
{
    w.ngone++;
    http_answer(x, 200, NULL, 0, STR("bye"));
}

static void an_exchange_may_end_when_its_client_has_gone(void **state)
{
    struct client *c = dial_held(), *d;

    w.held[0]->on_gone = end_gone;
    break_off(c);
    UNTIL(w.ngone == 1 && connections() == 0);
    d = dial_held();
    w.held[1]->on_gone = end_gone;
    shutdown(d->fd, SHUT_WR);
    assert_int_equal(take_answer(d, "bye"), 200);
    UNTIL(d->eof);
    assert_int_equal(w.ngone, 2);
}

/* Nobody wants to know; the answer is owed all the same. */
static void going_away_unnoticed(void **state)
{
    struct client *c = dial_held(), *d = dial_held();

    w.held[0]->on_gone = w.held[1]->on_gone = NULL;
    hang_up(c);
    break_off(d);
    UNTIL(connections() == 1);
    answer_held(0, "to nobody");
    answer_held(1, "to nobody");
    UNTIL(connections() == 0);
}

static void an_answer_that_breaks_off(void **state)
{
    struct client *c;

    w.options.handler = answer_big;
    start();
    c = dial_with(4096);
    say(c, GET("/"));
    for (int i = 0; i < 10; i++)
        turn_unread();
    break_off(c);
    UNTIL(connections() == 0);
}

/* Streams. */

static int begin_stream(int i)
{
    const struct http_header_out type = {"Content-Type", "text/event-stream"};

    http_stream_begin(w.held[i], 200, &type, 1);
    return http_stream_write(w.held[i], STR("data: 1\n\n"));
}

static void a_stream(void **state)
{
    static const char expected[] =
        "9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\n";
    struct client *c = dial_held();

    assert_int_equal(begin_stream(0), 0);
    assert_int_equal(take_head(c), 200);
    assert_string_equal(header_of(c, "Transfer-Encoding"), "chunked");
    assert_null(header_of(c, "Content-Length"));
    UNTIL(c->in.len == 14);
    turns_for(20);
    assert_int_equal(http_stream_write(w.held[0], STR("")), 0);
    assert_int_equal(http_stream_write(w.held[0], STR("data: 2\n\n")), 0);
    http_stream_end(w.held[0]);
    UNTIL(c->in.len == sizeof(expected) - 1);
    assert_string_equal(c->in.data, expected);
    drop(c, c->in.len);
    say(c, GET("/"));
    UNTIL(w.nheld == 2);
    answer_held(1, "next");
    assert_int_equal(take_answer(c, "next"), 200);
    assert_int_equal(w.ngone, 0);
}

static struct client *begin_other_stream(const char *request)
{
    struct client *c;

    w.options.handler = hold;
    start();
    c = dial();
    say(c, request);
    UNTIL(w.nheld == 1);
    begin_stream(0);
    http_stream_end(w.held[0]);
    assert_int_equal(take_head(c), 200);
    assert_string_equal(header_of(c, "Connection"), "close");
    UNTIL(c->eof);
    return c;
}

static void a_stream_for_http_1_0(void **state)
{
    struct client *c =
        begin_other_stream("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");

    assert_null(header_of(c, "Transfer-Encoding"));
    assert_string_equal(c->in.data, "data: 1\n\n");
}

static void the_head_of_a_stream(void **state)
{
    struct client *c = begin_other_stream("HEAD" HEAD_LINES);

    assert_int_equal(c->in.len, 0);
}

static void a_stream_whose_client_goes(void **state)
{
    struct client *c = dial_held(), *d = dial_held();

    assert_int_equal(begin_stream(0), 0);
    assert_int_equal(begin_stream(1), 0);
    turns_for(10);
    break_off(c);
    UNTIL(w.ngone == 1 && connections() == 1);
    assert_int_equal(http_stream_write(w.held[0], STR("x")), ERR_UNAVAILABLE);
    http_stream_end(w.held[0]);
    hang_up(d);
    UNTIL(w.ngone == 2);
    while (http_stream_write(w.held[1], STR("x")) == 0)
        turn();
    UNTIL(connections() == 0);
    http_stream_end(w.held[1]);
}

static void a_stream_that_is_not_read(void **state)
{
    static char part[1000];
    int written = 0;
    struct client *c;

    memset(part, 'x', sizeof(part));
    w.options.max_queue_bytes = 64 * 1024;
    w.options.handler = hold;
    start();
    c = dial_with(4096);
    say(c, GET("/"));
    while (w.nheld == 0)
        turn_unread();
    begin_stream(0);
    for (; written < 100000; written++) {
        if (http_stream_write(w.held[0], (struct str){part, 1000}) < 0)
            break;
        if (written % 50 == 0)
            turn_unread();
    }
    assert_int_equal(
        http_stream_write(w.held[0], (struct str){part, 1000}), ERR_BUSY);
    UNTIL(http_stream_write(w.held[0], STR("the last")) == 0);
    http_stream_end(w.held[0]);
    assert_int_equal(take_head(c), 200);
    UNTIL(c->in.len > 20 && strcmp(c->in.data + c->in.len - 20,
                                "\r\n8\r\nthe last\r\n0\r\n\r\n") == 0);
    assert_int_equal(c->in.len,
        14 + (size_t)written * 1007 + strlen("8\r\nthe last\r\n") + 5);
}

static void a_stream_that_is_never_read(void **state)
{
    static char part[1000];
    struct client *c;

    w.options.write_ms = 100;
    w.options.handler = hold;
    start();
    c = dial_with(4096);
    say(c, GET("/"));
    while (w.nheld == 0)
        turn_unread();
    begin_stream(0);
    while (w.ngone == 0) {
        http_stream_write(w.held[0], (struct str){part, sizeof(part)});
        turn_unread();
    }
    http_stream_end(w.held[0]);
}

/* One without anything to say has no time to keep. */
static void a_quiet_stream(void **state)
{
    struct client *c;

    w.options.write_ms = w.options.idle_ms = 100;
    c = dial_held();
    begin_stream(0);
    turns_for(300);
    assert_int_equal(http_stream_write(w.held[0], STR("x")), 0);
    http_stream_end(w.held[0]);
    assert_int_equal(take_head(c), 200);
    UNTIL(strstr(c->in.data, "\r\n0\r\n\r\n") != NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_slow_request),
        WORLD_TEST(a_slow_body),
        WORLD_TEST(a_client_that_says_nothing),
        WORLD_TEST(an_idle_connection),
        WORLD_TEST(a_slow_handler),
        WORLD_TEST(a_client_that_does_not_read),
        WORLD_TEST(a_client_that_reads_slowly),
        WORLD_TEST(a_client_that_breaks_off),
        WORLD_TEST(an_exchange_may_end_when_its_client_has_gone),
        WORLD_TEST(going_away_unnoticed),
        WORLD_TEST(an_answer_that_breaks_off),
        WORLD_TEST(a_stream),
        WORLD_TEST(a_stream_for_http_1_0),
        WORLD_TEST(the_head_of_a_stream),
        WORLD_TEST(a_stream_whose_client_goes),
        WORLD_TEST(a_stream_that_is_not_read),
        WORLD_TEST(a_stream_that_is_never_read),
        WORLD_TEST(a_quiet_stream),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
