/*
 * The items of a linking job, numbered: their keys, their nodes, when they
 * were queued, and what is nearest to them. The numbers are those of
 * db/graph/job/nearest.h. Memory: some 160 bytes an item and its ids.
 */
#ifndef DB_GRAPH_JOB_LINK_ITEMS_H
#define DB_GRAPH_JOB_LINK_ITEMS_H

#include "base/arena.h"
#include "db/graph/job/nearest.h"

struct link_item {
    const char *microservice; /* its id; shared by the service's items */
    struct str content_id;
    struct str node;   /* len 0: it has none */
    int64_t queued_at; /* microseconds since 2000, as it was read; 0: not */
    bool stored;       /* it has been seen among the vectors */
};

struct link_items {
    struct arena arena;
    uint32_t *slots; /* by a hash of the key: a number and 1; 0: none */
    size_t mask;
    struct link_item *items;
    struct nearest *tops;
    size_t n, max;
    const char *service; /* the newest one's */
};

/* For at most `max` items; ERR_NOMEM. */
int link_items_init(struct link_items *l, size_t max);
void link_items_free(struct link_items *l);

/*
 * The number of an item, which is new if `add`. SIZE_MAX: there is no such
 * item, or no room for another one.
 */
size_t link_items_find(struct link_items *l, struct str microservice,
    struct str content_id, bool add);

#endif
