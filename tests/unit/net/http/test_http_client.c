#define _GNU_SOURCE /* strcasestr */
#include "unit/net/http/http_world.h"

static void answers_200(void **state)
{
    struct world w;

    world_open(&w, say_hello, 2);
    assert_answered(fetch(&w, 0), 200, "hello");
    assert_int_equal(w.gets[0].req.retry_after_ms, 0);
    world_close(&w);
}

static bool say_what_came(void *arg, struct stub_request *r)
{
    char *line = strstr(r->head, "\r\nX-One: ");
    bool expects = strcasestr(r->head, "\r\nExpect:") != NULL;
    char answer[128];

    snprintf(answer, sizeof(answer), "%.4s %.1s %zu %c %d", r->head,
        line == NULL ? "-" : line + 9, r->body_len, r->body[r->body_len - 1],
        expects);
    return stub_answer(r->fd, 201, "", answer, strlen(answer));
}

static void posts_a_large_body_with_headers_and_no_expect(void **state)
{
    struct http_header header = {"X-One", "1"};
    struct world w;
    char *body = malloc(3000000);
    struct http_req *req;

    memset(body, 'b', 3000000);
    world_open(&w, say_what_came, 2);
    req = &get_init(&w, 0)->req;
    req->method = "POST";
    req->body = (struct str){body, 3000000};
    req->headers = &header;
    req->nheaders = 1;
    http_send(w.client, req);
    loop_run(&w.loop);
    assert_answered(req, 201, "POST 1 3000000 b 0");
    free(body);
    world_close(&w);
}

static bool say_much(void *arg, struct stub_request *r)
{
    size_t len = 8 * 1024 * 1024;
    char *body = malloc(len);
    bool more;

    for (size_t i = 0; i < len; i++)
        body[i] = (char)(i * 31 >> 3);
    more = stub_answer(r->fd, 200, "", body, len);
    free(body);
    return more;
}

static void takes_a_big_answer_whole(void **state)
{
    struct world w;
    struct http_req *req;

    world_open(&w, say_much, 2);
    req = &get_init(&w, 0)->req;
    req->max_answer_bytes = 8 * 1024 * 1024;
    http_send(w.client, req);
    loop_run(&w.loop);
    assert_int_equal(req->op.err.code, 0);
    assert_int_equal(req->answer.len, 8 * 1024 * 1024);
    for (size_t i = 0; i < req->answer.len; i += 4099)
        assert_int_equal(req->answer.data[i], (char)(i * 31 >> 3));
    world_close(&w);
}

static void refuses_an_answer_announced_too_large(void **state)
{
    struct world w;

    world_open(&w, say_much, 2);
    assert_failed(fetch(&w, 0), ERR_TOO_LARGE, "longer than 1024 bytes");
    world_close(&w);
}

static bool say_chunks_for_ever(void *arg, struct stub_request *r)
{
    if (!stub_puts(
            r->fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"))
        return false;
    while (stub_puts(r->fd, "8\r\nabcdefgh\r\n"))
        ;
    return false;
}

static void stops_an_answer_that_grows_too_large(void **state)
{
    struct world w;

    world_open(&w, say_chunks_for_ever, 2);
    assert_failed(fetch(&w, 0), ERR_TOO_LARGE, "longer than 1024 bytes");
    assert_true(w.gets[0].req.answer.len <= 1024);
    world_close(&w);
}

static bool say_chunks(void *arg, struct stub_request *r)
{
    return stub_puts(r->fd, "HTTP/1.1 200 OK\r\n"
                            "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n") &&
           (stub_sleep_ms(20), stub_puts(r->fd, "2\r\nlo\r\n0\r\n\r\n"));
}

static void joins_chunks(void **state)
{
    struct world w;

    world_open(&w, say_chunks, 2);
    assert_answered(fetch(&w, 0), 200, "hello");
    assert_answered(fetch(&w, 1), 200, "hello");
    assert_int_equal(w.stub.nconnections, 1);
    world_close(&w);
}

static void keeps_connections(void **state)
{
    struct world w;

    world_open(&w, say_hello, 2);
    for (int i = 0; i < 10; i++)
        assert_answered(fetch(&w, i), 200, "hello");
    assert_int_equal(w.stub.nconnections, 1);
    assert_int_equal(w.stub.nrequests, 10);
    world_close(&w);
}

/* The loop may have other things to do first. */
static void sends_at_once_on_a_kept_connection(void **state)
{
    struct world w;

    world_open(&w, say_hello, 2);
    assert_answered(fetch(&w, 0), 200, "hello");
    http_send(w.client, &get_init(&w, 1)->req);
    for (int ms = 0; ms < 5000 && w.stub.nrequests < 2; ms++)
        stub_sleep_ms(1); /* the loop stands still */
    assert_int_equal(w.stub.nrequests, 2);
    loop_run(&w.loop);
    assert_answered(&w.gets[1].req, 200, "hello");
    world_close(&w);
}

static bool say_hello_later(void *arg, struct stub_request *r)
{
    stub_sleep_ms(20);
    return stub_answer(r->fd, 200, "", "hello", 5);
}

static void queues_100_over_4_connections(void **state)
{
    struct world w;

    world_open(&w, say_hello_later, 4);
    for (int i = 0; i < 100; i++)
        send_one(&w, i);
    loop_run(&w.loop);
    for (int i = 0; i < 100; i++)
        assert_answered(&w.gets[i].req, 200, "hello");
    assert_int_equal(w.called, 100);
    assert_int_equal(w.stub.nconnections, 4);
    assert_int_equal(w.stub.most_busy, 4);
    world_close(&w);
}

static void counts_no_time_spent_in_line(void **state)
{
    struct world w;

    world_open(&w, say_hello_slowly, 1);
    for (int i = 0; i < 8; i++) {
        struct http_req *req = &get_init(&w, i)->req;

        req->timeout_ms = 700;
        http_send(w.client, req);
    }
    loop_run(&w.loop);
    for (int i = 0; i < 8; i++)
        assert_answered(&w.gets[i].req, 200, "hello");
    world_close(&w);
}

static bool ask_to_wait(void *arg, struct stub_request *r)
{
    time_t when = time(NULL) + 90;
    char headers[128];
    struct tm tm;

    if (strstr(r->head, "/seconds") != NULL)
        return stub_answer(r->fd, 429, "Retry-After: 7\r\n", "", 0);
    if (strstr(r->head, "/long") != NULL)
        return stub_answer(r->fd, 503, "Retry-After: 86400\r\n", "", 0);
    if (strstr(r->head, "/past") != NULL)
        return stub_answer(r->fd, 503,
            "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n", "", 0);
    if (strstr(r->head, "/junk") != NULL)
        return stub_answer(r->fd, 503, "Retry-After: soon\r\n", "", 0);
    strftime(headers, sizeof(headers),
        "Retry-After: %a, %d %b %Y %H:%M:%S GMT\r\n", gmtime_r(&when, &tm));
    return stub_answer(r->fd, 429, headers, "", 0);
}

static uint32_t wait_asked(struct world *w, int i, const char *path)
{
    snprintf(
        w->url, sizeof(w->url), "http://127.0.0.1:%d/%s", w->stub.port, path);
    return fetch(w, i)->retry_after_ms;
}

static void reads_both_forms_of_retry_after(void **state)
{
    struct world w;

    world_open(&w, ask_to_wait, 2);
    assert_int_equal(wait_asked(&w, 0, "seconds"), 7000);
    assert_int_equal(w.gets[0].req.status, 429);
    assert_in_range(wait_asked(&w, 1, "date"), 85000, 90000);
    assert_int_equal(wait_asked(&w, 2, "long"), 86400000);
    assert_int_equal(wait_asked(&w, 3, "past"), 0);
    assert_int_equal(wait_asked(&w, 4, "junk"), 0);
    world_close(&w);
}

static bool point_elsewhere(void *arg, struct stub_request *r)
{
    return stub_answer(r->fd, 302, "Location: /elsewhere\r\n", "", 0);
}

static void follows_no_redirect(void **state)
{
    struct world w;

    world_open(&w, point_elsewhere, 2);
    assert_answered(fetch(&w, 0), 302, "");
    assert_int_equal(w.stub.nrequests, 1);
    world_close(&w);
}

/* 307 and 308 within the origin, until it is there. */
static bool point_here(void *arg, struct stub_request *r)
{
    if (strstr(r->head, "/there") != NULL)
        return stub_answer(
            r->fd, 200, "X-Mark:  here \r\n", r->body, r->body_len);
    if (strstr(r->head, "/away") != NULL)
        return stub_answer(
            r->fd, 308, "Location: http://127.0.0.1:1/there\r\n", "", 0);
    if (strstr(r->head, "/loop") != NULL)
        return stub_answer(r->fd, 307, "Location: /loop\r\n", "", 0);
    return stub_answer(r->fd, 308, "Location: /there\r\n", "", 0);
}

static void follows_redirects_within_the_origin(void **state)
{
    struct world w;
    struct str mark, none;

    world_open(&w, point_here, 2);
    assert_answered(fetch(&w, 0), 200, "");
    assert_int_equal(w.stub.nrequests, 2);
    mark = http_answer_header(&w.gets[0].req, "x-mark");
    none = http_answer_header(&w.gets[0].req, "x-mar");
    assert_true(str_eq(mark, STR("here")));
    assert_int_equal(none.len, 0);
    world_close(&w);
}

static void leaves_the_origin_for_nobody(void **state)
{
    struct world w;
    struct str location;

    world_open(&w, point_here, 2);
    snprintf(w.url, sizeof(w.url), "http://127.0.0.1:%d/away", w.stub.port);
    assert_answered(fetch(&w, 0), 308, "");
    assert_int_equal(w.stub.nrequests, 1);
    location = http_answer_header(&w.gets[0].req, "location");
    assert_true(str_eq(location, STR("http://127.0.0.1:1/there")));
    snprintf(w.url, sizeof(w.url), "http://127.0.0.1:%d/loop", w.stub.port);
    assert_answered(fetch(&w, 1), 307, "");
    assert_int_equal(w.stub.nrequests, 7);
    world_close(&w);
}

static bool speak_no_http(void *arg, struct stub_request *r)
{
    stub_puts(r->fd, "220 mail.example.org ESMTP\r\n");
    return false;
}

static void notices_what_is_not_http(void **state)
{
    struct world w;

    world_open(&w, speak_no_http, 2);
    assert_failed(fetch(&w, 0), ERR_PROTOCOL, "HTTP/0.9");
    world_close(&w);
}

static void refuses_bad_urls(void **state)
{
    static const char *const urls[] = {"", "api.example.org/v1",
        "ftp://me:hidden@example.org/", "http://me:hidden@", "http://a b/",
        "file:///etc/hostname"};
    struct world w;

    world_open(&w, say_hello, 2);
    for (int i = 0; i < 6; i++) {
        snprintf(w.url, sizeof(w.url), "%s", urls[i]);
        assert_failed(fetch(&w, i), ERR_CONFIG, "not a URL");
        assert_null(strstr(w.gets[i].req.op.err.msg, "hidden"));
    }
    world_close(&w);
}

static void refuses_line_breaks_in_headers(void **state)
{
    struct http_header header = {"Authorization", "Bearer se\r\ncret"};
    struct world w;
    struct http_req *req;

    world_open(&w, say_hello, 2);
    req = &get_init(&w, 0)->req;
    req->headers = &header;
    req->nheaders = 1;
    http_send(w.client, req);
    loop_run(&w.loop);
    assert_failed(req, ERR_INVALID, "Authorization");
    assert_null(strstr(req->op.err.msg, "se"));
    assert_int_equal(w.stub.nrequests, 0);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_200),
        cmocka_unit_test(posts_a_large_body_with_headers_and_no_expect),
        cmocka_unit_test(takes_a_big_answer_whole),
        cmocka_unit_test(refuses_an_answer_announced_too_large),
        cmocka_unit_test(stops_an_answer_that_grows_too_large),
        cmocka_unit_test(joins_chunks),
        cmocka_unit_test(keeps_connections),
        cmocka_unit_test(sends_at_once_on_a_kept_connection),
        cmocka_unit_test(queues_100_over_4_connections),
        cmocka_unit_test(counts_no_time_spent_in_line),
        cmocka_unit_test(reads_both_forms_of_retry_after),
        cmocka_unit_test(follows_no_redirect),
        cmocka_unit_test(follows_redirects_within_the_origin),
        cmocka_unit_test(leaves_the_origin_for_nobody),
        cmocka_unit_test(notices_what_is_not_http),
        cmocka_unit_test(refuses_bad_urls),
        cmocka_unit_test(refuses_line_breaks_in_headers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
