/* The signature, against the example of Standard Webhooks. */
#include "base/crypto.h"
#include "daemon/webhook.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void the_signature_is_the_conventions(void **state)
{
    static const char secret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    char signature[WEBHOOK_SIGNATURE_BYTES];
    uint8_t key[64];
    long len = base64_decode(config_webhook_key(secret), key, sizeof(key));

    assert_int_equal(len, 24);
    webhook_sign((struct str){(const char *)key, (size_t)len},
        "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
        STR("{\"test\": 2432232314}"), signature);
    assert_string_equal(
        signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

static void the_prefix_may_be_missing(void **state)
{
    assert_true(str_eq(config_webhook_key("abcd"), STR("abcd")));
    assert_true(str_eq(config_webhook_key("whsec_abcd"), STR("abcd")));
    assert_true(str_eq(config_webhook_key("whsec_"), STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_signature_is_the_conventions),
        cmocka_unit_test(the_prefix_may_be_missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
