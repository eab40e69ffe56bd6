#include "api/openapi/openapi.h"

#include "api/routes.h"
#include "version.h"
#include <ctype.h>
#include <stdio.h>

/* "GET" -> "get" */
static const char *openapi_method(const struct route *r, char out[16])
{
    snprintf(out, 16, "%s", r->method);
    for (char *c = out; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    return out;
}

static void openapi_add_refusal(
    json_t *responses, const char *status, const char *words)
{
    if (json_object_get(responses, status) == NULL)
        json_object_set_new(responses, status,
            json_pack("{s:s, s:{s:{s:{s:s}}}}", "description", words, "content",
                "application/json", "schema", "$ref",
                "#/components/schemas/Error"));
}

/* Below /admin/ the token comes first. */
static void openapi_guard(json_t *operation, const struct route *r)
{
    json_t *responses = json_object_get(operation, "responses");
    bool guarded = strncmp(r->path, "/admin/", 7) == 0;

    json_object_set_new(operation, "security",
        guarded ? json_pack("[{s:[]}]", "token") : json_array());
    openapi_add_refusal(responses, "400", "The request is malformed");
    openapi_add_refusal(responses, "408", "The request came too slowly");
    openapi_add_refusal(responses, "500", "A fault of the service");
    openapi_add_refusal(
        responses, "503", "Not now: too many clients, or it is ending");
    if (!guarded)
        return;
    openapi_add_refusal(responses, "401", "No token, or a wrong one");
    openapi_add_refusal(responses, "403", "The token may not do this");
    openapi_add_refusal(responses, "429", "Too many wrong tokens");
}

/* Moves what is said of the route from one object of paths to the other. */
static void openapi_add_route(
    json_t *to, json_t *described, const struct route *r)
{
    char method[16];
    json_t *operation = json_object_get(
        json_object_get(described, r->path), openapi_method(r, method));
    json_t *path = json_object_get(to, r->path);

    if (operation == NULL)
        return;
    if (path == NULL) {
        path = json_object();
        json_object_set_new(to, r->path, path);
    }
    openapi_guard(operation, r);
    json_object_set(path, method, operation);
}

json_t *openapi_document(void)
{
    json_t *document =
        json_loadb((const char *)openapi_text, openapi_text_len, 0, NULL);
    json_t *described, *paths = json_object();

    described = json_object_get(document, "paths");
    for (size_t i = 0; i < NROUTES; i++)
        openapi_add_route(paths, described, &api_routes[i]);
    json_object_set_new(document, "paths", paths);
    json_object_set_new(json_object_get(document, "info"), "version",
        json_string(BATCHSYNC_VERSION));
    return document;
}
