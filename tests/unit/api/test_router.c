/* Finding the route of a request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/routes.h"

static const struct route table[] = {
    {"GET", "/things", NULL},
    {"POST", "/things", NULL},
    {"GET", "/things/{id}", NULL},
    {"POST", "/things/{id}/end", NULL},
    {"POST", "/only-post", NULL},
};

static struct route_match find(const char *method, const char *path)
{
    struct route_match match;

    router_find(
        table, sizeof(table) / sizeof(*table), method, str_of(path), &match);
    return match;
}

static void expect(const char *method, const char *path, int at, const char *id)
{
    struct route_match match = find(method, path);

    assert_ptr_equal(match.route, &table[at]);
    assert_true(str_eq(match.id, str_of(id)));
}

static void expect_none(const char *method, const char *path, const char *allow)
{
    struct route_match match = find(method, path);

    assert_null(match.route);
    assert_string_equal(match.allow, allow);
}

static void method_and_path_decide(void **state)
{
    expect("GET", "/things", 0, "");
    expect("HEAD", "/things", 0, "");
    expect("POST", "/things", 1, "");
    expect("POST", "/only-post", 4, "");
}

static void an_id_is_one_segment(void **state)
{
    expect("GET", "/things/7", 2, "7");
    expect("GET", "/things/a%2Fb", 2, "a%2Fb");
    expect("POST", "/things/7/end", 3, "7");
    expect_none("GET", "/things/a/b", "");
    expect_none("POST", "/things//end", "");
    expect_none("POST", "/things/a/b/end", "");
}

static void a_slash_at_the_end_is_accepted(void **state)
{
    expect("GET", "/things/", 0, "");
    expect("GET", "/things/7/", 2, "7");
    expect_none("GET", "/things//", "");
}

static void other_paths_are_unknown(void **state)
{
    expect_none("GET", "/", "");
    expect_none("GET", "*", "");
    expect_none("GET", "/thing", "");
    expect_none("GET", "/thingsx", "");
    expect_none("GET", "/Things", "");
}

static void another_method_learns_what_is_allowed(void **state)
{
    expect_none("DELETE", "/things", "GET, HEAD, POST");
    expect_none("POST", "/things/7", "GET, HEAD");
    expect_none("GET", "/things/7/end", "POST");
    expect_none("HEAD", "/only-post", "POST");
    expect_none("get", "/things", "GET, HEAD, POST");
}

/* The service's own table. */
static void every_route_is_found_by_its_path(void **state)
{
    struct route_match match;
    char path[128];
    char *hole;

    for (size_t i = 0; i < NROUTES; i++) {
        snprintf(path, sizeof(path), "%s", api_routes[i].path);
        hole = strstr(path, "{id}");
        if (hole != NULL)
            memcpy(hole, "1234", 4);
        router_find(
            api_routes, NROUTES, api_routes[i].method, str_of(path), &match);
        assert_ptr_equal(match.route, &api_routes[i]);
        assert_non_null(match.route->handle);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(method_and_path_decide),
        cmocka_unit_test(an_id_is_one_segment),
        cmocka_unit_test(a_slash_at_the_end_is_accepted),
        cmocka_unit_test(other_paths_are_unknown),
        cmocka_unit_test(another_method_learns_what_is_allowed),
        cmocka_unit_test(every_route_is_found_by_its_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
