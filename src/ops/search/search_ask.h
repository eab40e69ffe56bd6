/*
 * The words of a search: how and among what. ERR_INVALID says what is allowed;
 * the caller puts in front what it was told (asked_subject()).
 */
#ifndef OPS_SEARCH_ASK_H
#define OPS_SEARCH_ASK_H

#include "ops/search/search.h"

/* "hybrid", "vector" or "text". */
int search_ask_way(const char *text, enum search_way *way, struct err *err);

/* A date or a time; *out, in the arena, is what filters take. */
int search_ask_time(
    struct arena *arena, const char *text, const char **out, struct err *err);

/* Only items whose metadata has that value; both are borrowed. */
int search_ask_field(struct search_filter *filter, const char *name,
    const char *value, struct err *err);

/* "NAME=VALUE", copied to the arena. */
int search_ask_where(struct arena *arena, struct search_filter *filter,
    const char *text, struct err *err);

#endif
