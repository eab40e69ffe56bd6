#include "db/search/languages.h"

#include <stdlib.h>

const struct search_language *languages_of(
    const struct schema_set *schemas, struct arena *arena, size_t *n)
{
    struct search_language *languages =
        arena_calloc(arena, schemas->n + 1, sizeof(*languages));

    if (languages == NULL)
        abort();
    for (size_t i = 0; i < schemas->n; i++)
        languages[i] = (struct search_language){
            schemas->schemas[i]->service_name, schemas->schemas[i]->language};
    *n = schemas->n;
    return languages;
}
