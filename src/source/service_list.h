/*
 * Which services there are: the real side of the list_services port. A
 * trigger that names services does not ask; else the first source that names
 * any wins: the environment, the coordinator over HTTP, the fallback.
 */
#ifndef SOURCE_SERVICE_LIST_H
#define SOURCE_SERVICE_LIST_H

#include "net/http/http_client.h"
#include "sync/ports.h"

/* What it stands on. All borrowed, for as long as requests are pending. */
struct service_list {
    struct loop *loop;
    struct http_client *http;
    const char *env;      /* comma separated; NULL: not set */
    const char *http_url; /* the coordinator's base; NULL: there is none */
    const char *fallback; /* comma separated */
};

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
 * The port. What fails on the way is a warning in the log and the next
 * source's turn; ERR_NOT_FOUND when the fallback is empty too.
 */
void service_list_submit(
    const struct service_list *l, struct services_req *req);

#endif
