/* The languages of the services' texts, by their schemas. */
#ifndef DB_SEARCH_LANGUAGES_H
#define DB_SEARCH_LANGUAGES_H

#include "db/search/search.h"
#include "record/schema.h"

/* In the arena; *n of them. */
const struct search_language *languages_of(
    const struct schema_set *schemas, struct arena *arena, size_t *n);

#endif
