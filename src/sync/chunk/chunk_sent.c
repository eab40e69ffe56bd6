/*
 * What is sent for the texts of a chunk: as they are, or the later ones of an
 * item with what its schema wants before them. That is put together for one
 * request at a time, so that long texts are not held twice.
 */
#include "sync/chunk/chunk_impl.h"

int chunk_sent_init(struct chunk *c)
{
    size_t max_tokens = (size_t)c->p->options->max_tokens;
    int rc = 0;

    if (!schema_has_piece_context(c->group->schema))
        return 0;
    c->contexts = arena_calloc(&c->arena, c->nmembers, sizeof(*c->contexts));
    if (c->contexts == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < c->nmembers && rc == 0; i++)
        rc = item_pieces_context(c->group->schema, c->members[i]->value,
            max_tokens, &c->arena, &c->contexts[i]);
    return rc;
}

int chunk_sent_cut(struct chunk *c, size_t member, struct item_pieces *out)
{
    const struct page_item *m = c->members[member];
    size_t max_tokens = (size_t)c->p->options->max_tokens;
    struct piece_context none = {.later_tokens = max_tokens};

    return item_pieces_cut(c->contexts == NULL ? &none : &c->contexts[member],
        m->item.content_text, max_tokens, m->cut, &c->arena, out);
}

/* Of a later piece of its item; NULL: it is sent as it is. */
static const struct piece_context *chunk_sent_context(
    const struct chunk *c, size_t at)
{
    if (c->contexts == NULL || at == 0 ||
        c->texts[at - 1].member != c->texts[at].member)
        return NULL;
    return &c->contexts[c->texts[at].member];
}

size_t chunk_sent_tokens(const struct chunk *c, size_t at)
{
    const struct piece_context *context = chunk_sent_context(c, at);

    if (context == NULL)
        return text_tokens(c->texts[at].text);
    return piece_sent_tokens(context, c->texts[at - 1].text, c->texts[at].text);
}

size_t chunk_sent_title_tokens(const struct chunk *c, size_t at)
{
    return c->contexts == NULL
               ? 0
               : text_tokens(c->contexts[c->texts[at].member].sent);
}

int chunk_sent_text(struct chunk *c, size_t at, struct str *out)
{
    const struct piece_context *context = chunk_sent_context(c, at);
    struct str before, piece = c->texts[at].text;
    struct buf sent;

    *out = piece;
    if (context == NULL)
        return 0;
    before = c->texts[at - 1].text;
    buf_init(&sent, TEXT_BYTES);
    piece_sent_write(&sent, context, before, piece);
    if (sent.error == 0)
        *out = arena_dup(&c->sent, buf_view(&sent));
    if (sent.error != 0 || out->p == NULL)
        *out = (struct str){NULL, 0};
    buf_free(&sent);
    return out->p == NULL ? ERR_NOMEM : 0;
}
