/* Who may ask below /admin/. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/auth.h"

/* A request with these headers ("Name", "value", ..., NULL). */
static int status_of(
    const char *path, bool loopback, const char *token, const char **headers)
{
    struct http_field fields[8];
    struct http_exchange x = {.method = "GET",
        .path = str_of(path),
        .headers = fields,
        .peer_is_loopback = loopback};
    const struct auth_refusal *refusal;

    for (; headers[2 * x.nheaders] != NULL; x.nheaders++)
        fields[x.nheaders] =
            (struct http_field){str_of(headers[2 * x.nheaders]),
                str_of(headers[2 * x.nheaders + 1])};
    refusal = auth_check(&x, token);
    return refusal == NULL ? 0 : refusal->status;
}

#define ADMIN "/admin/batch-sync/runs"
#define HEADERS(...) ((const char *[]){__VA_ARGS__ __VA_OPT__(, ) NULL, NULL})

static void only_admin_paths_are_guarded(void **state)
{
    assert_int_equal(status_of("/health", false, "t", HEADERS()), 0);
    assert_int_equal(status_of("/metrics", false, NULL, HEADERS()), 0);
    assert_int_equal(status_of("/adminx", false, "t", HEADERS()), 0);
    assert_int_equal(status_of("/admin", false, "t", HEADERS()), 0);
    assert_int_equal(status_of("/admin/", false, "t", HEADERS()), 401);
    assert_int_equal(status_of("/admin/nothing", false, "t", HEADERS()), 401);
}

static void the_token_is_compared_whole(void **state)
{
#define WITH(value) \
    status_of(ADMIN, true, "secret", HEADERS("Authorization", value))
    assert_int_equal(WITH("Bearer secret"), 0);
    assert_int_equal(WITH("bEARER secret"), 0);
    assert_int_equal(WITH("Bearer secre"), 401);
    assert_int_equal(WITH("Bearer secrets"), 401);
    assert_int_equal(WITH("Bearer Secret"), 401);
    assert_int_equal(WITH("Bearer "), 401);
    assert_int_equal(WITH("Basic secret"), 401);
    assert_int_equal(WITH("secret"), 401);
#undef WITH
    /* With a token, being on this machine opens nothing. */
    assert_int_equal(status_of(ADMIN, true, "secret", HEADERS()), 401);
}

static void the_answer_says_which_scheme(void **state)
{
    struct http_exchange x = {.path = STR(ADMIN)};

    assert_string_equal(auth_check(&x, "t")->scheme, "Bearer");
    assert_null(auth_check(&x, NULL)->scheme);
}

static void without_a_token_this_machine_may(void **state)
{
    static const char *const hosts[] = {
        "localhost", "LOCALHOST:8080", "127.0.0.1:3000", "[::1]:3000", "::1"};

    assert_int_equal(status_of(ADMIN, true, NULL, HEADERS()), 0);
    assert_int_equal(status_of(ADMIN, false, NULL, HEADERS()), 403);
    for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++)
        assert_int_equal(
            status_of(ADMIN, true, NULL, HEADERS("Host", hosts[i])), 0);
}

/* Its browser is on this machine, the page is not. */
static void a_web_page_may_not(void **state)
{
    assert_int_equal(
        status_of(ADMIN, true, NULL, HEADERS("Host", "evil.example")), 403);
    assert_int_equal(
        status_of(ADMIN, true, NULL, HEADERS("Host", "localhost.evil")), 403);
    assert_int_equal(status_of(ADMIN, true, NULL,
                         HEADERS("Host", "localhost", "Origin", "null")),
        403);
    assert_int_equal(
        status_of(ADMIN, true, NULL,
            HEADERS("Host", "localhost:3000", "Origin", "http://localhost:80")),
        403);
    /* It cannot know the token. */
    assert_int_equal(
        status_of(ADMIN, true, "t",
            HEADERS("Origin", "http://x", "Authorization", "Bearer t")),
        0);
}

/* The one at / is ours; a browser sends its Origin with every POST. */
static void our_own_page_may(void **state)
{
    assert_int_equal(status_of(ADMIN, true, NULL,
                         HEADERS("Host", "localhost:3000", "Origin",
                             "http://localhost:3000")),
        0);
    assert_int_equal(
        status_of(ADMIN, true, NULL,
            HEADERS("Host", "evil.example", "Origin", "http://evil.example")),
        403);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_admin_paths_are_guarded),
        cmocka_unit_test(the_token_is_compared_whole),
        cmocka_unit_test(the_answer_says_which_scheme),
        cmocka_unit_test(without_a_token_this_machine_may),
        cmocka_unit_test(a_web_page_may_not),
        cmocka_unit_test(our_own_page_may),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
