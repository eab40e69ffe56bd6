/*
 * Which ids a pass has met. Bounded: a filter over all of them, which can only
 * prove that an id is new, and the ids of the last pages, which are certain.
 * What the filter knows and those pages lack, the caller has to confirm.
 * The filter holds 2.8 million ids in 11 MiB at most; any more than that count
 * as new unless one of the pages has them; so do all when there is no memory.
 */
#ifndef RECORD_PASS_KNOWN_IDS_H
#define RECORD_PASS_KNOWN_IDS_H

#include "base/crypto.h"
#include "base/json.h"

enum { KNOWN_IDS_PAGES = 16 }; /* whose ids are held as they are */

/* An id, or of an item without one the item itself. */
struct id_key {
    uint64_t a, b;
};
struct id_key id_key_of_id(struct str id);
struct id_key id_key_of_item(yyjson_val *item);

enum id_state { ID_NEW, ID_KNOWN, ID_UNSURE };

struct known_ids;
struct known_ids *known_ids_new(void); /* aborts without memory */
void known_ids_free(struct known_ids *ids);

enum id_state known_ids_state(
    const struct known_ids *ids, const struct id_key *key);

/* Sorting is most of what adding a page costs, and needs no known_ids: it may
 * be done in another thread. */
void id_keys_sort(struct id_key *keys, size_t n);

/* The keys of a page, sorted. */
void known_ids_add_page(
    struct known_ids *ids, const struct id_key *keys, size_t n);

#endif
