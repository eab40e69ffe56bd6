/* The key that signs calls, and its signature. */
#include "base/crypto.h"

#include "base/text.h"
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>

struct sign_key {
    EVP_PKEY *pkey; /* owned */
};

enum { KEY_TEXT_BYTES = 16 * 1024 };

/* Never prompts for a passphrase: a service has no terminal. */
static int crypto_sign_no_passphrase(
    char *out, int size, int writing, void *arg)
{
    (void)out, (void)size, (void)writing, (void)arg;
    return -1;
}

static bool crypto_sign_is_pem(const char *text)
{
    return strstr(text, "-----BEGIN ") != NULL;
}

/* Variables often carry a PEM on one line, its line ends as \n. */
static void crypto_sign_unfold(char *text)
{
    char *to = text;

    for (const char *p = text; *p != '\0'; p++) {
        if (p[0] == '\\' && p[1] == 'n') {
            *to++ = '\n';
            p++;
        } else {
            *to++ = *p;
        }
    }
    *to = '\0';
}

/* The PEM itself in `out`, NUL-terminated. */
static int crypto_sign_pem_of(
    struct str text, char out[KEY_TEXT_BYTES], struct err *err)
{
    long len;

    text = text_trim(text);
    if (text.len == 0)
        return err_set(err, ERR_CONFIG, "the key is empty");
    if (text.len >= KEY_TEXT_BYTES)
        return err_set(
            err, ERR_CONFIG, "the key is longer than %d bytes", KEY_TEXT_BYTES);
    memcpy(out, text.p, text.len);
    out[text.len] = '\0';
    if (!crypto_sign_is_pem(out)) {
        len = base64_decode(text, out, KEY_TEXT_BYTES - 1);
        out[len < 0 ? 0 : len] = '\0';
    }
    if (!crypto_sign_is_pem(out))
        return err_set(
            err, ERR_CONFIG, "the key is neither PEM nor base64-encoded PEM");
    crypto_sign_unfold(out);
    return 0;
}

static EVP_PKEY *crypto_sign_read_pem(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *pkey = NULL;

    if (bio != NULL)
        pkey =
            PEM_read_bio_PrivateKey(bio, NULL, crypto_sign_no_passphrase, NULL);
    BIO_free(bio);
    ERR_clear_error();
    return pkey;
}

static int crypto_sign_check_curve(EVP_PKEY *pkey, struct err *err)
{
    char group[64] = "";

    if (!EVP_PKEY_is_a(pkey, "EC"))
        return err_set(err, ERR_CONFIG,
            "the key is of type %s; an EC key on the curve P-256 is required",
            EVP_PKEY_get0_type_name(pkey));
    EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL);
    if (strcmp(group, "prime256v1") != 0)
        return err_set(err, ERR_CONFIG,
            "the key is on the curve %s; P-256 is required",
            group[0] != '\0' ? group : "(unnamed)");
    return 0;
}

static int sign_read_key(EVP_PKEY **pkey, const char *pem, struct err *err)
{
    *pkey = crypto_sign_read_pem(pem);
    if (*pkey != NULL)
        return crypto_sign_check_curve(*pkey, err);
    if (strstr(pem, "ENCRYPTED") != NULL)
        return err_set(err, ERR_CONFIG,
            "the key is encrypted; a key without a passphrase is required");
    return err_set(err, ERR_CONFIG,
        "the PEM contains no readable private key (PKCS#8 or SEC1)");
}

int sign_key_load(struct sign_key **key, struct str pem, struct err *err)
{
    char text[KEY_TEXT_BYTES];
    EVP_PKEY *pkey = NULL;
    int status = crypto_sign_pem_of(pem, text, err);

    *key = NULL;
    if (status == 0)
        status = sign_read_key(&pkey, text, err);
    OPENSSL_cleanse(text, sizeof(text));
    if (status == 0 && (*key = malloc(sizeof(**key))) == NULL)
        status = err_set(err, ERR_NOMEM, "not enough memory for the key");
    if (status == 0)
        (*key)->pkey = pkey;
    else
        EVP_PKEY_free(pkey);
    return status;
}

void sign_key_free(struct sign_key *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->pkey);
    free(key);
}

int sign_key_sign(const struct sign_key *key, struct str message,
    struct buf *out, struct err *err)
{
    uint8_t der[128]; /* P-256 needs 72 at most */
    size_t len = sizeof(der);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool done;

    done = ctx != NULL &&
           EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key->pkey) == 1 &&
           EVP_DigestSign(
               ctx, der, &len, (const uint8_t *)message.p, message.len) == 1;
    EVP_MD_CTX_free(ctx);
    if (!done) {
        ERR_clear_error();
        return err_set(err, ERR_INTERNAL, "the call could not be signed");
    }
    base64_encode(out, der, len);
    if (out->error != 0)
        return err_set(
            err, out->error, "the signature does not fit its buffer");
    return 0;
}
