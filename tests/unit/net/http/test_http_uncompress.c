/* Answers in codings that nobody asked for, and within a cap. */
#include "net/http/http_uncompress.h"

#include "base/err.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define PLAIN "{\"data\":[]}{\"data\":[]}{\"data\":[]}"

struct row {
    const char *coding; /* the header's */
    size_t len;
    const char *bytes;
};

/* What Node.js and zstd make of PLAIN. */
static const struct row rows[] = {
    {"br", 31,
        "\x1B\x20\x00\xF8\x1D\x09\x36\x8E\x74\x1B\x61\x5F\x08\x6A"
        "\x91\x30\xBA\x3D\xA5\x43\x96\x5B\x5D\x7D\x41\x54\x04\x10"
        "\xA6\x09\x0D"},
    {"BR", 51,
        "\x1F\x8B\x08\x00\x00\x00\x00\x00\x00\x03\x93\x56\x60\xF8"
        "\x21\xCB\x69\xD6\x57\x22\x9D\x18\xCF\x91\x35\xD1\x60\x97"
        "\xED\x52\xE7\x69\xD1\xB1\xB5\x8E\x21\x2C\x02\xCB\x38\x79"
        "\x01\x24\x25\xA6\x93\x1F\x00\x00\x00"},
    {"gzip, br", 38,
        "\x8B\x10\x80\x1F\x8B\x08\x00\x00\x00\x00\x00\x00\x03\xAB"
        "\x56\x4A\x49\x2C\x49\x54\xB2\x8A\x8E\xAD\xAD\xC6\xCA\x04"
        "\x00\x81\xB3\x17\x93\x21\x00\x00\x00\x03"},
    {"zstd", 30,
        "\x28\xB5\x2F\xFD\x04\x58\x8D\x00\x00\x58\x7B\x22\x64\x61"
        "\x74\x61\x22\x3A\x5B\x5D\x7D\x01\x00\x56\x8A\x17\xE9\x85"
        "\xE9\x40"},
    {"", 30,
        "\x28\xB5\x2F\xFD\x04\x58\x8D\x00\x00\x58\x7B\x22\x64\x61"
        "\x74\x61\x22\x3A\x5B\x5D\x7D\x01\x00\x56\x8A\x17\xE9\x85"
        "\xE9\x40"},
    {"gzip", 30,
        "\x28\xB5\x2F\xFD\x04\x58\x8D\x00\x00\x58\x7B\x22\x64\x61"
        "\x74\x61\x22\x3A\x5B\x5D\x7D\x01\x00\x56\x8A\x17\xE9\x85"
        "\xE9\x40"},
    {"", 47,
        "\x28\xB5\x2F\xFD\x04\x58\x11\x01\x00\x1F\x8B\x08\x00\x00"
        "\x00\x00\x00\x00\x03\xAB\x56\x4A\x49\x2C\x49\x54\xB2\x8A"
        "\x8E\xAD\xAD\xC6\xCA\x04\x00\x81\xB3\x17\x93\x21\x00\x00"
        "\x00\x7C\xB2\x48\x03"},
};

static int decode(const struct row *row, size_t cap, struct buf *out)
{
    buf_init(out, cap);
    buf_add(out, row->bytes, row->len);
    assert_int_equal(out->error, 0);
    return http_uncompress(out, str_of(row->coding));
}

static void what_is_known_is_undone(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf out;

        if (decode(&rows[i], 1000, &out) != 0 ||
            !str_eq(buf_view(&out), STR(PLAIN)))
            fail_msg("row %zu: %.*s", i, (int)out.len, out.data);
        buf_free(&out);
    }
}

static void a_wrong_header_does_no_harm(void **state)
{
    static const char *const codings[] = {
        "", "br", "gzip, br", "zstd", "what?"};
    static const char *const texts[] = {"", "{", PLAIN, "<html>", "x\x9C"};

    for (size_t i = 0; i < 5; i++)
        for (size_t k = 0; k < 5; k++) {
            struct row row = {codings[i], strlen(texts[k]), texts[k]};
            struct buf out;

            assert_int_equal(decode(&row, 1000, &out), 0);
            assert_true(str_eq(buf_view(&out), str_of(texts[k])));
            buf_free(&out);
        }
}

/* Cut short: of Brotli nobody can tell, of zstd the first bytes do. */
static void what_is_cut_is_not_invented(void **state)
{
    for (size_t len = 1; len < rows[3].len; len++) {
        struct row row = {"", len, rows[3].bytes};
        struct buf out;

        assert_int_equal(decode(&row, 1000, &out), len < 4 ? 0 : ERR_PROTOCOL);
        buf_free(&out);
    }
}

/* A megabyte and four of zeroes. */
static const struct row bombs[] = {
    {"zstd", 51,
        "\x28\xB5\x2F\xFD\x04\x58\x54\x00\x00\x10\x00\x00\x01\x00"
        "\xFB\xFF\x39\xC0\x02\x02\x00\x10\x00\x02\x00\x10\x00\x02"
        "\x00\x10\x00\x02\x00\x10\x00\x02\x00\x10\x00\x02\x00\x10"
        "\x00\x03\x00\x10\x00\xF1\x3E\x16\xE1"},
    {"br", 14, "\x9B\xFF\xFF\x3F\xF8\x27\x00\xE2\xB1\x40\x20\xF7\xFE\x07"},
};

static void what_comes_out_has_a_cap(void **state)
{
    for (size_t i = 0; i < 2; i++) {
        struct buf out;

        assert_int_equal(decode(&bombs[i], 100000, &out), ERR_TOO_LARGE);
        assert_true(out.size < 200000);
        buf_free(&out);
        assert_int_equal(decode(&bombs[i], 5 << 20, &out), 0);
        assert_int_equal(out.len, (size_t)(i == 0 ? 1 : 4) << 20);
        buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_known_is_undone),
        cmocka_unit_test(a_wrong_header_does_no_harm),
        cmocka_unit_test(what_is_cut_is_not_invented),
        cmocka_unit_test(what_comes_out_has_a_cap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
