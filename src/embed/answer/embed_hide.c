/*
 * Servers repeat what they were sent. Whatever a message and a text of the
 * request have in common, from twelve characters on (or the whole text, or what
 * stands in quotes, from four on), is not told. Case, white space and escapes
 * do not matter: both are compared in a plain form.
 */
#include "embed/answer/embed_words.h"

#include "base/text.h"
#include <ctype.h>
#include <stdlib.h>

enum {
    PLAIN_BYTES = 2048, /* of a message, no more of it is looked at */
    GRAM = 12,
    LEAST = 4,
    BUCKETS = 4096,
    PRIME = 16777619
};

/* One form for all spellings of a text, and where its bytes came from. */
struct plain {
    unsigned char text[PLAIN_BYTES];
    uint16_t from[PLAIN_BYTES + 1];
    bool covered[PLAIN_BYTES];
    size_t len;
};

/* Reads a text a plain byte at a time. */
struct plain_reader {
    struct str s;
    size_t at;
    unsigned char ahead[4]; /* what is left of an escaped character */
    int nahead;
    bool space; /* the last byte was one */
};

static int embed_hide_hex_value(struct str s, size_t at)
{
    int value = 0;

    if (at + 4 > s.len)
        return -1;
    for (size_t i = at; i < at + 4; i++) {
        int c = tolower((unsigned char)s.p[i]);

        if (!isxdigit(c))
            return -1;
        value = value * 16 + (isdigit(c) ? c - '0' : c - 'a' + 10);
    }
    return value;
}

/* The UTF-8 of a code point below 0x10000, but for its first byte, is left for
 * later. */
static int embed_hide_plain_escaped(struct plain_reader *r, int c)
{
    if (c < 0x80)
        return c;
    r->nahead = 0;
    if (c >= 0x800) {
        r->ahead[r->nahead++] = (unsigned char)(0x80 | (c & 0x3F));
        r->ahead[r->nahead++] = (unsigned char)(0x80 | ((c >> 6) & 0x3F));
        return 0xE0 | (c >> 12);
    }
    r->ahead[r->nahead++] = (unsigned char)(0x80 | (c & 0x3F));
    return 0xC0 | (c >> 6);
}

static int embed_hide_plain_raw(struct plain_reader *r)
{
    int c;

    if (r->nahead > 0)
        return r->ahead[--r->nahead];
    if (r->at >= r->s.len)
        return -1;
    c = (unsigned char)r->s.p[r->at++];
    if (c != '\\' || r->at >= r->s.len)
        return c;
    c = (unsigned char)r->s.p[r->at++];
    if (c == 'u' && embed_hide_hex_value(r->s, r->at) >= 0) {
        int value = embed_hide_hex_value(r->s, r->at);

        r->at += 4;
        return embed_hide_plain_escaped(r, value);
    }
    return strchr("nrt", c) != NULL ? ' ' : c;
}

/* The next byte: small letters, runs of white space as one; -1: the end. */
static int embed_hide_plain_next(struct plain_reader *r)
{
    for (;;) {
        int c = embed_hide_plain_raw(r);

        if (c < 0)
            return -1;
        if (c <= ' ' || c == 0x7F)
            c = ' ';
        if (c == ' ' && r->space)
            continue;
        r->space = c == ' ';
        return tolower(c);
    }
}

static void embed_hide_plain_of(struct plain *p, struct str s)
{
    struct plain_reader r = {.s = s};
    int c;

    p->len = 0;
    memset(p->covered, 0, sizeof(p->covered));
    p->from[0] = 0;
    while (p->len < PLAIN_BYTES && (c = embed_hide_plain_next(&r)) >= 0) {
        p->text[p->len++] = (unsigned char)c;
        p->from[p->len] = (uint16_t)r.at;
    }
}

/* The message's runs of GRAM bytes by their hash, each a chain of places. */
struct grams {
    uint16_t first[BUCKETS], next[PLAIN_BYTES]; /* places from 1; 0: none */
};

static uint32_t embed_hide_gram_power(void)
{
    uint32_t power = 1;

    for (int i = 1; i < GRAM; i++)
        power *= PRIME;
    return power;
}

static uint32_t embed_hide_gram_hash(const unsigned char *p)
{
    uint32_t h = 0;

    for (int i = 0; i < GRAM; i++)
        h = h * PRIME + p[i];
    return h;
}

static void embed_hide_grams_of(struct grams *g, const struct plain *p)
{
    memset(g->first, 0, sizeof(g->first));
    for (size_t i = 0; i + GRAM <= p->len; i++) {
        uint32_t bucket =
            embed_hide_gram_hash(p->text + i) >> 8 & (BUCKETS - 1);

        g->next[i] = g->first[bucket];
        g->first[bucket] = (uint16_t)(i + 1);
    }
}

static void embed_hide_cover(struct plain *p, size_t at, size_t len)
{
    memset(p->covered + at, true, len);
}

static void embed_hide_cover_gram(struct plain *p, const struct grams *g,
    uint32_t hash, const unsigned char *ring, size_t end)
{
    for (size_t at = g->first[hash >> 8 & (BUCKETS - 1)]; at != 0;
         at = g->next[at - 1]) {
        size_t i = 0;

        while (i < GRAM && p->text[at - 1 + i] == ring[(end + i) % GRAM])
            i++;
        if (i == GRAM)
            embed_hide_cover(p, at - 1, GRAM);
    }
}

/* Covers what the message shares with a text, however long that is. */
static void embed_hide_cover_shared(
    struct plain *p, const struct grams *g, struct str text)
{
    struct plain_reader r = {.s = text};
    uint32_t hash = 0, power = embed_hide_gram_power();
    unsigned char ring[GRAM] = {0};
    size_t n = 0;
    int c;

    while ((c = embed_hide_plain_next(&r)) >= 0) {
        hash -= ring[n % GRAM] * power;
        ring[n % GRAM] = (unsigned char)c;
        hash = hash * PRIME + (unsigned char)c;
        if (++n >= GRAM)
            embed_hide_cover_gram(p, g, hash, ring, n % GRAM);
    }
}

static void embed_hide_cover_all(
    struct plain *p, const unsigned char *word, size_t len)
{
    for (size_t i = 0; len >= LEAST && i + len <= p->len; i++)
        if (memcmp(p->text + i, word, len) == 0)
            embed_hide_cover(p, i, len);
}

/* A text that is short, as a whole. */
static void embed_hide_cover_short(struct plain *p, struct str text)
{
    unsigned char word[GRAM];
    struct plain_reader r = {.s = text_trim(text)};
    size_t len = 0;
    int c;

    while ((c = embed_hide_plain_next(&r)) >= 0) {
        if (len == GRAM)
            return;
        word[len++] = (unsigned char)c;
    }
    embed_hide_cover_all(p, word, len);
}

static bool embed_hide_plain_holds(
    struct str text, const unsigned char *word, size_t len)
{
    struct plain_reader r = {.s = text};
    unsigned char ring[64];
    size_t n = 0;
    int c;

    while (len <= sizeof(ring) && (c = embed_hide_plain_next(&r)) >= 0) {
        ring[n++ % len] = (unsigned char)c;
        if (n < len || ring[n % len] != word[0])
            continue;
        for (size_t i = 0;; i++) {
            if (i == len)
                return true;
            if (ring[(n + i) % len] != word[i])
                break;
        }
    }
    return false;
}

/* What stands in quotes, when a text holds it. */
static void embed_hide_cover_quoted(
    struct plain *p, const struct embed_hidden *hidden)
{
    size_t open = SIZE_MAX;

    for (size_t i = 0; i < p->len; i++) {
        if (strchr("\"'`", p->text[i]) == NULL || p->text[i] == '\0')
            continue;
        if (open != SIZE_MAX && i - open > LEAST)
            for (size_t k = 0; k < hidden->ntexts; k++)
                if (embed_hide_plain_holds(
                        hidden->texts[k], p->text + open + 1, i - open - 1))
                    embed_hide_cover(p, open + 1, i - open - 1);
        open = i;
    }
}

static void embed_hide_cover_hidden(
    struct plain *p, const struct embed_hidden *hidden)
{
    struct grams *g = malloc(sizeof(*g));

    if (g == NULL)
        abort();
    embed_hide_grams_of(g, p);
    for (size_t i = 0; i < hidden->ntexts; i++) {
        embed_hide_cover_shared(p, g, hidden->texts[i]);
        embed_hide_cover_short(p, hidden->texts[i]);
    }
    embed_hide_cover_quoted(p, hidden);
    free(g);
}

static bool hide_begins(struct str s, struct str start)
{
    return start.len > 0 && s.len >= start.len &&
           memcmp(s.p, start.p, start.len) == 0;
}

static bool embed_hide_is_continuation(const char *text, size_t at)
{
    return ((unsigned char)text[at] & 0xC0) == 0x80;
}

/* Is the byte of the message one that must not be told? Whole characters. */
static void embed_hide_mark_hidden(
    const struct plain *p, const char *text, bool *hidden, size_t len)
{
    memset(hidden, 0, len);
    for (size_t i = 0; i < p->len; i++)
        if (p->covered[i])
            for (size_t k = p->from[i]; k < p->from[i + 1] && k < len; k++)
                hidden[k] = true;
    for (size_t i = 1; i < len; i++)
        if (embed_hide_is_continuation(text, i) && hidden[i - 1])
            hidden[i] = true;
    for (size_t i = len; i-- > 1;)
        if (embed_hide_is_continuation(text, i) && hidden[i])
            hidden[i - 1] = true;
}

/* One piece of the output: what is next in the message becomes. */
static struct str hide_piece(struct str s, size_t at, const bool *covered,
    struct str secret, size_t *taken)
{
    struct str rest = {s.p + at, s.len - at};
    size_t len = 0;

    if (covered[at]) {
        while (at + *taken < s.len && covered[at + *taken])
            ++*taken;
        return STR("[...]");
    }
    utf8_next(rest, &len);
    *taken = len;
    if (hide_begins(rest, secret)) {
        *taken = secret.len;
        return STR("***");
    }
    if (iscntrl((unsigned char)*rest.p))
        return STR(" ");
    return (struct str){rest.p, len};
}

void embed_hide(
    char *to, size_t size, struct str s, const struct embed_hidden *hidden)
{
    struct plain *p = malloc(sizeof(*p));
    bool covered[PLAIN_BYTES];
    size_t len = 0;

    if (p == NULL)
        abort();
    s.len = s.len < PLAIN_BYTES ? s.len : utf8_prefix(s, PLAIN_BYTES / 4);
    embed_hide_plain_of(p, s);
    if (hidden->ntexts > 0)
        embed_hide_cover_hidden(p, hidden);
    embed_hide_mark_hidden(p, s.p, covered, s.len);
    for (size_t at = 0, taken = 0; at < s.len; at += taken, taken = 0) {
        struct str piece = hide_piece(s, at, covered, hidden->secret, &taken);

        if (len + piece.len >= size)
            break;
        memcpy(to + len, piece.p, piece.len);
        len += piece.len;
    }
    to[len] = '\0';
    free(p);
}
