/* Keys made for one test: as PEM in either form, or its base64. */
#ifndef TESTS_BASE_KEYS_H
#define TESTS_BASE_KEYS_H

#include "base/crypto.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

static inline EVP_PKEY *key_on(const char *curve)
{
    EVP_PKEY *key = EVP_EC_gen(curve);

    assert_non_null(key);
    return key;
}

enum key_form { KEY_PKCS8, KEY_SEC1, KEY_SEC1_WITH_PARAMETERS };

/* Appends the private key's PEM. */
static inline void key_pem(struct buf *out, EVP_PKEY *key, enum key_form form)
{
    /* What openssl ecparam -genkey writes in front: the curve's name. */
    static const char parameters[] = "-----BEGIN EC PARAMETERS-----\n"
                                     "BggqhkjOPQMBBw==\n"
                                     "-----END EC PARAMETERS-----\n";
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    long len;

    if (form == KEY_PKCS8)
        PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    else
        PEM_write_bio_PrivateKey_traditional(
            bio, key, NULL, NULL, 0, NULL, NULL);
    len = BIO_get_mem_data(bio, &text);
    if (form == KEY_SEC1_WITH_PARAMETERS)
        buf_puts(out, parameters);
    buf_add(out, text, (size_t)len);
    BIO_free(bio);
}

#endif
