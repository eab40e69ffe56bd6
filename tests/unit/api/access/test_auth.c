/* Who may ask below /admin/. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/access/auth.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LOCAL = 1, ADMIN = 2, VIEWER = 4 }; /* which tokens there are */

static struct auth_refusal refusal;

/* The status, or 0 for an admin and 1 for a viewer, of a request with these
 * headers ("Name", "value", ..., NULL). */
static int status_of(unsigned how, const char **headers)
{
    struct http_field fields[8];
    struct http_exchange x = {.method = "GET",
        .path = STR("/admin/batch-sync/runs"),
        .headers = fields,
        .peer_is_loopback = how & LOCAL};
    struct tokens admin, viewer;
    const struct str *host;
    enum auth_role role;

    for (; headers[2 * x.nheaders] != NULL; x.nheaders++)
        fields[x.nheaders] =
            (struct http_field){str_of(headers[2 * x.nheaders]),
                str_of(headers[2 * x.nheaders + 1])};
    host = http_header(&x, "host");
    if (host != NULL)
        x.host = *host;
    tokens_init(
        &admin, "ADMIN_TOKEN", how & ADMIN ? "secret\n\nother" : NULL, NULL);
    tokens_init(&viewer, "VIEWER_TOKEN", how & VIEWER ? "look" : NULL, NULL);
    role = auth_check(&x, &admin, &viewer, &refusal);
    if (role == AUTH_NOBODY)
        return refusal.status;
    return role == AUTH_ADMIN ? 0 : 1;
}

#define HEADERS(...) ((const char *[]){__VA_ARGS__ __VA_OPT__(, ) NULL, NULL})

static bool guarded(const char *path)
{
    struct http_exchange x = {.path = str_of(path)};

    return auth_is_guarded(&x);
}

static void only_admin_paths_are_guarded(void **state)
{
    assert_false(guarded("/health"));
    assert_false(guarded("/adminx"));
    assert_false(guarded("/admin"));
    assert_true(guarded("/admin/"));
    assert_true(guarded("/admin/nothing"));
}

static void tokens_are_compared_whole(void **state)
{
    static const struct {
        const char *value;
        int status;
    } rows[] = {
        {"Bearer secret", 0},
        {"bEARER secret", 0},
        {"Bearer other", 0},
        {"Bearer look", 1},
        {"Bearer secre", 401},
        {"Bearer secrets", 401},
        {"Bearer Secret", 401},
        {"Bearer secret\nother", 401},
        {"Bearer secret other", 401},
        {"Bearer ", 401},
        {"Bearer", 401},
        {"Basic secret", 401},
        {"secret", 401},
        {"", 401},
    };
    int status;

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        status = status_of(
            ADMIN | VIEWER | LOCAL, HEADERS("Authorization", rows[i].value));
        if (status != rows[i].status)
            fail_msg("%s: %d", rows[i].value, status);
    }
    /* With a token, being on this machine opens nothing. */
    assert_int_equal(status_of(ADMIN | LOCAL, HEADERS()), 401);
    assert_string_equal(refusal.scheme, "Bearer");
    assert_false(refusal.guessed);
    assert_int_equal(
        status_of(ADMIN, HEADERS("Authorization", "Bearer x")), 401);
    assert_true(refusal.guessed);
}

static void there_is_one_authorization(void **state)
{
    assert_int_equal(status_of(ADMIN, HEADERS("Authorization", "Bearer secret",
                                          "authorization", "Bearer secret")),
        400);
    assert_int_equal(status_of(LOCAL, HEADERS("Authorization", "Bearer x",
                                          "Authorization", "Bearer y")),
        400);
}

static void viewers_look_from_anywhere(void **state)
{
    assert_int_equal(
        status_of(VIEWER, HEADERS("Authorization", "Bearer look")), 1);
    assert_int_equal(status_of(VIEWER, HEADERS()), 403);
    assert_int_equal(status_of(VIEWER | LOCAL, HEADERS()), 0);
}

/* Each differs from a direct client on this machine in one thing. */
static void without_a_token_direct_clients_on_this_machine_may(void **state)
{
    static const struct {
        const char *name, *value;
        const char *why; /* part of the refusal; NULL: let in */
    } rows[] = {
        {"Host", "localhost", NULL},
        {"Host", "LOCALHOST:8080", NULL},
        {"Host", "127.0.0.1:3000", NULL},
        {"Host", "127.1.2.3", NULL},
        {"Host", "[::1]:3000", NULL},
        {"Host", "[::1]", NULL},
        {"Host", "", "Host"},
        {"Host", "evil.example", "Host"},
        {"Host", "localhost.evil", "Host"},
        {"Host", "localhost.", "Host"},
        {"Host", "evil.localhost", "Host"},
        {"Host", "127.0.0.1.evil", "Host"},
        {"Host", "127.1", "Host"},
        {"Host", "0.0.0.0", "Host"},
        {"Host", "0", "Host"},
        {"Host", "2130706433", "Host"},
        {"Host", "127.0.0.256", "Host"},
        {"Host", "10.0.0.1", "Host"},
        {"Host", "[::2]", "Host"},
        {"Host", "::1", "Host"},
        {"Origin", "http://localhost:3000", NULL},
        {"Origin", "http://localhost", "Origin"},
        {"Origin", "http://localhost:3001", "Origin"},
        {"Origin", "https://localhost:3000", "Origin"},
        {"Origin", "http://evil.example", "Origin"},
        {"Origin", "null", "Origin"},
        {"Origin", "", "Origin"},
        {"Sec-Fetch-Site", "none", NULL},
        {"Sec-Fetch-Site", "same-origin", NULL},
        {"Sec-Fetch-Site", "same-site", "Sec-Fetch-Site"},
        {"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Site"},
        {"Forwarded", "for=127.0.0.1", "Forwarded"},
        {"X-Forwarded-For", "127.0.0.1", "X-Forwarded-For"},
        {"x-forwarded-host", "localhost", "x-forwarded-host"},
        {"X-Forwarded-Anything", "", "X-Forwarded-Anything"},
        {"X-Real-IP", "127.0.0.1", "X-Real-IP"},
        {"Via", "1.1 proxy", "Via"},
        {"X-Envoy-External-Address", "8.8.8.8", "X-Envoy"},
        {"CF-Connecting-IP", "8.8.8.8", "CF-Connecting-IP"},
        {"Vial", "1", NULL},
        {"Referer", "http://evil.example/", NULL},
        {"Authorization", "Bearer x", NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        bool host = strcmp(rows[i].name, "Host") == 0;
        int status = status_of(LOCAL, host ? HEADERS("Host", rows[i].value)
                                           : HEADERS("Host", "localhost:3000",
                                                 rows[i].name, rows[i].value));

        if (status != (rows[i].why == NULL ? 0 : 403) ||
            (status != 0 && strstr(refusal.message, rows[i].why) == NULL))
            fail_msg("%s: %s: %d %s", rows[i].name, rows[i].value, status,
                refusal.message);
    }
    assert_int_equal(status_of(0, HEADERS("Host", "localhost")), 403);
    assert_non_null(strstr(refusal.message, "ADMIN_TOKEN"));
    assert_null(refusal.scheme);
    /* HTTP/1.0 */
    assert_int_equal(status_of(LOCAL, HEADERS()), 0);
}

/* It cannot know the token. */
static void with_a_token_the_site_does_not_matter(void **state)
{
    assert_int_equal(status_of(ADMIN | LOCAL,
                         HEADERS("Host", "evil", "Origin", "http://evil",
                             "Authorization", "Bearer secret")),
        0);
}

static void write_tokens(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    fputs(text, f);
    fclose(f);
}

static void a_file_of_tokens_is_read_again(void **state)
{
    char path[] = "/tmp/tokens-test-XXXXXX";
    struct tokens t;

    close(mkstemp(path));
    write_tokens(path, "one\n");
    tokens_init(&t, "ADMIN_TOKEN", "one", path);
    tokens_refresh(&t, 1000);
    assert_true(tokens_have(&t, STR("one")));
    write_tokens(path, "two\r\n\nthree\n");
    tokens_refresh(&t, 1500); /* within a second */
    assert_true(tokens_have(&t, STR("one")));
    tokens_refresh(&t, 2500);
    assert_false(tokens_have(&t, STR("one")));
    assert_true(tokens_have(&t, STR("two")));
    assert_true(tokens_have(&t, STR("three")));
    assert_false(tokens_have(&t, STR("")));
    write_tokens(path, "  \n");
    tokens_refresh(&t, 4000);
    assert_true(tokens_have(&t, STR("two")));
    write_tokens(path, "no token\n");
    tokens_reload(&t);
    assert_true(tokens_have(&t, STR("two")));
    unlink(path);
    tokens_refresh(&t, 6000);
    assert_true(tokens_have(&t, STR("two")));
    write_tokens(path, "four");
    tokens_reload(&t);
    assert_true(tokens_have(&t, STR("four")));
    assert_false(tokens_have(&t, STR("two")));
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_admin_paths_are_guarded),
        cmocka_unit_test(tokens_are_compared_whole),
        cmocka_unit_test(there_is_one_authorization),
        cmocka_unit_test(viewers_look_from_anywhere),
        cmocka_unit_test(without_a_token_direct_clients_on_this_machine_may),
        cmocka_unit_test(with_a_token_the_site_does_not_matter),
        cmocka_unit_test(a_file_of_tokens_is_read_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
