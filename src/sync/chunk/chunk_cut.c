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

static bool text_can_be_cut(struct str text)
{
    size_t middle = chunk_cut_text_middle(text);

    return text_trim((struct str){text.p, middle}).len > 0 &&
           text_trim((struct str){text.p + middle, text.len - middle}).len > 0;
}

/* The pieces behind move up by one: no row keeps its vector. */
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

    if (!text_can_be_cut(text) ||
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
               text_tokens(c->texts[i].text) > most && cut_in_two(c, i))
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
    size_t i = c->range.lo;

    if (req->n > 1)
        while (i < c->range.hi &&
               c->texts[i].text.p != req->texts[req->culprit - 1].p)
            i++;
    return i;
}

static size_t chunk_cut_longest_in_range(const struct chunk *c)
{
    size_t longest = 0;

    for (size_t i = c->range.lo; i < c->range.hi; i++) {
        size_t tokens = text_tokens(c->texts[i].text);

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
    if (at == c->range.hi || !text_can_be_cut(c->texts[at].text))
        return false;
    tokens = text_tokens(c->texts[at].text);
    if (tokens * LONG_SHARE < chunk_cut_longest_in_range(c))
        return false; /* others are longer: the wrong one is named */
    chunk_cut_lower_most(c->members[c->texts[at].member], tokens, req->over);
    ranges_push(&c->ranges, c->range);
    return true;
}
