#include "base/text.h"

#include <stdlib.h>

static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */

/* Length of the sequence a byte leads; 0 when no sequence begins with it. */
static size_t text_lead_length(unsigned char c)
{
    if (c < 0x80)
        return 1;
    if (c >= 0xC2 && c <= 0xDF)
        return 2;
    if (c >= 0xE0 && c <= 0xEF)
        return 3;
    return c >= 0xF0 && c <= 0xF4 ? 4 : 0;
}

/* Overlong forms, surrogates and values beyond U+10FFFF are invalid. */
static bool text_code_point_fits(int32_t cp, size_t len)
{
    if (len == 3)
        return cp >= 0x800 && (cp < 0xD800 || cp > 0xDFFF);
    return len != 4 || (cp >= 0x10000 && cp <= 0x10FFFF);
}

int32_t utf8_next(struct str s, size_t *at)
{
    const unsigned char *p = (const unsigned char *)s.p + *at;
    size_t len = text_lead_length(p[0]);
    int32_t cp;

    if (len <= 1 || len > s.len - *at) {
        *at += 1;
        return len == 1 ? p[0] : -1;
    }
    cp = p[0] & (0xFF >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xC0) != 0x80) {
            *at += 1;
            return -1;
        }
        cp = (cp << 6) | (p[i] & 0x3F);
    }
    if (!text_code_point_fits(cp, len)) {
        *at += 1;
        return -1;
    }
    *at += len;
    return cp;
}

size_t utf8_put(int32_t point, char out[UTF8_BYTES])
{
    size_t len = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = {0, 0, 0xC0, 0xE0, 0xF0};

    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (point & 0x3F));
        point >>= 6;
    }
    out[0] = (char)(leads[len] | point);
    return len;
}

/* Moves past ASCII, eight bytes at a time: most text is just that. */
static size_t text_skip_ascii(struct str s, size_t at)
{
    uint64_t word;

    while (s.len - at >= 8) {
        memcpy(&word, s.p + at, 8);
        if (word & 0x8080808080808080u)
            break;
        at += 8;
    }
    while (at < s.len && (unsigned char)s.p[at] < 0x80)
        at++;
    return at;
}

/* Where the first invalid byte is, from `at` on; s.len when there is none. */
static size_t text_find_invalid(struct str s, size_t at)
{
    for (at = text_skip_ascii(s, at); at < s.len; at = text_skip_ascii(s, at)) {
        size_t from = at;

        if (utf8_next(s, &at) < 0)
            return from;
    }
    return s.len;
}

bool utf8_valid(struct str s)
{
    return text_find_invalid(s, 0) == s.len;
}

static bool text_is_invisible(int32_t cp)
{
    static const struct {
        int32_t first, last;
    } ranges[] = {{0x00, 0x1F}, {0x7F, 0x9F}, {0xAD, 0xAD}, {0x61C, 0x61C},
        {0x180E, 0x180E}, {0x200B, 0x200F}, {0x2028, 0x202E}, {0x2060, 0x206F},
        {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xE0000, 0xE007F}};

    for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
        if (cp >= ranges[i].first && cp <= ranges[i].last)
            return true;
    return false;
}

bool utf8_visible(struct str s)
{
    for (size_t at = 0; at < s.len;) {
        int32_t cp = utf8_next(s, &at);

        if (cp < 0 || text_is_invisible(cp))
            return false;
    }
    return true;
}

size_t utf8_repair(struct buf *out, struct str s)
{
    size_t count = 0, from = 0;

    for (;;) {
        size_t bad = text_find_invalid(s, from), next;

        if (bad > from)
            buf_add(out, s.p + from, bad - from);
        if (bad == s.len)
            return count;
        for (from = next = bad; next < s.len; from = next)
            if (utf8_next(s, &next) >= 0)
                break;
        buf_add(out, replacement, sizeof(replacement) - 1);
        count++;
    }
}

size_t utf8_prefix(struct str s, size_t chars)
{
    size_t at = 0;

    for (; chars > 0 && at < s.len; chars--)
        utf8_next(s, &at);
    return at;
}

struct str utf8_cut(struct str s, size_t bytes)
{
    if (s.len <= bytes)
        return s;
    while (bytes > 0 && ((uint8_t)s.p[bytes] & 0xC0) == 0x80)
        bytes--;
    s.len = bytes;
    return s;
}

/* JavaScript's WhiteSpace and LineTerminator. */
static bool text_is_js_space(int32_t cp)
{
    switch (cp) {
    case 0x20:
    case 0xA0:
    case 0x1680:
    case 0x2028:
    case 0x2029:
    case 0x202F:
    case 0x205F:
    case 0x3000:
    case 0xFEFF:
        return true;
    default:
        return (cp >= 0x09 && cp <= 0x0D) || (cp >= 0x2000 && cp <= 0x200A);
    }
}

/* Where the code point that ends at `end` begins. */
static size_t text_step_back(struct str s, size_t end)
{
    size_t at = end - 1;

    while (at > 0 && end - at < 4 && ((unsigned char)s.p[at] & 0xC0) == 0x80)
        at--;
    return at;
}

struct str text_trim(struct str s)
{
    size_t at, from;

    while (s.len > 0) {
        from = 0;
        if (!text_is_js_space(utf8_next(s, &from)))
            break;
        s.p += from;
        s.len -= from;
    }
    while (s.len > 0) {
        at = from = text_step_back(s, s.len);
        if (!text_is_js_space(utf8_next(s, &at)) || at != s.len)
            break;
        s.len = from;
    }
    return s;
}

enum { LONGEST_NAME = 128 };

/* One row of the table at a time, which is all the next one looks at. */
size_t edit_distance(struct str a, struct str b)
{
    size_t row[LONGEST_NAME + 1];

    if (a.len > LONGEST_NAME || b.len > LONGEST_NAME)
        return a.len > b.len ? a.len : b.len;
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t best = diagonal + (a.p[i - 1] != b.p[j - 1]);

            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[b.len];
}

bool text_next_line(struct str *lines, struct str *line)
{
    const char *newline;
    size_t taken;

    if (lines->len == 0)
        return false;
    newline = memchr(lines->p, '\n', lines->len);
    line->p = lines->p;
    line->len = newline != NULL ? (size_t)(newline - lines->p) : lines->len;
    taken = line->len + (newline != NULL);
    *lines = (struct str){lines->p + taken, lines->len - taken};
    return true;
}
