/* What comes over the network, when there is no memory for it. */
#include "unit/base/starved.h"

#include "api/body.h"
#include "embed/answer/embedder_answer.h"
#include "net/http/http_inflate.h"
#include "net/http/http_server_parse.h"
#include "source/coordinator_answer.h"
#include "source/service_names.h"

enum { MANY = 900, TEXT_BYTES = 1 << 20, DIMENSIONS = 8 };

static struct buf text;

static void begin_text(const char *first)
{
    buf_init(&text, TEXT_BYTES);
    buf_puts(&text, first);
}

/* first, then MANY of `each` with its number, then last. */
static void make_text(const char *first, const char *each, const char *last)
{
    begin_text(first);
    for (int i = 0; i < MANY; i++)
        buf_printf(
            &text, "%s{\"serviceName\":\"%s-%d\"}", i > 0 ? "," : "", each, i);
    buf_puts(&text, last);
}

static int read_names(void)
{
    struct service_names names;
    struct err err = {.code = 0};
    struct arena a;
    int rc;

    arena_init(&a, 0);
    names = (struct service_names){.arena = &a};
    rc = service_names_read(&names, buf_view(&text), &err);
    assert_int_equal(rc, err.code);
    arena_free(&a);
    return rc;
}

static void a_list_of_services(void **state)
{
    make_text("{\"success\":true,\"services\":[", "service", "]}");
    starve(read_names, 3);
    buf_free(&text);
}

static int read_trigger(void)
{
    struct body_trigger b;
    struct err err = {.code = 0};
    int rc = body_read_trigger(&b, buf_view(&text), &err);

    assert_int_equal(rc, err.code);
    body_trigger_free(&b);
    return rc;
}

static void a_request_s_body(void **state)
{
    json_malloc_t before_malloc;
    json_free_t before_free;

    json_get_alloc_funcs(&before_malloc, &before_free);
    json_set_alloc_funcs(malloc, free);
    begin_text("{\"services\":[");
    for (int i = 0; i < MANY; i++)
        buf_printf(&text, "%s\"service-%d\"", i > 0 ? "," : "", i);
    buf_puts(&text, "]}");
    starve(read_trigger, 2);
    json_set_alloc_funcs(before_malloc, before_free);
    buf_free(&text);
}

static int read_request(void)
{
    static const struct http_limits limits = {.url_bytes = 64,
        .header_bytes = 256,
        .headers = 8,
        .body_bytes = TEXT_BYTES};
    struct http_parse *p = http_parse_new(&limits);
    struct str in = buf_view(&text);
    enum http_parse_result result;
    size_t used;
    int rc = 0;

    result = http_parse_feed(p, in, &used);
    if (result == HTTP_PARSE_HEAD)
        result =
            http_parse_feed(p, (struct str){in.p + used, in.len - used}, &used);
    if (result == HTTP_PARSE_BAD) {
        assert_int_equal(http_parse_info(p)->status, 503);
        rc = ERR_NOMEM;
    }
    http_parse_free(p);
    return rc;
}

static void a_request(void **state)
{
    begin_text("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 90000\r\n\r\n");
    for (int i = 0; i < 9000; i++)
        buf_puts(&text, "0123456789");
    starve(read_request, 1);
    buf_free(&text);
}

/* A RouteResponse of a long JSON and many other fields. */
static int read_answer(void)
{
    struct page_req req = {.op.err.code = 0};
    struct err err = {.code = 0};
    struct buf bytes;
    struct arena a;
    int rc;

    arena_init(&a, 0);
    req.arena = &a;
    buf_init(&bytes, TEXT_BYTES);
    buf_str(&bytes, buf_view(&text));
    if (bytes.error != 0)
        rc = err_set(&err, bytes.error, "no memory for the copy");
    else
        rc = coordinator_answer_read(&bytes, &req, &err);
    assert_int_equal(rc, err.code);
    buf_free(&bytes);
    arena_free(&a);
    return rc;
}

static void an_answer_of_the_coordinator(void **state)
{
    begin_text("");
    for (int i = 0; i < MANY; i++) /* a map's entry, field 2: key, value */
        buf_add(&text, "\x12\x08\x0a\x02kk\x12\x02vv", 10);
    buf_add(&text, "\x1a\x80\x40", 3); /* field 3, of 8 KiB */
    for (int i = 0; i < 1024; i++)
        buf_puts(&text, "        ");
    starve(read_answer, 3);
    buf_free(&text);
}

static int read_vectors(void)
{
    static float vectors[MANY * DIMENSIONS];
    static bool good[MANY];
    struct embedder_answer answer = {
        .n = MANY, .dimensions = DIMENSIONS, .vectors = vectors, .good = good};
    struct err err = {.code = 0};
    struct buf body;
    int rc;

    buf_init(&body, TEXT_BYTES);
    buf_str(&body, buf_view(&text));
    if (body.error != 0)
        rc = err_set(&err, body.error, "no memory for the copy");
    else
        rc = embedder_answer_read(&body, &answer, &err);
    assert_int_equal(rc, err.code);
    buf_free(&body);
    return rc;
}

static void an_answer_of_the_embedder(void **state)
{
    begin_text("{\"data\":[");
    for (int i = 0; i < MANY; i++)
        buf_printf(&text, "%s{\"index\":%d,\"embedding\":[1,0,0,0,0,0,0,%d.5]}",
            i > 0 ? "," : "", i, i);
    buf_puts(&text, "]}");
    starve(read_vectors, 2);
    buf_free(&text);
}

/* 60,000 zeros, as zlib packs them. */
static int inflate_zeros(void)
{
    static const unsigned char packed[] = {0x78, 0xda, 0xed, 0xc1, 0x01, 0x0d,
        0x00, 0x00, 0x00, 0xc2, 0xa0, 0xf7, 0x4f, 0x6d, 0x0f, 0x07, 0x14};
    struct buf b;
    int rc;

    buf_init(&b, TEXT_BYTES);
    buf_add(&b, packed, sizeof(packed));
    rc = http_inflate(&b);
    buf_free(&b);
    return rc == ERR_PROTOCOL ? 0 : rc; /* it is cut: all of it was read */
}

static void a_compressed_answer(void **state)
{
    starve(inflate_zeros, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_of_services),
        cmocka_unit_test(a_request_s_body),
        cmocka_unit_test(a_request),
        cmocka_unit_test(an_answer_of_the_coordinator),
        cmocka_unit_test(an_answer_of_the_embedder),
        cmocka_unit_test(a_compressed_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
