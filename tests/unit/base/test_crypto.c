#include "base/crypto.h"

#include "unit/base/check.h"
#include "unit/base/keys.h"
#include <stdio.h>

static void assert_sha256(struct str data, const char *expected)
{
    uint8_t digest[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1];

    sha256_of(data, digest);
    hex_encode(digest, sizeof(digest), hex);
    assert_string_equal(hex, expected);
}

static void digests_are_those_of_the_standard(void **state)
{
    assert_sha256(STR(""), "e3b0c44298fc1c149afbf4c8996fb924"
                           "27ae41e4649b934ca495991b7852b855");
    assert_sha256(STR("abc"), "ba7816bf8f01cfea414140de5dae2223"
                              "b00361a396177a9cb410ff61f20015ad");
    assert_sha256(
        STR("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

/* The payload of a call, and the message that is signed for it. */
static void a_calls_payload_has_the_known_digest(void **state)
{
    assert_sha256(STR("{\"tenant_id\":\"5a1cb1d2-343c-438c-9f4b-76f0f1aac59d\","
                      "\"user_id\":\"system\","
                      "\"query_text\":\"sync_assessment-service_daily_page_1\","
                      "\"requester_service\":\"rag-service\","
                      "\"timestamp\":1766448000000}"),
        "aa36467946befb5e28ef430778dae57a362b9b487aaa52129062b0750fd3c737");
}

static void a_digest_may_be_fed_in_pieces_and_copied(void **state)
{
    uint8_t whole[SHA256_BYTES], pieces[SHA256_BYTES];
    char text[300];
    struct sha256 s, copy;

    memset(text, 'x', sizeof(text));
    sha256_of((struct str){text, sizeof(text)}, whole);
    sha256_init(&s);
    for (size_t i = 0; i < 100; i++)
        sha256_add(&s, text, i % 3);
    copy = s;
    sha256_add(&s, text, sizeof(text) - 99);
    sha256_end(&s, pieces);
    assert_memory_equal(whole, pieces, SHA256_BYTES);
    sha256_add(&copy, text, sizeof(text) - 99);
    sha256_end(&copy, pieces);
    assert_memory_equal(whole, pieces, SHA256_BYTES);
}

static void fields_do_not_run_into_each_other(void **state)
{
    uint8_t first[SHA256_BYTES], second[SHA256_BYTES];
    struct sha256 s;

    sha256_init(&s);
    sha256_add_field(&s, STR("ab"));
    sha256_add_field(&s, STR("c"));
    sha256_end(&s, first);
    sha256_init(&s);
    sha256_add_field(&s, STR("a"));
    sha256_add_field(&s, STR("bc"));
    sha256_end(&s, second);
    assert_memory_not_equal(first, second, SHA256_BYTES);
    sha256_of(STR("\2\0\0\0\0\0\0\0ab\1\0\0\0\0\0\0\0c"), second);
    assert_memory_equal(first, second, SHA256_BYTES);
}

static const struct {
    const char *bytes;
    const char *text;
} base64[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\xFB\xFF\xBF", "+/+/"},
};

static void base64_goes_both_ways(void **state)
{
    struct buf out;
    char back[16];

    buf_init(&out, 100);
    for (size_t i = 0; i < COUNT(base64); i++) {
        size_t len = strlen(base64[i].bytes);

        buf_reset(&out);
        base64_encode(&out, base64[i].bytes, len);
        assert_str(buf_view(&out), str_of(base64[i].text));
        /* exactly the room that it takes */
        assert_int_equal(base64_decode(str_of(base64[i].text), back, len), len);
        assert_memory_equal(back, base64[i].bytes, len);
    }
    buf_free(&out);
}

static void base64_of_every_byte_and_length(void **state)
{
    uint8_t bytes[300], back[300];
    struct buf out;

    buf_init(&out, 1000);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 89 + 7);
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        buf_reset(&out);
        base64_encode(&out, bytes, len);
        assert_int_equal(base64_decode(buf_view(&out), back, len), len);
        assert_memory_equal(back, bytes, len);
        if (len > 0)
            assert_int_equal(
                base64_decode(buf_view(&out), back, len - 1), ERR_TOO_LARGE);
    }
    buf_free(&out);
}

static void base64_may_be_folded_and_unpadded(void **state)
{
    static const char *const texts[] = {"Zm9vYmE=", "Zm9vYmE", "Zm9v\nYmE=\n",
        " Z m\t9\r\nvYm E = ", "Zm9vYm\n\n\nE\n"};
    char back[16];

    for (size_t i = 0; i < COUNT(texts); i++) {
        assert_int_equal(base64_decode(str_of(texts[i]), back, 5), 5);
        assert_memory_equal(back, "fooba", 5);
    }
}

static void what_is_no_base64_is_refused(void **state)
{
    static const char *const texts[] = {"Z", "Zm9vY", "Zm9v!", "Zm9vYm-_",
        "Zg=", "Zg===", "Zg==Zg==", "Zm9v=", "=", "====", "Zm=9v", "Zm9v\xC3",
        "Z===", "Zm8=="};
    char back[16];

    for (size_t i = 0; i < COUNT(texts); i++)
        if (base64_decode(str_of(texts[i]), back, 16) != ERR_INVALID)
            fail_msg("%s is no base64", texts[i]);
}

static bool verifies(EVP_PKEY *key, struct str message, struct str signature)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t der[128];
    long len = base64_decode(signature, der, sizeof(der));
    int result;

    assert_true(len > 0);
    EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key);
    result = EVP_DigestVerify(
        ctx, der, (size_t)len, (const uint8_t *)message.p, message.len);
    EVP_MD_CTX_free(ctx);
    return result == 1;
}

static void assert_signs(EVP_PKEY *pair, struct str text)
{
    struct str message = STR("educoreai-rag-service-aa36467946befb5e28ef43077"
                             "8dae57a362b9b487aaa52129062b0750fd3c737");
    struct sign_key *key;
    struct err err = {0};
    struct buf out;

    buf_init(&out, 200);
    if (sign_key_load(&key, text, &err) < 0)
        fail_msg("%s", err.msg);
    buf_puts(&out, "kept:");
    assert_int_equal(sign_key_sign(key, message, &out, &err), 0);
    assert_memory_equal(out.data, "kept:", 5);
    assert_true(
        verifies(pair, message, (struct str){out.data + 5, out.len - 5}));
    assert_false(
        verifies(pair, STR("other"), (struct str){out.data + 5, out.len - 5}));
    sign_key_free(key);
    buf_free(&out);
}

/* As a variable on one line has it: "\n" for each line's end. */
static void fold(struct buf *out, struct str pem)
{
    for (size_t i = 0; i < pem.len; i++) {
        if (pem.p[i] == '\n')
            buf_puts(out, "\\n");
        else
            buf_char(out, pem.p[i]);
    }
}

static void keys_are_read_in_every_form(void **state)
{
    EVP_PKEY *pair = key_on("P-256");
    struct buf pem, other;

    buf_init(&pem, 10000);
    buf_init(&other, 10000);
    for (int form = KEY_PKCS8; form <= KEY_SEC1_WITH_PARAMETERS; form++) {
        buf_reset(&pem);
        key_pem(&pem, pair, (enum key_form)form);
        assert_signs(pair, buf_view(&pem));
        buf_reset(&other);
        base64_encode(&other, pem.data, pem.len);
        assert_signs(pair, buf_view(&other));
        buf_reset(&other);
        fold(&other, buf_view(&pem));
        assert_signs(pair, buf_view(&other));
        buf_reset(&other);
        buf_printf(&other, "\n  %s \n", pem.data);
        assert_signs(pair, buf_view(&other));
    }
    buf_free(&other);
    buf_free(&pem);
    EVP_PKEY_free(pair);
}

static void assert_refused(struct str text, const char *reason)
{
    struct sign_key *key;
    struct err err = {0};

    assert_int_equal(sign_key_load(&key, text, &err), ERR_CONFIG);
    assert_null(key);
    sign_key_free(key);
    if (strstr(err.msg, reason) == NULL)
        fail_msg("%s", err.msg);
}

static void keys_of_another_kind_are_refused_by_name(void **state)
{
    EVP_PKEY *curve = key_on("P-384");
    EVP_PKEY *edwards = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    struct buf pem;

    buf_init(&pem, 10000);
    key_pem(&pem, curve, KEY_PKCS8);
    assert_refused(buf_view(&pem), "secp384r1");
    buf_reset(&pem);
    key_pem(&pem, edwards, KEY_PKCS8);
    assert_refused(buf_view(&pem), "ED25519");
    buf_free(&pem);
    EVP_PKEY_free(edwards);
    EVP_PKEY_free(curve);
}

static void add_encrypted(struct buf *out, EVP_PKEY *pair)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    long len;

    PEM_write_bio_PKCS8PrivateKey(
        bio, pair, EVP_aes_128_cbc(), "secret", 6, NULL, NULL);
    len = BIO_get_mem_data(bio, &text);
    buf_add(out, text, (size_t)len);
    BIO_free(bio);
}

static void keys_that_cannot_be_read_are_refused(void **state)
{
    EVP_PKEY *pair = key_on("P-256");
    struct buf pem;
    char longer[20000];

    memset(longer, 'A', sizeof(longer));
    assert_refused(STR(""), "empty");
    assert_refused(STR(" \n"), "empty");
    assert_refused((struct str){longer, sizeof(longer)}, "longer");
    assert_refused(STR("not a key"), "neither");
    assert_refused(STR("AAAA"), "neither");
    assert_refused(STR("-----BEGIN PRIVATE KEY-----\nAAAA\n"
                       "-----END PRIVATE KEY-----\n"),
        "no readable");
    buf_init(&pem, 10000);
    add_encrypted(&pem, pair);
    assert_refused(buf_view(&pem), "encrypted");
    buf_free(&pem);
    EVP_PKEY_free(pair);
}

static void a_public_key_is_no_private_one(void **state)
{
    EVP_PKEY *pair = key_on("P-256");
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    long len;

    PEM_write_bio_PUBKEY(bio, pair);
    len = BIO_get_mem_data(bio, &text);
    assert_refused((struct str){text, (size_t)len}, "no readable");
    BIO_free(bio);
    EVP_PKEY_free(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_those_of_the_standard),
        cmocka_unit_test(a_calls_payload_has_the_known_digest),
        cmocka_unit_test(a_digest_may_be_fed_in_pieces_and_copied),
        cmocka_unit_test(fields_do_not_run_into_each_other),
        cmocka_unit_test(base64_goes_both_ways),
        cmocka_unit_test(base64_of_every_byte_and_length),
        cmocka_unit_test(base64_may_be_folded_and_unpadded),
        cmocka_unit_test(what_is_no_base64_is_refused),
        cmocka_unit_test(keys_are_read_in_every_form),
        cmocka_unit_test(keys_of_another_kind_are_refused_by_name),
        cmocka_unit_test(keys_that_cannot_be_read_are_refused),
        cmocka_unit_test(a_public_key_is_no_private_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
