#define _GNU_SOURCE
#include "embed/embedder.h"

#include "embed/answer/embedder_answer.h"
#include "unit/net/http/http_stub.h"
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
    int called, answered;
    bool cancel_answered;
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

/* Nothing has been read, and the caller may submit and cancel. */
static void on_answered(struct embed_req *req)
{
    struct world *w = container_of(req, struct world, req);

    w->answered++;
    assert_int_equal(w->called, 0);
    for (int i = 0; i < TEXTS * DIMENSIONS; i++)
        assert_true(w->vectors[i] == 0 || w->config.limits.inputs > 0);
    if (w->cancel_answered)
        op_cancel(&req->op);
}

static const struct str texts[TEXTS] = {
    {"  one \n", 7}, {"t\"w\\o\x01", 6}, {"שלוש", 8}};

static void submit_sized(struct world *w, int dimensions, float *vectors)
{
    op_init(&w->req.op, on_embedded);
    w->called = w->answered = 0;
    w->req.answered = on_answered;
    w->req.texts = texts;
    w->req.n = TEXTS;
    w->req.dimensions = dimensions;
    w->req.vectors = vectors;
    embedder_send(w->embedder, &w->req);
}

static void submit(struct world *w)
{
    submit_sized(w, DIMENSIONS, w->vectors);
}

static const struct err *embed(struct world *w)
{
    submit(w);
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

/* What each request is answered in turn; the last one for all further ones. */
struct script {
    struct world *w;
    const char *answers[4];
    char asked[4][512];
    int n;
};

static bool answer_by_script(void *arg, struct stub_request *r)
{
    struct script *s = arg;
    int i = s->n < 3 ? s->n : 3;

    snprintf(s->asked[i], sizeof(s->asked[i]), "%s", r->body);
    s->n++;
    return stub_answer(r->fd, 200, "", s->answers[i], strlen(s->answers[i]));
}

static void world_follow(struct world *w, struct script *s)
{
    world_open(w);
    s->w = w;
    w->stub.arg = s;
    w->stub.fn = answer_by_script;
}

#define UNNAMED(a, b, c) "{\"embedding\":[" a "," b "," c ",0]}"

static void proves_an_order_before_it_is_believed(void **state)
{
    struct world w;
    struct script s = {
        .answers = {"{\"data\":[" UNNAMED("1", "0", "0") "," UNNAMED(
                        "0", "1", "0") "," UNNAMED("0", "0", "1") "]}",
            "{\"data\":[" UNNAMED("0", "1", "0") "," UNNAMED(
                "1", "0", "0") "]}",
            "{\"data\":[" UNNAMED("1", "0", "0") "," UNNAMED(
                "0", "1", "0") "," UNNAMED("0", "0", "1") "]}"}};

    world_follow(&w, &s);
    assert_int_equal(embed(&w)->code, 0);
    assert_int_equal(s.n, 2);
    assert_non_null(
        strstr(s.asked[1], "\"input\":[\"t\\\"w\\\\o\\u0001\",\"one\"]"));
    assert_true(w.vectors[0] == 1 && w.vectors[5] == 1 && w.vectors[10] == 1);
    assert_int_equal(w.req.sent, 5);
    assert_int_equal(w.answered, 1);
    memset(w.vectors, 0, sizeof(w.vectors));
    assert_int_equal(embed(&w)->code, 0);
    assert_int_equal(s.n, 3);
    world_close(&w);
}

static void stops_where_there_is_no_order(void **state)
{
    struct world w;
    struct script s = {
        .answers = {"{\"data\":[" UNNAMED("1", "0", "0") "," UNNAMED(
                        "0", "1", "0") "," UNNAMED("0", "0", "1") "]}",
            "{\"data\":[" UNNAMED("1", "0", "0") "," UNNAMED(
                "0", "1", "0") "]}"}};

    world_follow(&w, &s);
    assert_err(embed(&w), ERR_CONFIG, "EMBEDDING_MAX_INPUTS=1");
    assert_int_equal(s.n, 2);
    world_close(&w);
}

#define NAMED(i, x) "{\"index\":" i ",\"embedding\":[" x ",0,0,0]}"

static void asks_alone_for_what_was_bad(void **state)
{
    struct world w;
    struct script s = {.answers = {"{\"data\":[" NAMED("0", "1") "," NAMED(
                                       "1", "null") "," NAMED("2", "3") "]}",
                           "{\"data\":[" NAMED("0", "2") "]}"}};

    world_follow(&w, &s);
    assert_int_equal(embed(&w)->code, 0);
    assert_int_equal(s.n, 2);
    assert_non_null(strstr(s.asked[1], "\"input\":[\"t\\\"w\\\\o\\u0001\"]"));
    assert_true(w.vectors[0] == 1 && w.vectors[4] == 2 && w.vectors[8] == 3);
    assert_int_equal(w.req.sent, 4);
    world_close(&w);
}

static void tells_what_stays_bad_and_keeps_the_rest(void **state)
{
    struct world w;
    uint8_t outcomes[TEXTS] = {0};
    struct script s = {.answers = {"{\"data\":[" NAMED("0", "1") "," NAMED(
                                       "1", "0") "," NAMED("2", "3") "]}",
                           "{\"data\":[" NAMED("0", "0") "]}"}};

    world_follow(&w, &s);
    w.req.outcomes = outcomes;
    assert_err(embed(&w), ERR_PROTOCOL, "a vector is all zeroes");
    assert_int_equal(s.n, 2);
    assert_int_equal(outcomes[0], EMBED_GOOD);
    assert_int_equal(outcomes[1], EMBED_BAD);
    assert_int_equal(outcomes[2], EMBED_GOOD);
    world_close(&w);
}

static void names_the_size_that_all_vectors_have(void **state)
{
    struct world w;
    struct script s = {.answers = {"{\"data\":[{\"index\":0,\"embedding\":[1]},"
                                   "{\"index\":1,\"embedding\":[1]},"
                                   "{\"index\":2,\"embedding\":[1]}]}"}};

    world_follow(&w, &s);
    assert_err(embed(&w), ERR_CONFIG, "set EMBEDDING_DIMENSIONS=1");
    assert_int_equal(s.n, 1);
    world_close(&w);
}

static void sends_no_more_texts_than_allowed(void **state)
{
    struct world w;
    struct script s = {
        .answers = {"{\"data\":[" NAMED("0", "1") "," NAMED("1", "2") "]}",
            "{\"data\":[" NAMED("0", "3") "]}"}};

    world_follow(&w, &s);
    w.config.limits.inputs = 2;
    assert_int_equal(embed(&w)->code, 0);
    assert_int_equal(s.n, 2);
    assert_int_equal(w.answered, 1);
    assert_true(w.vectors[0] == 1 && w.vectors[4] == 2 && w.vectors[8] == 3);
    world_close(&w);
}

static bool refuse_more_than_one(void *arg, struct stub_request *r)
{
    static const char told[] = "{\"message\":\"Batch size is invalid, it "
                               "should not be larger than 1\"}";

    if (strstr(r->body, "one\",") != NULL ||
        strstr(r->body, "u0001\",") != NULL)
        return stub_answer(r->fd, 400, "", told, strlen(told));
    return stub_answer(r->fd, 200, "", "{\"data\":[" NAMED("0", "1") "]}",
        strlen("{\"data\":[" NAMED("0", "1") "]}"));
}

static void learns_how_much_a_request_may_carry(void **state)
{
    struct world w;

    world_open(&w);
    w.stub.fn = refuse_more_than_one;
    w.config.limits.inputs = 7; /* vectors come before the last answer */
    assert_int_equal(embed(&w)->code, 0);
    assert_int_equal(w.stub.nrequests, 1 + TEXTS);
    assert_int_equal(w.req.sent, TEXTS);
    memset(w.vectors, 0, sizeof(w.vectors));
    assert_int_equal(embed(&w)->code, 0);
    assert_int_equal(w.stub.nrequests, 1 + 2 * TEXTS);
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

static void reports_a_bad_answer(void **state)
{
    struct world w;

    world_open(&w);
    w.answer = "welcome";
    assert_err(embed(&w), ERR_PROTOCOL, "not JSON");
    w.answer = "<html><title>Sign in</title></html>";
    assert_err(embed(&w), ERR_CONFIG, "the answer is a web page \"Sign in\"");
    assert_err(&w.req.op.err, ERR_CONFIG, "look at OPENAI_API_URL");
    w.answer = "{\"error\":{\"code\":429,\"message\":\"Slow down\"}}";
    assert_err(
        embed(&w), ERR_BUSY, "HTTP 200 with an error: Slow down (asked http");
    world_close(&w);
}

/* Whatever comes of reading it. */
static void tells_of_an_answer_before_reading_it(void **state)
{
    struct world w;

    world_open(&w);
    w.answer = in_floats;
    embed(&w);
    assert_placed(&w);
    assert_int_equal(w.answered, 1);
    memset(w.vectors, 0, sizeof(w.vectors));
    w.answer = "{}";
    assert_err(embed(&w), ERR_PROTOCOL, "no list");
    assert_int_equal(w.answered, 1);
    w.status = 500;
    assert_err(embed(&w), ERR_UNAVAILABLE, "HTTP 500");
    assert_int_equal(w.answered, 0);
    world_close(&w);
}

static void cancels_what_is_still_to_be_read(void **state)
{
    struct world w;

    world_open(&w);
    w.answer = in_floats;
    w.cancel_answered = true;
    assert_err(embed(&w), ERR_CANCELED, "");
    assert_int_equal(w.answered, 1);
    world_close(&w);
}

/* Longer than what is read on the loop. */
enum { LONG_DIMENSIONS = 16000, LONG_BYTES = 560 * 1000 };

static float long_number(int text, int i)
{
    return (float)(text + 1) + (float)(i % 512) / 512;
}

static char *long_answer(void)
{
    size_t size = 2 * LONG_BYTES, len = 0;
    char *out = malloc(size);

    len += (size_t)snprintf(out, size, "{\"data\":[");
    for (int text = TEXTS - 1; text >= 0; text--) {
        len += (size_t)snprintf(
            out + len, size - len, "{\"index\":%d,\"embedding\":[", text);
        for (int i = 0; i < LONG_DIMENSIONS; i++)
            len += (size_t)snprintf(out + len, size - len, "%s%.9f",
                i > 0 ? "," : "", long_number(text, i));
        len += (size_t)snprintf(
            out + len, size - len, "]}%s", text > 0 ? "," : "]}");
    }
    assert_in_range(len, LONG_BYTES, size - 1);
    return out;
}

static const struct err *embed_long(struct world *w, float *vectors)
{
    submit_sized(w, LONG_DIMENSIONS, vectors);
    loop_run(&w->loop);
    assert_int_equal(w->called, 1);
    assert_int_equal(w->answered, 1);
    return &w->req.op.err;
}

static void reads_long_answers(void **state)
{
    struct world w;
    float *vectors = calloc(TEXTS * LONG_DIMENSIONS, sizeof(float));
    char *answer = long_answer();

    world_open(&w);
    w.answer = answer;
    assert_int_equal(embed_long(&w, vectors)->code, 0);
    for (int i = 0; i < TEXTS * LONG_DIMENSIONS; i++)
        assert_true(vectors[i] ==
                    long_number(i / LONG_DIMENSIONS, i % LONG_DIMENSIONS));
    w.cancel_answered = true;
    assert_err(embed_long(&w, vectors), ERR_CANCELED, "");
    w.cancel_answered = false;
    answer[strlen(answer) - 2] = '\0';
    assert_err(embed_long(&w, vectors), ERR_PROTOCOL, "ends too soon");
    world_close(&w);
    free(answer);
    free(vectors);
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

/* What comes of an answer with that status that is longer than any should be,
 * and how the message goes on. */
static void assert_bounded(int status, int code, const char *words)
{
    struct world w;
    size_t size = embedder_answer_cap(TEXTS, DIMENSIONS) + 2;
    char *huge = malloc(size);

    memset(huge, ' ', size);
    huge[size - 1] = '\0';
    world_open(&w);
    w.status = status;
    w.headers = "Retry-After: 2\r\n";
    w.answer = huge;
    assert_err(embed(&w), code, words);
    assert_err(&w.req.op.err, code, "the answer is longer than");
    assert_int_equal(w.req.op.err.retry_after_ms, status >= 429 ? 2000 : 0);
    world_close(&w);
    free(huge);
}

static void bounds_an_answer(void **state)
{
    assert_bounded(200, ERR_PROTOCOL, "127.0.0.1");
}

static void goes_by_the_status_of_one_that_is_too_long(void **state)
{
    assert_bounded(429, ERR_BUSY, "HTTP 429: ");
    assert_bounded(500, ERR_UNAVAILABLE, "HTTP 500: ");
    assert_bounded(503, ERR_UNAVAILABLE, "HTTP 503: ");
    assert_bounded(400, ERR_REFUSED, "HTTP 400: ");
    assert_bounded(401, ERR_AUTH, "HTTP 401: ");
}

static void cancels(void **state)
{
    struct world w;

    world_open(&w);
    w.delay_ms = 100;
    w.answer = in_floats;
    submit(&w);
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
    submit(&w);
    http_client_close(w.http);
    assert_int_equal(w.called, 0);
    loop_run(&w.loop);
    assert_int_equal(w.called, 1);
    assert_err(&w.req.op.err, ERR_CANCELED, "");
    w.http = NULL;
    world_close(&w);
}

static void fails_when_the_http_client_is_closed(void **state)
{
    struct world w;

    world_open(&w);
    http_client_close(w.http);
    w.http = NULL;
    assert_err(embed(&w), ERR_CANCELED, "");
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_trimmed_and_escaped_texts_in_one_request),
        cmocka_unit_test(leaves_out_what_is_not_configured),
        cmocka_unit_test(proves_an_order_before_it_is_believed),
        cmocka_unit_test(stops_where_there_is_no_order),
        cmocka_unit_test(asks_alone_for_what_was_bad),
        cmocka_unit_test(tells_what_stays_bad_and_keeps_the_rest),
        cmocka_unit_test(names_the_size_that_all_vectors_have),
        cmocka_unit_test(sends_no_more_texts_than_allowed),
        cmocka_unit_test(learns_how_much_a_request_may_carry),
        cmocka_unit_test(places_floats_by_index_although_base64_was_asked),
        cmocka_unit_test(reports_a_bad_answer),
        cmocka_unit_test(tells_of_an_answer_before_reading_it),
        cmocka_unit_test(cancels_what_is_still_to_be_read),
        cmocka_unit_test(reads_long_answers),
        cmocka_unit_test(hands_on_what_the_wire_says),
        cmocka_unit_test(hands_on_transport_errors),
        cmocka_unit_test(times_out),
        cmocka_unit_test(bounds_an_answer),
        cmocka_unit_test(goes_by_the_status_of_one_that_is_too_long),
        cmocka_unit_test(cancels),
        cmocka_unit_test(ends_when_the_http_client_closes),
        cmocka_unit_test(fails_when_the_http_client_is_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
