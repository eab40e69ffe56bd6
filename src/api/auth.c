#include "api/auth.h"

#include "base/crypto.h"
#include <string.h>
#include <strings.h>

static const struct auth_refusal auth_not_local = {403, NULL,
    "without ADMIN_TOKEN only clients on this machine may ask this; set "
    "ADMIN_TOKEN and send it as a Bearer token"};
static const struct auth_refusal auth_no_token = {401, "Bearer",
    "this path needs the header `Authorization: Bearer <ADMIN_TOKEN>`"};

/* Takes the same time wherever the two differ. */
static bool auth_same_secret(struct str a, struct str b)
{
    uint8_t x[SHA256_BYTES], y[SHA256_BYTES];
    unsigned char differ = 0;

    sha256_of(a, x);
    sha256_of(b, y);
    for (int i = 0; i < SHA256_BYTES; i++)
        differ |= x[i] ^ y[i];
    return differ == 0;
}

static bool auth_has_token(const struct http_exchange *x, const char *token)
{
    static const char scheme[] = "bearer ";
    const struct str *value = http_header(x, "authorization");
    size_t len = sizeof(scheme) - 1;

    return value != NULL && value->len > len &&
           strncasecmp(value->p, scheme, len) == 0 &&
           auth_same_secret(
               (struct str){value->p + len, value->len - len}, str_of(token));
}

/*
 * Is this an address or localhost, and not the name of a machine? A web page
 * in a browser on this machine is a loopback client, too. It gives itself away
 * by its Origin, which is not the Host unless it is our own page, or, when its
 * name was made to point here, by its Host.
 */
static bool auth_is_plain_host(struct str host)
{
    static const struct str local = {"localhost", 9};

    if (host.len > 0 && host.p[0] == '[')
        return true;
    if (host.len >= local.len && strncasecmp(host.p, local.p, local.len) == 0)
        return host.len == local.len || host.p[local.len] == ':';
    for (size_t i = 0; i < host.len; i++)
        if (strchr("0123456789.:", host.p[i]) == NULL)
            return false;
    return true;
}

/* Our own page sends its address, scheme and all, when it posts. */
static bool auth_is_origin_of(struct str origin, struct str host)
{
    static const struct str scheme = {"http://", 7};

    return origin.len == scheme.len + host.len &&
           memcmp(origin.p, scheme.p, scheme.len) == 0 &&
           memcmp(origin.p + scheme.len, host.p, host.len) == 0;
}

static bool auth_is_from_another_page(const struct http_exchange *x)
{
    const struct str *host = http_header(x, "host");
    const struct str *origin = http_header(x, "origin");

    if (host != NULL && !auth_is_plain_host(*host))
        return true;
    return origin != NULL &&
           (host == NULL || !auth_is_origin_of(*origin, *host));
}

const struct auth_refusal *auth_check(
    const struct http_exchange *x, const char *token)
{
    static const struct str below = {"/admin/", 7};

    if (x->path.len < below.len || memcmp(x->path.p, below.p, below.len) != 0)
        return NULL;
    if (token == NULL)
        return x->peer_is_loopback && !auth_is_from_another_page(x)
                   ? NULL
                   : &auth_not_local;
    return auth_has_token(x, token) ? NULL : &auth_no_token;
}
