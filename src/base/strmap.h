/* A hash map from byte strings to numbers; keys are borrowed. */
#ifndef BASE_STRMAP_H
#define BASE_STRMAP_H

#include "base/arena.h"

struct strmap_slot;

struct strmap {
    struct strmap_slot *slots; /* in the arena */
    size_t mask;
    size_t count;
};

/* For up to `max` keys; ERR_NOMEM when the arena is full. */
int strmap_init(struct strmap *m, struct arena *a, size_t max);

/*
 * The value slot of the key, which is inserted with the value 0 if it is
 * missing; *found says whether it was there. The pointer stays valid. NULL
 * only when far more than `max` keys have been inserted and the map is full.
 */
size_t *strmap_put(struct strmap *m, struct str key, bool *found);

/* NULL when the key is not there. A map of all zeroes is an empty one. */
const size_t *strmap_get(const struct strmap *m, struct str key);

#endif
