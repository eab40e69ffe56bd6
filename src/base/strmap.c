#include "base/strmap.h"

#include "base/err.h"
#include <stdint.h>

struct strmap_slot {
    struct str key; /* borrowed; p is NULL in a free slot */
    uint64_t hash;
    size_t value;
};

enum { FEWEST_SLOTS = 8 };

static uint64_t strmap_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/*
 * Keys come from outside, so the seed is the map's own address: an attacker
 * cannot prepare keys that all hash to one slot.
 */
static uint64_t strmap_hash_of(const struct strmap *m, struct str key)
{
    uint64_t h = (uint64_t)(uintptr_t)m->slots ^ 0x9E3779B97F4A7C15u;
    uint64_t word;
    size_t i;

    for (i = 0; i + 8 <= key.len; i += 8) {
        memcpy(&word, key.p + i, 8);
        h = strmap_mix(h ^ word, 0xD6E8FEB86659FD93u);
    }
    word = 0;
    if (i < key.len)
        memcpy(&word, key.p + i, key.len - i);
    return strmap_mix(h ^ word, 0xA0761D6478BD642Fu ^ key.len);
}

/* Half of the slots stay free, so that a search always ends, and soon. */
int strmap_init(struct strmap *m, struct arena *a, size_t max)
{
    size_t slots = FEWEST_SLOTS;

    *m = (struct strmap){.slots = NULL};
    while (slots / 2 < max) {
        if (slots > SIZE_MAX / 2)
            return ERR_NOMEM;
        slots *= 2;
    }
    m->slots = arena_calloc(a, slots, sizeof(*m->slots));
    if (m->slots == NULL)
        return ERR_NOMEM;
    m->mask = slots - 1;
    return 0;
}

/* The slot that holds the key, or the free one where it belongs. */
static struct strmap_slot *strmap_slot_of(
    const struct strmap *m, struct str key, uint64_t hash)
{
    size_t i = (size_t)hash & m->mask;

    while (m->slots[i].key.p != NULL) {
        if (m->slots[i].hash == hash && str_eq(m->slots[i].key, key))
            break;
        i = (i + 1) & m->mask;
    }
    return &m->slots[i];
}

size_t *strmap_put(struct strmap *m, struct str key, bool *found)
{
    uint64_t hash = strmap_hash_of(m, key);
    struct strmap_slot *slot = strmap_slot_of(m, key, hash);

    *found = slot->key.p != NULL;
    if (*found)
        return &slot->value;
    if (m->count == m->mask)
        return NULL;
    if (key.p == NULL)
        key.p = "";
    *slot = (struct strmap_slot){.key = key, .hash = hash};
    m->count++;
    return &slot->value;
}

const size_t *strmap_get(const struct strmap *m, struct str key)
{
    const struct strmap_slot *slot;

    if (m->slots == NULL)
        return NULL;
    slot = strmap_slot_of(m, key, strmap_hash_of(m, key));
    return slot->key.p == NULL ? NULL : &slot->value;
}
