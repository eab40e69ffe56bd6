/* Which route a request means. */
#ifndef API_ROUTER_H
#define API_ROUTER_H

#include "net/http/http_server.h"

struct api;

/* `id` is what stands in the request for the {id} of the route's path, not
 * decoded; empty when the path has none. */
typedef void (*route_handler)(
    struct api *api, struct http_exchange *x, struct str id);

struct route {
    const char *method; /* "GET", which answers HEAD, too, "POST", "DELETE" */
    const char *path;   /* with at most one {id}, which is one segment */
    route_handler handle;
    bool viewer; /* VIEWER_TOKEN is enough; x->role says who asks, and a viewer
                    sees no payloads */
};

struct route_match {
    const struct route *route; /* NULL: 404, or with `allow` 405 */
    struct str id;             /* borrowed from the path */
    char allow[64]; /* the methods of the path; "": no route has the path */
};

void router_find(const struct route *routes, size_t n, const char *method,
    struct str path, struct route_match *match);

#endif
