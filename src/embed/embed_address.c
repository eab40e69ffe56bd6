#include "embed/embed_address.h"

#include <stdio.h>
#include <stdlib.h>

static char *address_copy(struct str s)
{
    char *z = malloc(s.len + 1);

    if (z == NULL)
        abort();
    memcpy(z, s.p, s.len);
    z[s.len] = '\0';
    return z;
}

static bool embed_address_ends_with(struct str s, struct str end)
{
    return s.len >= end.len &&
           memcmp(s.p + s.len - end.len, end.p, end.len) == 0;
}

/* The socket's path of unix:/socket[:/path]; *rest is the path, or /v1. */
static char *embed_address_take_socket(const char *api_url, const char **rest)
{
    const char *socket = api_url + strlen("unix:");
    const char *colon;

    while (socket[0] == '/' && socket[1] == '/')
        socket++;
    colon = strstr(socket, ":/");
    *rest = colon == NULL ? "/v1" : colon + 1;
    return address_copy((struct str){
        socket, colon == NULL ? strlen(socket) : (size_t)(colon - socket)});
}

static void embed_address_show(struct embed_address *a)
{
    const char *mark = strstr(a->url, "://");
    const char *host = mark == NULL ? a->url : mark + 3;
    size_t end = strcspn(a->url, "?");

    for (const char *at = host; *at != '\0' && *at != '/' && *at != '?'; at++)
        if (*at == '@')
            host = at + 1;
    if (a->unix_socket != NULL)
        snprintf(a->shown, sizeof(a->shown), "unix:%s:%.*s", a->unix_socket,
            (int)(end - strlen("http://localhost")),
            a->url + strlen("http://localhost"));
    else
        snprintf(a->shown, sizeof(a->shown), "%.*s%.*s",
            mark == NULL ? 0 : (int)(mark + 3 - a->url), a->url,
            (int)(a->url + end - host), host);
}

void embed_address_init(struct embed_address *a, const char *api_url)
{
    static const struct str name = {"/embeddings", sizeof("/embeddings") - 1};
    const char *origin = "", *query;
    struct str path;
    size_t size;

    *a = (struct embed_address){.url = NULL};
    if (strncmp(api_url, "unix:", 5) == 0) {
        a->unix_socket = embed_address_take_socket(api_url, &api_url);
        origin = "http://localhost";
    }
    path = (struct str){api_url, strcspn(api_url, "?#")};
    query = api_url + path.len;
    while (path.len > 0 && path.p[path.len - 1] == '/')
        path.len--;
    size = strlen(origin) + strlen(api_url) + name.len + 1;
    a->url = malloc(size);
    if (a->url == NULL)
        abort();
    snprintf(a->url, size, "%s%.*s%s%.*s", origin, STR_ARG(path),
        embed_address_ends_with(path, name) ? "" : name.p,
        *query == '?' ? (int)strcspn(query, "#") : 0, query);
    embed_address_show(a);
}

void embed_address_free(struct embed_address *a)
{
    free(a->url);
    free(a->unix_socket);
}
