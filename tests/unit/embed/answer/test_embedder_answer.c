#include "embed/answer/embedder_answer.h"

#include "base/crypto.h"
#include "base/text.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { DIMENSIONS = 4, TEXTS = 3 };

static const char key[] = "sk-verysecret1234567890";

static void assert_err(const struct err *err, int code, const char *words)
{
    assert_string_equal(err_name(err->code), err_name(code));
    if (strstr(err->msg, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err->msg, words);
    assert_null(strstr(err->msg, key));
}

/* Reads it; the fault of a single vector counts as the answer's. */
static int read_answer(struct buf *b, float *vectors, struct err *err)
{
    bool good[TEXTS];
    struct embedder_answer a = {
        .n = TEXTS, .dimensions = DIMENSIONS, .vectors = vectors, .good = good};

    if (embedder_answer_read(b, &a, err) == 0)
        *err = a.fault;
    return err->code;
}

static void add_entry(struct buf *b, int index, const float *row, size_t n)
{
    uint8_t bytes[64];

    for (size_t i = 0; i < n; i++) {
        uint32_t bits;

        memcpy(&bits, &row[i], 4);
        for (int k = 0; k < 4; k++)
            bytes[i * 4 + (size_t)k] = (uint8_t)(bits >> (8 * k));
    }
    buf_printf(b, "%s{\"embedding\":\"", b->len > 10 ? "," : "");
    base64_encode(b, bytes, n * 4);
    buf_printf(b, "\",\"index\":%d}", index);
}

/* Entries of `n` dimensions for indexes 1, 2 and 0. */
static void write_base64(struct buf *b, const float rows[3][8], size_t n)
{
    buf_init(b, 4096);
    buf_puts(b, "{\"data\":[");
    for (int i = 0; i < 3; i++)
        add_entry(b, (i + 1) % 3, rows[(i + 1) % 3], n);
    buf_puts(b, "]}");
    assert_int_equal(b->error, 0);
}

static void places_base64_by_index(void **state)
{
    const float rows[3][8] = {
        {1, 0, 0, 0}, {0, -0.5f, 0, 0}, {0.25f, 0, 0, -1e-3f}};
    float vectors[TEXTS * DIMENSIONS];
    struct err err;
    struct buf b;

    write_base64(&b, rows, DIMENSIONS);
    assert_int_equal(read_answer(&b, vectors, &err), 0);
    for (int i = 0; i < TEXTS * DIMENSIONS; i++)
        assert_true(vectors[i] == rows[i / DIMENSIONS][i % DIMENSIONS]);
    buf_free(&b);
}

/* As providers lay it out, with members that say nothing to us. */
static void finds_them_among_others(void **state)
{
    float vectors[TEXTS * DIMENSIONS];
    struct err err;
    struct buf b;

    buf_init(&b, 4096);
    buf_puts(&b,
        "\n{ \"object\" : \"list\", \"model\": \"a\\\"]}\\u00e9\",\r\n"
        "\"data\": [\n"
        " {\"object\":\"embedding\",\"index\":2,\"embedding\":[9,0,0,1e-3]},\n"
        " {\"embedding\" : [ 1.5 , 2 , -3 , 4 ] , \"index\" : 0} ,"
        "\t{\"index\":1,\"embedding\":[0,0,0,7],\"x\":[{\"data\":[]}]}\n ],\n"
        "\"data\": [], \"usage\": {\"prompt_tokens\": 3, \"l\": [1, 2]} }\n");
    assert_int_equal(read_answer(&b, vectors, &err), 0);
    assert_true(vectors[0] == 1.5f && vectors[2] == -3 && vectors[3] == 4);
    assert_true(vectors[4] == 0 && vectors[7] == 7);
    assert_true(vectors[8] == 9 && vectors[11] == 1e-3f);
    buf_free(&b);
}

/* Base64 rows in, an error that names the index and the fault out. */
static void assert_bad_base64(
    const float rows[3][8], size_t n, const char *words)
{
    float vectors[TEXTS * DIMENSIONS];
    struct err err;
    struct buf b;

    write_base64(&b, rows, n);
    read_answer(&b, vectors, &err);
    assert_err(&err, ERR_PROTOCOL, words);
    buf_free(&b);
}

static void refuses_bad_base64_vectors(void **state)
{
    const float nan_in_2[3][8] = {{1}, {1}, {1, NAN}};
    const float inf_in_0[3][8] = {{-INFINITY}, {1}, {1}};
    const float zero_in_1[3][8] = {{1}, {0, -0.0f}, {1}};
    const float ones[3][8] = {{1}, {1}, {1}};
    const float small[3][8] = {{1}, {9e-7f}, {1}};
    const float smaller[3][8] = {{1}, {1e-30f, 1e-30f}, {1}};
    const float large[3][8] = {{1}, {1}, {8e5f, 8e5f}};
    const float larger[3][8] = {{3e38f, 3e38f}, {1}, {1}};
    const float bounds[3][8] = {{1}, {1.01e-6f}, {9.9e5f}};
    float vectors[TEXTS * DIMENSIONS];
    struct err err;
    struct buf b;

    write_base64(&b, bounds, DIMENSIONS);
    assert_int_equal(read_answer(&b, vectors, &err), 0);
    buf_free(&b);
    assert_bad_base64(small, 4, "a vector's length is 9e-07");
    assert_bad_base64(smaller, 4, "not within 1e-6 .. 1e6");
    assert_bad_base64(large, 4, "a vector's length is 1.13");
    assert_bad_base64(larger, 4, "not within 1e-6 .. 1e6");
    assert_bad_base64(nan_in_2, 4, "not a number");
    assert_bad_base64(inf_in_0, 4, "not a number");
    assert_bad_base64(zero_in_1, 4, "a vector is all zeroes");
    assert_bad_base64(ones, 3, "3 dimensions instead of 4");
    assert_bad_base64(ones, 5, "5 dimensions instead of 4");
}

struct spelling {
    const char *body;
    bool ordered;
};

#define SAYS(index, x) \
    "{" index "\"embedding\":[" x ",0,0,1],\"object\":\"embedding\"}"

static void places_every_spelling_of_an_index(void **state)
{
    static const struct spelling spellings[] = {
        {SAYS("\"index\":\"2\",", "3") "," SAYS(
             "\"index\":\"0\",", "1") "," SAYS("\"index\":\"1\",", "2"),
            false},
        {SAYS("\"index\":2.0,", "3") "," SAYS("\"index\":0.0,", "1") "," SAYS(
             "\"index\":1e0,", "2"),
            false},
        {SAYS("", "1") "," SAYS("\"index\":1,", "2") "," SAYS(
             "\"index\":2,", "3"),
            false},
        {SAYS("\"index\":2,", "3") "," SAYS("\"index\":1,", "2") "," SAYS(
             "", "1"),
            false},
        {SAYS("", "1") "," SAYS("", "2") "," SAYS("", "3"), true},
        {SAYS("\"index\":null,", "1") "," SAYS("\"index\":null,", "2") "," SAYS(
             "", "3"),
            true},
    };

    for (size_t i = 0; i < sizeof(spellings) / sizeof(*spellings); i++) {
        float vectors[TEXTS * DIMENSIONS];
        bool good[TEXTS];
        struct embedder_answer a = {.n = TEXTS,
            .dimensions = DIMENSIONS,
            .vectors = vectors,
            .good = good};
        struct err err;
        struct buf b;

        buf_init(&b, 4096);
        buf_printf(&b, "{\"data\":[%s],\"usage\":{\"prompt_tokens\":\"9\"}}",
            spellings[i].body);
        if (embedder_answer_read(&b, &a, &err) < 0)
            fail_msg("%zu: %s", i, err.msg);
        assert_int_equal(a.ordered, spellings[i].ordered);
        assert_int_equal(a.nbad, 0);
        assert_int_equal(a.tokens, 9);
        for (int k = 0; k < TEXTS; k++)
            assert_true(vectors[k * DIMENSIONS] == (float)(k + 1));
        buf_free(&b);
    }
}

/* What is good of an answer is told apart from what is not. */
static void keeps_good_vectors_beside_bad_ones(void **state)
{
    float vectors[TEXTS * DIMENSIONS];
    bool good[TEXTS];
    struct embedder_answer a = {
        .n = TEXTS, .dimensions = DIMENSIONS, .vectors = vectors, .good = good};
    struct err err;
    struct buf b;

    buf_init(&b, 4096);
    buf_puts(&b, "{\"data\":[{\"index\":2,\"embedding\":[1,2]},"
                 "{\"index\":1,\"embedding\":[5,6,7,8]},"
                 "{\"index\":0,\"embedding\":null}]}");
    assert_int_equal(embedder_answer_read(&b, &a, &err), 0);
    assert_int_equal(a.nbad, 2);
    assert_int_equal(a.strange, 1);
    assert_int_equal(a.length, 2);
    assert_false(good[0]);
    assert_true(good[1]);
    assert_false(good[2]);
    assert_true(vectors[4] == 5 && vectors[7] == 8);
    assert_err(&a.fault, ERR_PROTOCOL, "2 dimensions instead of 4");
    buf_free(&b);
}

struct bad_answer {
    const char *body, *words;
};

#define ENTRY(i, v) "{\"index\":" i ",\"embedding\":[" v "]}"
#define GOOD(i) ENTRY(i, "1,2,3,4")
#define BARE "{\"embedding\":[1,2,3,4]}"
#define LIST(entries) "{\"data\":[" entries "]}"

static const struct bad_answer bad_answers[] = {
    {"", "it is empty"},
    {"<html>", "not JSON"},
    {"{\"data\":[", "not JSON"},
    {"{", "ends too soon"},
    {"{\"data\"", "not JSON"},
    {"{\"data\" []}", "not JSON"},
    {"{7:[]}", "not JSON"},
    {"{\"a\":1 \"data\":[]}", "not JSON"},
    {"{\"data\":[" GOOD("0") GOOD("1") "]}", "not JSON"},
    {"{\"data\":[" GOOD("0") "," GOOD("1") "," GOOD("2") "]", "too soon"},
    {LIST(GOOD("0") "," GOOD("1") "," GOOD("2")) "}", "not JSON"},
    {LIST(GOOD("0") "," GOOD("1") "," GOOD("2") ","), "not JSON"},
    {"{\"data\":[" GOOD("0") "," GOOD("1") "," GOOD("2") "],\"usage\":{",
        "not JSON"},
    {"{\"a\":1}", "no list `data`"},
    {"[]", "no list `data`"},
    {"null", "no list `data`"},
    {"{\"data\":{}}", "no list `data`"},
    {LIST(""), "0 vectors for 3 texts"},
    {LIST(GOOD("0") "," GOOD("1")), "2 vectors for 3 texts"},
    {LIST(GOOD("0") "," GOOD("1") "," GOOD("2") "," GOOD("3")),
        "4 vectors for 3 texts"},
    {LIST(GOOD("0") "," GOOD("1") "," GOOD("3")), "0 .. 2"},
    {LIST(GOOD("0") "," GOOD("1") "," GOOD("-1")), "0 .. 2"},
    {LIST(GOOD("0") "," GOOD("1") "," GOOD("2.5")), "0 .. 2"},
    {LIST(GOOD("0") "," GOOD("1") "," GOOD("\"x\"")), "0 .. 2"},
    {LIST(GOOD("0") "," GOOD("1") "," GOOD("true")), "0 .. 2"},
    {LIST(GOOD("0") "," GOOD("1") "," GOOD("18446744073709551615")), "0 .. 2"},
    {LIST(GOOD("0") "," GOOD("1") ",7"), "not an object"},
    {LIST(GOOD("0") "," GOOD("1") "," BARE), "index 0 comes twice"},
    {LIST(BARE "," GOOD("2") "," BARE), "index 0 comes twice"},
    {LIST(BARE "," BARE "," GOOD("2")), "2 of 3 entries have no index"},
    {LIST(BARE "," BARE "," GOOD("0")), "index 0 comes twice"},
    {LIST(GOOD("0") "," GOOD("1") "," GOOD("1")), "index 1 comes twice"},
    {LIST(GOOD("0") "," GOOD("1") ",{\"index\":2}"),
        "an entry has no embedding"},
    {LIST(GOOD("0") "," GOOD("1") "," ENTRY("2", "1,2,3")),
        "a vector has 3 dimensions instead of 4"},
    {LIST(GOOD("0") "," GOOD("1") "," ENTRY("2", "1,2,3,4,5")),
        "a vector has 5 dimensions instead of 4"},
    {LIST(GOOD("0") "," GOOD("2") "," ENTRY("1", "0,0,-0.0,0")),
        "a vector is all zeroes"},
    {LIST(GOOD("0") "," GOOD("2") "," ENTRY("1", "1e-9,0,0,0")), "length"},
    {LIST(GOOD("0") "," GOOD("2") "," ENTRY("1", "1e9,0,0,0")), "length"},
    {LIST(GOOD("0") "," GOOD("2") "," ENTRY("1", "1,NaN,2,3")), "not a number"},
    {LIST(GOOD("0") "," GOOD("2") "," ENTRY("1", "1,null,2,3")),
        "not a number"},
    {LIST(GOOD("0") "," GOOD("2") "," ENTRY("1", "1,\"2\",2,3")),
        "not a number"},
    {LIST(GOOD("0") "," GOOD("2") "," ENTRY("1", "1,1e39,2,3")),
        "not a number"},
    {LIST(GOOD("0") "," GOOD("2") "," ENTRY("1", "1,1e999,2,3")),
        "not a number"},
    {LIST(GOOD("0") "," GOOD("2") ",{\"index\":1,\"embedding\":\"??\"}"),
        "a vector is not base64"},
    {LIST(GOOD("0") "," GOOD("2") ",{\"index\":1,\"embedding\":\"\"}"),
        "0 dimensions"},
};

static void refuses_bad_answers(void **state)
{
    float vectors[TEXTS * DIMENSIONS];
    struct err err;

    for (size_t i = 0; i < sizeof(bad_answers) / sizeof(*bad_answers); i++) {
        struct buf body;

        buf_init(&body, 4096);
        buf_puts(&body, bad_answers[i].body);
        assert_int_equal(read_answer(&body, vectors, &err), ERR_PROTOCOL);
        assert_err(&err, ERR_PROTOCOL, bad_answers[i].words);
        buf_free(&body);
    }
}

struct refusal {
    int status;
    const char *body;
    int code;
    const char *words;
};

#define ERROR(message, type, code)                             \
    "{\"error\":{\"message\":\"" message "\",\"type\":\"" type \
    "\",\"param\":null,\"code\":" code "}}"

static const struct refusal refusals[] = {
    {401, ERROR("Incorrect API key provided: sk-ve*****.", "x", "\"invalid\""),
        ERR_AUTH, "HTTP 401: Incorrect API key provided: sk-ve*****."},
    {401, ERROR("Bad key sk-verysecret1234567890!", "x", "null"), ERR_AUTH,
        "HTTP 401: Bad key ***!"},
    {401, ERROR("", "x", "\"sk-verysecret1234567890\""), ERR_AUTH,
        "HTTP 401: ***"},
    {403, "forbidden", ERR_AUTH, "HTTP 403: forbidden"},
    {429, ERROR("Slow\\ndown", "requests", "\"rate_limit_exceeded\""), ERR_BUSY,
        "HTTP 429: Slow down"},
    {429, "", ERR_BUSY, "HTTP 429"},
    {429, ERROR("You exceeded", "insufficient_quota", "null"), ERR_QUOTA,
        "HTTP 429: You exceeded"},
    {429, ERROR("You exceeded", "x", "\"insufficient_quota\""), ERR_QUOTA,
        "HTTP 429: You exceeded"},
    {402, "{\"error\":\"Pay first\"}", ERR_QUOTA, "HTTP 402: Pay first"},
    {500, ERROR("Oops", "server_error", "null"), ERR_UNAVAILABLE,
        "HTTP 500: Oops"},
    {502, "<html><body>Bad Gateway</body></html>", ERR_UNAVAILABLE,
        "HTTP 502: Bad Gateway"},
    {503, "\xFF\xFE", ERR_UNAVAILABLE, "HTTP 503"},
    {529, "overloaded", ERR_UNAVAILABLE, "HTTP 529: overloaded"},
    {408, "", ERR_TIMEOUT, "HTTP 408"},
    {400,
        ERROR(
            "This model's maximum context length is 8192 tokens", "x", "null"),
        ERR_TOO_LONG, "8192 tokens"},
    {400, ERROR("Nope", "x", "\"context_length_exceeded\""), ERR_TOO_LONG,
        "HTTP 400: Nope"},
    {413, "{\"error\":\"`inputs` must have less than 512 tokens\"}",
        ERR_TOO_LONG, "512 tokens"},
    {400, ERROR("'$.input' is invalid", "x", "null"), ERR_REFUSED,
        "HTTP 400: '$.input' is invalid"},
    {413, "", ERR_REFUSED, "HTTP 413"},
    {422, "{\"detail\":\"no such thing\"}", ERR_REFUSED,
        "HTTP 422: no such thing"},
    {422, "{\"detail\":[{\"loc\":[\"body\"]}]}", ERR_REFUSED, "HTTP 422"},
    {422,
        "{\"detail\":[{\"type\":\"extra_forbidden\",\"loc\":[\"body\","
        "\"dimensions\"],\"msg\":\"Extra inputs\",\"input\":8}]}",
        ERR_CONFIG, "HTTP 422: Extra inputs (body.dimensions)"},
    {400, ERROR("encoding_format must be float", "x", "null"), ERR_CONFIG,
        "encoding_format must be float"},
    {429,
        "[{\"error\":{\"code\":429,\"message\":\"You exceeded your current "
        "quota. Please retry in 1.47s.\"}}]",
        ERR_BUSY, "HTTP 429: You exceeded"},
    {403, ERROR("Quota will be replenished in 00:00:12", "x", "null"), ERR_BUSY,
        "HTTP 403: Quota will be"},
    {500, ERROR("input is too large to process", "x", "null"), ERR_TOO_LONG,
        "HTTP 500: input is too large"},
    {200, "{\"error\":{\"code\":404,\"message\":\"No such model\"}}",
        ERR_CONFIG, "HTTP 200 with an error: No such model"},
    {200, "{\"error\":\"overloaded\"}", ERR_UNAVAILABLE, "overloaded"},
    {400, ERROR("Max 300000 tokens", "x", "\"max_tokens_per_request\""),
        ERR_REFUSED, "300000"},
    {400, "[{\"error\":{\"message\":\"API key not valid.\",\"code\":400}}]",
        ERR_AUTH, "HTTP 400: API key not valid."},
    {404, ERROR("The model `x` does not exist", "x", "\"model_not_found\""),
        ERR_CONFIG, "The model `x` does not exist"},
    {404, "", ERR_CONFIG, "HTTP 404"},
    {302, "", ERR_CONFIG, "HTTP 302"},
    {405, "{\"message\":\"no\"}", ERR_CONFIG, ": no"},
    {400, "{\"error\":{\"code\":\"odd\"}}", ERR_REFUSED, "HTTP 400: odd"},
};

static void tells_refusals_apart(void **state)
{
    struct embedder_excess excess;
    struct err err;

    for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
        struct embedder_refusal r = {.status = refusals[i].status,
            .retry_after_ms = 7000,
            .body = str_of(refusals[i].body),
            .hidden = {.secret = str_of(key)},
            .n = 1};
        int rc = embedder_refusal_read(&r, &excess, &err);

        assert_int_equal(rc, err.code);
        assert_err(&err, refusals[i].code, refusals[i].words);
        assert_int_equal(
            err.retry_after_ms, err_is_transient(err.code) ? 7000 : 0);
    }
}

static void bounds_what_a_provider_says(void **state)
{
    struct embedder_excess excess;
    struct buf b;
    struct err err;

    buf_init(&b, 100000);
    buf_puts(&b, "{\"error\":{\"message\":\"");
    for (int i = 0; i < 2000; i++)
        buf_puts(&b, "שגיאה ");
    buf_puts(&b, "\"}}");
    embedder_refusal_read(
        &(struct embedder_refusal){.status = 400, .body = buf_view(&b), .n = 1},
        &excess, &err);
    assert_int_equal(err.code, ERR_REFUSED);
    assert_in_range(strlen(err.msg), 300, 400);
    assert_true(utf8_valid(str_of(err.msg)));
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_base64_by_index),
        cmocka_unit_test(finds_them_among_others),
        cmocka_unit_test(places_every_spelling_of_an_index),
        cmocka_unit_test(keeps_good_vectors_beside_bad_ones),
        cmocka_unit_test(refuses_bad_base64_vectors),
        cmocka_unit_test(refuses_bad_answers),
        cmocka_unit_test(tells_refusals_apart),
        cmocka_unit_test(bounds_what_a_provider_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
