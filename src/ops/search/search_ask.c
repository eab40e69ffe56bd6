#include "ops/search/search_ask.h"

#include <stdlib.h>
#include <string.h>

int search_ask_way(const char *text, enum search_way *way, struct err *err)
{
    static const char *const names[] = {"hybrid", "vector", "text"};

    for (int i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) == 0) {
            *way = (enum search_way)i;
            return 0;
        }
    }
    return err_set(
        err, ERR_INVALID, "must be \"hybrid\", \"vector\" or \"text\"");
}

int search_ask_time(
    struct arena *arena, const char *text, const char **out, struct err *err)
{
    char *iso = arena_alloc(arena, ISO_BYTES);
    int64_t ms;

    if (iso == NULL)
        abort();
    if (!iso_to_ms(str_of(text), &ms))
        return err_set(err, ERR_INVALID,
            "must be a date or a time such as 2026-01-31 or "
            "2026-01-31T08:30:00Z");
    iso_from_ms(ms, iso);
    *out = iso;
    return 0;
}

int search_ask_field(struct search_filter *filter, const char *name,
    const char *value, struct err *err)
{
    if (name[0] == '\0')
        return err_set(err, ERR_INVALID, "must name a field of the metadata");
    if (filter->nfields == SEARCH_FIELDS)
        return err_set(
            err, ERR_INVALID, "must be %d fields or fewer", SEARCH_FIELDS);
    filter->names[filter->nfields] = name;
    filter->values[filter->nfields++] = value;
    return 0;
}

int search_ask_where(struct arena *arena, struct search_filter *filter,
    const char *text, struct err *err)
{
    const char *equals = strchr(text, '=');
    struct str name;

    if (equals == NULL)
        return err_set(err, ERR_INVALID, "must be NAME=VALUE");
    name = arena_dup(arena, (struct str){text, (size_t)(equals - text)});
    if (name.p == NULL)
        abort();
    return search_ask_field(filter, name.p, equals + 1, err);
}
