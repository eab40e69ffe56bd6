/* What a well-behaved client sees. */
#include "unit/net/http/http_server_world.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"

static void a_get(void **state)
{
    struct client *c;

    start();
    c = dial();
    assert_int_equal(
        ask(c, GET("/a%20b/c?x=1&y"), "GET /a%20b/c ?x=1&y "), 200);
    assert_string_equal(header_of(c, "Content-Type"), "text/plain");
    assert_string_equal(header_of(c, "X-Content-Type-Options"), "nosniff");
    assert_null(header_of(c, "Connection"));
    assert_non_null(strstr(c->head, "HTTP/1.1 200 OK\r\n"));
    assert_string_equal(
        header_of(c, "Date") + strlen("Sun, 06 Nov 1994 08:49:37 "), "GMT");
}

static void a_body(void **state)
{
    struct client *c;

    start();
    c = dial();
    say(c, "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n01234");
    turns_for(20);
    assert_int_equal(w.nrequests, 0);
    assert_int_equal(ask(c, "56789", "POST /p ? 0123456789"), 200);
}

static void a_body_in_chunks(void **state)
{
    struct client *c;

    start();
    c = dial();
    say(c, "POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n");
    say(c, "5;name=value\r\n01234\r\nA\r\n56789abcde\r\n");
    assert_int_equal(
        ask(c, "0\r\nTrailer: x\r\n\r\n", "POST /p ? 0123456789abcde"), 200);
    assert_int_equal(ask(c, GET("/"), "GET / ? "), 200);
}

static void a_big_body(void **state)
{
    size_t len = 1024 * 1024;
    char *body = malloc(len + 1), *expected = malloc(len + 32);
    struct client *c;

    for (size_t i = 0; i < len; i++)
        body[i] = (char)('a' + i % 26);
    body[len] = '\0';
    snprintf(expected, len + 32, "PUT /big ? %s", body);
    start();
    c = dial();
    say(c, "PUT /big HTTP/1.1\r\nHost: h\r\nContent-Length: 1048576\r\n\r\n");
    assert_int_equal(ask(c, body, expected), 200);
    free(expected);
    free(body);
}

static void the_head_alone(void **state)
{
    struct client *c;

    start();
    c = dial();
    say(c, "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n" GET("/b"));
    assert_int_equal(take_head(c), 200);
    assert_string_equal(header_of(c, "Content-Length"), "10");
    assert_int_equal(take_answer(c, "GET /b ? "), 200);
}

static void answer_204(void *arg, struct http_exchange *x)
{
    http_answer(x, 204, NULL, 0, STR("not to be seen"));
}

static void no_content(void **state)
{
    struct client *c;

    w.options.handler = answer_204;
    start();
    c = dial();
    say(c, GET("/") GET("/"));
    assert_int_equal(take_head(c), 204);
    assert_null(header_of(c, "Content-Length"));
    assert_int_equal(take_head(c), 204);
    assert_int_equal(c->in.len, 0);
}

static void any_method(void **state)
{
    struct client *c;

    start();
    c = dial();
    assert_int_equal(
        ask(c, "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "OPTIONS * ? "), 200);
    assert_int_equal(
        ask(c, "DELETE /d HTTP/1.1\r\nHost: h\r\n\r\n", "DELETE /d ? "), 200);
    assert_int_equal(ask(c, "PATCH http://h:80/d?e HTTP/1.1\r\nHost: h\r\n\r\n",
                         "PATCH /d ?e "),
        200);
    assert_int_equal(
        ask(c, "GET HTTP://host HTTP/1.1\r\nHost: h\r\n\r\n", "GET / ? "), 200);
}

static void an_upgrade_is_not_followed(void **state)
{
    struct client *c;

    start();
    c = dial();
    assert_int_equal(ask(c,
                         "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n"
                         "Upgrade: h2c\r\n\r\n" GET("/next"),
                         "GET / ? "),
        200);
    assert_int_equal(take_answer(c, "GET /next ? "), 200);
}

static void http_1_0(void **state)
{
    struct client *c;

    start();
    c = dial();
    assert_int_equal(ask(c, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
                         "GET /a ? "),
        200);
    assert_string_equal(header_of(c, "Connection"), "keep-alive");
    assert_int_equal(ask(c, "GET /b HTTP/1.0\r\n\r\n", "GET /b ? "), 200);
    assert_string_equal(header_of(c, "Connection"), "close");
    UNTIL(c->eof);
}

static void the_client_wants_to_close(void **state)
{
    struct client *c;

    start();
    c = dial();
    say(c, "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" GET("/b"));
    assert_int_equal(take_answer(c, "GET /a ? "), 200);
    assert_string_equal(header_of(c, "Connection"), "close");
    UNTIL(c->eof);
    assert_int_equal(c->in.len, 0);
    assert_int_equal(w.nrequests, 1);
    hang_up(c);
    UNTIL(http_server_stats(w.server).connections == 0);
}

/* Each is handed over when the one before has been answered. */
static void pipelined(void **state)
{
    struct client *c;

    w.options.handler = hold;
    start();
    c = dial();
    say(c, GET("/1") "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n"
                     "x" GET("/3"));
    for (int i = 0; i < 3; i++) {
        UNTIL(w.nheld == i + 1);
        turns_for(10);
        assert_int_equal(w.nheld, i + 1);
        assert_int_equal(w.held[i]->path.p[1], '1' + i);
        answer_held(i, i == 0 ? "one" : i == 1 ? "two" : "three");
    }
    assert_int_equal(take_answer(c, "one"), 200);
    assert_int_equal(take_answer(c, "two"), 200);
    assert_int_equal(take_answer(c, "three"), 200);
}

/* Far more than is read ahead. */
static void pipelined_without_end(void **state)
{
    struct client *c;
    char request[64], expected[32];

    start();
    c = dial();
    for (int i = 0; i < 5000; i++) {
        snprintf(
            request, sizeof(request), "GET /%d HTTP/1.1\r\nHost: h\r\n\r\n", i);
        say(c, request);
    }
    for (int i = 0; i < 5000; i++) {
        snprintf(expected, sizeof(expected), "GET /%d ? ", i);
        assert_int_equal(take_answer(c, expected), 200);
    }
}

/* What is not read is not kept: the client has to wait. */
static void read_ahead_has_a_bound(void **state)
{
    struct client *c;
    size_t sent = 0;
    ssize_t n;

    w.options.handler = hold;
    start();
    c = dial();
    say(c, GET("/"));
    UNTIL(w.nheld == 1);
    for (int i = 0; i < 200; i++) {
        while ((n = send(c->fd, GET("/"), 28, MSG_DONTWAIT)) > 0)
            sent += (size_t)n;
        turn();
    }
    assert_true(n < 0 && errno == EAGAIN);
    assert_true(sent > 0);
    answer_held(0, "one");
    assert_int_equal(take_answer(c, "one"), 200);
    UNTIL(w.nheld == 2);
    answer_held(1, "two");
    break_off(c);
    UNTIL(http_server_stats(w.server).connections == 0);
    for (int i = 2; i < w.nheld; i++)
        answer_held(i, "");
}

static void a_client_that_closed_its_side_is_answered(void **state)
{
    struct client *c;

    start();
    c = dial();
    say(c, GET("/1") GET("/2"));
    shutdown(c->fd, SHUT_WR);
    assert_int_equal(take_answer(c, "GET /1 ? "), 200);
    assert_null(header_of(c, "Connection"));
    assert_int_equal(take_answer(c, "GET /2 ? "), 200);
    UNTIL(c->eof);
    UNTIL(http_server_stats(w.server).connections == 0);
}

static void a_client_that_closed_its_side_is_answered_later(void **state)
{
    struct client *c;

    w.options.handler = hold;
    start();
    c = dial();
    say(c, GET("/"));
    UNTIL(w.nheld == 1);
    shutdown(c->fd, SHUT_WR);
    UNTIL(w.ngone == 1);
    turns_for(20);
    answer_held(0, "late");
    assert_int_equal(take_answer(c, "late"), 200);
    assert_string_equal(header_of(c, "Connection"), "close");
    UNTIL(c->eof);
    assert_int_equal(w.ngone, 1);
}

static void one_byte_at_a_time(void **state)
{
    static const char request[] =
        "POST /p?q HTTP/1.1\r\nHost: h\r\nEmpty:\r\nX:  y \r\n"
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    struct client *c;

    start();
    c = dial();
    for (size_t i = 0; i < sizeof(request) - 1; i++) {
        say_bytes(c, request + i, 1);
        turn();
    }
    assert_int_equal(take_answer(c, "POST /p ?q abc"), 200);
}

static void wants_permission(struct client *c, const char *length)
{
    say(c, "POST /p HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\n");
    say(c, length);
    say(c, "\r\n\r\n");
}

static void expect_continue(void **state)
{
    struct client *c;

    start();
    c = dial();
    wants_permission(c, "Content-Length: 3");
    assert_int_equal(take_head(c), 100);
    turns_for(10);
    assert_int_equal(c->in.len, 0);
    assert_int_equal(ask(c, "abc", "POST /p ? abc"), 200);
    wants_permission(c, "Transfer-Encoding: chunked");
    assert_int_equal(take_head(c), 100);
    say(c, "3");
    turns_for(10);
    assert_int_equal(ask(c, "\r\nabc\r\n0\r\n\r\n", "POST /p ? abc"), 200);
    wants_permission(c, "Content-Length: 0");
    assert_int_equal(take_answer(c, "POST /p ? "), 200);
}

static void no_permission_for_what_is_too_long(void **state)
{
    struct client *c;

    start();
    c = dial();
    wants_permission(c, "Content-Length: 1048577");
    assert_int_equal(take_answer(c, NULL), 413);
}

/* It did not wait, so it is not told. */
static void expect_continue_with_the_body(void **state)
{
    struct client *c;

    start();
    c = dial();
    say(c, "POST /p HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
           "Content-Length: 3\r\n\r\nab");
    turns_for(10);
    assert_int_equal(ask(c, "c", "POST /p ? abc"), 200);
}

static void see_headers(void *arg, struct http_exchange *x)
{
    struct buf body;

    assert_null(http_header(x, "X-Non"));
    assert_int_equal(x->nheaders, 4);
    buf_init(&body, 256);
    buf_str(&body, *http_header(x, "x-one"));
    buf_str(&body, *http_header(x, "EMPTY"));
    buf_printf(&body, "|%d", x->peer_is_loopback);
    http_answer(x, 200,
        (struct http_header_out[]){
            {"Location", "/runs/1\r\nX-Evil: 1"}, {"X-B", "b"}},
        2, buf_view(&body));
    buf_free(&body);
}

static void headers(void **state)
{
    struct client *c;

    w.options.handler = see_headers;
    start();
    c = dial();
    assert_int_equal(ask(c,
                         "GET / HTTP/1.1\r\nHost: h\r\nX-One: \t one two \t\r\n"
                         "Empty:  \r\nx-one: second\r\n\r\n",
                         "one two|1"),
        200);
    assert_string_equal(header_of(c, "Location"), "/runs/1  X-Evil: 1");
    assert_string_equal(header_of(c, "X-B"), "b");
    assert_null(header_of(c, "X-Evil"));
}

static void answer_error(void *arg, struct http_exchange *x)
{
    const struct http_header_out allow = {"Allow", "GET"};

    http_answer_error(x, 405, &allow, 1, "only \"GET\"");
}

static void an_error(void **state)
{
    struct client *c;

    w.options.handler = answer_error;
    start();
    c = dial();
    assert_int_equal(ask(c, "POST /a\"b?c HTTP/1.1\r\nHost: h\r\n\r\n",
                         "{\"error\":{\"message\":\"only \\\"GET\\\"\","
                         "\"statusCode\":405,\"path\":\"/a\\\"b\"}}"),
        405);
    assert_string_equal(header_of(c, "Content-Type"), "application/json");
    assert_string_equal(header_of(c, "Allow"), "GET");
    assert_null(header_of(c, "Connection"));
}

static void answer_too_much(void *arg, struct http_exchange *x)
{
    size_t len = 33 * 1024 * 1024;
    char *body = calloc(len, 1);

    http_answer(x, 200, NULL, 0, (struct str){body, len});
    free(body);
}

static void an_answer_has_a_bound(void **state)
{
    struct client *c;

    w.options.handler = answer_too_much;
    start();
    c = dial();
    assert_int_equal(ask(c, GET("/"), NULL), 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_get),
        WORLD_TEST(a_body),
        WORLD_TEST(a_body_in_chunks),
        WORLD_TEST(a_big_body),
        WORLD_TEST(the_head_alone),
        WORLD_TEST(no_content),
        WORLD_TEST(any_method),
        WORLD_TEST(an_upgrade_is_not_followed),
        WORLD_TEST(http_1_0),
        WORLD_TEST(the_client_wants_to_close),
        WORLD_TEST(pipelined),
        WORLD_TEST(pipelined_without_end),
        WORLD_TEST(read_ahead_has_a_bound),
        WORLD_TEST(a_client_that_closed_its_side_is_answered),
        WORLD_TEST(a_client_that_closed_its_side_is_answered_later),
        WORLD_TEST(one_byte_at_a_time),
        WORLD_TEST(expect_continue),
        WORLD_TEST(no_permission_for_what_is_too_long),
        WORLD_TEST(expect_continue_with_the_body),
        WORLD_TEST(headers),
        WORLD_TEST(an_error),
        WORLD_TEST(an_answer_has_a_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
