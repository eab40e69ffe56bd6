/* DATABASE_URL as people have it: what libpq gets of it, and what is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/pg/pg_impl.h"
#include <stdio.h>
#include <stdlib.h>

#define H "postgresql://u:p@h:5432/d"

static void check_clean(const char *query, const char *clean)
{
    char url[2048], want[2048];
    struct pg_url u;
    struct err err = {0};

    snprintf(url, sizeof(url), H "%s", query);
    snprintf(want, sizeof(want), H "%s", clean);
    if (pg_url_read(url, &u, &err) < 0)
        fail_msg("%s: %s", url, err.msg);
    assert_string_equal(u.clean, want);
    pg_url_free(&u);
}

static void check_refused(const char *url, const char *words)
{
    struct pg_url u;
    struct err err = {0};

    if (pg_url_read(url, &u, &err) == 0)
        fail_msg("%s is accepted", url);
    assert_int_equal(err.code, ERR_CONFIG);
    if (strstr(err.msg, words) == NULL)
        fail_msg("%s: %s", url, err.msg);
    assert_null(strstr(err.msg, "SECRET"));
    assert_null(strstr(err.msg, "secret"));
    pg_url_free(&u);
}

static void translates_sslmode(void **state)
{
    check_clean("?sslmode=require", "?sslmode=require");
    check_clean("?sslmode=REQUIRE", "?sslmode=require");
    check_clean("?sslmode=verify_full", "?sslmode=verify-full");
    check_clean("?sslMode=VerifyCA", "?sslmode=verify-ca");
    check_clean("?ssl-mode=Prefer", "?sslmode=prefer");
    check_clean("?sslmode=required", "?sslmode=require");
    check_clean("?sslmode=preferred", "?sslmode=prefer");
    check_clean("?sslmode=disabled", "?sslmode=disable");
    check_clean("?ssl=true", "?sslmode=require");
    check_clean("?ssl=0", "?sslmode=disable");
    check_clean("?ssl=verify-full", "?sslmode=verify-full");
    check_clean("?ssl=true&sslmode=verify-full", "?sslmode=verify-full");
    check_clean("?ssl=true&sslmode=disable", "?sslmode=disable");
}

/* A check of the certificate that another client makes is made here, too. */
static void keeps_what_is_safe(void **state)
{
    check_clean("?sslmode=require&sslaccept=strict", "?sslmode=verify-full");
    check_clean("?sslaccept=accept_invalid_certs", "");
    check_clean(
        "?sslmode=require&rejectUnauthorized=true", "?sslmode=verify-full");
    check_clean("?ssl_require=true", "?sslmode=require");
    check_clean("?ssl-root-cert=/a.pem&sslmode=verify-ca",
        "?sslrootcert=/a.pem&sslmode=verify-ca");
    check_clean(
        "?targetServerType=primary", "?target_session_attrs=read-write");
    check_refused(H "?sslidentity=a.p12", "use sslcert and sslkey");
    check_refused(H "?sslinline=true", "name files");
    check_refused(H "?targetServerType=secondary", "has to be primary");
}

static void drops_what_others_know(void **state)
{
    static const char query[] =
        "?pgbouncer=true&connection_limit=1&pool_timeout=0&schema=public"
        "&uselibpqcompat=true&supa=base-pooler.x&statement_cache_size=0"
        "&prepared_statement_cache_size=0&reWriteBatchedInserts=true"
        "&prepareThreshold=0&pool_max_conns=4&statement-cache-capacity=9"
        "&default_query_exec_mode=simple_protocol&application_name=a%20b";
    struct pg_url u;
    struct err err = {0};
    char url[1024];

    check_clean(query, "?application_name=a%20b");
    snprintf(url, sizeof(url), H "%s", query);
    assert_int_equal(pg_url_read(url, &u, &err), 0);
    assert_non_null(strstr(u.dropped, "pgbouncer, connection_limit"));
    assert_non_null(strstr(u.dropped, "statement-cache-capacity"));
    assert_null(strstr(u.dropped, "application_name"));
    pg_url_free(&u);
    check_clean("?ApplicationName=x&connectTimeout=3",
        "?application_name=x&connect_timeout=3");
}

static void reads_the_path(void **state)
{
    static const struct {
        const char *query, *path;
    } rows[] = {{"", ""}, {"?schema=app", "\"app\""},
        {"?currentSchema=My%20App", "\"My App\""}, {"?schema=", ""},
        {"?schema=a,b", "\"a,b\""},
        {"?currentSchema=app,%20public", "\"app\",\"public\""},
        {"?schema=a%22b", "\"a\"\"b\""}, {"?search_path=a,b", "a,b"}};
    struct pg_url u;
    struct err err = {0};
    char url[256], *path;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(url, sizeof(url), H "%s", rows[i].query);
        assert_int_equal(pg_url_read(url, &u, &err), 0);
        assert_string_equal(u.path, rows[i].path);
        pg_url_free(&u);
    }
    path =
        pg_options_path("-c statement_timeout=5 -csearch_path=a,\\ b -c x=1");
    assert_string_equal(path, "a, b");
    free(path);
    assert_null(pg_options_path("-c x=1"));
    assert_null(pg_options_path(NULL));
}

static void tells_which_options_can_go(void **state)
{
    static const struct {
        const char *options;
        bool can_go;
    } rows[] = {{"-csearch_path=app", true}, {"-c search_path=app", true},
        {"--search_path=app", true}, {"  -c search_path=a,\\ b  ", true},
        {"-c statement_timeout=5 -csearch_path=a -c lock_timeout=1s", true},
        {"-crole=other", false}, {"-csearch_path=a -crole=other", false},
        {"-c search_path=a\\ -crole=b", true}, {"-e", false},
        {"search_path=a", false}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (pg_options_can_go(rows[i].options) != rows[i].can_go)
            fail_msg("%s", rows[i].options);
    assert_false(pg_options_can_go(NULL));
}

static void tells_all_at_once(void **state)
{
    static const char url[] =
        H "?sslmode=no-verify&sslmod=x&target_session_attrs=master"
          "&connect_timeout=soon";

    check_refused(url, "sslmode can be disable, allow, prefer, require");
    check_refused(url, "no-verify of node-postgres is require here");
    check_refused(url, "the parameter sslmod is not known");
    check_refused(url, "target_session_attrs can be any read-write");
    check_refused(url, "connect_timeout can be a number of seconds");
}

/* Whatever libpq would make of it, and wherever the rest of it ends up. */
static void shows_no_part_of_a_password(void **state)
{
    static const char *const urls[] = {
        "postgresql://u:p@ss?wordSECRET@h:5432/d",
        "postgresql://u:p@ss?word=SECRET@h:5432/d",
        "postgresql://u:p@ss/wordSECRET@h:5432/d",
        "postgresql://u:SECRET@secret@h/d",
        "postgresql://u:p?SECRET@h/d",
        "postgresql://u:p?sslmode=SECRET@h/d",
        "postgresql://u:p/SECRET@h/d",
        "postgresql://u:p/?SECRET=1@h/d?sslmode=require",
        "postgresql://user@SECRET:secret@h/d",
        "postgresql://u:p?a=b&SECRET=c@h/d",
        "postgres://u:p?SECRET@h/d?sslmode=require&pgbouncer=true",
    };

    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
        check_refused(urls[i], "write @ as %40");
}

static void passes_what_is_escaped(void **state)
{
    static const char *const urls[] = {
        "postgresql://u:p%40%3A%2F%20%25ü%27%22%23%3F&=+@h/d",
        "postgresql://h:5432/d?user=a@b", H "?application_name=a@b",
        "postgresql:///d?host=/run/postgresql", "postgresql://a,b:1,c:2/d",
        "host=h user=u password='p@ss?w'"};

    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct pg_url u;
        struct err err = {0};

        if (pg_url_read(urls[i], &u, &err) < 0)
            fail_msg("%s: %s", urls[i], err.msg);
        assert_string_equal(u.clean, urls[i]);
        pg_url_free(&u);
    }
}

static void tells_rows_from_servers(void **state)
{
    static const char *const rows[] = {"22001", "23514", "54000", "P0001",
        "42501", "0A000", "39000", "25P02", "28000"};
    static const char *const others[] = {"08006", "40001", "53100", "55P03",
        "57014", "58030", "XX000", "25006", ""};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_true(pg_blames_row(rows[i]));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(pg_blames_row(others[i]));
}

static void tells_outages_from_configuration(void **state)
{
    assert_int_equal(pg_connect_code("57P03"), ERR_UNAVAILABLE);
    assert_int_equal(pg_connect_code("53300"), ERR_BUSY);
    assert_int_equal(pg_connect_code("53200"), ERR_UNAVAILABLE);
    assert_int_equal(pg_connect_code("28P01"), ERR_AUTH);
    assert_int_equal(pg_connect_code("3D000"), ERR_CONFIG);
    assert_int_equal(pg_connect_code("42501"), ERR_CONFIG);
    assert_true(pg_connect_is_config("SSL error: certificate verify failed"));
    assert_true(pg_connect_is_config(
        "root certificate file \"/root/x\" does not exist"));
    assert_false(pg_connect_is_config("Connection refused"));
}

static void an_empty_keyword_says_nothing(void **state)
{
    struct pg_params p = {.n = 0};
    struct err err = {0};

    assert_int_equal(pg_parse_url("host=h sslmode=", &p, &err), 0);
    assert_null(pg_params_get(&p, "sslmode"));
    assert_string_equal(pg_params_get(&p, "host"), "h");
    pg_params_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(translates_sslmode),
        cmocka_unit_test(keeps_what_is_safe),
        cmocka_unit_test(drops_what_others_know),
        cmocka_unit_test(reads_the_path),
        cmocka_unit_test(tells_which_options_can_go),
        cmocka_unit_test(tells_all_at_once),
        cmocka_unit_test(shows_no_part_of_a_password),
        cmocka_unit_test(passes_what_is_escaped),
        cmocka_unit_test(tells_rows_from_servers),
        cmocka_unit_test(tells_outages_from_configuration),
        cmocka_unit_test(an_empty_keyword_says_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
