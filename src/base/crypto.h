/* Digests, base64 and the signature; the home of OpenSSL. */
#ifndef BASE_CRYPTO_H
#define BASE_CRYPTO_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include <stdint.h>

enum { SHA256_BYTES = 32 };

/* Incremental SHA-256; a plain value, nothing to free. */
struct sha256 {
    uint64_t state[16]; /* opaque */
};

void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *p, size_t len);
/* Adds the length as 8 bytes and then the bytes, so that adjacent fields
 * cannot be confused. */
void sha256_add_field(struct sha256 *s, struct str field);
/* *s must not be used again; a copy made before may. */
void sha256_end(struct sha256 *s, uint8_t out[SHA256_BYTES]);

void sha256_of(struct str data, uint8_t out[SHA256_BYTES]);

void hmac_sha256(struct str key, struct str data, uint8_t out[SHA256_BYTES]);

/* Lower-case hex; out holds 2 * len + 1 bytes. */
void hex_encode(const uint8_t *p, size_t len, char *out);

/* Standard base64 with padding. */
void base64_encode(struct buf *out, const void *p, size_t len);

/*
 * Decodes standard base64 (padding optional, white space skipped). Returns
 * the number of bytes, or < 0 (ERR_INVALID, or ERR_TOO_LARGE past out_size).
 */
long base64_decode(struct str text, void *out, size_t out_size);

struct sign_key; /* an EC P-256 private key */

/* `pem`: PEM or base64 of PEM, PKCS#8 or SEC1; ERR_CONFIG says what is
 * wrong without showing the key. */
int sign_key_load(struct sign_key **key, struct str pem, struct err *err);
void sign_key_free(struct sign_key *key);

/* ECDSA/SHA-256 over message, DER, standard base64, appended to out. */
int sign_key_sign(const struct sign_key *key, struct str message,
    struct buf *out, struct err *err);

#endif
