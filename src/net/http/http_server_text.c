/* The server's pure parts: names, escapes, the shape of an error. */
#include "net/http/http_server_impl.h"

#include "base/text.h"
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

void *http_server_must(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

void http_server_reuse(struct buf *b)
{
    if (b->size > KEPT_BYTES)
        buf_free(b);
    else
        buf_reset(b);
}

const char *http_status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } texts[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        if (texts[i].status == status)
            return texts[i].text;
    return "Other";
}

void http_put_error(
    struct buf *out, int status, const char *message, struct str path)
{
    struct buf clean;

    buf_init(&clean, out->cap_bytes);
    utf8_repair(&clean, path);
    buf_puts(out, "{\"error\":{\"message\":");
    buf_json_str(out, str_of(message));
    buf_printf(out, ",\"statusCode\":%d,\"path\":", status);
    buf_json_str(out, buf_view(&clean));
    buf_puts(out, "}}");
    buf_free(&clean);
}

void http_put_header(struct buf *out, const char *name, const char *value)
{
    buf_puts(out, name);
    buf_puts(out, ": ");
    for (; *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;

        buf_char(out, c < ' ' || c == 0x7f ? ' ' : *value);
    }
    buf_puts(out, "\r\n");
}

/* Not strftime(), whose names follow the locale. */
void http_put_date(struct buf *out)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t now = (time_t)(loop_wall_ms() / 1000);
    struct tm tm;

    gmtime_r(&now, &tm);
    buf_printf(out, "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n",
        days + tm.tm_wday * 3, tm.tm_mday, months + tm.tm_mon * 3,
        tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

const struct str *http_header(const struct http_exchange *x, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < x->nheaders; i++) {
        const struct http_field *f = &x->headers[i];

        if (f->name.len == len && strncasecmp(f->name.p, name, len) == 0)
            return &f->value;
    }
    return NULL;
}

/* Of an address or a name. */
static bool text_is_host_char(char c, bool bracketed)
{
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
        (c >= 'A' && c <= 'Z') || c == '.')
        return true;
    return bracketed ? c == ':' : c == '-' || c == '_';
}

bool http_is_host(struct str host)
{
    bool bracketed = host.len > 0 && host.p[0] == '[';
    size_t i = bracketed, begin = i;

    while (i < host.len && text_is_host_char(host.p[i], bracketed))
        i++;
    if (i == begin && host.len > 0)
        return false;
    if (bracketed && (i == host.len || host.p[i++] != ']'))
        return false;
    if (i == host.len)
        return true;
    if (host.p[i++] != ':' || host.len - i > 5)
        return false;
    while (i < host.len && host.p[i] >= '0' && host.p[i] <= '9')
        i++;
    return i == host.len;
}

static int http_server_text_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The byte encoded by the '%' at s.p[*at], or < 0; moves *at to its end. */
static int http_server_text_take_escape(struct str s, size_t *at)
{
    int high = *at + 2 < s.len ? http_server_text_hex(s.p[*at + 1]) : -1;
    int low = high >= 0 ? http_server_text_hex(s.p[*at + 2]) : -1;

    *at += 2;
    return low < 0 || high + low == 0 ? ERR_INVALID : high * 16 + low;
}

static int http_server_text_decode(
    struct str raw, bool plus_is_blank, struct buf *out)
{
    for (size_t i = 0; i < raw.len; i++) {
        int c = (unsigned char)raw.p[i];

        if (c == '%')
            c = http_server_text_take_escape(raw, &i);
        else if (c == '+' && plus_is_blank)
            c = ' ';
        if (c < 0)
            return c;
        buf_char(out, (char)c);
    }
    return out->error;
}

int http_decode(struct str raw, struct buf *out)
{
    return http_server_text_decode(raw, false, out);
}

/* Cuts `s` at the first c; returns what is behind it. */
static struct str http_server_text_cut(struct str *s, char c)
{
    const char *at = s->len > 0 ? memchr(s->p, c, s->len) : NULL;
    struct str rest = {NULL, 0};

    if (at == NULL)
        return rest;
    rest = (struct str){at + 1, s->len - (size_t)(at + 1 - s->p)};
    s->len = (size_t)(at - s->p);
    return rest;
}

static bool http_server_text_is_encoded(struct str raw, const char *name)
{
    struct buf plain;
    bool same;

    buf_init(&plain, raw.len + 1);
    same = http_server_text_decode(raw, true, &plain) == 0 &&
           str_eq(buf_view(&plain), str_of(name));
    buf_free(&plain);
    return same;
}

int http_query(struct str query, const char *name, struct buf *out)
{
    while (query.len > 0) {
        struct str key = query, value;

        query = http_server_text_cut(&key, '&');
        value = http_server_text_cut(&key, '=');
        if (http_server_text_is_encoded(key, name))
            return http_server_text_decode(value, true, out) < 0 ? ERR_INVALID
                                                                 : 1;
    }
    return 0;
}
