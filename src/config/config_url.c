/* URLs in the configuration: their hosts, and masking their passwords. */
#define _GNU_SOURCE /* strcasestr */
#include "config/config_table.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static struct str config_url_skip(struct str s, size_t len)
{
    return (struct str){s.p + len, s.len - len};
}

/* Length of "scheme://" at the front, 0 without one. */
static size_t config_url_scheme_len(struct str s)
{
    size_t i = 0;

    while (i < s.len && (isalnum((unsigned char)s.p[i]) ||
                            (i > 0 && strchr("+-.", s.p[i]) != NULL)))
        i++;
    if (i == 0 || s.len - i < 3 || memcmp(s.p + i, "://", 3) != 0)
        return 0;
    return i + 3;
}

static bool config_url_has_scheme(struct str s, const char *scheme)
{
    size_t len = strlen(scheme);

    return s.len >= len && strncasecmp(s.p, scheme, len) == 0;
}

/* What stands between the scheme and the path, without user and password. */
static struct str config_url_authority(struct str url)
{
    struct str s = config_url_skip(url, config_url_scheme_len(url));

    for (size_t i = 0; i < s.len; i++)
        if (strchr("/?#", s.p[i]) != NULL)
            s.len = i;
    for (size_t i = s.len; i > 0; i--)
        if (s.p[i - 1] == '@')
            return config_url_skip(s, i);
    return s;
}

/* A port's number; 0 if it is not a port. */
static int config_url_port_of(struct str s)
{
    int port = 0;

    if (s.len == 0 || s.len > 5)
        return 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return 0;
        port = port * 10 + (s.p[i] - '0');
    }
    return port <= 65535 ? port : 0;
}

static bool config_url_is_host(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!isalnum((unsigned char)s.p[i]) && strchr("-._", s.p[i]) == NULL)
            return false;
    return s.len > 0;
}

/* The name of a network interface, behind the address's '%'. */
static bool config_url_is_zone(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!isalnum((unsigned char)s.p[i]) && strchr(".-_", s.p[i]) == NULL)
            return false;
    return s.len > 0;
}

static bool config_url_is_ipv6(struct str s)
{
    size_t colons = 0;

    for (size_t i = 0; i < s.len; i++) {
        colons += s.p[i] == ':';
        if (s.p[i] == '%')
            return colons >= 2 && config_url_is_zone(config_url_skip(s, i + 1));
        if (!isxdigit((unsigned char)s.p[i]) && s.p[i] != ':' && s.p[i] != '.')
            return false;
    }
    return colons >= 2;
}

/* [::1]:80, [::1], ::1, host:80 or host; *host is without brackets, *port 0
 * where none is named. */
static bool config_url_split(struct str s, struct str *host, int *port)
{
    const char *last = NULL;
    struct str number;

    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] == ':')
            last = s.p + i;
    *host = s;
    *port = 0;
    if (config_url_is_ipv6(s))
        return true;
    if (s.len > 0 && s.p[s.len - 1] == ']')
        last = NULL;
    if (last != NULL) {
        number = config_url_skip(s, (size_t)(last - s.p) + 1);
        host->len = (size_t)(last - s.p);
        *port = config_url_port_of(number);
        if (*port == 0)
            return false;
    }
    if (host->len < 2 || host->p[0] != '[')
        return config_url_is_host(*host);
    if (host->p[host->len - 1] != ']')
        return false;
    *host = (struct str){host->p + 1, host->len - 2};
    return config_url_is_ipv6(*host);
}

static bool config_url_is_http(struct str url)
{
    return config_url_has_scheme(url, "http://") ||
           config_url_has_scheme(url, "https://");
}

bool config_is_address(struct str s)
{
    struct str host;
    int port;

    if (config_url_scheme_len(s) > 0 && !config_url_is_http(s))
        return false;
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7F)
            return false;
    return config_url_split(config_url_authority(s), &host, &port);
}

bool config_is_http_url(struct str url)
{
    return config_url_is_http(url) && config_is_address(url);
}

char *config_http_url(struct str address)
{
    size_t size = address.len + sizeof("http://[]");
    char *url;

    if (config_url_is_http(address))
        return config_copy(address);
    url = malloc(size);
    if (url == NULL)
        abort();
    snprintf(url, size,
        config_url_is_ipv6(address) ? "http://[%.*s]" : "http://%.*s",
        STR_ARG(address));
    return url;
}

enum config_scheme config_scheme_of(struct str address)
{
    if (config_url_has_scheme(address, "https://") ||
        config_url_has_scheme(address, "grpcs://"))
        return SCHEME_TLS;
    if (config_url_has_scheme(address, "http://") ||
        config_url_has_scheme(address, "grpc://"))
        return SCHEME_PLAIN;
    return SCHEME_NONE;
}

bool config_is_api_url(struct str url)
{
    if (!config_url_has_scheme(url, "unix:/"))
        return config_is_http_url(url);
    for (size_t i = 0; i < url.len; i++)
        if ((unsigned char)url.p[i] < ' ')
            return false;
    return true;
}

static char *config_url_join(struct str host, int port)
{
    bool ipv6 = memchr(host.p, ':', host.len) != NULL;
    size_t size = host.len + sizeof("[]:65535");
    char *target = malloc(size);

    if (target == NULL)
        abort();
    snprintf(target, size, ipv6 ? "[%.*s]:%d" : "%.*s:%d", STR_ARG(host), port);
    return target;
}

/* What follows dns:, dns:/// or dns://server/; gRPC asks the DNS anyway. */
static struct str config_url_after_dns(struct str s)
{
    s = config_url_skip(s, strlen("dns:"));
    for (size_t i = s.len; i > 0; i--)
        if (s.p[i - 1] == '/')
            return config_url_skip(s, i);
    return s;
}

char *config_target(struct str text, int port)
{
    struct str host;
    int own_port;

    if (config_url_has_scheme(text, "unix:") ||
        config_url_has_scheme(text, "unix-abstract:") ||
        config_url_has_scheme(text, "ipv4:") ||
        config_url_has_scheme(text, "ipv6:"))
        return config_copy(text);
    if (config_url_has_scheme(text, "https://"))
        port = 443;
    if (config_url_has_scheme(text, "dns:"))
        text = config_url_after_dns(text);
    else if (config_url_scheme_len(text) > 0 &&
             config_scheme_of(text) == SCHEME_NONE)
        return NULL;
    if (!config_url_split(config_url_authority(text), &host, &own_port))
        return NULL;
    return config_url_join(host, own_port != 0 ? own_port : port);
}

char *config_target_at(struct str http_url, int port)
{
    struct str host;
    int own_port;

    if (!config_url_split(config_url_authority(http_url), &host, &own_port))
        return NULL;
    return config_url_join(host, port);
}

/* The end of a parameter's value: at & in a URL, at a space in keywords,
 * where a value may also stand in quotes. */
static const char *config_url_value_end(const char *p, bool url)
{
    char quote = !url && *p == '\'' ? '\'' : '\0';

    if (quote)
        p++;
    for (; *p != '\0'; p++) {
        if (url ? *p == '&' : !quote && isspace((unsigned char)*p))
            break;
        if (!url && *p == '\\' && p[1] != '\0')
            p++;
        else if (quote && *p == quote)
            return p + 1;
    }
    return p;
}

/* password=..., and sslpassword=... with it */
static void config_url_mask_parameters(struct buf *out, const char *z, bool url)
{
    const char *found, *value;

    while ((found = strcasestr(z, "password")) != NULL) {
        value = found + strlen("password");
        value += strspn(value, " \t");
        if (*value == '=')
            value += 1 + (url ? 0 : strspn(value + 1, " \t"));
        else
            found = NULL;
        buf_add(out, z, (size_t)(value - z));
        z = value;
        if (found == NULL)
            continue;
        buf_puts(out, "***");
        z = config_url_value_end(value, url);
    }
    buf_puts(out, z);
}

/* Where the user's name begins in a URL of any kind, however misspelt; NULL
 * in keyword=value strings. */
static const char *url_user(const char *z)
{
    const char *mark = strstr(z, "://");

    if (mark == NULL || memchr(z, '=', (size_t)(mark - z)) != NULL)
        return NULL;
    return mark + 3;
}

void config_public_url(struct buf *out, const char *url)
{
    const char *mark = strstr(url, "://");
    const char *from = mark != NULL ? mark + 3 : url;
    const char *at = strrchr(from, '@');

    buf_add(out, url, (size_t)(from - url));
    if (at != NULL)
        from = at + 1;
    buf_add(out, from, strcspn(from, "?#"));
}

/*
 * A password may contain any character, even an unescaped @ or /, so it is
 * taken to extend to the last @.
 */
void config_mask_url(struct buf *out, const char *url)
{
    const char *user = url_user(url);
    const char *at = user != NULL ? strrchr(user, '@') : NULL;
    const char *colon =
        at != NULL ? memchr(user, ':', (size_t)(at - user)) : NULL;

    if (colon != NULL) {
        buf_add(out, url, (size_t)(colon + 1 - url));
        buf_puts(out, "***");
        url = at;
    }
    config_url_mask_parameters(out, url, user != NULL);
}
