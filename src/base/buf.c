#include "base/buf.h"

#include "base/err.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_BYTES = 256 };

void buf_init(struct buf *b, size_t cap_bytes)
{
    assert(cap_bytes > 0);
    *b = (struct buf){.cap_bytes = cap_bytes};
}

void buf_free(struct buf *b)
{
    free(b->data);
    *b = (struct buf){.cap_bytes = b->cap_bytes};
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->error = 0;
    if (b->data != NULL)
        b->data[0] = '\0';
}

char *buf_take(struct buf *b)
{
    char *data = b->data;

    *b = (struct buf){.cap_bytes = b->cap_bytes};
    return data;
}

static int buf_make_room(struct buf *b, size_t more)
{
    size_t want, size;
    char *data;

    if (b->error != 0)
        return b->error;
    if (more > b->cap_bytes || b->len > b->cap_bytes - more)
        return b->error = ERR_TOO_LARGE;
    want = b->len + more + 1;
    if (want <= b->size)
        return 0;
    size = b->size == 0 ? FIRST_BYTES : b->size;
    while (size < want)
        size += size / 2 + 1;
    if (size > b->cap_bytes + 1)
        size = b->cap_bytes + 1;
    data = realloc(b->data, size);
    if (data == NULL)
        return b->error = ERR_NOMEM;
    b->data = data;
    b->size = size;
    return 0;
}

void buf_reserve(struct buf *b, size_t more)
{
    buf_make_room(b, more);
}

void *buf_grow(struct buf *b, size_t len)
{
    char *at;

    if (buf_make_room(b, len) < 0)
        return NULL;
    at = b->data + b->len;
    b->len += len;
    b->data[b->len] = '\0';
    return at;
}

void buf_add(struct buf *b, const void *p, size_t len)
{
    bool over = b->cuts && b->error == 0 && len > b->cap_bytes - b->len;
    void *at = buf_grow(b, over ? b->cap_bytes - b->len : len);

    if (over && at != NULL) {
        memcpy(at, p, b->cap_bytes - (size_t)((char *)at - b->data));
        b->error = ERR_TOO_LARGE;
        return;
    }
    if (at != NULL && len > 0)
        memcpy(at, p, len);
}

void buf_str(struct buf *b, struct str s)
{
    buf_add(b, s.p, s.len);
}

void buf_puts(struct buf *b, const char *z)
{
    buf_add(b, z, strlen(z));
}

void buf_char(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args, again;
    int len;

    va_start(args, fmt);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len >= 0 && buf_make_room(b, (size_t)len) == 0) {
        vsnprintf(b->data + b->len, (size_t)len + 1, fmt, again);
        b->len += (size_t)len;
    }
    va_end(again);
}

/* The letter of a two-character escape, 'u' for \u00XX, 0 for none. */
static char buf_json_escape(unsigned char c)
{
    switch (c) {
    case '"':
    case '\\':
        return (char)c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return c < 0x20 ? 'u' : 0;
    }
}

enum { WORD_BYTES = sizeof(uint64_t) };

/*
 * Nothing to escape in the next eight bytes? Each line leaves the top bit of a
 * byte set that is under 0x20, a quote or a backslash; a borrow may set one too
 * many, which costs a closer look.
 */
static bool buf_word_is_plain(const char *p)
{
    const uint64_t ones = 0x0101010101010101;
    uint64_t x, quote, slash, found;

    memcpy(&x, p, sizeof(x));
    quote = x ^ ones * '"';
    slash = x ^ ones * '\\';
    found = (x - ones * 0x20) & ~x;
    found |= (quote - ones) & ~quote;
    found |= (slash - ones) & ~slash;
    return (found & ones << 7) == 0;
}

void buf_json_part(struct buf *b, struct str s)
{
    size_t from = 0;

    for (size_t i = 0; i < s.len; i++) {
        while (s.len - i > WORD_BYTES && buf_word_is_plain(s.p + i))
            i += WORD_BYTES;
        unsigned char c = (unsigned char)s.p[i];
        char escape = buf_json_escape(c);

        if (escape == 0)
            continue;
        buf_add(b, s.p + from, i - from);
        if (escape == 'u')
            buf_printf(b, "\\u%04x", c);
        else
            buf_add(b, (char[]){'\\', escape}, 2);
        from = i + 1;
    }
    if (from < s.len)
        buf_add(b, s.p + from, s.len - from);
}

void buf_json_str(struct buf *b, struct str s)
{
    buf_char(b, '"');
    buf_json_part(b, s);
    buf_char(b, '"');
}
