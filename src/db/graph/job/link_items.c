#include "db/graph/job/link_items.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>

/* The arrays are for the most there may be; what is not used of fresh pages
 * takes no memory. */
int link_items_init(struct link_items *l, size_t max)
{
    size_t slots = 8;

    while (slots / 2 < max)
        slots *= 2;
    *l = (struct link_items){.max = max, .mask = slots - 1};
    arena_init(&l->arena, 0);
    l->items = calloc(max, sizeof(l->items[0]));
    l->tops = calloc(max, sizeof(l->tops[0]));
    l->slots = calloc(slots, sizeof(l->slots[0]));
    if (l->items != NULL && l->tops != NULL && l->slots != NULL)
        return 0;
    link_items_free(l);
    return ERR_NOMEM;
}

void link_items_free(struct link_items *l)
{
    free(l->items);
    free(l->tops);
    free(l->slots);
    arena_free(&l->arena);
    *l = (struct link_items){.n = 0};
}

/* The services of a tenant are few, and the items of each come together. */
static const char *link_items_service(struct link_items *l, struct str id)
{
    if (l->service == NULL || strlen(l->service) != id.len ||
        memcmp(l->service, id.p, id.len) != 0)
        l->service = arena_dup(&l->arena, id).p;
    return l->service;
}

static uint64_t link_items_mix(uint64_t h, struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)s.p[i]) * 0x100000001B3u;
    return h ^ h >> 29;
}

/* The slot that has the item's number, or the free one where it belongs. Keys
 * come from outside: the hash begins with an address, which nobody knows. */
static uint32_t *link_items_slot(
    const struct link_items *l, struct str microservice, struct str content_id)
{
    uint64_t h = (uint64_t)(uintptr_t)l->slots ^ 0xCBF29CE484222325u;
    size_t i;

    h = link_items_mix(link_items_mix(h, content_id), microservice);
    for (i = (size_t)h & l->mask; l->slots[i] != 0; i = (i + 1) & l->mask) {
        const struct link_item *item = &l->items[l->slots[i] - 1];

        if (str_eq(item->content_id, content_id) &&
            str_eq(str_of(item->microservice), microservice))
            break;
    }
    return &l->slots[i];
}

size_t link_items_find(struct link_items *l, struct str microservice,
    struct str content_id, bool add)
{
    uint32_t *slot = link_items_slot(l, microservice, content_id);
    struct link_item *item = &l->items[l->n];

    if (*slot != 0)
        return *slot - 1;
    if (!add || l->n == l->max)
        return SIZE_MAX;
    item->microservice = link_items_service(l, microservice);
    item->content_id = arena_dup(&l->arena, content_id);
    if (item->microservice == NULL || item->content_id.p == NULL)
        return SIZE_MAX;
    *slot = (uint32_t)++l->n;
    return l->n - 1;
}
