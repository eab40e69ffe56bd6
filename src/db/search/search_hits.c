/* What both searches share: the filter's parameters, and reading hits. */
#include "db/search/search_impl.h"

#include <math.h>
#include <stdlib.h>

static void search_hits_add_list(
    struct call *c, const char *const *texts, size_t n)
{
    struct pg_array array;
    size_t bytes = 0;

    for (size_t i = 0; i < n; i++)
        bytes += strlen(texts[i]);
    if (array_init(&array, &c->arena, PG_TEXT_ARRAY, 0, n, bytes) < 0)
        abort();
    for (size_t i = 0; i < n; i++)
        array_add(&array, str_of(texts[i]));
    call_add(c, array_param(&array));
}

void search_add_languages(
    struct call *c, const struct search_language *languages, size_t n)
{
    const char **texts = arena_calloc(&c->arena, n + 1, sizeof(*texts));

    if (texts == NULL)
        abort();
    for (size_t i = 0; i < n; i++)
        texts[i] = languages[i].service;
    search_hits_add_list(c, texts, n);
    for (size_t i = 0; i < n; i++)
        texts[i] = languages[i].name;
    search_hits_add_list(c, texts, n);
}

void search_add_filter(struct call *c, const struct search_filter *f)
{
    call_add_text(c, f->tenant);
    call_add_text(c, f->service);
    if (f->nfields > 0) {
        search_hits_add_list(c, f->names, f->nfields);
        search_hits_add_list(c, f->values, f->nfields);
    } else {
        call_add_text(c, NULL);
        call_add_text(c, NULL);
    }
    call_add_text(c, f->since);
    call_add_text(c, f->until);
}

void search_add_vector(struct call *c, const float *vector, int dimensions)
{
    size_t bytes = vector_bytes(dimensions);
    uint8_t *data = arena_alloc(&c->arena, bytes);

    if (data == NULL)
        abort();
    vector_put(data, vector, dimensions);
    call_add(c, (struct pg_param){.type = store_work(c)->store->vector_oid,
                    .data = data,
                    .len = (int)bytes,
                    .binary = true});
}

static bool search_hits_take_one(
    struct arena *a, const struct pg_result *r, int row, struct search_hit *hit)
{
    hit->service = arena_dup(a, pg_value(r, row, 0));
    hit->content_id = arena_dup(a, pg_value(r, row, 1));
    hit->chunk_index = (int)call_int(r, row, 2);
    hit->score = strtod(pg_value(r, row, 3).p, NULL);
    hit->similarity =
        pg_is_null(r, row, 4) ? NAN : strtod(pg_value(r, row, 4).p, NULL);
    hit->phrase = pg_value(r, row, 5).p[0] == 't';
    hit->title = arena_dup(a, pg_value(r, row, 6));
    hit->preview = arena_dup(a, pg_value(r, row, 7));
    return hit->service.p != NULL && hit->content_id.p != NULL &&
           hit->title.p != NULL && hit->preview.p != NULL;
}

bool search_take_hits(struct arena *a, const struct pg_result *r,
    struct search_hit **hits, size_t *nhits)
{
    bool ok;

    *nhits = (size_t)pg_rows(r);
    *hits = arena_calloc(a, *nhits, sizeof(**hits));
    ok = *hits != NULL;
    for (int i = 0; ok && i < pg_rows(r); i++)
        ok = search_hits_take_one(a, r, i, &(*hits)[i]);
    return ok;
}
