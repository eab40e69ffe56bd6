#define _GNU_SOURCE
#include "adapters/embedder.h"

#include "adapters/embedder_answer.h"
#include "base/crypto.h"
#include "unit/net/http_stub.h"
#include <math.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { DIMENSIONS = 4, TEXTS = 3 };

static const char key[] = "sk-verysecret1234567890";

/* What the provider answers, and what it was asked. */
struct world {
    struct loop loop;
    struct http_client *http;
    struct embedder *embedder;
    struct config_embedding config;
    struct stub stub;
    char url[64];
    int status;
    const char *headers, *answer;
    int delay_ms;
    char asked[4096];
    char head[2048];
    struct embed_req req;
    float vectors[TEXTS * DIMENSIONS];
    int called;
};

static bool answer_as_told(void *arg, struct stub_request *r)
{
    struct world *w = arg;

    snprintf(w->asked, sizeof(w->asked), "%s", r->body);
    snprintf(w->head, sizeof(w->head), "%s", r->head);
    stub_sleep_ms(w->delay_ms);
    return stub_answer(
        r->fd, w->status, w->headers, w->answer, strlen(w->answer));
}

static void world_open(struct world *w)
{
    struct err err;

    memset(w, 0, sizeof(*w));
    setenv("no_proxy", "*", 1);
    w->status = 200;
    w->headers = w->answer = "";
    assert_int_equal(loop_init(&w->loop, &err), 0);
    assert_int_equal(http_client_init(&w->http, &w->loop, 2, &err), 0);
    stub_start(&w->stub, answer_as_told, w);
    snprintf(w->url, sizeof(w->url), "http://127.0.0.1:%d/v1", w->stub.port);
    w->config = (struct config_embedding){.api_url = w->url,
        .api_key = (char *)key,
        .model = "text-embedding-3-small",
        .dimensions = DIMENSIONS,
        .encoding = ENCODING_BASE64,
        .send_dimensions = true,
        .timeout_s = 5};
    w->embedder = embedder_new(&w->loop, w->http, &w->config);
}

static void world_close(struct world *w)
{
    struct err err;

    if (w->http != NULL)
        http_client_close(w->http);
    loop_run(&w->loop);
    embedder_free(w->embedder);
    assert_int_equal(loop_close(&w->loop, &err), 0);
    stub_stop(&w->stub);
}

static void on_embedded(struct op *op)
{
    container_of(op, struct world, req.op)->called++;
}

static const struct str texts[TEXTS] = {
    {"  one \n", 7}, {"t\"w\\o\x01", 6}, {"שלוש", 8}};

static int submit(struct world *w)
{
    op_init(&w->req.op, on_embedded);
    w->called = 0;
    w->req.texts = texts;
    w->req.n = TEXTS;
    w->req.dimensions = DIMENSIONS;
    w->req.vectors = w->vectors;
    return embedder_send(w->embedder, &w->req);
}

static const struct err *embed(struct world *w)
{
    assert_int_equal(submit(w), 0);
    loop_run(&w->loop);
    assert_int_equal(w->called, 1);
    return &w->req.op.err;
}

static void assert_err(const struct err *err, int code, const char *words)
{
    assert_string_equal(err_name(err->code), err_name(code));
    if (strstr(err->msg, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err->msg, words);
    assert_null(strstr(err->msg, key));
}

static const char in_floats[] =
    "{\"object\":\"list\",\"data\":["
    "{\"index\":2,\"embedding\":[0.25,0,0,-1e-3]},"
    "{\"index\":0,\"embedding\":[1,0,0,0]},"
    "{\"index\":1,\"embedding\":[0,-0.5,0,0]}],\"model\":\"m\"}";

static void assert_placed(const struct world *w)
{
    const float want[TEXTS * DIMENSIONS] = {
        1, 0, 0, 0, 0, -0.5f, 0, 0, 0.25f, 0, 0, -1e-3f};

    if (w->req.op.err.code != 0)
        fail_msg("%s", w->req.op.err.msg);
    for (int i = 0; i < TEXTS * DIMENSIONS; i++)
        assert_true(w->vectors[i] == want[i]);
}

static void sends_trimmed_and_escaped_texts_in_one_request(void **state)
{
    struct world w;

    world_open(&w);
    w.answer = in_floats;
    embed(&w);
    assert_string_equal(w.asked,
        "{\"model\":\"text-embedding-3-small\",\"input\":[\"one\","
        "\"t\\\"w\\\\o\\u0001\",\"שלוש\"],\"dimensions\":4,"
        "\"encoding_format\":\"base64\"}");
    assert_non_null(strstr(w.head, "POST /v1/embeddings HTTP/1.1\r\n"));
    assert_non_null(
        strstr(w.head, "\r\nAuthorization: Bearer sk-verysecret1234567890"));
    assert_non_null(strstr(w.head, "\r\nContent-Type: application/json\r\n"));
    assert_int_equal(w.stub.nrequests, 1);
    world_close(&w);
}

static void leaves_out_what_is_not_configured(void **state)
{
    struct world w;

    world_open(&w);
    w.answer = in_floats;
    embedder_free(w.embedder);
    w.config.api_key = NULL;
    w.config.send_dimensions = false;
    w.config.encoding = ENCODING_FLOAT;
    w.embedder = embedder_new(&w.loop, w.http, &w.config);
    embed(&w);
    assert_null(strstr(w.asked, "dimensions"));
    assert_non_null(strstr(w.asked, "],\"encoding_format\":\"float\"}"));
    assert_null(strstr(w.head, "Authorization"));
    world_close(&w);
}

static void places_floats_by_index_although_base64_was_asked(void **state)
{
    struct world w;

    world_open(&w);
    w.answer = in_floats;
    embed(&w);
    assert_placed(&w);
    world_close(&w);
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
    struct world w;
    struct buf b;

    world_open(&w);
    write_base64(&b, rows, DIMENSIONS);
    w.answer = b.data;
    embed(&w);
    assert_placed(&w);
    world_close(&w); /* the server may still read it */
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
    embedder_answer_read(buf_view(&b), TEXTS, DIMENSIONS, vectors, &err);
    assert_err(&err, ERR_PROTOCOL, words);
    buf_free(&b);
}

static void refuses_bad_base64_vectors(void **state)
{
    const float nan_in_2[3][8] = {{1}, {1}, {1, NAN}};
    const float inf_in_0[3][8] = {{-INFINITY}, {1}, {1}};
    const float zero_in_1[3][8] = {{1}, {0, -0.0f}, {1}};
    const float ones[3][8] = {{1}, {1}, {1}};

    assert_bad_base64(nan_in_2, 4, "index 2");
    assert_bad_base64(inf_in_0, 4, "index 0");
    assert_bad_base64(zero_in_1, 4, "index 1 is all zeroes");
    assert_bad_base64(ones, 3, "fewer dimensions than 4");
    assert_bad_base64(ones, 5, "more dimensions than 4");
}

struct bad_answer {
    const char *body, *words;
};

#define ENTRY(i, v) "{\"index\":" i ",\"embedding\":[" v "]}"
#define GOOD(i) ENTRY(i, "1,2,3,4")
#define LIST(entries) "{\"data\":[" entries "]}"

static const struct bad_answer bad_answers[] = {
    {"", "it is empty"},
    {"<html>", "not JSON"},
    {"{\"data\":[", "not JSON"},
    {"[]", "no list `data`"},
    {"null", "no list `data`"},
    {"{\"data\":{}}", "no list `data`"},
    {LIST(""), "0 vectors for 3 texts"},
    {LIST(GOOD("0") "," GOOD("1")), "2 vectors for 3 texts"},
    {LIST(GOOD("0") "," GOOD("1") "," GOOD("2") "," GOOD("3")),
        "4 vectors for 3 texts"},
    {LIST(GOOD("0") "," GOOD("1") "," GOOD("3")), "0 .. 2"},
    {LIST(GOOD("0") "," GOOD("1") "," GOOD("-1")), "0 .. 2"},
    {LIST(GOOD("0") "," GOOD("1") "," GOOD("2.0")), "0 .. 2"},
    {LIST(GOOD("0") "," GOOD("1") "," GOOD("\"2\"")), "0 .. 2"},
    {LIST(GOOD("0") "," GOOD("1") "," GOOD("18446744073709551615")), "0 .. 2"},
    {LIST(GOOD("0") "," GOOD("1") ",7"), "0 .. 2"},
    {LIST(GOOD("0") "," GOOD("1") ",{\"embedding\":[1,2,3,4]}"), "0 .. 2"},
    {LIST(GOOD("0") "," GOOD("1") "," GOOD("1")), "index 1 comes twice"},
    {LIST(GOOD("0") "," GOOD("1") ",{\"index\":2}"), "index 2 has no"},
    {LIST(GOOD("0") "," GOOD("1") "," ENTRY("2", "1,2,3")),
        "index 2 has 3 dimensions instead of 4"},
    {LIST(GOOD("0") "," GOOD("1") "," ENTRY("2", "1,2,3,4,5")),
        "index 2 has 5 dimensions instead of 4"},
    {LIST(GOOD("0") "," GOOD("2") "," ENTRY("1", "0,0,-0.0,0")),
        "index 1 is all zeroes"},
    {LIST(GOOD("0") "," GOOD("2") "," ENTRY("1", "1,NaN,2,3")), "index 1"},
    {LIST(GOOD("0") "," GOOD("2") "," ENTRY("1", "1,null,2,3")), "index 1"},
    {LIST(GOOD("0") "," GOOD("2") "," ENTRY("1", "1,\"2\",2,3")), "index 1"},
    {LIST(GOOD("0") "," GOOD("2") "," ENTRY("1", "1,1e39,2,3")), "index 1"},
    {LIST(GOOD("0") "," GOOD("2") "," ENTRY("1", "1,1e999,2,3")), "index 1"},
    {LIST(GOOD("0") "," GOOD("2") ",{\"index\":1,\"embedding\":\"??\"}"),
        "index 1 is not base64"},
    {LIST(GOOD("0") "," GOOD("2") ",{\"index\":1,\"embedding\":\"\"}"),
        "index 1 has fewer"},
};

static void refuses_bad_answers(void **state)
{
    float vectors[TEXTS * DIMENSIONS];
    struct err err;

    for (size_t i = 0; i < sizeof(bad_answers) / sizeof(*bad_answers); i++) {
        int rc = embedder_answer_read(
            str_of(bad_answers[i].body), TEXTS, DIMENSIONS, vectors, &err);

        assert_int_equal(rc, ERR_PROTOCOL);
        assert_err(&err, ERR_PROTOCOL, bad_answers[i].words);
    }
}

static void reports_a_bad_answer(void **state)
{
    struct world w;

    world_open(&w);
    w.answer = "<html>welcome</html>";
    assert_err(embed(&w), ERR_PROTOCOL, "not JSON");
    world_close(&w);
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
    {502, "<html><body>Bad Gateway</body></html>", ERR_UNAVAILABLE, "HTTP 502"},
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
    {400, ERROR("Max 300000 tokens", "x", "\"max_tokens_per_request\""),
        ERR_REFUSED, "300000"},
    {400, "[{\"error\":{\"message\":\"API key not valid.\",\"code\":400}}]",
        ERR_AUTH, "HTTP 400: API key not valid."},
    {404, ERROR("The model `x` does not exist", "x", "\"model_not_found\""),
        ERR_CONFIG, "The model `x` does not exist"},
    {404, "", ERR_CONFIG, "OPENAI_API_URL or EMBEDDING_MODEL"},
    {302, "", ERR_CONFIG, "HTTP 302"},
    {405, "{\"message\":\"no\"}", ERR_CONFIG, ": no"},
    {400, "{\"error\":{\"code\":\"odd\"}}", ERR_REFUSED, "HTTP 400: odd"},
};

static void tells_refusals_apart(void **state)
{
    struct err err;

    for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
        struct embedder_refusal r = {.status = refusals[i].status,
            .retry_after_ms = 7000,
            .body = str_of(refusals[i].body),
            .secret = str_of(key)};
        int rc = embedder_refusal_read(&r, &err);

        assert_int_equal(rc, err.code);
        assert_err(&err, refusals[i].code, refusals[i].words);
        assert_int_equal(
            err.retry_after_ms, err_is_transient(err.code) ? 7000 : 0);
    }
}

static void bounds_what_a_provider_says(void **state)
{
    struct buf b;
    struct err err;

    buf_init(&b, 100000);
    buf_puts(&b, "{\"error\":{\"message\":\"");
    for (int i = 0; i < 2000; i++)
        buf_puts(&b, "שגיאה ");
    buf_puts(&b, "\"}}");
    embedder_refusal_read(
        &(struct embedder_refusal){.status = 400, .body = buf_view(&b)}, &err);
    assert_int_equal(err.code, ERR_REFUSED);
    assert_in_range(strlen(err.msg), 300, 400);
    assert_true(utf8_valid(str_of(err.msg)));
    buf_free(&b);
}

static void hands_on_what_the_wire_says(void **state)
{
    struct world w;

    world_open(&w);
    w.status = 429;
    w.headers = "Retry-After: 3\r\n";
    w.answer = "{\"error\":{\"message\":\"Slow down\"}}";
    assert_err(embed(&w), ERR_BUSY, "HTTP 429: Slow down");
    assert_int_equal(w.req.op.err.retry_after_ms, 3000);
    assert_int_equal(w.stub.nrequests, 1);
    world_close(&w);
}

static void hands_on_transport_errors(void **state)
{
    struct world w;

    world_open(&w);
    shutdown(w.stub.listener, SHUT_RDWR);
    assert_err(embed(&w), ERR_UNAVAILABLE, "127.0.0.1");
    world_close(&w);
}

static void times_out(void **state)
{
    struct world w;

    world_open(&w);
    w.config.timeout_s = 1;
    w.delay_ms = 1300;
    w.answer = in_floats;
    assert_err(embed(&w), ERR_TIMEOUT, "127.0.0.1");
    world_close(&w);
}

static void bounds_an_answer(void **state)
{
    struct world w;
    size_t size = embedder_answer_cap(TEXTS, DIMENSIONS) + 2;
    char *huge = malloc(size);

    memset(huge, ' ', size);
    huge[size - 1] = '\0';
    world_open(&w);
    w.answer = huge;
    assert_err(embed(&w), ERR_TOO_LARGE, "longer than");
    world_close(&w);
    free(huge);
}

static void cancels(void **state)
{
    struct world w;

    world_open(&w);
    w.delay_ms = 100;
    w.answer = in_floats;
    assert_int_equal(submit(&w), 0);
    uv_run(&w.loop.uv, UV_RUN_NOWAIT);
    op_cancel(&w.req.op);
    op_cancel(&w.req.op);
    assert_int_equal(w.called, 0);
    loop_run(&w.loop);
    assert_int_equal(w.called, 1);
    assert_err(&w.req.op.err, ERR_CANCELED, "");
    world_close(&w);
}

static void ends_when_the_http_client_closes(void **state)
{
    struct world w;

    world_open(&w);
    w.delay_ms = 100;
    assert_int_equal(submit(&w), 0);
    http_client_close(w.http);
    assert_int_equal(w.called, 0);
    loop_run(&w.loop);
    assert_int_equal(w.called, 1);
    assert_err(&w.req.op.err, ERR_CANCELED, "");
    w.http = NULL;
    world_close(&w);
}

static void takes_nothing_when_the_http_client_is_closed(void **state)
{
    struct world w;

    world_open(&w);
    http_client_close(w.http);
    assert_int_equal(submit(&w), ERR_CANCELED);
    assert_err(&w.req.op.err, ERR_CANCELED, "");
    w.http = NULL;
    world_close(&w);
    assert_int_equal(w.called, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_trimmed_and_escaped_texts_in_one_request),
        cmocka_unit_test(leaves_out_what_is_not_configured),
        cmocka_unit_test(places_floats_by_index_although_base64_was_asked),
        cmocka_unit_test(places_base64_by_index),
        cmocka_unit_test(refuses_bad_base64_vectors),
        cmocka_unit_test(refuses_bad_answers),
        cmocka_unit_test(reports_a_bad_answer),
        cmocka_unit_test(tells_refusals_apart),
        cmocka_unit_test(bounds_what_a_provider_says),
        cmocka_unit_test(hands_on_what_the_wire_says),
        cmocka_unit_test(hands_on_transport_errors),
        cmocka_unit_test(times_out),
        cmocka_unit_test(bounds_an_answer),
        cmocka_unit_test(cancels),
        cmocka_unit_test(ends_when_the_http_client_closes),
        cmocka_unit_test(takes_nothing_when_the_http_client_is_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
