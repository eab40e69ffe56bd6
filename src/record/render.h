/*
 * The content text of an item: byte for byte what JavaScript's string
 * coercion makes of its fields, since readers compare. NUL characters are
 * left out, for the database refuses them.
 */
#ifndef RECORD_RENDER_H
#define RECORD_RENDER_H

#include "base/json.h"
#include "record/schema.h"

/*
 * Appends the text to `out`; values[i] belongs to schema->fields[i], NULL is
 * null. Nothing is appended when no field has anything to show. Errors:
 * ERR_NOMEM of the arena; those of `out` stick to it.
 */
int render_text(const struct schema *schema, yyjson_val *const *values,
    struct arena *a, struct buf *out);

/* Appends String(v). */
void render_value(struct buf *out, yyjson_val *v);

/* Appends s without its NUL characters. */
void render_str(struct buf *out, struct str s);

/* The instant that a datetime field means: what JavaScript's `new Date(v)`
 * makes of the value in UTC; false where that is an invalid date. */
bool render_instant(yyjson_val *v, int64_t *epoch_ms);

#endif
