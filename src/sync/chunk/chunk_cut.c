/*
 * Texts that the provider's tokenizer finds longer than the estimate does: cut
 * in two, at a code-point border, until they are taken. Pure but for the
 * chunk's memory.
 */
#include "sync/chunk/chunk_impl.h"

/* A tokenizer may find one text so many times as long as another that is
 * estimated alike. */
enum { LONG_SHARE = 4 };

/* Where to cut a text in two: the code-point border nearest its middle. */
static size_t chunk_cut_text_middle(struct str text)
{
    size_t at = text.len / 2;

    while (at > 0 && ((unsigned char)text.p[at] & 0xC0) == 0x80)
        at--;
    return at;
}

/* One that is little beside the title that goes with it would not be much
 * shorter. */
static bool chunk_cut_helps(const struct chunk *c, size_t at)
{
    struct str text = c->texts[at].text;
    size_t middle = chunk_cut_text_middle(text);

    return text_trim((struct str){text.p, middle}).len > 0 &&
           text_trim((struct str){text.p + middle, text.len - middle}).len >
               0 &&
           text_tokens(text) * LONG_SHARE > chunk_sent_title_tokens(c, at);
}

/* The pieces behind move up by one: no row keeps its vector. What has its
 * vector already was sent with an end of the whole piece, which is no less. */
static void chunk_cut_embed_behind(struct chunk *c, size_t at)
{
    for (size_t i = c->ntexts; i-- > at + 1;)
        if (c->texts[i].member == c->texts[at].member && c->texts[i].kept) {
            c->texts[i].kept = false;
            ranges_push(&c->ranges, (struct range){i, i + 1});
        }
}

/* Ranges that are open move up; the pieces belong to none of them yet. */
static bool cut_in_two(struct chunk *c, size_t at)
{
    struct str text = c->texts[at].text;
    size_t middle = chunk_cut_text_middle(text);

    if (!chunk_cut_helps(c, at) ||
        chunk_embed_add_text(c, at + 1,
            (struct str){text.p + middle, text.len - middle},
            c->texts[at].member) < 0)
        return false;
    c->texts[at].text.len = middle;
    ranges_shift(&c->ranges, at);
    chunk_cut_embed_behind(c, at);
    return true;
}

/* What is as long as what was too long would be refused as well. */
void chunk_cut_long(struct chunk *c)
{
    for (size_t i = c->range.lo; i < c->range.hi; i++) {
        size_t most = c->members[c->texts[i].member]->most_tokens;

        while (most > 0 && c->texts[i].vector == NULL &&
               chunk_sent_tokens(c, i) > most && cut_in_two(c, i))
            c->range.hi++;
    }
}

/* The provider's tokenizer found the text too long: two pieces instead. */
bool chunk_cut_range(struct chunk *c)
{
    size_t at = c->range.lo;

    if (!cut_in_two(c, at))
        return false;
    ranges_push(&c->ranges, (struct range){at + 1, at + 2});
    ranges_push(&c->ranges, (struct range){at, at + 1});
    return true;
}

/* The text that the provider names, or the only one; its index in the chunk. */
static size_t chunk_cut_named_text(const struct chunk *c)
{
    const struct embed_req *req = &c->embed;
    size_t i = c->sent_from + (size_t)req->culprit - 1;

    if (req->n == 1)
        return c->range.lo;
    return i < c->range.lo || i > c->range.hi ? c->range.hi : i;
}

static size_t chunk_cut_longest_in_range(const struct chunk *c)
{
    size_t longest = 0;

    for (size_t i = c->range.lo; i < c->range.hi; i++) {
        size_t tokens = chunk_sent_tokens(c, i);

        longest = tokens > longest ? tokens : longest;
    }
    return longest;
}

/* Always below what was refused, so that it is cut. */
static void chunk_cut_lower_most(
    struct page_item *m, size_t refused, double over)
{
    size_t most = (size_t)((double)refused / over + 0.5);

    if (most >= refused)
        most = refused - 1;
    if (m->most_tokens == 0 || most < m->most_tokens)
        m->most_tokens = most > 0 ? most : 1;
}

bool chunk_note_too_long(struct chunk *c)
{
    const struct embed_req *req = &c->embed;
    size_t at, tokens;

    if (req->over < 1 || (req->n > 1 && req->culprit == 0))
        return false;
    at = chunk_cut_named_text(c);
    if (at == c->range.hi || !chunk_cut_helps(c, at))
        return false;
    tokens = chunk_sent_tokens(c, at);
    if (tokens * LONG_SHARE < chunk_cut_longest_in_range(c))
        return false; /* others are longer: the wrong one is named */
    chunk_cut_lower_most(c->members[c->texts[at].member], tokens, req->over);
    ranges_push(&c->ranges, c->range);
    return true;
}
