/*
 * Long texts in pieces. A piece is the longest run that fits, cut back to the
 * last paragraph border in its last third, else to the last sentence border
 * there, else cut at a code point. That stays linear: a piece that was cut back
 * far leaves no such border behind it, so that the next ones reach further.
 */
#include "record/item.h"

#include "base/err.h"
#include "base/text.h"

static bool item_split_leads(char c)
{
    return ((unsigned char)c & 0xC0) != 0x80;
}

static bool item_split_is_ascii(char c)
{
    return (unsigned char)c < 0x80;
}

enum { BLOCK_BYTES = 32 };

/* What the estimate counts of a text. */
struct char_counts {
    size_t ascii, chars;
};

/* Without branches, for the vectorizer: every text is counted several times. */
static struct char_counts item_split_count_block(const char *p)
{
    unsigned char ascii = 0, chars = 0;

    for (int i = 0; i < BLOCK_BYTES; i++) {
        ascii = (unsigned char)(ascii + item_split_is_ascii(p[i]));
        chars = (unsigned char)(chars + item_split_leads(p[i]));
    }
    return (struct char_counts){ascii, chars};
}

size_t text_tokens(struct str text)
{
    size_t ascii = 0, chars = 0, i = 0;

    for (; text.len - i >= BLOCK_BYTES; i += BLOCK_BYTES) {
        struct char_counts block = item_split_count_block(text.p + i);

        ascii += block.ascii;
        chars += block.chars;
    }
    for (; i < text.len; i++) {
        ascii += item_split_is_ascii(text.p[i]);
        chars += item_split_leads(text.p[i]);
    }
    return (ascii + ASCII_PER_TOKEN - 1) / ASCII_PER_TOKEN + chars - ascii;
}

size_t item_split_fit(struct str text, size_t max_tokens)
{
    size_t ascii = 0, others = 0, at = 0, next;

    while (at < text.len) {
        if (item_split_is_ascii(text.p[at]))
            ascii++;
        else
            others++;
        if (at > 0 && (ascii + ASCII_PER_TOKEN - 1) / ASCII_PER_TOKEN + others >
                          max_tokens)
            return at;
        for (next = at + 1; next < text.len && !item_split_leads(text.p[next]);)
            next++;
        at = next;
    }
    return at;
}

static bool split_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Behind the last empty line within text; 0 when there is none. */
static size_t item_split_paragraph_border(struct str text)
{
    size_t at = text.len, line;

    while (at > 0) {
        if (text.p[at - 1] != '\n') {
            at--;
            continue;
        }
        line = at - 1;
        while (line > 0 && split_is_blank(text.p[line - 1]))
            line--;
        if (line > 0 && text.p[line - 1] == '\n')
            return at;
        at = line;
    }
    return 0;
}

/* Full stops that need a space behind them to end a sentence, and those of
 * scripts that write none. */
static bool item_split_ends_sentence(struct str text, size_t end)
{
    static const char *const wide[] = {"\xE3\x80\x82" /* ideographic stop */,
        "\xEF\xBC\x81" /* fullwidth ! */, "\xEF\xBC\x9F" /* fullwidth ? */};

    for (size_t i = 0; end >= 3 && i < sizeof(wide) / sizeof(*wide); i++) {
        if (memcmp(text.p + end - 3, wide[i], 3) == 0)
            return true;
    }
    return false;
}

static bool item_split_is_stop(struct str text, size_t end)
{
    static const char *const spaced[] = {".", "!", "?",
        "\xE2\x80\xA6" /* ellipsis */, "\xD8\x9F" /* arabic ? */,
        "\xDB\x94" /* arabic full stop */, "\xE0\xA5\xA4" /* danda */};

    for (size_t i = 0; i < sizeof(spaced) / sizeof(*spaced); i++) {
        size_t len = strlen(spaced[i]);

        if (end >= len && memcmp(text.p + end - len, spaced[i], len) == 0)
            return true;
    }
    return false;
}

/*
 * Behind the last sentence, or line, within text, the white space after it
 * included; 0 when there is none.
 */
static size_t item_split_sentence_border(struct str text)
{
    size_t at = text.len, end;

    while (at > 0) {
        if (text.p[at - 1] == '\n' || item_split_ends_sentence(text, at))
            return at;
        end = at;
        while (end > 0 && split_is_blank(text.p[end - 1]))
            end--;
        if (end < at && item_split_is_stop(text, end))
            return at;
        at = end < at ? end : at - 1;
    }
    return 0;
}

/* Bytes of the first piece of a text that may be too long. */
static size_t item_split_first_piece(
    struct str text, size_t max_tokens, enum cut_rule rule)
{
    struct str window = text;
    size_t border, least;

    if (text.len <= max_tokens)
        return text.len;
    window.len = item_split_fit(text, max_tokens);
    if (window.len == text.len)
        return text.len;
    least = rule == CUT_LAST_THIRD ? window.len - window.len / 3 : 1;
    border = item_split_paragraph_border(window);
    if (border < least)
        border = item_split_sentence_border(window);
    return border < least ? window.len : border;
}

/* The pieces while their number is not known. */
struct pieces {
    struct str *list; /* in the arena */
    size_t n, room;
};

static int item_split_add_piece(
    struct arena *a, struct pieces *to, struct str piece)
{
    struct str *grown;

    if (text_trim(piece).len == 0)
        return 0;
    if (to->n == to->room) {
        to->room = to->room == 0 ? 4 : 2 * to->room;
        grown = arena_calloc(a, to->room, sizeof(*grown));
        if (grown == NULL)
            return ERR_NOMEM;
        if (to->n > 0)
            memcpy(grown, to->list, to->n * sizeof(*grown));
        to->list = grown;
    }
    to->list[to->n++] = piece;
    return 0;
}

long text_split(struct arena *a, struct str text, const struct text_cut *cut,
    struct str **pieces)
{
    struct pieces found = {.n = 0};
    size_t len;

    do {
        len = item_split_first_piece(
            text, found.n == 0 ? cut->first : cut->later, cut->rule);
        if (item_split_add_piece(a, &found, (struct str){text.p, len}) < 0)
            return ERR_NOMEM;
        text.p += len;
        text.len -= len;
    } while (text.len > 0);
    *pieces = found.list;
    return (long)found.n;
}
