/* Names of services, from a setting or from what the coordinator answers; pure.
 */
#ifndef SOURCE_SERVICE_NAMES_H
#define SOURCE_SERVICE_NAMES_H

#include "base/arena.h"
#include "base/err.h"

enum {
    SERVICE_NAME_BYTES = 200, /* a longer name is invalid */
    SERVICE_LIST_MAX = 1000   /* names; more are an error */
};

/* A list in the making; names live in the arena. */
struct service_names {
    struct arena *arena; /* borrowed */
    const char **names;
    size_t n;
};

/*
 * Adds a name: trimmed, NUL-terminated, once. An empty one is left out, and so
 * with a warning is one that is too long, not UTF-8 or has control characters.
 * ERR_NOMEM, ERR_TOO_LARGE past SERVICE_LIST_MAX.
 */
int service_names_add(
    struct service_names *list, struct str name, struct err *err);

/* Adds the names of a comma separated text; NULL has none. */
int service_names_split(
    struct service_names *list, const char *text, struct err *err);

/*
 * Adds the names in an answer of the coordinator, but for our own: entries are
 * strings, or objects with a serviceName. ERR_PROTOCOL, ERR_SOURCE (it reports
 * no success), ERR_NOT_FOUND (there are none), or one of the above.
 */
int service_names_read(
    struct service_names *list, struct str answer, struct err *err);

#endif
