/*
 * One HTTP request, over llhttp.
 *
 * Happy path: llhttp calls back with runs of bytes. The target and the headers
 * are put into one block of the size that the limits allow, so that nothing
 * moves any more; the body grows in a capped buffer. After the last header
 * line settle() checks the whole: version, framing, target, expectations. With
 * the last byte llhttp pauses, and what follows stays with the caller.
 *
 * Failures: parse_refuse() stops llhttp; llhttp's own errors become 400 with
 * its reason. Bytes that no limit counts (blanks, chunk extensions) are
 * counted as they came over the wire.
 */
#include "net/http/http_server_parse.h"

#include <llhttp.h>
#include <stdlib.h>
#include <strings.h>

enum {
    LINE_BYTES = 4,        /* ": " and CR LF of a header line */
    SLACK_BYTES = 1024,    /* method, version and blanks of a header */
    LENGTH_DIGITS = 18,    /* most of a Content-Length */
    WIRE_BYTES_A_BYTE = 8, /* of a body in chunks of one byte: "1", CR LF.. */
};

#define ONLY_VERSIONS "only HTTP/1.0 and HTTP/1.1 are supported"

struct http_parse {
    llhttp_t llhttp;
    const struct http_limits *limits; /* borrowed */
    struct http_parse_info info;
    struct str target, path, query, host; /* in text */
    struct buf body;                      /* owned */
    size_t header_bytes;                  /* taken of the limit */
    size_t wire_bytes;                    /* of the header, then of the body */
    size_t body_most;                     /* bytes */
    bool in_name, settled, headed, done, expects_continue;
    char *text; /* target, names and values; behind the fields */
    size_t text_bytes;
    size_t nfields;
    struct http_field fields[]; /* limits->headers of them */
};

static int parse_refuse(struct http_parse *p, int status, const char *message)
{
    if (p->info.status == 0) {
        p->info.status = status;
        p->info.message = message;
    }
    return -1;
}

/* The target and the header lines. */

static int on_http_server_parse_url(llhttp_t *l, const char *at, size_t len)
{
    struct http_parse *p = l->data;

    if (len > p->limits->url_bytes - p->target.len)
        return parse_refuse(p, 414, "the URL is too long");
    memcpy(p->text + p->text_bytes, at, len);
    p->text_bytes += len;
    p->target = (struct str){p->text, p->target.len + len};
    return 0;
}

static int http_server_parse_take_header_bytes(struct http_parse *p, size_t len)
{
    if (len > p->limits->header_bytes - p->header_bytes)
        return parse_refuse(p, 431, "the headers are too long");
    p->header_bytes += len;
    return 0;
}

static int parse_append(
    struct http_parse *p, struct str *to, const char *at, size_t len)
{
    if (http_server_parse_take_header_bytes(p, len) < 0)
        return -1;
    memcpy(p->text + p->text_bytes, at, len);
    p->text_bytes += len;
    to->len += len;
    return 0;
}

static int http_server_parse_begin_field(struct http_parse *p)
{
    struct str none = {p->text + p->text_bytes, 0};

    if (p->nfields == p->limits->headers)
        return parse_refuse(p, 431, "too many headers");
    p->fields[p->nfields++] = (struct http_field){none, none};
    return 0;
}

/* Trailers, which come behind a body in chunks, are counted and dropped. */
static int on_http_server_parse_name(llhttp_t *l, const char *at, size_t len)
{
    struct http_parse *p = l->data;
    bool begins = !p->in_name;

    p->in_name = true;
    if (begins && http_server_parse_take_header_bytes(p, LINE_BYTES) < 0)
        return -1;
    if (p->settled)
        return http_server_parse_take_header_bytes(p, len);
    if (begins && http_server_parse_begin_field(p) < 0)
        return -1;
    return parse_append(p, &p->fields[p->nfields - 1].name, at, len);
}

static int on_http_server_parse_name_end(llhttp_t *l)
{
    struct http_parse *p = l->data;

    p->in_name = false;
    if (!p->settled)
        p->fields[p->nfields - 1].value.p = p->text + p->text_bytes;
    return 0;
}

static int on_http_server_parse_value(llhttp_t *l, const char *at, size_t len)
{
    struct http_parse *p = l->data;

    if (p->settled)
        return http_server_parse_take_header_bytes(p, len);
    return parse_append(p, &p->fields[p->nfields - 1].value, at, len);
}

static bool parse_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static int on_http_server_parse_value_end(llhttp_t *l)
{
    struct http_parse *p = l->data;
    struct str *v;

    if (p->settled)
        return 0;
    v = &p->fields[p->nfields - 1].value;
    while (v->len > 0 && parse_is_blank(v->p[v->len - 1]))
        v->len--;
    while (v->len > 0 && parse_is_blank(v->p[0])) {
        v->p++;
        v->len--;
    }
    return 0;
}

/* The header as a whole. */

static bool http_server_parse_is(struct str s, const char *text)
{
    return s.len == strlen(text) && strncasecmp(s.p, text, s.len) == 0;
}

/* The first field of that name; *n: how many there are. */
static struct str parse_find(
    const struct http_parse *p, const char *name, int *n)
{
    struct str found = {NULL, 0};

    *n = 0;
    for (size_t i = 0; i < p->nfields; i++)
        if (http_server_parse_is(p->fields[i].name, name) && (*n)++ == 0)
            found = p->fields[i].value;
    return found;
}

static bool http_server_parse_is_number(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.len > 0 && s.len <= LENGTH_DIGITS;
}

static int http_server_parse_settle_framing(struct http_parse *p)
{
    int lengths, codings;
    struct str length = parse_find(p, "content-length", &lengths);
    struct str coding = parse_find(p, "transfer-encoding", &codings);

    if (lengths + codings > 1)
        return parse_refuse(p, 400, "the body is framed in more than one way");
    if (codings > 0 &&
        (p->info.http10 || !http_server_parse_is(coding, "chunked")))
        return parse_refuse(p, 400, "the transfer coding is not \"chunked\"");
    if (lengths > 0 && !http_server_parse_is_number(length))
        return parse_refuse(p, 400, "Content-Length is not a number");
    if (lengths > 0 && p->llhttp.content_length > p->limits->body_bytes)
        return parse_refuse(p, 413, "the body is too long");
    return 0;
}

static int http_server_parse_settle_expectation(struct http_parse *p)
{
    int n;
    struct str expect = parse_find(p, "expect", &n);

    if (n == 0 || p->info.http10)
        return 0;
    if (n > 1 || !http_server_parse_is(expect, "100-continue"))
        return parse_refuse(
            p, 417, "only \"Expect: 100-continue\" is supported");
    p->expects_continue = true;
    return 0;
}

/* The target without "http://host". */
static struct str http_server_parse_without_authority(
    struct str target, struct str *host)
{
    static const char *const schemes[] = {"http://", "https://"};

    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(schemes[i]);

        if (target.len <= n || strncasecmp(target.p, schemes[i], n) != 0)
            continue;
        while (n < target.len && target.p[n] != '/' && target.p[n] != '?')
            n++;
        *host =
            (struct str){target.p + strlen(schemes[i]), n - strlen(schemes[i])};
        return (struct str){target.p + n, target.len - n};
    }
    return target;
}

static struct str http_server_parse_cut_query(
    struct str target, struct str *query)
{
    const char *mark = target.len > 0 ? memchr(target.p, '?', target.len) : 0;

    if (mark == NULL)
        return target;
    *query = (struct str){mark + 1, target.len - (size_t)(mark + 1 - target.p)};
    return (struct str){target.p, (size_t)(mark - target.p)};
}

static int http_server_parse_settle_target(struct http_parse *p)
{
    struct str rest = http_server_parse_without_authority(p->target, &p->host);
    bool absolute = rest.p != p->target.p;

    if (p->llhttp.method == HTTP_CONNECT)
        return parse_refuse(p, 400, "proxying is not supported");
    if (memchr(p->target.p, '#', p->target.len) != NULL)
        return parse_refuse(p, 400, "the URL has a fragment");
    p->path = http_server_parse_cut_query(rest, &p->query);
    if (absolute && p->path.len == 0)
        p->path = STR("/");
    if (p->path.len > 0 && p->path.p[0] == '/')
        return 0;
    if (p->llhttp.method == HTTP_OPTIONS && str_eq(p->target, STR("*")))
        return 0;
    return parse_refuse(p, 400, "invalid path");
}

/* An absolute target names the host, whatever Host says. */
static int http_server_parse_settle_host(struct http_parse *p)
{
    int hosts;
    struct str host = parse_find(p, "host", &hosts);

    if (hosts > 1 || (hosts == 0 && !p->info.http10))
        return parse_refuse(p, 400, "exactly one Host header is required");
    if (!http_is_host(host) || !http_is_host(p->host))
        return parse_refuse(p, 400, "the host is not a name or an address");
    if (p->host.p == NULL)
        p->host = host;
    return 0;
}

static int parse_settle(struct http_parse *p)
{

    p->info.head = p->llhttp.method == HTTP_HEAD;
    if (p->llhttp.http_major != 1 || p->llhttp.http_minor > 1)
        return parse_refuse(p, 505, ONLY_VERSIONS);
    p->info.http10 = p->llhttp.http_minor == 0;
    if (http_server_parse_settle_target(p) < 0 ||
        http_server_parse_settle_host(p) < 0 ||
        http_server_parse_settle_framing(p) < 0)
        return -1;
    return http_server_parse_settle_expectation(p);
}

/* An upgrade is not followed: the request is answered as HTTP/1.1. */
static int on_http_server_parse_headers(llhttp_t *l)
{
    struct http_parse *p = l->data;

    l->upgrade = 0;
    p->settled = true;
    p->wire_bytes = 0;
    if (parse_settle(p) < 0)
        return -1;
    p->headed = true;
    return l->content_length > 0 || (l->flags & F_CHUNKED) != 0 ? HPE_PAUSED
                                                                : 0;
}

/* The body. */

static int on_http_server_parse_chunk(llhttp_t *l)
{
    struct http_parse *p = l->data;

    if (l->content_length > p->body_most - p->body.len)
        return parse_refuse(p, 413, "the body is too long");
    return 0;
}

static int on_http_server_parse_body(llhttp_t *l, const char *at, size_t len)
{
    struct http_parse *p = l->data;

    p->expects_continue = false;
    buf_add(&p->body, at, len);
    if (p->body.error == 0)
        return 0;
    return p->body.error == ERR_TOO_LARGE
               ? parse_refuse(p, 413, "the body is too long")
               : parse_refuse(p, 503, "out of memory");
}

static int on_http_server_parse_end(llhttp_t *l)
{
    struct http_parse *p = l->data;

    p->info.keep_alive = llhttp_should_keep_alive(l) != 0;
    p->expects_continue = false;
    p->done = true;
    return HPE_PAUSED;
}

/* Outside. */

static const llhttp_settings_t settings = {
    .on_url = on_http_server_parse_url,
    .on_header_field = on_http_server_parse_name,
    .on_header_field_complete = on_http_server_parse_name_end,
    .on_header_value = on_http_server_parse_value,
    .on_header_value_complete = on_http_server_parse_value_end,
    .on_headers_complete = on_http_server_parse_headers,
    .on_chunk_header = on_http_server_parse_chunk,
    .on_body = on_http_server_parse_body,
    .on_message_complete = on_http_server_parse_end,
};

struct http_parse *http_parse_new(const struct http_limits *limits)
{
    size_t fixed =
        sizeof(struct http_parse) + limits->headers * sizeof(struct http_field);
    struct http_parse *p =
        malloc(fixed + limits->url_bytes + limits->header_bytes);

    if (p == NULL)
        abort();
    *p = (struct http_parse){.limits = limits, .text = (char *)p + fixed};
    p->body_most = limits->body_bytes;
    buf_init(&p->body, p->body_most);
    llhttp_init(&p->llhttp, HTTP_REQUEST, &settings);
    p->llhttp.data = p;
    return p;
}

void http_parse_free(struct http_parse *p)
{
    buf_free(&p->body);
    free(p);
}

/* Bytes that count towards no other limit are bounded too. */
static int http_server_parse_check_wire(struct http_parse *p, size_t len)
{
    const struct http_limits *m = p->limits;
    size_t header = m->url_bytes + m->header_bytes + SLACK_BYTES;

    p->wire_bytes += len;
    if (!p->settled && p->wire_bytes > header)
        return parse_refuse(p, 431, "the headers are too long");
    if (p->settled && p->wire_bytes > p->body_most * WIRE_BYTES_A_BYTE + header)
        return parse_refuse(p, 413, "the body is too long");
    return 0;
}

static bool http_server_parse_is_other_version(
    const llhttp_t *l, llhttp_errno_t code)
{
    if (code == HPE_PAUSED_H2_UPGRADE)
        return true;
    return code == HPE_INVALID_VERSION && l->http_major > 0 &&
           (l->http_major > 1 || l->http_minor > 1);
}

static enum http_parse_result http_server_parse_bad(
    struct http_parse *p, llhttp_errno_t code)
{
    const char *reason = llhttp_get_error_reason(&p->llhttp);

    if (http_server_parse_is_other_version(&p->llhttp, code))
        parse_refuse(p, 505, ONLY_VERSIONS);
    parse_refuse(
        p, 400, reason != NULL && *reason != '\0' ? reason : "malformed");
    return HTTP_PARSE_BAD;
}

enum http_parse_result http_parse_feed(
    struct http_parse *p, struct str in, size_t *used)
{
    llhttp_errno_t code = llhttp_execute(&p->llhttp, in.p, in.len);

    *used = in.len;
    if (p->done && code == HPE_PAUSED) {
        *used = (size_t)(llhttp_get_error_pos(&p->llhttp) - in.p);
        return HTTP_PARSE_DONE;
    }
    if (p->headed && !p->done && code == HPE_PAUSED) {
        *used = (size_t)(llhttp_get_error_pos(&p->llhttp) - in.p);
        llhttp_resume(&p->llhttp);
        return HTTP_PARSE_HEAD;
    }
    if (code == HPE_OK && http_server_parse_check_wire(p, in.len) == 0)
        return HTTP_PARSE_MORE;
    return http_server_parse_bad(p, code);
}

const struct http_parse_info *http_parse_info(const struct http_parse *p)
{
    return &p->info;
}

bool http_parse_limit_body(struct http_parse *p, size_t bytes)
{
    if (bytes < p->body_most)
        p->body_most = bytes;
    p->body.cap_bytes = p->body_most;
    if ((p->llhttp.flags & F_CHUNKED) != 0 ||
        p->llhttp.content_length <= p->body_most)
        return true;
    parse_refuse(p, 413, "the body is too long");
    return false;
}

bool http_parse_has_line(const struct http_parse *p)
{
    return p->settled || p->nfields > 0;
}

bool http_parse_continue(struct http_parse *p)
{
    bool expects = p->expects_continue;

    p->expects_continue = false;
    return expects;
}

size_t http_parse_body_bytes(const struct http_parse *p)
{
    return p->body.size;
}

void http_parse_view(const struct http_parse *p, struct http_exchange *x)
{
    if (!p->headed) {
        x->path = http_server_parse_cut_query(p->target, &x->query);
        return;
    }
    x->method = llhttp_method_name((llhttp_method_t)p->llhttp.method);
    x->path = p->path;
    x->query = p->query;
    x->host = p->host;
    x->body = p->body.data == NULL ? STR("") : buf_view(&p->body);
    x->headers = p->fields;
    x->nheaders = p->nfields;
}
