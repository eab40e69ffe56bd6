/* The parts of the server that need no socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "net/http/http_server_impl.h"

static const struct http_limits limits = {
    .url_bytes = 100, .header_bytes = 200, .headers = 4, .body_bytes = 50};

static const struct {
    const char *raw, *decoded; /* NULL: refused */
} escapes[] = {
    {"", ""},
    {"/plain", "/plain"},
    {"/a%20b%2fc", "/a b/c"},
    {"%41%7a%7A", "Azz"},
    {"a+b", "a+b"},
    {"%d7%90", "\xd7\x90"},
    {"%ff", "\xff"},
    {"100%25", "100%"},
    {"%2525", "%25"},
    {"%", NULL},
    {"%2", NULL},
    {"a%2", NULL},
    {"%g0", NULL},
    {"%0g", NULL},
    {"%%20", NULL},
    {"%00", NULL},
    {"%-1", NULL},
};

static void decodes(void **state)
{
    for (size_t i = 0; i < sizeof(escapes) / sizeof(*escapes); i++) {
        struct buf out;
        int rc;

        buf_init(&out, 100);
        rc = http_decode(str_of(escapes[i].raw), &out);
        assert_int_equal(rc, escapes[i].decoded == NULL ? ERR_INVALID : 0);
        if (rc == 0)
            assert_true(str_eq(buf_view(&out), str_of(escapes[i].decoded)));
        buf_free(&out);
    }
}

static void decoding_has_a_bound(void **state)
{
    struct buf out;

    buf_init(&out, 3);
    assert_int_equal(http_decode(STR("%61bcd"), &out), ERR_TOO_LARGE);
    buf_free(&out);
}

static const struct {
    const char *query, *name;
    int rc;
    const char *value;
} parameters[] = {
    {"", "a", 0, NULL},
    {"a=1", "a", 1, "1"},
    {"a=1", "b", 0, NULL},
    {"a=1&b=2", "b", 1, "2"},
    {"a=1&a=2", "a", 1, "1"},
    {"ab=1&a=2", "a", 1, "2"},
    {"a", "a", 1, ""},
    {"a=", "a", 1, ""},
    {"&&a=1&", "a", 1, "1"},
    {"a=b=c", "a", 1, "b=c"},
    {"a=b+c%2B%26", "a", 1, "b c+&"},
    {"%61=1", "a", 1, "1"},
    {"a=%zz", "a", ERR_INVALID, NULL},
    {"b=%zz&a=1", "a", 1, "1"},
    {"%zz=1&a=2", "a", 1, "2"},
    {"=1", "a", 0, NULL},
};

static void query_parameters(void **state)
{
    for (size_t i = 0; i < sizeof(parameters) / sizeof(*parameters); i++) {
        struct buf out;
        int rc;

        buf_init(&out, 100);
        rc = http_query(str_of(parameters[i].query), parameters[i].name, &out);
        assert_int_equal(rc, parameters[i].rc);
        if (rc == 1)
            assert_true(str_eq(buf_view(&out), str_of(parameters[i].value)));
        buf_free(&out);
    }
}

static void an_error_is_json(void **state)
{
    static const char expected[] =
        "{\"error\":{\"message\":\"a \\\"b\\\"\",\"statusCode\":404,"
        "\"path\":\"/\xef\xbf\xbd\\u0001\"}}";
    struct buf out;

    buf_init(&out, 1000);
    http_put_error(&out, 404, "a \"b\"", STR("/\xff\x01"));
    assert_string_equal(out.data, expected);
    buf_free(&out);
}

static void the_date(void **state)
{
    struct buf out;
    char day[4], month[4];
    int date, year, hour, minute, second;

    buf_init(&out, 100);
    http_put_date(&out);
    assert_int_equal(
        out.len, strlen("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
    assert_int_equal(sscanf(out.data, "Date: %3s, %d %3s %d %d:%d:%d GMT\r\n",
                         day, &date, month, &year, &hour, &minute, &second),
        7);
    buf_free(&out);
}

static void statuses_have_names(void **state)
{
    assert_string_equal(http_status_text(200), "OK");
    assert_string_equal(http_status_text(505), "HTTP Version Not Supported");
    assert_string_equal(http_status_text(299), "Other");
}

/* Parsing, however the bytes are cut. */

static const char whole[] =
    "\r\nPOST http://h/p%20q?x=1 HTTP/1.1\r\nHost: h\r\nEmpty:\r\n"
    "X: \t a  b \t\r\nTransfer-Encoding: chunked\r\n\r\n"
    "3;ext=\"1\"\r\nabc\r\n0A\r\n0123456789\r\n00\r\nTrailer: t\r\n\r\n";

static bool is(struct str s, const char *text)
{
    return str_eq(s, str_of(text));
}

static void check_whole(struct http_parse *p)
{
    struct http_exchange x = {.method = NULL};

    http_parse_view(p, &x);
    assert_string_equal(x.method, "POST");
    assert_true(is(x.path, "/p%20q") && is(x.query, "x=1"));
    assert_true(is(x.body, "abc0123456789"));
    assert_int_equal(x.nheaders, 4);
    assert_true(is(*http_header(&x, "empty"), ""));
    assert_true(is(*http_header(&x, "x"), "a  b"));
    assert_null(http_header(&x, "trailer"));
    assert_true(http_parse_info(p)->keep_alive);
}

/* A copy of its own for each part, so that nothing is read past its end. */
static enum http_parse_result feed(
    struct http_parse *p, const char *at, size_t len, size_t *used)
{
    char *part = malloc(len + 1);
    enum http_parse_result result;

    memcpy(part, at, len);
    part = realloc(part, len > 0 ? len : 1);
    result = http_parse_feed(p, (struct str){part, len}, used);
    if (result == HTTP_PARSE_HEAD) {
        size_t head = *used;

        result =
            http_parse_feed(p, (struct str){part + head, len - head}, used);
        *used += head;
    }
    free(part);
    return result;
}

static void cut_anywhere(void **state)
{
    size_t len = sizeof(whole) - 1, used;

    for (size_t i = 1; i < len; i++) {
        struct http_parse *p = http_parse_new(&limits);

        assert_int_equal(feed(p, whole, i, &used), HTTP_PARSE_MORE);
        assert_int_equal(used, i);
        assert_int_equal(feed(p, whole + i, len - i, &used), HTTP_PARSE_DONE);
        assert_int_equal(used, len - i);
        check_whole(p);
        http_parse_free(p);
    }
}

static void stops_at_its_end(void **state)
{
    static const char two[] =
        "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\n";
    struct http_parse *p = http_parse_new(&limits);
    size_t used;

    assert_int_equal(feed(p, two, sizeof(two) - 1, &used), HTTP_PARSE_DONE);
    assert_memory_equal(two + used, "GET /2", 6);
    http_parse_free(p);
}

static int status_of(const char *text)
{
    struct http_parse *p = http_parse_new(&limits);
    size_t used;
    enum http_parse_result result = feed(p, text, strlen(text), &used);
    int status = http_parse_info(p)->status;

    assert_int_equal(result == HTTP_PARSE_BAD, status != 0);
    if (status != 0)
        assert_non_null(http_parse_info(p)->message);
    http_parse_free(p);
    return status;
}

#define X10 "xxxxxxxxxx"
#define X50 X10 X10 X10 X10 X10
#define HOST " HTTP/1.1\r\nHost: h\r\n"

static void limits_to_the_byte(void **state)
{
    assert_int_equal(
        status_of("GET /" X50 X10 X10 X10 X10 "123456789" HOST), 0);
    assert_int_equal(status_of("GET /" X50 X10 X10 X10 X10 X10 HOST), 414);
    /* "Host: h" takes 9 of 200, "X" and the line 5. */
    assert_int_equal(status_of("GET /" HOST "X: " X50 X50 X50
                               "xxxxxxxxxx" X10 X10 "123456\r\n\r\n"),
        0);
    assert_int_equal(status_of("GET /" HOST "X: " X50 X50 X50
                               "xxxxxxxxxx" X10 X10 "1234567\r\n\r\n"),
        431);
    assert_int_equal(status_of("GET /" HOST "A: b\r\nA: b\r\nA: b\r\n\r\n"), 0);
    assert_int_equal(
        status_of("GET /" HOST "A: b\r\nA: b\r\nA: b\r\nA: b\r\n\r\n"), 431);
    assert_int_equal(
        status_of("PUT /" HOST "Content-Length: 50\r\n\r\n" X50), 0);
    assert_int_equal(status_of("PUT /" HOST "Content-Length: 51\r\n\r\n"), 413);
    assert_int_equal(status_of("PUT /" HOST "Transfer-Encoding: chunked\r\n\r\n"
                               "32\r\n" X50 "\r\n0\r\n\r\n"),
        0);
    assert_int_equal(status_of("PUT /" HOST "Transfer-Encoding: chunked\r\n\r\n"
                               "32\r\n" X50 "\r\n1\r\n"),
        413);
}

static void asks_once_whether_to_go_on(void **state)
{
    static const char head[] =
        "PUT /" HOST "Content-Length: 1\r\nExpect: 100-continue\r\n\r\n";
    struct http_parse *p = http_parse_new(&limits);
    size_t used;

    assert_false(http_parse_continue(p));
    assert_int_equal(feed(p, head, sizeof(head) - 1, &used), HTTP_PARSE_MORE);
    assert_true(http_parse_continue(p));
    assert_false(http_parse_continue(p));
    assert_int_equal(feed(p, "x", 1, &used), HTTP_PARSE_DONE);
    http_parse_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes),
        cmocka_unit_test(decoding_has_a_bound),
        cmocka_unit_test(query_parameters),
        cmocka_unit_test(an_error_is_json),
        cmocka_unit_test(the_date),
        cmocka_unit_test(statuses_have_names),
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(stops_at_its_end),
        cmocka_unit_test(limits_to_the_byte),
        cmocka_unit_test(asks_once_whether_to_go_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
