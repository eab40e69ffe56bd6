#define _GNU_SOURCE /* strcasestr */
#include "unit/net/http/http_world.h"

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
    http_send(w.client, req);
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
    http_send(w.client, req);
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

static void fails_when_closed(void **state)
{
    struct world w;
    struct get *get;

    world_open(&w, say_hello, 2);
    get = get_init(&w, 0);
    http_client_close(w.client);
    http_send(w.client, &get->req);
    assert_int_equal(get->called, 0);
    loop_run(&w.loop);
    assert_int_equal(get->called, 1);
    assert_failed(&get->req, ERR_CANCELED, "the client is closed");
    w.client = NULL;
    world_close(&w);
}

static void closes_unused(void **state)
{
    struct world w;

    world_open(&w, say_hello, 2);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        cmocka_unit_test(fails_when_closed),
        cmocka_unit_test(closes_unused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
