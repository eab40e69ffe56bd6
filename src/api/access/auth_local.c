/*
 * Is a client on this machine a direct one? A reverse proxy beside us speaks
 * for others, and says so in its headers; a browser speaks for the pages that
 * it shows, which give themselves away by Origin, Sec-Fetch-Site or, when a
 * name of theirs was made to point here, by Host.
 */
#include "api/access/auth.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* A name that ends in '-' stands for all that begin so. */
static const char *const auth_proxy_headers[] = {"forwarded", "x-forwarded-",
    "via", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "x-original-",
    "x-envoy-", "x-proxyuser-ip", "true-client-ip", "cf-", "fastly-client-ip",
    "client-ip", "x-appengine-user-ip", "x-azure-clientip", "x-forwarded"};

static bool auth_is_named(struct str name, const char *pattern)
{
    size_t len = strlen(pattern);
    bool prefix = pattern[len - 1] == '-';

    return (prefix ? name.len > len : name.len == len) &&
           strncasecmp(name.p, pattern, len) == 0;
}

static const struct str *auth_proxy_header(const struct http_exchange *x)
{
    size_t n = sizeof(auth_proxy_headers) / sizeof(*auth_proxy_headers);

    for (size_t i = 0; i < x->nheaders; i++)
        for (size_t k = 0; k < n; k++)
            if (auth_is_named(x->headers[i].name, auth_proxy_headers[k]))
                return &x->headers[i].name;
    return NULL;
}

static bool auth_is_word(struct str s, const char *word)
{
    return s.len == strlen(word) && strncasecmp(s.p, word, s.len) == 0;
}

/* 127.0.0.0/8, written in full. */
static bool auth_is_loopback_v4(struct str host)
{
    char text[16];
    unsigned a, b, c, d;
    int end = 0;

    if (host.len >= sizeof(text))
        return false;
    memcpy(text, host.p, host.len);
    text[host.len] = '\0';
    return sscanf(text, "%3u.%3u.%3u.%3u%n", &a, &b, &c, &d, &end) == 4 &&
           (size_t)end == host.len && a == 127 && b < 256 && c < 256 && d < 256;
}

static struct str auth_without_port(struct str host)
{
    size_t end = host.len;

    while (end > 0 && host.p[end - 1] >= '0' && host.p[end - 1] <= '9')
        end--;
    if (end > 1 && host.p[end - 1] == ':' &&
        memchr(host.p, ']', end - 1) != NULL)
        return (struct str){host.p, end - 1};
    if (end > 1 && host.p[end - 1] == ':' && host.p[0] != '[')
        return (struct str){host.p, end - 1};
    return host;
}

/* HTTP/1.0 has requests without one, which no browser sends. */
static bool auth_is_loopback_host(const struct http_exchange *x)
{
    struct str host = auth_without_port(x->host);

    if (x->host.p == NULL)
        return true;
    return auth_is_word(host, "localhost") || auth_is_word(host, "[::1]") ||
           auth_is_loopback_v4(host);
}

/* The page that we serve ourselves has our own address as its origin. */
static bool auth_is_own_origin(struct str origin, struct str host)
{
    static const struct str scheme = {"http://", 7};

    return origin.len == scheme.len + host.len &&
           strncasecmp(origin.p, scheme.p, scheme.len) == 0 &&
           strncasecmp(origin.p + scheme.len, host.p, host.len) == 0;
}

static const char *auth_other_site(const struct http_exchange *x)
{
    const struct str *origin = http_header(x, "origin");
    const struct str *site = http_header(x, "sec-fetch-site");

    if (!auth_is_loopback_host(x))
        return "its Host is not this machine";
    if (origin != NULL && !auth_is_own_origin(*origin, x->host))
        return "its Origin is another site";
    if (site != NULL && !auth_is_word(*site, "same-origin") &&
        !auth_is_word(*site, "none"))
        return "its Sec-Fetch-Site says that another site's page sent it";
    return NULL;
}

bool auth_not_local(const struct http_exchange *x, char *why, size_t size)
{
    const struct str *proxy = auth_proxy_header(x);
    const char *site = auth_other_site(x);

    if (!x->peer_is_loopback)
        snprintf(why, size, "this request comes from another one");
    else if (proxy != NULL)
        snprintf(why, size,
            "this request came through a proxy, as its header %.*s says",
            (int)(proxy->len < 60 ? proxy->len : 60), proxy->p);
    else if (site != NULL)
        snprintf(why, size, "of this request, %s", site);
    return !x->peer_is_loopback || proxy != NULL || site != NULL;
}
