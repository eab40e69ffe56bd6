#include "embed/static/safetensors.h"
#include "embed/static/wordpiece.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* --- tensors --- */

static struct str file_of(
    char *out, const char *header, const void *data, size_t bytes)
{
    uint64_t length = strlen(header);

    memcpy(out, &length, sizeof(length));
    memcpy(out + 8, header, length);
    memcpy(out + 8 + length, data, bytes);
    return (struct str){out, 8 + length + bytes};
}

static void test_tensor_types(void **state)
{
    static const struct {
        const char *type;
        char data[16];
        size_t bytes;
    } cases[] = {
        {"F32", "\0\0\xC0\x3F\0\0\0\xC0", 8}, /* 1.5, -2 */
        {"F16", "\0\x3E\0\xC0", 4},           /* the same */
        {"F64", "\0\0\0\0\0\0\xF8\x3F\0\0\0\0\0\0\0\xC0", 16},
    };
    char out[256], header[128];
    struct err err = {0};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tensor t;

        snprintf(header, sizeof(header),
            "{\"embeddings\":{\"dtype\":\"%s\",\"shape\":[1,2],"
            "\"data_offsets\":[0,%zu]}}",
            cases[i].type, cases[i].bytes);
        assert_int_equal(safetensors_find(file_of(out, header, cases[i].data,
                                              cases[i].bytes),
                             "embeddings", &t, &err),
            0);
        assert_int_equal(t.columns, 2);
        assert_true(tensor_number(&t, 0, 0) == 1.5);
        assert_true(tensor_number(&t, 0, 1) == -2);
    }
}

static void test_half_precision(void **state)
{
    static const struct {
        uint16_t bits;
        double value;
    } cases[] = {{0, 0}, {0x3C00, 1}, {0xBC00, -1}, {0x0001, 0x1p-24},
        {0x03FF, 1023 * 0x1p-24}, {0x0400, 0x1p-14}, {0x7BFF, 65504},
        {0x7C00, INFINITY}, {0xFC00, -INFINITY}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tensor t = {TENSOR_F16, 1, 1, (const char *)&cases[i].bits};

        assert_true(tensor_number(&t, 0, 0) == cases[i].value);
    }
}

/* Sizes that the file does not have, and such that wrap around. */
static void test_tensors_beyond_the_file(void **state)
{
    static const char *const headers[] = {
        "{\"e\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,9]}}",
        "{\"e\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[4,12]}}",
        "{\"e\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[8,0]}}",
        "{\"e\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[-8,0]}}",
        "{\"e\":{\"dtype\":\"F32\",\"shape\":[0,2],\"data_offsets\":[0,0]}}",
        "{\"e\":{\"dtype\":\"F32\",\"shape\":[1,1,2],"
        "\"data_offsets\":[0,8]}}",
        "{\"e\":{\"dtype\":\"F32\",\"shape\":[2147483647,2147483647],"
        "\"data_offsets\":[0,8]}}",
        "{\"e\":{\"dtype\":\"F32\",\"shape\":[4611686018427387905,4],"
        "\"data_offsets\":[0,8]}}",
        "{\"e\":{\"dtype\":[1,2,3],\"shape\":[1,2],"
        "\"data_offsets\":[0,8]}}",
        "{\"e\":7}",
        "[]",
    };
    char out[256];

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        struct err err = {0};
        struct tensor t;

        assert_int_not_equal(
            safetensors_find(
                file_of(out, headers[i], "12345678", 8), "e", &t, &err),
            0);
        assert_true(err.msg[0] != '\0');
    }
}

/* --- tokens --- */

#define TOKENIZER(normalizer)                                             \
    "{\"normalizer\":{\"type\":\"BertNormalizer\"" normalizer "},"        \
    "\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},"                  \
    "\"model\":{\"type\":\"WordPiece\",\"max_input_chars_per_word\":6,"   \
    "\"vocab\":{\"[UNK]\":0,\"ab\":1,\"##c\":2,\"abc\":3,\"##ab\":4,"     \
    "\".\":5,\"\xE4\xB8\xAD\":6,\"e\":7,\"\xC3\xA9\":8,\"A\":9,\"a\":10," \
    "\"\xE1\x84\x80\":11,\"##\xE1\x85\xA1\":12}}}"

static void check_tokens(
    const char *json, const char *text, const char *expected)
{
    struct wordpiece_work work = {0};
    struct wordpiece *w;
    struct err err = {0};
    char have[256] = "";

    assert_int_equal(wordpiece_load(&w, str_of(json), &err), 0);
    assert_int_equal(wordpiece_encode(w, &work, str_of(text)), 0);
    for (size_t i = 0; i < work.n; i++)
        snprintf(have + strlen(have), sizeof(have) - strlen(have), "%s%u",
            i > 0 ? " " : "", work.ids[i]);
    assert_string_equal(have, expected);
    wordpiece_work_free(&work);
    wordpiece_free(w);
}

static void test_wordpiece(void **state)
{
    static const char json[] = TOKENIZER("");

    check_tokens(json, "abc ABC", "3 3");
    check_tokens(json, "abcab", "3 4");       /* the longest first */
    check_tokens(json, "abab.ab", "1 4 5 1"); /* punctuation stands alone */
    check_tokens(json, "abx ab", "1"); /* a word that cannot be spelled */
    check_tokens(json, "ababab ab", "1 4 4 1"); /* six characters */
    check_tokens(json, "abababc ab", "1");      /* seven are too many */
    check_tokens(json,
        "ab\xE4\xB8\xAD"
        "ab",
        "1 6 1");
    check_tokens(json, "\xC3\x89 e\xCC\x81 \xC3\xA9", "7 7 7");
    check_tokens(json, "\xEA\xB0\x80", "11 12"); /* a syllable's letters */
    check_tokens(json,
        "a\xE2\x80\x8B"
        "b a\x01"
        "b",
        "1 1");
    check_tokens(json,
        "ab\xC2\xA0"
        "ab\xE3\x80\x80"
        "ab",
        "1 1 1");
    check_tokens(json, "", "");
    check_tokens(json, " \t\n", "");
}

static void test_wordpiece_with_case(void **state)
{
    check_tokens(TOKENIZER(",\"lowercase\":false"), "A a \xC3\xA9", "9 10 8");
    check_tokens(TOKENIZER(",\"lowercase\":false,\"strip_accents\":true"),
        "A \xC3\xA9", "9 7");
    check_tokens(TOKENIZER(",\"strip_accents\":false"), "A \xC3\x89", "10 8");
    check_tokens(
        TOKENIZER(",\"handle_chinese_chars\":false"), "ab\xE4\xB8\xAD ab", "1");
    check_tokens(TOKENIZER(",\"clean_text\":false"),
        "a\xE2\x80\x8B"
        "b ab",
        "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tensor_types),
        cmocka_unit_test(test_half_precision),
        cmocka_unit_test(test_tensors_beyond_the_file),
        cmocka_unit_test(test_wordpiece),
        cmocka_unit_test(test_wordpiece_with_case),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
