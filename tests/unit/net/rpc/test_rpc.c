/* Calls that are answered. */
#include "unit/net/rpc/rpc_world.h"

enum { MANY = 200 };

/* --- success ----------------------------------------------------------- */

static void an_answer_comes_back(void **state)
{
    struct world *w = *state;
    struct rpc_metadata header = {"x-test", STR("some value")};
    struct call call = {.rpc = {.metadata = &header, .nmetadata = 1}};

    run(w, &call, STR("a\0b"));
    assert_int_equal(call.rpc.op.err.code, 0);
    assert_int_equal(call.rpc.status, 0);
    assert_int_equal(call.rpc.answer.len, 3);
    assert_memory_equal(call.rpc.answer.data, "a\0b", 3);
    assert_string_equal(w->seen_method, METHOD);
    assert_string_equal(w->seen_header, "some value");
    rpc_req_clear(&call.rpc);
}

static void an_empty_answer_is_an_answer(void **state)
{
    struct world *w = *state;
    struct call call = {.called = 0};

    run(w, &call, STR(""));
    assert_int_equal(call.rpc.op.err.code, 0);
    assert_int_equal(call.rpc.answer.len, 0);
    rpc_req_clear(&call.rpc);
}

static void ok_without_a_message_is_an_error(void **state)
{
    struct world *w = *state;
    struct call call = {.called = 0};

    says(w, (struct rpc_reply){.no_message = true});
    run(w, &call, STR("x"));
    assert_int_equal(call.rpc.op.err.code, ERR_PROTOCOL);
    rpc_req_clear(&call.rpc);
}

static void a_request_can_be_used_again(void **state)
{
    struct world *w = *state;
    struct call call = {.called = 0};

    for (int i = 0; i < 3; i++) {
        run(w, &call, STR("again"));
        assert_int_equal(call.rpc.answer.len, 5);
        rpc_req_clear(&call.rpc);
    }
}

static void many_calls_in_flight(void **state)
{
    struct world *w = *state;
    struct call *calls = calloc(MANY, sizeof(*calls));
    char texts[MANY][16];

    assert_non_null(calls);
    for (int i = 0; i < MANY; i++) {
        snprintf(texts[i], sizeof(texts[i]), "call %d", i);
        start(w, &calls[i], str_of(texts[i]));
    }
    loop_run(&w->loop);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(calls[i].called, 1);
        assert_int_equal(calls[i].rpc.op.err.code, 0);
        assert_string_equal(calls[i].rpc.answer.data, texts[i]);
        rpc_req_clear(&calls[i].rpc);
    }
    free(calls);
}

/* --- statuses ---------------------------------------------------------- */

static void a_status_comes_with_its_first_line(void **state)
{
    struct world *w = *state;
    struct call call = {.called = 0};

    replies(w, GRPC_STATUS_INTERNAL,
        "Error: boom\n    at route (/srv/route.js:1)\n    at next");
    run(w, &call, STR("x"));
    assert_int_equal(call.rpc.status, GRPC_STATUS_INTERNAL);
    assert_int_equal(call.rpc.op.err.code, ERR_SOURCE);
    assert_string_equal(call.rpc.op.err.msg, "INTERNAL: Error: boom");
    assert_int_equal(call.rpc.answer.len, 0);
    rpc_req_clear(&call.rpc);
}

static void each_status_arrives(void **state)
{
    struct world *w = *state;

    for (int status = 1; status <= 16; status++) {
        struct call call = {.called = 0};

        replies(w, status, "why");
        run(w, &call, STR("x"));
        assert_int_equal(call.rpc.status, status);
        assert_int_not_equal(call.rpc.op.err.code, 0);
        assert_non_null(strstr(call.rpc.op.err.msg, ": why"));
        rpc_req_clear(&call.rpc);
    }
}

/* --- sizes ------------------------------------------------------------- */

static void an_answer_of_the_limit_fits(void **state)
{
    static char big[MESSAGE_BYTES];
    struct world *w = *state;
    struct call call = {.called = 0};

    memset(big, 'b', sizeof(big));
    run(w, &call, (struct str){big, sizeof(big)});
    assert_int_equal(call.rpc.op.err.code, 0);
    assert_int_equal(call.rpc.answer.len, sizeof(big));
    rpc_req_clear(&call.rpc);
}

static void an_answer_past_the_limit_is_too_large(void **state)
{
    static char big[MESSAGE_BYTES + 1];
    struct world *w = *state;
    struct call call = {.called = 0};

    says(w, (struct rpc_reply){.body = {big, sizeof(big)}});
    run(w, &call, STR("x"));
    assert_int_equal(call.rpc.op.err.code, ERR_TOO_LARGE);
    assert_int_equal(call.rpc.status, GRPC_STATUS_RESOURCE_EXHAUSTED);
    rpc_req_clear(&call.rpc);
}

static void a_request_past_the_limit_is_too_large(void **state)
{
    static char big[MESSAGE_BYTES + 1];
    struct world *w = *state;
    struct call call = {.called = 0};

    run(w, &call, (struct str){big, sizeof(big)});
    assert_int_equal(call.rpc.op.err.code, ERR_TOO_LARGE);
    rpc_req_clear(&call.rpc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RPC_TEST(an_answer_comes_back),
        RPC_TEST(an_empty_answer_is_an_answer),
        RPC_TEST(ok_without_a_message_is_an_error),
        RPC_TEST(a_request_can_be_used_again),
        RPC_TEST(many_calls_in_flight),
        RPC_TEST(a_status_comes_with_its_first_line),
        RPC_TEST(each_status_arrives),
        RPC_TEST(an_answer_of_the_limit_fits),
        RPC_TEST(an_answer_past_the_limit_is_too_large),
        RPC_TEST(a_request_past_the_limit_is_too_large),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
