#include "record/pieces/piece_sent.h"

#include "base/text.h"
#include "record/item.h"
#include <stdio.h>

static const char piece_separator[] = "\n\n";

enum { SEPARATOR_TOKENS = 1 };

static bool piece_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The longest beginning that fits, back to the last word that ends in its last
 * third. */
static struct str piece_sent_title(struct str title, size_t max_tokens)
{
    struct str cut = utf8_cut(title, PIECE_TITLE_BYTES);
    size_t at;

    if (max_tokens == 0)
        return (struct str){title.p, 0};
    cut.len = item_split_fit(cut, max_tokens);
    if (cut.len == title.len)
        return cut;
    for (at = cut.len; at > cut.len - cut.len / 3; at--)
        if (piece_is_space(title.p[at]))
            return text_trim((struct str){title.p, at});
    return text_trim(cut);
}

void piece_context_init(struct piece_context *c,
    const struct schema_pieces *options, struct str title, size_t max_tokens)
{
    size_t share = max_tokens / PIECE_TITLE_SHARE, added;

    *c = (struct piece_context){.overlap = options->overlap};
    if (2 * c->overlap >= max_tokens)
        c->overlap = (max_tokens - 1) / 2;
    if (options->prefix && title.len > 0)
        c->title = text_trim(title);
    if (c->title.len > 0 && share > SEPARATOR_TOKENS)
        c->sent = piece_sent_title(c->title, share - SEPARATOR_TOKENS);
    added = c->overlap;
    if (c->sent.len > 0)
        added += text_tokens(c->sent) + SEPARATOR_TOKENS;
    c->later_tokens = max_tokens - added;
}

void piece_context_digest(const struct piece_context *c, struct sha256 *s)
{
    char overlap[24];

    if (c->title.len == 0 && c->overlap == 0)
        return;
    snprintf(overlap, sizeof(overlap), "%zu", c->overlap);
    sha256_add_field(s, STR("title and overlap"));
    sha256_add_field(s, c->title);
    sha256_add_field(s, str_of(overlap));
}

/* Where the longest end of at most so many tokens begins. */
static size_t piece_sent_end_begins(struct str text, size_t max_tokens)
{
    size_t ascii = 0, others = 0, begin = text.len, at = text.len;

    while (at > 0) {
        do
            at--;
        while (at > 0 && ((unsigned char)text.p[at] & 0xC0) == 0x80);
        if ((unsigned char)text.p[at] < 0x80)
            ascii++;
        else
            others++;
        if ((ascii + ASCII_PER_TOKEN - 1) / ASCII_PER_TOKEN + others >
            max_tokens)
            return begin;
        begin = at;
    }
    return begin;
}

static size_t piece_sent_skip_space(struct str text, size_t at)
{
    while (at < text.len && piece_is_space(text.p[at]))
        at++;
    return at;
}

/* From a place within a word to the next word, unless that is far. */
static size_t piece_sent_next_word(struct str text, size_t begin)
{
    size_t far = begin + (text.len - begin) / 3;

    if (begin == 0 || piece_is_space(text.p[begin - 1]))
        return begin;
    for (size_t at = begin; at < far; at++)
        if (piece_is_space(text.p[at]))
            return at;
    return begin;
}

struct str piece_sent_overlap(
    const struct piece_context *c, struct str before, struct str piece)
{
    size_t own = c->overlap > 0 ? text_tokens(piece) : 0, begin;
    size_t most = own < c->overlap ? own : c->overlap;

    if (most == 0 || before.len == 0)
        return (struct str){before.p, 0};
    begin = piece_sent_end_begins(before, most);
    if (begin < before.len)
        begin = piece_sent_next_word(before, begin);
    begin = piece_sent_skip_space(before, begin);
    return (struct str){before.p + begin, before.len - begin};
}

size_t piece_sent_tokens(
    const struct piece_context *c, struct str before, struct str piece)
{
    size_t title =
        c->sent.len > 0 ? text_tokens(c->sent) + SEPARATOR_TOKENS : 0;

    return title + text_tokens(piece_sent_overlap(c, before, piece)) +
           text_tokens(piece);
}

void piece_sent_write(struct buf *out, const struct piece_context *c,
    struct str before, struct str piece)
{
    struct str overlap = piece_sent_overlap(c, before, piece);

    if (c->sent.len > 0) {
        buf_str(out, c->sent);
        buf_puts(out, piece_separator);
    }
    buf_str(out, overlap);
    buf_str(out, overlap.len > 0 ? piece : text_trim(piece));
}
