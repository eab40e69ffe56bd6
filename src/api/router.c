#include "api/router.h"

#include <stdio.h>
#include <string.h>

/* Does the path match, and what stands for {id}? */
static bool router_path_matches(
    const char *pattern, struct str path, struct str *id)
{
    const char *hole = strstr(pattern, "{id}");
    size_t before, after, len;

    *id = (struct str){NULL, 0};
    if (hole == NULL)
        return str_eq(str_of(pattern), path);
    before = (size_t)(hole - pattern);
    after = strlen(hole + 4);
    if (path.len <= before + after || memcmp(path.p, pattern, before) != 0 ||
        memcmp(path.p + path.len - after, hole + 4, after) != 0)
        return false;
    len = path.len - before - after;
    *id = (struct str){path.p + before, len};
    return memchr(id->p, '/', len) == NULL;
}

/* HEAD is answered like GET; the server leaves the body out. */
static bool router_method_matches(const struct route *r, const char *method)
{
    return strcmp(r->method, method) == 0 ||
           (strcmp(method, "HEAD") == 0 && strcmp(r->method, "GET") == 0);
}

static void router_allow(struct route_match *match, const char *method)
{
    size_t len = strlen(match->allow);

    snprintf(match->allow + len, sizeof(match->allow) - len, "%s%s",
        len == 0 ? "" : ", ",
        strcmp(method, "GET") == 0 ? "GET, HEAD" : method);
}

void router_find(const struct route *routes, size_t n, const char *method,
    struct str path, struct route_match *match)
{
    struct str id;

    *match = (struct route_match){.route = NULL};
    if (path.len > 1 && path.p[path.len - 1] == '/')
        path.len--;
    for (size_t i = 0; i < n; i++) {
        if (!router_path_matches(routes[i].path, path, &id))
            continue;
        router_allow(match, routes[i].method);
        if (match->route != NULL || !router_method_matches(&routes[i], method))
            continue;
        match->route = &routes[i];
        match->id = id;
    }
}
