/*
 * The page at / and its files. Browsers keep them and ask by their ETag
 * whether there is something newer. Scripts, styles and connections are this
 * origin's alone, nothing inline, and no other page may frame it.
 */
#include "api/api_impl.h"
#include "api/page.h"
#include "api/routes.h"
#include "net/http/http_inflate.h"

#include <ctype.h>
#include <strings.h>

enum { PAGE_UNPACKED_BYTES = 4 * 1024 * 1024, PAGE_NHEADERS = 7 };

static const char page_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

static const struct page_file *page_find(struct str path)
{
    for (const struct page_file *f = page_files; f->path != NULL; f++)
        if (str_eq(str_of(f->path), path))
            return f;
    return NULL;
}

/* Is `word` in the header, not as a part of another one? */
static bool page_header_has(
    const struct http_exchange *x, const char *name, const char *word)
{
    const struct str *value = http_header(x, name);
    size_t len = strlen(word);

    for (size_t i = 0; value != NULL && i + len <= value->len; i++) {
        const char *p = value->p + i;

        if (strncasecmp(p, word, len) == 0 &&
            (i == 0 || !isalnum((unsigned char)p[-1])) &&
            (i + len == value->len || !isalnum((unsigned char)p[len])))
            return true;
    }
    return false;
}

static size_t page_headers(
    struct http_header_out out[PAGE_NHEADERS], const struct page_file *f)
{
    const struct http_header_out headers[] = {
        {"Content-Type", f->type},
        {"ETag", f->etag},
        {"Cache-Control", "no-cache"},
        {"Vary", "Accept-Encoding"},
        {"Content-Security-Policy", page_policy},
        {"Referrer-Policy", "no-referrer"},
    };

    memcpy(out, headers, sizeof(headers));
    return sizeof(headers) / sizeof(headers[0]);
}

/* For a client that does not understand gzip. */
static void page_answer_unpacked(struct http_exchange *x,
    const struct page_file *f, const struct http_header_out *headers, size_t n)
{
    struct buf text;

    buf_init(&text, PAGE_UNPACKED_BYTES);
    buf_str(&text, f->gzip);
    if (text.error != 0 || http_inflate(&text) < 0)
        http_answer_error(x, 500, NULL, 0, "no memory for the page");
    else
        http_answer(x, 200, headers, n, buf_view(&text));
    buf_free(&text);
}

void route_page(struct api *api, struct http_exchange *x, struct str id)
{
    const struct page_file *f = page_find(x->path);
    struct http_header_out headers[PAGE_NHEADERS];
    size_t n;

    if (f == NULL) {
        http_answer_error(
            x, 404, NULL, 0, "this program was built without its page");
        return;
    }
    n = page_headers(headers, f);
    if (page_header_has(x, "if-none-match", f->etag)) {
        http_answer(x, 304, headers, n, STR(""));
        return;
    }
    if (!answer_may_be_gzip(x)) {
        page_answer_unpacked(x, f, headers, n);
        return;
    }
    headers[n++] = (struct http_header_out){"Content-Encoding", "gzip"};
    http_answer(x, 200, headers, n, f->gzip);
}
