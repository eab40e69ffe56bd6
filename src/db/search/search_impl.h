/* Between the files of the search. */
#ifndef DB_SEARCH_SEARCH_IMPL_H
#define DB_SEARCH_SEARCH_IMPL_H

#include "db/search/search.h"
#include "db/store/store_impl.h"

/*
 * What a row must be, over the parameters $1 to $6 of search_add_filter(). A
 * parameter that is NULL is known to be so when the statement is planned, and
 * its line is gone.
 */
#define SEARCH_FILTER                                             \
    "tenant_id = $1 AND content_type = 'microservice_data'"       \
    " AND ($2::text IS NULL OR microservice_id = (SELECT id"      \
    "  FROM @.microservices WHERE tenant_id = $1 AND name = $2))" \
    " AND ($3::text[] IS NULL OR NOT EXISTS (SELECT FROM"         \
    "  unnest($3::text[], $4::text[]) AS f (name, value)"         \
    "  WHERE metadata->>f.name IS DISTINCT FROM f.value))"        \
    " AND ($5::timestamptz IS NULL"                               \
    "  OR updated_at >= $5::timestamptz AT TIME ZONE 'UTC')"      \
    " AND ($6::timestamptz IS NULL"                               \
    "  OR updated_at < $6::timestamptz AT TIME ZONE 'UTC')"

void search_add_filter(struct call *c, const struct search_filter *f);
/* $1 and $2 of TEXT_LANGUAGES. */
void search_add_languages(
    struct call *c, const struct search_language *languages, size_t n);
void search_add_vector(struct call *c, const float *vector, int dimensions);

/* Reads rows of (service, content id, chunk index, score, similarity, phrase,
 * title, preview) into *hits; false: no memory. */
bool search_take_hits(struct arena *a, const struct pg_result *r,
    struct search_hit **hits, size_t *nhits);

#endif
