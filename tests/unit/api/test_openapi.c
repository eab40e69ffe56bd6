/* The table of routes and their description say the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "api/openapi/openapi.h"
#include "api/routes.h"

static json_t *described(void)
{
    json_error_t fault;
    json_t *d = json_loadb((const char *)openapi_text, openapi_text_len,
        JSON_REJECT_DUPLICATES, &fault);

    if (d == NULL)
        fail_msg("openapi.json:%d: %s", fault.line, fault.text);
    return d;
}

static const struct route *find(const char *method, const char *path)
{
    for (size_t i = 0; i < NROUTES; i++)
        if (strcasecmp(api_routes[i].method, method) == 0 &&
            strcmp(api_routes[i].path, path) == 0)
            return &api_routes[i];
    return NULL;
}

static void what_is_described_is_there(void **state)
{
    json_t *d = described(), *path, *operation;
    const char *name, *method;

    json_object_foreach(json_object_get(d, "paths"), name, path)
        json_object_foreach(
            path, method, operation) if (find(method, name) == NULL)
            fail_msg("there is no route %s %s: take it out of "
                     "src/api/openapi/openapi.json",
                method, name);
    json_decref(d);
}

static void what_is_there_is_described(void **state)
{
    json_t *d = openapi_document();
    json_t *paths = json_object_get(d, "paths");
    char method[16];

    for (size_t i = 0; i < NROUTES; i++) {
        const struct route *r = &api_routes[i];

        for (size_t k = 0; k <= strlen(r->method); k++)
            method[k] = (char)(r->method[k] | (r->method[k] != 0 ? 0x20 : 0));
        if (json_object_get(json_object_get(paths, r->path), method) == NULL)
            fail_msg("describe %s %s in src/api/openapi/openapi.json",
                r->method, r->path);
    }
    json_decref(d);
}

static void the_token_is_asked_for_below_admin(void **state)
{
    json_t *d = openapi_document(), *path, *operation;
    const char *name, *method;

    json_object_foreach(json_object_get(d, "paths"), name, path)
        json_object_foreach(path, method, operation)
    {
        size_t n = json_array_size(json_object_get(operation, "security"));

        assert_int_equal(n, strncmp(name, "/admin/", 7) == 0);
        assert_int_equal(
            json_object_get(json_object_get(operation, "responses"), "401") !=
                NULL,
            n == 1);
    }
    json_decref(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_described_is_there),
        cmocka_unit_test(what_is_there_is_described),
        cmocka_unit_test(the_token_is_asked_for_below_admin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
