/* Calls over TLS: whose certificate is trusted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/rpc/rpc.h"
#include "unit/net/rpc/rpc_server.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

enum { PEM_BYTES = 4096 };

struct certificate {
    char cert[PEM_BYTES], key[PEM_BYTES];
};

struct world {
    struct loop loop;
    struct rpc_server server;
    struct certificate own, other;
    struct rpc_req req;
    int called;
};

static void take_pem(BIO *bio, char out[PEM_BYTES])
{
    int len = BIO_read(bio, out, PEM_BYTES - 1);

    assert_true(len > 0);
    out[len] = '\0';
    BIO_free(bio);
}

/* Signed by itself, for localhost. */
static X509 *make_x509(EVP_PKEY *key)
{
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);
    X509_EXTENSION *alt = X509V3_EXT_conf_nid(
        NULL, NULL, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");

    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
        (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(x, name);
    X509_set_pubkey(x, key);
    X509_add_ext(x, alt, -1);
    X509_EXTENSION_free(alt);
    X509_sign(x, key, EVP_sha256());
    return x;
}

static void make_certificate(struct certificate *c)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = make_x509(key);
    BIO *bio = BIO_new(BIO_s_mem());

    PEM_write_bio_X509(bio, x);
    take_pem(bio, c->cert);
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    take_pem(bio, c->key);
    X509_free(x);
    EVP_PKEY_free(key);
}

static void echo(
    void *arg, const struct rpc_seen *seen, struct rpc_reply *reply)
{
    reply->body = seen->request;
}

static void on_done(struct op *op)
{
    container_of(op, struct world, req.op)->called++;
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    grpc_ssl_pem_key_cert_pair pair;
    struct err err;

    assert_non_null(w);
    make_certificate(&w->own);
    make_certificate(&w->other);
    assert_int_equal(loop_init(&w->loop, &err), 0);
    pair.private_key = w->own.key;
    pair.cert_chain = w->own.cert;
    rpc_server_prepare();
    rpc_server_listen(&w->server, 0,
        grpc_ssl_server_credentials_create(NULL, &pair, 1, 0, NULL), echo, w);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    struct err err;

    loop_run(&w->loop);
    assert_int_equal(loop_close(&w->loop, &err), 0);
    rpc_server_stop(&w->server);
    free(w);
    return 0;
}

/* One call; rpc_req_clear() is the test's. */
static void run(struct world *w, bool use_tls, const char *root_pem)
{
    struct rpc_options options = {.target = w->server.target,
        .use_tls = use_tls,
        .root_pem = root_pem,
        .max_message_bytes = 1 << 16};
    struct rpc_channel *channel;
    struct err err;

    assert_int_equal(rpc_channel_init(&channel, &w->loop, &options, &err), 0);
    op_init(&w->req.op, on_done);
    w->req.method = "/test.Service/Method";
    w->req.request = STR("secret");
    w->req.timeout_ms = 20000;
    rpc_call(channel, &w->req);
    loop_run(&w->loop);
    assert_int_equal(w->called, 1);
    rpc_channel_close(channel);
}

static void the_given_root_is_trusted(void **state)
{
    struct world *w = *state;

    run(w, true, w->own.cert);
    assert_int_equal(w->req.op.err.code, 0);
    assert_true(str_eq(buf_view(&w->req.answer), STR("secret")));
    rpc_req_clear(&w->req);
}

static void another_root_is_not(void **state)
{
    struct world *w = *state;

    run(w, true, w->other.cert);
    assert_int_equal(w->req.op.err.code, ERR_UNAVAILABLE);
    assert_non_null(strstr(w->req.op.err.msg, "certificate"));
    rpc_req_clear(&w->req);
}

static void the_system_does_not_know_the_certificate(void **state)
{
    struct world *w = *state;

    run(w, true, NULL);
    assert_int_equal(w->req.op.err.code, ERR_UNAVAILABLE);
    rpc_req_clear(&w->req);
}

static void plain_text_does_not_pass(void **state)
{
    struct world *w = *state;

    run(w, false, NULL);
    assert_int_equal(w->req.op.err.code, ERR_UNAVAILABLE);
    rpc_req_clear(&w->req);
}

static void roots_that_are_no_pem_are_refused_at_once(void **state)
{
    struct world *w = *state;
    struct rpc_options options = {.target = w->server.target,
        .use_tls = true,
        .root_pem = "LS0tLS1CRUdJTg==",
        .max_message_bytes = 1 << 16};
    struct rpc_channel *channel = NULL;
    struct err err;

    assert_int_equal(
        rpc_channel_init(&channel, &w->loop, &options, &err), ERR_CONFIG);
    assert_string_equal(err.msg, "the root certificate is not in PEM format");
    assert_null(channel);
}

#define TLS_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TLS_TEST(the_given_root_is_trusted),
        TLS_TEST(another_root_is_not),
        TLS_TEST(the_system_does_not_know_the_certificate),
        TLS_TEST(plain_text_does_not_pass),
        TLS_TEST(roots_that_are_no_pem_are_refused_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
