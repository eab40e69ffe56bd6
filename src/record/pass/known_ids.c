#include "record/pass/known_ids.h"

#include <stdlib.h>

/*
 * The filter grows by layers, each four times as large as the one before and
 * filled up before the next begins. 32 bits an id and 12 probes let one id in
 * 200,000 pass for another at worst.
 */
enum { LAYERS = 6, FIRST_BITS = 64 * 1024, BITS_PER_ID = 32, PROBES = 12 };

struct id_layer {
    uint64_t *words; /* owned; NULL: not begun */
    uint64_t bits;   /* a power of two */
    uint64_t n;      /* ids in it */
};

struct id_page {
    struct id_key *keys; /* owned; sorted */
    size_t n;
};

struct known_ids {
    struct id_layer layers[LAYERS];
    int at; /* the layer that is being filled; LAYERS: all are full */
    struct id_page pages[KNOWN_IDS_PAGES]; /* a ring */
    size_t next;
};

static struct id_key known_ids_key_of_digest(const uint8_t digest[SHA256_BYTES])
{
    struct id_key key;

    memcpy(&key.a, digest, sizeof(key.a));
    memcpy(&key.b, digest + sizeof(key.a), sizeof(key.b));
    return key;
}

struct id_key id_key_of_id(struct str id)
{
    uint8_t digest[SHA256_BYTES];

    sha256_of(id, digest);
    return known_ids_key_of_digest(digest);
}

struct id_key id_key_of_item(yyjson_val *item)
{
    uint8_t digest[SHA256_BYTES];
    struct sha256 s;

    sha256_init(&s);
    json_digest(&s, item);
    sha256_end(&s, digest);
    return known_ids_key_of_digest(digest);
}

static int known_ids_key_compare(const void *one, const void *other)
{
    const struct id_key *x = one, *y = other;

    if (x->a != y->a)
        return x->a < y->a ? -1 : 1;
    return x->b < y->b ? -1 : x->b > y->b;
}

/* The filter */

/* Without memory the filter is as if it were full. */
static bool known_ids_layer_begin(struct known_ids *ids)
{
    struct id_layer *layer = &ids->layers[ids->at];

    layer->bits = (uint64_t)FIRST_BITS << (2 * ids->at);
    layer->words = calloc(layer->bits / 64, sizeof(*layer->words));
    if (layer->words == NULL)
        ids->at = LAYERS;
    return layer->words != NULL;
}

static uint64_t known_ids_layer_bit(
    const struct id_layer *layer, const struct id_key *key, uint64_t probe)
{
    return (key->a + probe * (key->b | 1)) & (layer->bits - 1);
}

static bool known_ids_layer_has(
    const struct id_layer *layer, const struct id_key *key)
{
    for (uint64_t i = 0; i < PROBES; i++) {
        uint64_t bit = known_ids_layer_bit(layer, key, i);

        if ((layer->words[bit / 64] >> (bit % 64) & 1) == 0)
            return false;
    }
    return true;
}

static bool known_ids_filter_has(
    const struct known_ids *ids, const struct id_key *key)
{
    for (int i = 0; i < LAYERS && ids->layers[i].words != NULL; i++)
        if (known_ids_layer_has(&ids->layers[i], key))
            return true;
    return false;
}

static void known_ids_filter_add(
    struct known_ids *ids, const struct id_key *key)
{
    struct id_layer *layer;

    if (ids->at == LAYERS || known_ids_filter_has(ids, key))
        return;
    layer = &ids->layers[ids->at];
    if (layer->words == NULL && !known_ids_layer_begin(ids))
        return;
    for (uint64_t i = 0; i < PROBES; i++) {
        uint64_t bit = known_ids_layer_bit(layer, key, i);

        layer->words[bit / 64] |= UINT64_C(1) << (bit % 64);
    }
    if (++layer->n == layer->bits / BITS_PER_ID)
        ids->at++;
}

/* The pages */

static bool known_ids_pages_have(
    const struct known_ids *ids, const struct id_key *key)
{
    for (int i = 0; i < KNOWN_IDS_PAGES; i++)
        if (ids->pages[i].n > 0 &&
            bsearch(key, ids->pages[i].keys, ids->pages[i].n, sizeof(*key),
                known_ids_key_compare) != NULL)
            return true;
    return false;
}

/* Without memory the page's ids are unsure, no more. */
static void known_ids_pages_add(
    struct known_ids *ids, const struct id_key *keys, size_t n)
{
    struct id_page *page = &ids->pages[ids->next++ % KNOWN_IDS_PAGES];
    struct id_key *copy = n == 0 ? NULL : malloc(n * sizeof(*copy));

    free(page->keys);
    *page = (struct id_page){.keys = copy, .n = copy == NULL ? 0 : n};
    if (copy != NULL)
        memcpy(copy, keys, n * sizeof(*keys));
}

struct known_ids *known_ids_new(void)
{
    struct known_ids *ids = calloc(1, sizeof(*ids));

    if (ids == NULL)
        abort();
    return ids;
}

void known_ids_free(struct known_ids *ids)
{
    if (ids == NULL)
        return;
    for (int i = 0; i < LAYERS; i++)
        free(ids->layers[i].words);
    for (int i = 0; i < KNOWN_IDS_PAGES; i++)
        free(ids->pages[i].keys);
    free(ids);
}

enum id_state known_ids_state(
    const struct known_ids *ids, const struct id_key *key)
{
    if (ids->at < LAYERS && !known_ids_filter_has(ids, key))
        return ID_NEW;
    if (known_ids_pages_have(ids, key))
        return ID_KNOWN;
    return ids->at < LAYERS ? ID_UNSURE : ID_NEW;
}

void id_keys_sort(struct id_key *keys, size_t n)
{
    qsort(keys, n, sizeof(*keys), known_ids_key_compare);
}

void known_ids_add_page(
    struct known_ids *ids, const struct id_key *keys, size_t n)
{
    for (size_t i = 0; i < n; i++)
        known_ids_filter_add(ids, &keys[i]);
    known_ids_pages_add(ids, keys, n);
}
