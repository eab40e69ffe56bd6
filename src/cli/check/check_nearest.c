#include "cli/check/check_nearest.h"

#include "base/text.h"

#include <stdio.h>

/* How far a schema's names are from a service's. */
static size_t check_distance(const struct schema *schema, const char *service)
{
    size_t stem = edit_distance(str_of(schema->stem), str_of(service));
    size_t name = edit_distance(str_of(schema->service_name), str_of(service));

    return stem < name ? stem : name;
}

void check_nearest(const struct schema_set *set, const char *service,
    char advice[CHECK_ADVICE_BYTES])
{
    const struct schema *first = NULL, *second = NULL;

    for (size_t i = 0; i < set->n; i++) {
        const struct schema *s = set->schemas[i];
        size_t distance = check_distance(s, service);

        if (first == NULL || distance < check_distance(first, service)) {
            second = first;
            first = s;
        } else if (second == NULL ||
                   distance < check_distance(second, service)) {
            second = s;
        }
    }
    if (first == NULL)
        snprintf(advice, CHECK_ADVICE_BYTES, "add one");
    else
        snprintf(advice, CHECK_ADVICE_BYTES,
            "add one; or, if it is one of the nearest, %s%s%s, put into its "
            "file: \"aliases\": [\"%s\"]",
            first->stem, second != NULL ? " and " : "",
            second != NULL ? second->stem : "", service);
}
