#include "db/graph/job/link_items.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>

int link_items_init(struct link_items *l, size_t max)
{
    *l = (struct link_items){.max = max};
    arena_init(&l->arena, 0);
    l->items = arena_calloc(&l->arena, max, sizeof(l->items[0]));
    l->tops = arena_calloc(&l->arena, max, sizeof(l->tops[0]));
    if (l->items == NULL || l->tops == NULL ||
        strmap_init(&l->map, &l->arena, max) < 0) {
        link_items_free(l);
        return ERR_NOMEM;
    }
    return 0;
}

void link_items_free(struct link_items *l)
{
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

/* Microservice, a NUL, content id: neither has a NUL within. */
static struct str link_key(
    struct arena *a, struct str microservice, struct str content_id)
{
    char *key = arena_alloc(a, microservice.len + content_id.len + 2);

    if (key == NULL)
        return (struct str){NULL, 0};
    memcpy(key, microservice.p, microservice.len);
    key[microservice.len] = '\0';
    memcpy(key + microservice.len + 1, content_id.p, content_id.len);
    key[microservice.len + 1 + content_id.len] = '\0';
    return (struct str){key, microservice.len + 1 + content_id.len};
}

size_t link_items_find(struct link_items *l, struct str microservice,
    struct str content_id, bool add)
{
    struct arena scratch;
    struct str key;
    size_t *number, at = SIZE_MAX;
    bool found = false;

    arena_init(&scratch, 0);
    key = link_key(&scratch, microservice, content_id);
    if (key.p != NULL && strmap_get(&l->map, key) != NULL)
        at = *strmap_get(&l->map, key);
    arena_free(&scratch);
    if (at != SIZE_MAX || !add || l->n == l->max)
        return at;
    key = link_key(&l->arena, microservice, content_id);
    if (key.p == NULL || link_items_service(l, microservice) == NULL)
        return SIZE_MAX;
    number = strmap_put(&l->map, key, &found);
    *number = l->n;
    l->items[l->n].microservice = l->service;
    l->items[l->n].content_id =
        (struct str){key.p + microservice.len + 1, content_id.len};
    return l->n++;
}
