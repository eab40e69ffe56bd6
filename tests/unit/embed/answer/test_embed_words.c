#include "embed/answer/embed_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct embed_hidden nothing;

struct shape {
    const char *body, *message;
};

/* Each as some provider, gateway or framework has it. */
static const struct shape shapes[] = {
    {"{\"type\":\"about:blank\",\"title\":\"Bad\",\"detail\":\"W\"}", "W"},
    {"{\"detail\":[{\"loc\":[\"body\",\"input\",3],\"msg\":\"W\",\"type\":"
     "\"x\"}]}",
        "W (body.input.3)"},
    {"{\"detail\":[{\"msg\":\"A\"},{\"msg\":\"B\"}]}", "A; B"},
    {"{\"detail\":{\"error\":{\"message\":\"W\"}}}", "W"},
    {"{\"success\":false,\"errors\":[{\"code\":7009,\"message\":\"W\"}]}", "W"},
    {"{\"errors\":[\"W\"]}", "W"},
    {"{\"message\":[\"W\"],\"error\":\"Bad Request\"}", "W"},
    {"{\"error\":\"Bad Request\",\"message\":\"W\"}", "W"},
    {"{\"code\":20012,\"msg\":\"W\"}", "W"},
    {"{\"Message\":\"W\"}", "W"},
    {"{\"fault\":{\"faultstring\":\"W\"}}", "W"},
    {"\"W\"", "W"},
    {"{\"error_code\":336,\"error_msg\":\"W\"}", "W"},
    {"{\"error\":{\"error\":{\"message\":\"W\"}}}", "W"},
    {"{\"error\":{\"message\":\"{\\\"error\\\":{\\\"message\\\":\\\"W\\\"}}\"}"
     "}",
        "W"},
    {"{\"base_resp\":{\"status_code\":2013,\"status_msg\":\"W\"}}", "W"},
    {"[{\"error\":{\"code\":400,\"message\":\"W\"}}]", "W"},
    {"<html><head><TITLE>\n W </TITLE></head></html>", "W"},
    {"<h1>W</h1>", "W"},
    {"W", "W"},
    {"{\"odd\":7}", "{\"odd\":7}"},
    {"", ""},
};

static void finds_the_words_in_any_shape(void **state)
{
    for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
        struct embed_words w;

        embed_words_read(str_of(shapes[i].body), &nothing, 0, &w);
        assert_string_equal(w.message, shapes[i].message);
    }
}

struct wait {
    const char *words;
    uint64_t ms;
};

static void finds_the_time_to_come_back(void **state)
{
    static const struct wait waits[] = {
        {"Please try again in 1.2s. Visit", 1200},
        {"Please retry in 1.47s.", 1470},
        {"Rate limit reached, try again in 6m0s", 360000},
        {"try again in 20 seconds", 20000},
        {"Please retry after 6 seconds.", 6000},
        {"retry after 30", 30000},
        {"replenished in 00:12:00.", 720000},
        {"Please wait 3 minutes", 180000},
        {"try again in 120ms", 120},
        {"in 1h2m3.5s", 3723500},
        {"too many tokens in batch", 0},
        {"limit 10 in 5 requests", 0},
        {"after all", 0},
        {"in 999999999999999999999 days", 40ull * 24 * 3600 * 1000},
    };

    for (size_t i = 0; i < sizeof(waits) / sizeof(*waits); i++) {
        char sentence[100] = "So ";

        strcat(sentence, waits[i].words);
        assert_int_equal(embed_wait_in_words(sentence), waits[i].ms);
    }
}

static void finds_the_time_in_members(void **state)
{
    static const struct wait waits[] = {
        {"[{\"error\":{\"details\":[{\"retryDelay\":\"1.5s\"}]}}]", 1500},
        {"{\"error\":\"loading\",\"estimated_time\":25.5}", 25500},
        {"{\"detail\":\"x\",\"retry_after\":3}", 3000},
        {"{\"error\":{\"metadata\":{\"headers\":{\"X-RateLimit-Reset\":"
         "\"1700000002000\"}}}}",
            2000},
        {"{\"retry_after\":-3}", 0},
    };

    for (size_t i = 0; i < sizeof(waits) / sizeof(*waits); i++) {
        struct embed_words w;

        embed_words_read(str_of(waits[i].words), &nothing, 1700000000000, &w);
        assert_int_equal(w.wait_ms, waits[i].ms);
    }
}

static void understands_resets(void **state)
{
    const int64_t now = 1700000000000;

    assert_int_equal(embed_reset_ms(STR("1700000005"), now), 5000);
    assert_int_equal(embed_reset_ms(STR("1700000005000"), now), 5000);
    assert_int_equal(embed_reset_ms(STR("1600000005"), now), 0);
    assert_int_equal(embed_reset_ms(STR("7"), now), 7000);
    assert_int_equal(embed_reset_ms(STR("6m0s"), now), 360000);
    assert_int_equal(embed_reset_ms(STR("2023-11-14T22:13:30Z"), now), 10000);
    assert_int_equal(embed_reset_ms(STR("soon"), now), 0);
    assert_int_equal(embed_reset_ms(STR(""), now), 0);
}

struct echo {
    const char *message, *told;
};

static void never_repeats_what_was_sent(void **state)
{
    static const struct str texts[] = {
        {"Id: d-4\n\nText: patient 4711 SECRETDIAGNOSIS", 43},
        {"\xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D \xD7\xA2\xD7\x95\xD7\x9C\xD7\x9D",
            17},
        {"plain 3", 7}};
    static const struct embed_hidden hidden = {
        .secret = {"sk-1", 4}, .texts = texts, .ntexts = 3};
    static const struct echo echoes[] = {
        {"no: \"Id: d-4 Text: patient 4711 SECRETDIAGNOSIS\"", "no: \"[...]\""},
        {"no: Id: d-4\\n\\nText: PATIENT 4711 secretdi...", "no: [...]..."},
        {"bad word 'SECRETDIAGNOSIS' there", "bad word '[...]' there"},
        {"word `4711` there", "word `[...]` there"},
        {"no \\u05e9\\u05dc\\u05d5\\u05dd \\u05e2\\u05d5\\u05dc\\u05dd!",
            "no [...]!"},
        {"no plain 3!", "no [...]!"},
        {"key sk-1!", "key ***!"},
        {"nothing of it", "nothing of it"},
    };
    char told[200];

    for (size_t i = 0; i < sizeof(echoes) / sizeof(*echoes); i++) {
        embed_hide(told, sizeof(told), str_of(echoes[i].message), &hidden);
        assert_string_equal(told, echoes[i].told);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_words_in_any_shape),
        cmocka_unit_test(finds_the_time_to_come_back),
        cmocka_unit_test(finds_the_time_in_members),
        cmocka_unit_test(understands_resets),
        cmocka_unit_test(never_repeats_what_was_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
