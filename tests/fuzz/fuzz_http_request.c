/*
 * Any bytes as requests on a connection: cut in two ways they mean the same,
 * and what is accepted keeps the server's promises. The first byte says how
 * the second reading is cut. (Of two faults the one that is named may be
 * another; blanks are counted by the part, so there are fewer bytes than
 * would make them too many.)
 */
#include "fuzz.h"

#include "net/http/http_server_parse.h"

enum { MOST_REQUESTS = 32, MOST_BYTES = 1024 };

static const struct http_limits limits = {
    .url_bytes = 64, .header_bytes = 256, .headers = 8, .body_bytes = 64};

/* What one reading made of the bytes. */
struct reading {
    size_t nrequests;
    size_t ends[MOST_REQUESTS]; /* where each one ended */
    int status;                 /* of the refusal; 0: there was none */
    struct buf said;            /* what the requests said */
};

static void say(struct reading *r, struct str s)
{
    buf_printf(&r->said, "%zu:", s.len);
    buf_str(&r->said, s);
}

static size_t number(struct str digits)
{
    size_t n = 0;

    for (size_t i = 0; i < digits.len; i++)
        n = n * 10 + (size_t)(digits.p[i] - '0');
    return n;
}

static void check_framing(const struct http_exchange *x)
{
    const struct str *length = http_header(x, "content-length");
    const struct str *coding = http_header(x, "transfer-encoding");

    require(length == NULL || coding == NULL);
    if (length == NULL && coding == NULL)
        require(x->body.len == 0);
    if (length != NULL)
        require(number(*length) == x->body.len);
}

static void check_request(struct reading *r, const struct http_parse *p)
{
    struct http_exchange x = {.method = NULL};
    const struct http_parse_info *info = http_parse_info(p);

    http_parse_view(p, &x);
    require(info->status == 0 && x.method != NULL);
    require(x.path.len > 0 && x.path.len <= limits.url_bytes);
    require(x.path.p[0] == '/' || str_eq(x.path, STR("*")));
    require(memchr(x.path.p, '?', x.path.len) == NULL);
    require(x.nheaders <= limits.headers);
    require(x.body.len <= limits.body_bytes);
    require(info->http10 || http_header(&x, "host") != NULL);
    check_framing(&x);
    say(r, str_of(x.method));
    say(r, x.path);
    say(r, x.query);
    say(r, x.body);
    for (size_t i = 0; i < x.nheaders; i++) {
        require(x.headers[i].name.len > 0);
        say(r, x.headers[i].name);
        say(r, x.headers[i].value);
    }
}

static void check_refusal(struct reading *r, const struct http_parse *p)
{
    struct http_exchange x = {.method = NULL};
    const struct http_parse_info *info = http_parse_info(p);

    http_parse_view(p, &x);
    require(info->status >= 400 && info->status < 600);
    require(info->message != NULL && utf8_valid(str_of(info->message)));
    r->status = info->status;
}

/* A body follows: all but that is known. */
static void check_head(const struct http_parse *p)
{
    struct http_exchange x = {.method = NULL};

    http_parse_view(p, &x);
    require(x.method != NULL && x.path.len > 0 && x.body.len == 0);
    require(http_header(&x, "content-length") != NULL ||
            http_header(&x, "transfer-encoding") != NULL);
}

/* In parts of `step` bytes, each of its own memory. */
static enum http_parse_result feed(
    struct http_parse *p, struct str in, size_t step, size_t *used)
{
    size_t len = in.len < step ? in.len : step;
    char *part = malloc(len);
    enum http_parse_result result;

    memcpy(part, in.p, len);
    result = http_parse_feed(p, (struct str){part, len}, used);
    if (result == HTTP_PARSE_HEAD) {
        size_t head = *used;

        check_head(p);
        result =
            http_parse_feed(p, (struct str){part + head, len - head}, used);
        *used += head;
        require(result != HTTP_PARSE_HEAD);
    }
    require(*used <= len && (result != HTTP_PARSE_MORE || *used == len));
    free(part);
    return result;
}

/* False: nothing follows any more. */
static bool read_request(
    struct reading *r, struct str in, size_t step, size_t *at)
{
    struct http_parse *p = http_parse_new(&limits);
    enum http_parse_result result = HTTP_PARSE_MORE;

    while (result == HTTP_PARSE_MORE && *at < in.len) {
        size_t used;

        result = feed(p, (struct str){in.p + *at, in.len - *at}, step, &used);
        *at += used;
    }
    if (result == HTTP_PARSE_DONE) {
        check_request(r, p);
        r->ends[r->nrequests++] = *at;
    }
    if (result == HTTP_PARSE_BAD)
        check_refusal(r, p);
    http_parse_free(p);
    return result == HTTP_PARSE_DONE && r->nrequests < MOST_REQUESTS;
}

static void read_all(struct reading *r, struct str in, size_t step)
{
    size_t at = 0;

    *r = (struct reading){.nrequests = 0};
    buf_init(&r->said, 1 << 20);
    while (at < in.len && read_request(r, in, step, &at))
        ;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = {(const char *)data + 1, size - 1};
    struct reading one, other;

    if (size < 2 || size > MOST_BYTES)
        return 0;
    read_all(&one, in, in.len);
    read_all(&other, in, 1 + data[0] % 16);
    require(one.nrequests == other.nrequests);
    require((one.status != 0) == (other.status != 0));
    for (size_t i = 0; i < one.nrequests; i++)
        require(one.ends[i] == other.ends[i]);
    require(str_eq(buf_view(&one.said), buf_view(&other.said)));
    buf_free(&one.said);
    buf_free(&other.said);
    return 0;
}
