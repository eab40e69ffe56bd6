/* The id of an item: what its schema's parts of the id lead to. */
#ifndef RECORD_ITEM_ID_H
#define RECORD_ITEM_ID_H

#include "base/json.h"
#include "record/schema.h"

/*
 * Appends the id, parts joined with ':'. values[i] belongs to
 * schema->fields[i], NULL is null; `item` is what they come from. False: a
 * part has no value, or one that is not a scalar. Errors of `out` stick to it.
 */
bool item_id_write(const struct schema *schema, yyjson_val *item,
    yyjson_val *const *values, struct buf *out);

/* A scalar as it stands in an id: an integer keeps its digits. */
void item_id_write_value(struct buf *out, yyjson_val *v);

/* The member of that name, or of an array the element of that number. NULL:
 * there is none. */
yyjson_val *item_id_step(yyjson_val *v, struct str segment);

/*
 * Appends what helps to find an id where items have none: the keys of the
 * item, and the line that the schema lacks.
 */
void item_id_advise(
    const struct schema *schema, yyjson_val *item, struct buf *out);

#endif
