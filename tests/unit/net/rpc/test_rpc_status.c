#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/rpc/rpc_status.h"

struct status_case {
    int status;
    const char *text;
    int code;
    const char *message;
};

static const struct status_case status_cases[] = {
    {1, "gone", ERR_INVALID, "CANCELLED: gone"},
    {2, "No active services", ERR_INVALID, "UNKNOWN: No active services"},
    {3, "bad page", ERR_INVALID, "INVALID_ARGUMENT: bad page"},
    {4, "slow", ERR_TIMEOUT, "DEADLINE_EXCEEDED: slow"},
    {5, "who", ERR_NOT_FOUND, "NOT_FOUND: who"},
    {6, "", ERR_INVALID, "ALREADY_EXISTS"},
    {7, "no", ERR_AUTH, "PERMISSION_DENIED: no"},
    {8, "quota", ERR_BUSY, "RESOURCE_EXHAUSTED: quota"},
    {8, "", ERR_BUSY, "RESOURCE_EXHAUSTED"},
    {8, "Received message larger than max (9 vs. 4)", ERR_TOO_LARGE,
        "RESOURCE_EXHAUSTED: Received message larger than max (9 vs. 4)"},
    {8, "Attempted to send message with a size larger than 4", ERR_TOO_LARGE,
        NULL},
    {8, "grpc: received message after decompression larger than max 4",
        ERR_TOO_LARGE, NULL},
    {8, "gRPC message exceeds maximum size 4: 9", ERR_TOO_LARGE, NULL},
    {8, "Received message exceeds the maximum configured message size.",
        ERR_TOO_LARGE, NULL},
    {9, "", ERR_INVALID, "FAILED_PRECONDITION"},
    {10, "race", ERR_SOURCE, "ABORTED: race"},
    {11, "", ERR_INVALID, "OUT_OF_RANGE"},
    {12, "", ERR_INVALID, "UNIMPLEMENTED"},
    {13, "Error: boom\n    at route (/srv/a.js:1)\n    at b", ERR_SOURCE,
        "INTERNAL: Error: boom"},
    {14, "away", ERR_UNAVAILABLE, "UNAVAILABLE: away"},
    {15, "", ERR_INVALID, "DATA_LOSS"},
    {16, "who are you", ERR_AUTH, "UNAUTHENTICATED: who are you"},
};

static void each_status_has_its_code(void **state)
{
    for (size_t i = 0; i < sizeof(status_cases) / sizeof(*status_cases); i++) {
        const struct status_case *c = &status_cases[i];
        struct err err;

        assert_int_equal(
            rpc_status_err(c->status, str_of(c->text), &err), c->code);
        assert_int_equal(err.code, c->code);
        if (c->message != NULL)
            assert_string_equal(err.msg, c->message);
    }
}

static void a_status_without_a_name(void **state)
{
    struct err err;

    assert_int_equal(rpc_status_err(99, STR("odd"), &err), ERR_INVALID);
    assert_string_equal(err.msg, "a status without a name: odd");
    assert_int_equal(rpc_status_err(-1, STR(""), &err), ERR_INVALID);
}

static void a_status_text_is_bounded_and_repaired(void **state)
{
    char text[8192];
    struct err err;

    memset(text, 'x', sizeof(text));
    rpc_status_err(13, (struct str){text, sizeof(text)}, &err);
    assert_int_equal(err.code, ERR_SOURCE);
    assert_true(strlen(err.msg) > 400);
    memset(text, 0xff, sizeof(text));
    rpc_status_err(13, (struct str){text, sizeof(text)}, &err);
    assert_int_equal(strncmp(err.msg, "INTERNAL: \xef\xbf\xbd", 13), 0);
    rpc_status_err(13, STR("\n \t first\r\nsecond"), &err);
    assert_string_equal(err.msg, "INTERNAL: first");
    rpc_status_err(13, STR("  \n "), &err);
    assert_string_equal(err.msg, "INTERNAL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_status_has_its_code),
        cmocka_unit_test(a_status_without_a_name),
        cmocka_unit_test(a_status_text_is_bounded_and_repaired),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
