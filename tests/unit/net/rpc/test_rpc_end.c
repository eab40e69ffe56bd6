/* Calls that end otherwise: deadlines, lost peers, cancel, close. */
#include "unit/net/rpc/rpc_world.h"

#include <signal.h>
#include <unistd.h>

/* --- time and distance ------------------------------------------------- */

static void a_deadline_ends_a_call(void **state)
{
    struct world *w = *state;
    struct call call = {.rpc = {.timeout_ms = 50}};

    hangs(w);
    run(w, &call, STR("x"));
    assert_int_equal(call.rpc.op.err.code, ERR_TIMEOUT);
    assert_int_equal(call.rpc.status, GRPC_STATUS_DEADLINE_EXCEEDED);
    rpc_req_clear(&call.rpc);
}

static void nobody_listening_is_unavailable(void **state)
{
    struct world *w = *state;
    struct call call = {.called = 0};

    rpc_channel_close(w->channel);
    open_channel(w, "127.0.0.1:1");
    run(w, &call, STR("x"));
    assert_int_equal(call.rpc.op.err.code, ERR_UNAVAILABLE);
    assert_non_null(strstr(call.rpc.op.err.msg, "UNAVAILABLE: "));
    rpc_req_clear(&call.rpc);
}

static void a_name_that_does_not_resolve_is_unavailable(void **state)
{
    struct world *w = *state;
    struct call call = {.called = 0};

    rpc_channel_close(w->channel);
    open_channel(w, "no-such-host.invalid:50051");
    run(w, &call, STR("x"));
    assert_int_equal(call.rpc.op.err.code, ERR_UNAVAILABLE);
    rpc_req_clear(&call.rpc);
}

static void a_server_that_goes_fails_its_calls(void **state)
{
    struct world *w = *state;
    struct call call = {.called = 0};

    hangs(w);
    start(w, &call, STR("x"));
    uv_sem_wait(&w->arrived);
    rpc_server_stop(&w->server);
    loop_run(&w->loop);
    assert_int_equal(call.called, 1);
    assert_int_not_equal(call.rpc.op.err.code, 0);
    rpc_req_clear(&call.rpc);
    rpc_server_start(&w->server, 0, handle, w);
}

static void a_server_that_comes_back_is_found(void **state)
{
    struct world *w = *state;
    struct call call = {.called = 0};
    uint64_t until = uv_hrtime() + 20000000000u;
    int port = atoi(strchr(w->server.target, ':') + 1);

    run(w, &call, STR("x"));
    rpc_req_clear(&call.rpc);
    rpc_server_stop(&w->server);
    run(w, &call, STR("x"));
    assert_int_equal(call.rpc.op.err.code, ERR_UNAVAILABLE);
    rpc_req_clear(&call.rpc);
    rpc_server_start(&w->server, port, handle, w);
    do {
        uv_sleep(20);
        run(w, &call, STR("x"));
        rpc_req_clear(&call.rpc);
    } while (call.rpc.op.err.code != 0 && uv_hrtime() < until);
    assert_int_equal(call.rpc.op.err.code, 0);
}

/* --- cancel and close -------------------------------------------------- */

static void a_canceled_call_comes_back_once(void **state)
{
    struct world *w = *state;
    struct call call = {.called = 0};

    hangs(w);
    start(w, &call, STR("x"));
    uv_sem_wait(&w->arrived);
    op_cancel(&call.rpc.op);
    op_cancel(&call.rpc.op);
    assert_int_equal(call.called, 0);
    loop_run(&w->loop);
    assert_int_equal(call.called, 1);
    assert_int_equal(call.rpc.op.err.code, ERR_CANCELED);
    rpc_req_clear(&call.rpc);
}

static void a_call_canceled_before_it_leaves(void **state)
{
    struct world *w = *state;
    struct call call = {.called = 0};

    start(w, &call, STR("x"));
    op_cancel(&call.rpc.op);
    loop_run(&w->loop);
    assert_int_equal(call.called, 1);
    assert_int_equal(call.rpc.op.err.code, ERR_CANCELED);
    rpc_req_clear(&call.rpc);
}

static void a_callback_may_cancel_another_call(void **state)
{
    struct world *w = *state;
    struct call slow = {.called = 0};
    struct call quick = {.cancels = &slow, .rpc = {.timeout_ms = 50}};

    hangs(w);
    start(w, &slow, STR("x"));
    start(w, &quick, STR("x"));
    loop_run(&w->loop);
    assert_int_equal(quick.rpc.op.err.code, ERR_TIMEOUT);
    assert_int_equal(slow.rpc.op.err.code, ERR_CANCELED);
    rpc_req_clear(&slow.rpc);
    rpc_req_clear(&quick.rpc);
}

static void close_ends_pending_calls(void **state)
{
    enum { N = 20 };
    struct world *w = *state;
    struct call calls[N] = {{.called = 0}};
    struct call late = {.called = 0};

    hangs(w);
    for (int i = 0; i < N; i++)
        start(w, &calls[i], STR("x"));
    uv_sem_wait(&w->arrived);
    rpc_channel_close(w->channel);
    start(w, &late, STR("x"));
    assert_int_equal(late.called, 0);
    w->channel = NULL;
    loop_run(&w->loop);
    for (int i = 0; i < N; i++) {
        assert_int_equal(calls[i].called, 1);
        assert_int_equal(calls[i].rpc.op.err.code, ERR_CANCELED);
        rpc_req_clear(&calls[i].rpc);
    }
    assert_int_equal(late.called, 1);
    assert_int_equal(late.rpc.op.err.code, ERR_CANCELED);
    rpc_req_clear(&late.rpc);
}

static void close_right_after_the_answer(void **state)
{
    struct world *w = *state;
    struct call call = {.called = 0};

    start(w, &call, STR("x"));
    uv_sem_wait(&w->arrived);
    uv_sleep(20);
    rpc_channel_close(w->channel);
    w->channel = NULL;
    loop_run(&w->loop);
    assert_int_equal(call.called, 1);
    rpc_req_clear(&call.rpc);
}

static void an_idle_channel_lets_the_loop_end(void **state)
{
    struct world *w = *state;

    loop_run(&w->loop);
    rpc_channel_close(w->channel);
    w->channel = NULL;
    loop_run(&w->loop);
}

static void channels_come_and_go(void **state)
{
    struct world *w = *state;

    for (int i = 0; i < 20; i++) {
        struct call call = {.called = 0};

        rpc_channel_close(w->channel);
        open_channel(w, w->server.target);
        run(w, &call, STR("x"));
        assert_int_equal(call.rpc.op.err.code, 0);
        rpc_req_clear(&call.rpc);
    }
}

static void a_header_that_http2_forbids_fails(void **state)
{
    struct world *w = *state;
    struct rpc_metadata header = {"X-Upper", STR("value")};
    struct call call = {.rpc = {.metadata = &header, .nmetadata = 1}};

    start(w, &call, STR("x"));
    assert_int_equal(call.called, 0);
    loop_run(&w->loop);
    assert_int_equal(call.called, 1);
    assert_int_equal(call.rpc.op.err.code, ERR_INVALID);
    header = (struct rpc_metadata){"x-lower", STR("a\nb")};
    run(w, &call, STR("x"));
    assert_int_equal(call.rpc.op.err.code, ERR_INVALID);
    rpc_req_clear(&call.rpc);
}

/* --- signals ----------------------------------------------------------- */

static void on_signal(void *arg, int signum)
{
    struct call *call = arg;

    op_cancel(&call->rpc.op);
}

static void a_signal_reaches_the_loop(void **state)
{
    struct world *w = *state;
    struct call call = {.called = 0};
    struct err err;

    hangs(w);
    assert_int_equal(loop_watch_signals(&w->loop, on_signal, &call, &err), 0);
    start(w, &call, STR("x"));
    uv_sem_wait(&w->arrived);
    kill(getpid(), SIGTERM);
    loop_run(&w->loop);
    assert_int_equal(call.rpc.op.err.code, ERR_CANCELED);
    rpc_req_clear(&call.rpc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RPC_TEST(a_deadline_ends_a_call),
        RPC_TEST(nobody_listening_is_unavailable),
        RPC_TEST(a_name_that_does_not_resolve_is_unavailable),
        RPC_TEST(a_server_that_goes_fails_its_calls),
        RPC_TEST(a_server_that_comes_back_is_found),
        RPC_TEST(a_canceled_call_comes_back_once),
        RPC_TEST(a_call_canceled_before_it_leaves),
        RPC_TEST(a_callback_may_cancel_another_call),
        RPC_TEST(close_ends_pending_calls),
        RPC_TEST(close_right_after_the_answer),
        RPC_TEST(an_idle_channel_lets_the_loop_end),
        RPC_TEST(channels_come_and_go),
        RPC_TEST(a_header_that_http2_forbids_fails),
        RPC_TEST(a_signal_reaches_the_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
