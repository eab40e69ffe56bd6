/* An item's text in pieces, as its schema and the limit want them. Pure. */
#ifndef RECORD_PIECES_ITEM_PIECES_H
#define RECORD_PIECES_ITEM_PIECES_H

#include "record/item.h"

/*
 * What later pieces of the item are sent with: its title is that of its
 * metadata, when it is a text. `value`: the item as it came, from which the
 * title is borrowed unless `a` has to hold another. ERR_NOMEM.
 */
int item_pieces_context(const struct schema *schema, yyjson_val *value,
    size_t max_tokens, struct arena *a, struct piece_context *out);

struct item_pieces {
    struct str *list; /* in the arena; borrow from the text */
    size_t n;
};

/* Cuts the item's text; what is sent for each fits into max_tokens. ERR_NOMEM.
 */
int item_pieces_cut(const struct piece_context *context,
    struct str content_text, size_t max_tokens, enum cut_rule rule,
    struct arena *a, struct item_pieces *out);

#endif
