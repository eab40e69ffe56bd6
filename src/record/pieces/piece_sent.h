/*
 * What is sent for the later pieces of a long text: with "piece_prefix" the
 * item's title before each, with "piece_overlap" the end of the piece before.
 * Stored are the pieces alone, which joined are the text; what was sent follows
 * from the rows. Pure.
 */
#ifndef RECORD_PIECES_PIECE_SENT_H
#define RECORD_PIECES_PIECE_SENT_H

#include "base/buf.h"
#include "base/crypto.h"
#include "record/schema.h"

/* The longest title that is sent, in bytes; and as a share of the limit. */
enum { PIECE_TITLE_BYTES = 1000, PIECE_TITLE_SHARE = 4 };

/* What an item's later pieces are sent with; all zero: nothing. */
struct piece_context {
    struct str title;    /* whole, as the metadata have it; borrowed */
    struct str sent;     /* as much of it as is sent; borrowed; len 0: none */
    size_t overlap;      /* estimated tokens of the piece before, at most */
    size_t later_tokens; /* what a later piece may have itself */
};

/*
 * `title`: of the item, .len 0 where it has none. Of texts of at most
 * max_tokens estimated tokens at least a quarter is left to the piece, whatever
 * the schema asks for.
 */
void piece_context_init(struct piece_context *c,
    const struct schema_pieces *options, struct str title, size_t max_tokens);

/* Adds what the vectors of later pieces depend on; nothing where that is their
 * own text alone, so that rows from before these options keep their hash. */
void piece_context_digest(const struct piece_context *c, struct sha256 *s);

/*
 * The end of `before` that goes with `piece`: at most c->overlap tokens and no
 * more than the piece has, from the beginning of a word if one begins in its
 * first third. Borrows from `before`; len 0: nothing.
 */
struct str piece_sent_overlap(
    const struct piece_context *c, struct str before, struct str piece);

/* An upper bound of text_tokens() of what is sent for a later piece. */
size_t piece_sent_tokens(
    const struct piece_context *c, struct str before, struct str piece);

/* Appends what is sent for a later piece; `before`: the one before it. */
void piece_sent_write(struct buf *out, const struct piece_context *c,
    struct str before, struct str piece);

#endif
