#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "source/coordinator_request.h"

static const struct route_params params = {
    .tenant = "t",
    .service = "s",
    .page = 12,
    .limit = 500,
    .now_ms = 1766448000000,
};

/* The digest that existing coordinators compute for this call. */
static void the_signed_message_is_the_known_one(void **state)
{
    struct buf out;

    buf_init(&out, 1024);
    route_sign_message(&out, "5a1cb1d2-343c-438c-9f4b-76f0f1aac59d",
        STR("sync_assessment-service_daily_page_1"), 1766448000000);
    assert_string_equal(out.data,
        "educoreai-rag-service-"
        "aa36467946befb5e28ef430778dae57a362b9b487aaa52129062b0750fd3c737");
    buf_free(&out);
}

static void the_envelope_is_compact_and_in_order(void **state)
{
    struct route r;
    struct err err;

    assert_int_equal(route_build(&r, &params, &err), 0);
    assert_string_equal(r.query_text.data, "sync_s_batch_page_12");
    assert_string_equal(r.envelope_json.data,
        "{\"version\":\"1.0\",\"timestamp\":\"2025-12-23T00:00:00.000Z\","
        "\"request_id\":\"rag-1766448000000-000000000\","
        "\"tenant_id\":\"t\",\"user_id\":\"system\","
        "\"source\":\"rag-service\","
        "\"payload\":{\"query_text\":\"sync_s_batch_page_12\","
        "\"metadata\":{\"target_service\":\"s\",\"sync_type\":\"batch\","
        "\"page\":\"12\",\"limit\":\"500\","
        "\"requester_service\":\"rag-service\","
        "\"source\":\"rag-batch-sync\","
        "\"timestamp\":\"2025-12-23T00:00:00.000Z\"}}}");
    assert_int_equal(r.n, 8);
    assert_ptr_equal(r.entries[7].value, r.envelope_json.data);
    route_free(&r);
}

static void the_request_id_ends_in_nine_digits(void **state)
{
    static const struct {
        uint64_t nonce;
        const char *id;
    } cases[] = {
        {35, "rag-1766448000000-00000000z\""},
        {UINT64_MAX, "rag-1766448000000-"},
        {101559956668415, "rag-1766448000000-zzzzzzzzz\""},
        {101559956668416, "rag-1766448000000-000000000\""},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct route_params p = params;
        struct route r;
        struct err err;
        const char *id;

        p.nonce = cases[i].nonce;
        assert_int_equal(route_build(&r, &p, &err), 0);
        id = strstr(r.envelope_json.data, cases[i].id);
        assert_non_null(id);
        assert_int_equal(strcspn(id, "\""), strlen("rag-") + 13 + 1 + 9);
        route_free(&r);
    }
}

static void an_absurd_name_is_too_large(void **state)
{
    struct route_params p = params;
    char *name = malloc(1 << 20);
    struct route r;
    struct err err;

    assert_non_null(name);
    memset(name, 'n', 1 << 20);
    name[(1 << 20) - 1] = '\0';
    p.service = name;
    assert_int_equal(route_build(&r, &p, &err), ERR_TOO_LARGE);
    route_free(&r);
    p.service = "s";
    p.tenant = name;
    assert_int_equal(route_build(&r, &p, &err), ERR_TOO_LARGE);
    route_free(&r);
    free(name);
}

static void a_refused_text_leaves_something_to_free(void **state)
{
    struct route_params p = params;
    struct route r;
    struct err err;

    p.since = "\xc0\x80";
    assert_int_equal(route_build(&r, &p, &err), ERR_INVALID);
    assert_string_equal(err.msg, "the since is not UTF-8");
    route_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_signed_message_is_the_known_one),
        cmocka_unit_test(the_envelope_is_compact_and_in_order),
        cmocka_unit_test(the_request_id_ends_in_nine_digits),
        cmocka_unit_test(an_absurd_name_is_too_large),
        cmocka_unit_test(a_refused_text_leaves_something_to_free),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
