/* The links of an item: the ids that its schema's links lead to. Pure. */
#ifndef RECORD_LINKS_ITEM_LINKS_H
#define RECORD_LINKS_ITEM_LINKS_H

#include "base/json.h"
#include "record/schema.h"

/* From an item to the one that a service stores, or will, under that id. */
struct item_link {
    struct str content_id; /* of the item itself; the caller's to set */
    struct str type, service, target;
};

/* Links as they are found; a plain array in the arena. */
struct item_links {
    struct item_link *links;
    size_t n, max;
};

/*
 * Appends the links of an item, one a value: an array has many, and a path that
 * meets an array goes on in each of its elements. What cannot be an id (null,
 * an empty text, an object, more than CONTENT_ID_BYTES) is none. The same link
 * may come twice. All memory is in `a`; ERR_NOMEM.
 */
int item_links_add(struct item_links *l, const struct schema *schema,
    yyjson_val *item, struct str content_id, struct arena *a,
    struct buf *scratch);

#endif
