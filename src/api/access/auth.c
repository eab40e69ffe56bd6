#include "api/access/auth.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static enum auth_role auth_refuse(struct auth_refusal *refusal, int status,
    const char *before, const char *why, const char *behind)
{
    refusal->status = status;
    refusal->scheme = status == 401 ? "Bearer" : NULL;
    snprintf(refusal->message, sizeof(refusal->message), "%s%s%s", before, why,
        behind);
    return AUTH_NOBODY;
}

static size_t auth_headers(const struct http_exchange *x)
{
    static const struct str name = {"authorization", 13};
    size_t n = 0;

    for (size_t i = 0; i < x->nheaders; i++)
        n += x->headers[i].name.len == name.len &&
             strncasecmp(x->headers[i].name.p, name.p, name.len) == 0;
    return n;
}

/* What is behind "Bearer "; empty: no such header. */
static struct str auth_token(const struct http_exchange *x)
{
    static const char scheme[] = "bearer ";
    const struct str *value = http_header(x, "authorization");
    size_t len = sizeof(scheme) - 1;

    if (value == NULL || value->len <= len ||
        strncasecmp(value->p, scheme, len) != 0)
        return STR("");
    return (struct str){value->p + len, value->len - len};
}

bool auth_is_guarded(const struct http_exchange *x)
{
    static const struct str below = {"/admin/", 7};

    return x->path.len >= below.len &&
           memcmp(x->path.p, below.p, below.len) == 0;
}

enum auth_role auth_check(const struct http_exchange *x,
    const struct tokens *admin, const struct tokens *viewer,
    struct auth_refusal *refusal)
{
    struct str token = auth_token(x);
    char why[200];

    *refusal = (struct auth_refusal){.status = 0};
    if (auth_headers(x) > 1)
        return auth_refuse(refusal, 400,
            "there is more than one Authorization header", "", "");
    if (token.len > 0 && tokens_have(admin, token))
        return AUTH_ADMIN;
    if (token.len > 0 && tokens_have(viewer, token))
        return AUTH_VIEWER;
    if (admin->n == 0 && !auth_not_local(x, why, sizeof(why)))
        return AUTH_ADMIN;
    refusal->guessed = token.len > 0;
    if (admin->n == 0)
        return auth_refuse(refusal, 403,
            "without ADMIN_TOKEN only direct clients on this machine may ask "
            "this, and ",
            why, "; set ADMIN_TOKEN and send it as a Bearer token");
    return auth_refuse(refusal, 401,
        "this path needs the header `Authorization: Bearer <ADMIN_TOKEN>`", "",
        token.len > 0 ? "; the token that was sent is not one of ours" : "");
}
