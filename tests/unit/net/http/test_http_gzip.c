/* Who is sent gzip, and that it is what was meant. */
#include "net/http/http_gzip.h"
#include "net/http/http_inflate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *header;
    bool accepted;
} headers[] = {
    {"gzip", true},
    {"GZip", true},
    {"deflate, gzip;q=0.5, br", true},
    {"gzip ; q=1", true},
    {"x-gzip", true},
    {"*", true},
    {"br;q=1,*;q=0.1", true},
    {"gzip;q=0.001", true},
    {"", false},
    {"identity", false},
    {"gzip;q=0", false},
    {"gzip; q=0.000", false},
    {"gzip;q=0, *", false},
    {"*;q=0", false},
    {"notgzip, gzipped", false},
    {",;,", false},
};

static void the_header_decides(void **state)
{
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        if (http_gzip_accepted(str_of(headers[i].header)) !=
            headers[i].accepted)
            fail_msg("\"%s\"", headers[i].header);
}

static void what_is_unpacked_is_what_was_packed(void **state)
{
    struct buf text, packed;

    buf_init(&text, 1 << 20);
    buf_init(&packed, 1 << 20);
    for (int i = 0; i < 5000; i++)
        buf_printf(&text, "name{n=\"%d\"} %d\n", i, i * i);
    assert_int_equal(http_gzip(buf_view(&text), &packed), 0);
    assert_true(packed.len < text.len / 3);
    assert_int_equal(http_inflate(&packed), 0);
    assert_true(str_eq(buf_view(&packed), buf_view(&text)));
    buf_free(&packed);
    buf_free(&text);
}

static void a_buffer_too_small_has_an_error(void **state)
{
    struct buf packed;

    buf_init(&packed, 10);
    assert_int_not_equal(http_gzip(STR("some text"), &packed), 0);
    assert_int_not_equal(packed.error, 0);
    buf_free(&packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_header_decides),
        cmocka_unit_test(what_is_unpacked_is_what_was_packed),
        cmocka_unit_test(a_buffer_too_small_has_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
