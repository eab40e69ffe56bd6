/*
 * The rows of a chunk: what its statement carries. An item's metadata are in
 * its first piece; the later ones say whose they are, and which.
 */
#include "sync/chunk/chunk_impl.h"

#include <assert.h>

enum { PIECE_METADATA_BYTES = 64 * 1024 };

struct rows {
    struct store_row *rows;
    struct store_trim *trims;
    size_t nrows, ntrims;
};

/* The first text of the member at or after `from`. */
static size_t chunk_rows_texts_of(
    const struct chunk *c, size_t member, size_t from, size_t *end)
{
    while (from < c->ntexts && c->texts[from].member < member)
        from++;
    *end = from;
    while (*end < c->ntexts && c->texts[*end].member == member)
        (*end)++;
    return from;
}

static struct store_row *add_row(struct rows *r, struct page_item *m,
    const struct item_hashes *hashes, size_t piece)
{
    struct store_row *row = &r->rows[r->nrows++];

    *row = (struct store_row){.content_id = m->item.content_id,
        .metadata = m->item.metadata,
        .chunk_index = (int)piece,
        .repairs = m->repairs,
        .fresh = m->stored_pieces == 0,
        .altered = &m->altered};
    memcpy(row->embed_hash, hashes->embed_hash, SHA256_BYTES);
    memcpy(row->row_hash, hashes->row_hash, SHA256_BYTES);
    return row;
}

/* Which of how many a piece is, behind what all of them say. */
static int chunk_rows_number_piece(struct chunk *c, struct buf *scratch,
    struct str common, struct store_row *row, size_t pieces)
{
    buf_reset(scratch);
    buf_add(scratch, common.p, common.len - 1);
    buf_printf(
        scratch, ",\"_piece\":%d,\"_pieces\":%zu}", row->chunk_index, pieces);
    if (scratch->error == 0)
        row->metadata = arena_dup(&c->arena, buf_view(scratch));
    return row->metadata.p == NULL || scratch->error != 0 ? ERR_NOMEM : 0;
}

/* Of the item's rows, those of its later pieces. */
static int chunk_rows_number_pieces(struct chunk *c, const struct page_item *m,
    struct store_row *rows, size_t pieces)
{
    struct buf scratch;
    struct str common;
    int rc = 0;

    if (pieces < 2)
        return 0;
    buf_init(&scratch, PIECE_METADATA_BYTES);
    rc = item_piece_metadata(
        c->group->schema, m->value, &c->arena, &scratch, &common);
    for (size_t k = 1; k < pieces && rc == 0; k++)
        rc = chunk_rows_number_piece(c, &scratch, common, &rows[k], pieces);
    buf_free(&scratch);
    return rc;
}

static void rows_hash_of(const struct chunk *c, size_t member, size_t pieces,
    struct item_hashes *out)
{
    const struct page_item *m = c->members[member];

    item_hash(&m->item, c->group->schema, &c->p->options->embedding, pieces,
        m->cut, c->contexts == NULL ? NULL : &c->contexts[member], out);
}

/* The end of what a longer text, or another program, has left there. */
static void rows_add_trim(
    const struct page_item *m, size_t pieces, struct rows *r)
{
    if (m->stored_pieces > pieces)
        r->trims[r->ntrims++] =
            (struct store_trim){m->item.content_id, (int)pieces};
}

/* The vectors stay; the text is the same but for white space at its ends. */
static int add_changed_row(struct chunk *c, size_t member, struct rows *r)
{
    struct page_item *m = c->members[member];
    struct item_hashes hashes;
    struct item_pieces pieces;

    if (chunk_sent_cut(c, member, &pieces) < 0)
        return ERR_NOMEM;
    assert(pieces.n == m->own_pieces);
    rows_hash_of(c, member, pieces.n, &hashes);
    for (size_t k = 0; k < pieces.n; k++) {
        struct store_row *row = add_row(r, m, &hashes, k);

        row->content_text = pieces.list[k];
    }
    rows_add_trim(m, pieces.n, r);
    return chunk_rows_number_pieces(
        c, m, r->rows + r->nrows - pieces.n, pieces.n);
}

/* New rows. */
static int rows_add_texts(
    struct chunk *c, size_t member, size_t from, size_t end, struct rows *r)
{
    struct page_item *m = c->members[member];
    struct item_hashes hashes;

    rows_hash_of(c, member, end - from, &hashes);
    for (size_t i = from; i < end; i++) {
        struct store_row *row = add_row(r, m, &hashes, i - from);

        row->content_text = c->texts[i].text;
        row->vector = c->texts[i].vector;
    }
    rows_add_trim(m, end - from, r);
    return chunk_rows_number_pieces(
        c, m, r->rows + r->nrows - (end - from), end - from);
}

static size_t most_rows(const struct chunk *c)
{
    size_t n = c->ntexts;

    for (size_t i = c->range.lo; i < c->range.hi; i++)
        n += c->members[i]->stored_pieces;
    return n;
}

static size_t chunk_rows_bytes_of(
    const struct chunk *c, const struct store_row *row)
{
    size_t vector = row->vector == NULL
                        ? 0
                        : (size_t)c->p->options->embedding.dimensions *
                              sizeof(*row->vector);

    return row->content_id.len + row->content_text.len + row->metadata.len +
           vector;
}

/*
 * Of an item that is too large for one transaction, the last rows that are not
 * written yet: the first piece comes last, and with it what a shorter text
 * leaves behind. An item with part of its pieces never looks unchanged.
 */
static void chunk_rows_take_last(struct chunk *c, struct rows *r)
{
    size_t hi = c->unwritten > 0 ? c->unwritten : r->nrows, lo = hi;
    size_t bytes = 0;

    while (lo > 0 &&
           (lo == hi || bytes + chunk_rows_bytes_of(c, &r->rows[lo - 1]) <=
                            c->p->options->store_bytes))
        bytes += chunk_rows_bytes_of(c, &r->rows[--lo]);
    c->unwritten_next = lo;
    r->rows += lo;
    r->nrows = hi - lo;
    if (lo > 0)
        r->ntrims = 0;
}

static int chunk_rows_add_member(
    struct chunk *c, size_t member, size_t *at, struct rows *r)
{
    struct page_item *m = c->members[member];
    size_t end;

    *at = chunk_rows_texts_of(c, member, *at, &end);
    if (m->outcome != ITEM_OPEN || m->unembedded)
        return 0;
    if (m->change == CHANGE_EXTRA) {
        rows_add_trim(m, m->own_pieces, r);
        return 0;
    }
    return m->change == CHANGE_TEXT ? rows_add_texts(c, member, *at, end, r)
                                    : add_changed_row(c, member, r);
}

/* The rows of as many members as fit into a transaction, and of one at least;
 * the others stay in the ranges. */
static int chunk_rows_add_members(struct chunk *c, struct rows *r)
{
    size_t most = c->p->options->store_bytes, at = 0, bytes = 0;

    for (size_t i = c->range.lo; i < c->range.hi; i++) {
        struct rows before = *r;
        size_t more = 0;

        if (chunk_rows_add_member(c, i, &at, r) < 0)
            return ERR_NOMEM;
        for (size_t k = before.nrows; k < r->nrows; k++)
            more += chunk_rows_bytes_of(c, &r->rows[k]);
        if (before.nrows > 0 && bytes + more > most) {
            ranges_push(&c->ranges, (struct range){.lo = i, .hi = c->range.hi});
            c->range.hi = i;
            *r = before;
            break;
        }
        bytes += more;
    }
    c->unwritten_next = 0;
    if (bytes > most)
        chunk_rows_take_last(c, r);
    return 0;
}

int chunk_rows(struct chunk *c)
{
    size_t members = c->range.hi - c->range.lo;
    size_t most = most_rows(c);
    struct rows r = {.nrows = 0};

    r.rows = arena_calloc(&c->arena, most, sizeof(*r.rows));
    r.trims = arena_calloc(&c->arena, members, sizeof(*r.trims));
    if (r.rows == NULL || r.trims == NULL)
        return ERR_NOMEM;
    if (chunk_rows_add_members(c, &r) < 0)
        return ERR_NOMEM;
    c->store.scope = c->group->scope;
    c->store.rows = r.rows;
    c->store.nrows = r.nrows;
    c->store.trims = r.trims;
    c->store.ntrims = r.ntrims;
    c->store.dimensions = c->p->options->embedding.dimensions;
    c->store.stored_at_ms = c->p->ports->wall_ms(c->p->ports->world);
    return 0;
}
