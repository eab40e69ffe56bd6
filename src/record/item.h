/*
 * An item as the schema sees it: its id, its text, its metadata, its hashes.
 * Pure; the text is byte for byte what readers of the store compare with.
 */
#ifndef RECORD_ITEM_H
#define RECORD_ITEM_H

#include "base/crypto.h"
#include "base/json.h"
#include "record/pieces/piece_sent.h"

struct item {
    struct str content_id;   /* 1 .. 1000 bytes */
    struct str content_text; /* never empty */
    struct str metadata;     /* JSON object, without _stored_at */
    size_t nuls;             /* NUL characters dropped */
    size_t replaced;         /* U+FFFD put in (JSON inside strings) */
    bool no_id;              /* a part of the id has no value */
};

enum { CONTENT_ID_BYTES = 1000 };

/*
 * Extracts and renders one item of a page. All memory is in `a`; `scratch` is
 * a buffer the caller keeps from item to item. Errors are the item's own and
 * say why it is a dead letter: ERR_INVALID ("not an object", "no content id",
 * "content id longer than 1000 bytes", "text larger than ..", "empty text");
 * ERR_NOMEM. *out is filled as far as it got: content_id.len is 0 while the
 * id is not known.
 */
int item_render(const struct schema *schema, yyjson_val *value, struct arena *a,
    struct buf *scratch, struct item *out, struct err *err);

/*
 * The metadata of an item's second and later pieces: where they come from, and
 * title and url up to PIECE_FIELD_BYTES each. The item's own are in its first
 * piece alone; in every one, a text would be stored as often as it has pieces.
 */
enum { PIECE_FIELD_BYTES = 1000 };
int item_piece_metadata(const struct schema *schema, yyjson_val *value,
    struct arena *a, struct buf *scratch, struct str *out);

/* Its id alone, of one that is not to be rendered. Errors as above. */
int item_identify(const struct schema *schema, yyjson_val *value,
    struct arena *a, struct buf *scratch, struct item *out, struct err *err);

/*
 * The values of an item's fields, in the schema's order; NULL: missing.
 * Objects and arrays that came as text are parsed, in `a`. ERR_NOMEM.
 */
int item_values(const struct schema *schema, yyjson_val *value, struct arena *a,
    yyjson_val ***out);

/* What an item's embedding depends on besides its text. All borrowed. */
struct embedding_id {
    const char *provider, *model;
    int dimensions;
};

/*
 * How a long text is cut: at a border in the last third of a piece, so that no
 * piece is a short header alone; or, as rows from before that rule are cut and
 * stay until their text changes, at the last border wherever it is.
 */
enum cut_rule { CUT_LAST_THIRD, CUT_ANYWHERE };

/*
 * The hashes that are stored beside an item of `pieces` rows. embed_hash: of
 * the trimmed text, provider, model, dimensions. row_hash: of that, metadata
 * and schema version. Both contain the number of pieces, so that an item with
 * a piece missing never looks unchanged, and of several pieces the rule that
 * cut them and what the later ones are sent with (NULL: nothing).
 */
struct item_hashes {
    uint8_t embed_hash[SHA256_BYTES];
    uint8_t row_hash[SHA256_BYTES];
};
void item_hash(const struct item *item, const struct schema *schema,
    const struct embedding_id *id, size_t pieces, enum cut_rule rule,
    const struct piece_context *context, struct item_hashes *out);

/*
 * The digest of all that decides, beside the item itself, how it ends: what
 * the schema makes of an item, provider, model, dimensions.
 */
void item_fingerprint(const struct schema *schema,
    const struct embedding_id *id, uint8_t out[SHA256_BYTES]);

/* The embed_hash alone; it follows from what is stored. */
void item_embed_hash(struct str content_text, const struct embedding_id *id,
    size_t pieces, enum cut_rule rule, const struct piece_context *context,
    uint8_t out[SHA256_BYTES]);

/* A token per 3 ASCII bytes and per non-ASCII code point, rounded up. */
enum { ASCII_PER_TOKEN = 3 };
size_t text_tokens(struct str text);

/* Bytes of the longest beginning of a text that is not empty that has no more
 * tokens; at least one code point. */
size_t item_split_fit(struct str text, size_t max_tokens);

/* How long pieces may be, in estimated tokens, and where they are cut. */
struct text_cut {
    size_t first, later; /* the first one, and each later one */
    enum cut_rule rule;
};

/*
 * Cuts a text at paragraph, then sentence, then code-point borders into
 * pieces; joined they are the text. Pieces borrow from it; the array is in
 * `a`. One piece when it fits; none is only white space. Returns the count, or
 * < 0 (ERR_NOMEM).
 */
long text_split(struct arena *a, struct str text, const struct text_cut *cut,
    struct str **pieces);

#endif
