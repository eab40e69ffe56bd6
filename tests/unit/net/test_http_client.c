#define _GNU_SOURCE
#include "net/http_client.h"

#include "unit/net/http_stub.h"
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { REQUESTS = 100 };

/* A loop, a client, a server, and requests that count their callbacks. */
struct world {
    struct loop loop;
    struct http_client *client;
    struct stub stub;
    char url[128];
    struct get {
        struct http_req req;
        struct world *world;
        int called;
    } gets[REQUESTS];
    int called;                    /* in all */
    int close_after;               /* callbacks before the client is closed */
    void (*then)(struct world *w); /* after the first callback; may be NULL */
};

static void world_open(struct world *w, stub_fn fn, int connections)
{
    struct err err;

    memset(w, 0, sizeof(*w));
    setenv("no_proxy", "*", 1);
    assert_int_equal(loop_init(&w->loop, &err), 0);
    assert_int_equal(
        http_client_init(&w->client, &w->loop, connections, &err), 0);
    stub_start(&w->stub, fn, w);
    snprintf(w->url, sizeof(w->url), "http://127.0.0.1:%d/x", w->stub.port);
}

/* Every test ends here: no handle is left. */
static void world_close(struct world *w)
{
    struct err err;

    if (w->client != NULL)
        http_client_close(w->client);
    loop_run(&w->loop);
    for (int i = 0; i < REQUESTS; i++)
        http_req_clear(&w->gets[i].req);
    assert_int_equal(loop_close(&w->loop, &err), 0);
    stub_stop(&w->stub);
}

static void on_get(struct op *op)
{
    struct get *get = container_of(op, struct get, req.op);
    struct world *w = get->world;

    get->called++;
    w->called++;
    if (w->called == 1 && w->then != NULL)
        w->then(w);
    if (w->called == w->close_after) {
        http_client_close(w->client);
        w->client = NULL;
    }
}

static struct get *get_init(struct world *w, int i)
{
    struct get *get = &w->gets[i];

    http_req_clear(&get->req);
    *get = (struct get){.world = w};
    op_init(&get->req.op, on_get);
    get->req.method = "GET";
    get->req.url = w->url;
    get->req.timeout_ms = 5000;
    get->req.max_answer_bytes = 1024;
    return get;
}

static struct http_req *send_one(struct world *w, int i)
{
    struct get *get = get_init(w, i);

    assert_int_equal(http_send(w->client, &get->req), 0);
    return &get->req;
}

static struct http_req *fetch(struct world *w, int i)
{
    struct http_req *req = send_one(w, i);

    loop_run(&w->loop);
    assert_int_equal(w->gets[i].called, 1);
    return req;
}

static void assert_failed(
    const struct http_req *req, int code, const char *words)
{
    assert_string_equal(err_name(req->op.err.code), err_name(code));
    if (strstr(req->op.err.msg, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", req->op.err.msg, words);
}

static void assert_answered(
    const struct http_req *req, int status, const char *body)
{
    if (req->op.err.code != 0)
        fail_msg("%s", req->op.err.msg);
    assert_int_equal(req->status, status);
    assert_int_equal(req->answer.len, strlen(body));
    assert_memory_equal(
        body, req->answer.data == NULL ? "" : req->answer.data, strlen(body));
}

static bool say_hello(void *arg, struct stub_request *r)
{
    return stub_answer(r->fd, 200, "", "hello", 5);
}

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
    assert_int_equal(http_send(w.client, req), 0);
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
    assert_int_equal(http_send(w.client, req), 0);
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

static bool say_hello_slowly(void *arg, struct stub_request *r)
{
    stub_sleep_ms(100);
    return stub_answer(r->fd, 200, "", "hello", 5);
}

static void counts_no_time_spent_in_line(void **state)
{
    struct world w;

    world_open(&w, say_hello_slowly, 1);
    for (int i = 0; i < 8; i++) {
        struct http_req *req = &get_init(&w, i)->req;

        req->timeout_ms = 700;
        assert_int_equal(http_send(w.client, req), 0);
    }
    loop_run(&w.loop);
    for (int i = 0; i < 8; i++)
        assert_answered(&w.gets[i].req, 200, "hello");
    world_close(&w);
}

static bool say_nothing(void *arg, struct stub_request *r)
{
    char byte;

    recv(r->fd, &byte, 1, 0);
    return false;
}

static void times_out(void **state)
{
    struct world w;
    struct http_req *req;
    uint64_t from;

    world_open(&w, say_nothing, 2);
    req = &get_init(&w, 0)->req;
    req->timeout_ms = 100;
    from = uv_hrtime();
    assert_int_equal(http_send(w.client, req), 0);
    loop_run(&w.loop);
    assert_failed(req, ERR_TIMEOUT, "127.0.0.1");
    assert_in_range((uv_hrtime() - from) / 1000000, 95, 2000);
    world_close(&w);
}

static bool say_half(void *arg, struct stub_request *r)
{
    stub_puts(r->fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    stub_sleep_ms(500);
    return false;
}

static void times_out_in_mid_answer(void **state)
{
    struct world w;
    struct http_req *req;

    world_open(&w, say_half, 2);
    req = &get_init(&w, 0)->req;
    req->timeout_ms = 100;
    assert_int_equal(http_send(w.client, req), 0);
    loop_run(&w.loop);
    assert_failed(req, ERR_TIMEOUT, "5 out of 10 bytes");
    world_close(&w);
}

static void is_refused(void **state)
{
    struct world w;

    world_open(&w, say_hello, 2);
    shutdown(w.stub.listener, SHUT_RDWR);
    assert_failed(fetch(&w, 0), ERR_UNAVAILABLE, "127.0.0.1");
    world_close(&w);
}

static void does_not_know_the_host(void **state)
{
    struct world w;

    world_open(&w, say_hello, 2);
    strcpy(w.url, "http://me:hidden@no-such-host.invalid/");
    assert_failed(fetch(&w, 0), ERR_UNAVAILABLE, "no-such-host.invalid");
    assert_null(strstr(w.gets[0].req.op.err.msg, "hidden"));
    world_close(&w);
}

static void finds_a_host_by_name(void **state)
{
    struct world w;

    world_open(&w, say_hello, 2);
    snprintf(w.url, sizeof(w.url), "http://localhost:%d/", w.stub.port);
    assert_answered(fetch(&w, 0), 200, "hello");
    world_close(&w);
}

static void lets_a_look_up_go(void **state)
{
    struct world w;
    uint64_t from;

    world_open(&w, say_hello, 2);
    strcpy(w.url, "http://no-such-host.invalid/");
    send_one(&w, 0);
    uv_run(&w.loop.uv, UV_RUN_NOWAIT);
    from = uv_hrtime();
    op_cancel(&w.gets[0].req.op);
    assert_true(uv_hrtime() - from < 500000000);
    loop_run(&w.loop);
    assert_int_equal(w.gets[0].called, 1);
    world_close(&w);
}

static bool reset_in_mid_answer(void *arg, struct stub_request *r)
{
    stub_puts(r->fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    stub_sleep_ms(20);
    return stub_reset(r->fd);
}

static void is_reset_in_mid_answer(void **state)
{
    struct world w;

    world_open(&w, reset_in_mid_answer, 2);
    assert_failed(fetch(&w, 0), ERR_UNAVAILABLE, "127.0.0.1");
    assert_int_equal(w.stub.nrequests, 1);
    world_close(&w);
}

static bool close_without_a_word(void *arg, struct stub_request *r)
{
    return false;
}

static void is_closed_without_an_answer(void **state)
{
    struct world w;

    world_open(&w, close_without_a_word, 2);
    assert_failed(fetch(&w, 0), ERR_UNAVAILABLE, "127.0.0.1");
    assert_int_equal(w.stub.nrequests, 1);
    world_close(&w);
}

static bool break_unless_fresh(void *arg, struct stub_request *r)
{
    if (r->nth == 0)
        return stub_answer(r->fd, 200, "", "hello", 5);
    return r->connection % 2 == 0 ? false : stub_reset(r->fd);
}

static void sends_again_over_stale_connections(void **state)
{
    struct world w;

    world_open(&w, break_unless_fresh, 4);
    for (int i = 0; i < 4; i++)
        send_one(&w, i);
    loop_run(&w.loop);
    for (int i = 4; i < 12; i++)
        assert_answered(fetch(&w, i), 200, "hello");
    world_close(&w);
}

static bool close_after_answering(void *arg, struct stub_request *r)
{
    stub_answer(r->fd, 200, "", "hello", 5);
    return false;
}

static void does_not_mind_closed_idle_connections(void **state)
{
    struct world w;

    world_open(&w, close_after_answering, 2);
    for (int i = 0; i < 5; i++) {
        assert_answered(fetch(&w, i), 200, "hello");
        stub_sleep_ms(i * 3);
    }
    world_close(&w);
}

static bool reset_kept_ones_in_mid_answer(void *arg, struct stub_request *r)
{
    return r->nth == 0 ? stub_answer(r->fd, 200, "", "hello", 5)
                       : reset_in_mid_answer(arg, r);
}

static void does_not_send_again_what_was_half_answered(void **state)
{
    struct world w;

    world_open(&w, reset_kept_ones_in_mid_answer, 2);
    assert_answered(fetch(&w, 0), 200, "hello");
    assert_failed(fetch(&w, 1), ERR_UNAVAILABLE, "127.0.0.1");
    assert_int_equal(w.stub.nrequests, 2);
    world_close(&w);
}

static void cancels_before_it_is_sent(void **state)
{
    struct world w;

    world_open(&w, say_hello, 1);
    send_one(&w, 0);
    send_one(&w, 1);
    send_one(&w, 2);
    op_cancel(&w.gets[1].req.op);
    op_cancel(&w.gets[1].req.op);
    assert_int_equal(w.called, 0);
    loop_run(&w.loop);
    assert_answered(&w.gets[0].req, 200, "hello");
    assert_failed(&w.gets[1].req, ERR_CANCELED, "");
    assert_answered(&w.gets[2].req, 200, "hello");
    assert_int_equal(w.stub.nrequests, 2);
    assert_int_equal(w.called, 3);
    world_close(&w);
}

static void cancel_the_second(struct world *w)
{
    op_cancel(&w->gets[1].req.op);
}

static bool answer_only_the_first(void *arg, struct stub_request *r)
{
    if (r->connection == 0)
        return say_hello_slowly(arg, r);
    stub_puts(r->fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    return say_nothing(arg, r);
}

static void cancels_in_the_middle(void **state)
{
    struct world w;

    world_open(&w, answer_only_the_first, 2);
    w.then = cancel_the_second;
    send_one(&w, 0);
    uv_run(&w.loop.uv, UV_RUN_NOWAIT);
    stub_sleep_ms(20);
    send_one(&w, 1);
    loop_run(&w.loop);
    assert_answered(&w.gets[0].req, 200, "hello");
    assert_failed(&w.gets[1].req, ERR_CANCELED, "");
    assert_int_equal(w.called, 2);
    world_close(&w);
}

static void closes_with_requests_pending(void **state)
{
    struct world w;

    world_open(&w, answer_only_the_first, 2);
    w.close_after = 1;
    for (int i = 0; i < 10; i++)
        send_one(&w, i);
    loop_run(&w.loop);
    assert_int_equal(w.called, 10);
    assert_answered(&w.gets[0].req, 200, "hello");
    for (int i = 1; i < 10; i++)
        assert_failed(&w.gets[i].req, ERR_CANCELED, "");
    world_close(&w);
}

static void takes_nothing_when_closed(void **state)
{
    struct world w;
    struct get *get;

    world_open(&w, say_hello, 2);
    get = get_init(&w, 0);
    http_client_close(w.client);
    assert_int_equal(http_send(w.client, &get->req), ERR_CANCELED);
    assert_int_equal(get->req.op.err.code, ERR_CANCELED);
    w.client = NULL;
    world_close(&w);
    assert_int_equal(get->called, 0);
}

static void closes_unused(void **state)
{
    struct world w;

    world_open(&w, say_hello, 2);
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
    assert_int_equal(wait_asked(&w, 2, "long"), 3600000);
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
    assert_int_equal(http_send(w.client, req), 0);
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
        cmocka_unit_test(queues_100_over_4_connections),
        cmocka_unit_test(counts_no_time_spent_in_line),
        cmocka_unit_test(times_out),
        cmocka_unit_test(times_out_in_mid_answer),
        cmocka_unit_test(is_refused),
        cmocka_unit_test(does_not_know_the_host),
        cmocka_unit_test(finds_a_host_by_name),
        cmocka_unit_test(lets_a_look_up_go),
        cmocka_unit_test(is_reset_in_mid_answer),
        cmocka_unit_test(is_closed_without_an_answer),
        cmocka_unit_test(sends_again_over_stale_connections),
        cmocka_unit_test(does_not_mind_closed_idle_connections),
        cmocka_unit_test(does_not_send_again_what_was_half_answered),
        cmocka_unit_test(cancels_before_it_is_sent),
        cmocka_unit_test(cancels_in_the_middle),
        cmocka_unit_test(closes_with_requests_pending),
        cmocka_unit_test(takes_nothing_when_closed),
        cmocka_unit_test(closes_unused),
        cmocka_unit_test(reads_both_forms_of_retry_after),
        cmocka_unit_test(follows_no_redirect),
        cmocka_unit_test(notices_what_is_not_http),
        cmocka_unit_test(refuses_bad_urls),
        cmocka_unit_test(refuses_line_breaks_in_headers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
