/* A text search over an embedder that fails, or that takes its time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/loop.h"
#include "ops/search/search.h"

enum { DIMENSIONS = 4 };

static struct {
    struct loop loop;
    struct ports ports;
    struct config config;
    struct ops ops;
    struct arena arena;
    struct text_search_req req;
    struct embed_req *asked; /* of the embedder; NULL: nothing */
    int ended;
} it;

static void fake_cancel(struct op *op)
{
    op_finish(op, NULL);
}

static void fake_embed(void *world, struct embed_req *req)
{
    it.asked = req;
    op_begin(&req->op, &it.loop.ready, fake_cancel);
}

static void on_end(struct op *op)
{
    it.ended++;
}

static int setup(void **state)
{
    struct err err;

    memset(&it, 0, sizeof(it));
    it.ports = (struct ports){.queue = &it.loop.ready, .embed = fake_embed};
    it.config.embedding.dimensions = DIMENSIONS;
    it.ops = (struct ops){
        .loop = &it.loop, .config = &it.config, .ports = &it.ports};
    arena_init(&it.arena, 0);
    it.req = (struct text_search_req){
        .text = STR("water"), .limit = 3, .arena = &it.arena};
    op_init(&it.req.op, on_end);
    return loop_init(&it.loop, &err);
}

static int teardown(void **state)
{
    struct err err;

    arena_free(&it.arena);
    return loop_close(&it.loop, &err);
}

static void the_text_is_embedded_first(void **state)
{
    search_text(&it.ops, &it.req);
    assert_non_null(it.asked);
    assert_int_equal(it.asked->n, 1);
    assert_true(str_eq(it.asked->texts[0], STR("water")));
    assert_int_equal(it.asked->dimensions, DIMENSIONS);
    op_cancel(&it.req.op);
    loop_run(&it.loop);
}

static void a_failure_says_whose_it_is(void **state)
{
    struct err err;

    search_text(&it.ops, &it.req);
    err_set(&err, ERR_AUTH, "401: bad key");
    op_finish(&it.asked->op, &err);
    loop_run(&it.loop);
    assert_int_equal(it.ended, 1);
    assert_int_equal(it.req.op.err.code, ERR_AUTH);
    assert_string_equal(it.req.op.err.msg, "embed: 401: bad key");
    assert_int_equal(it.req.nitems, 0);
}

static void a_cancel_is_passed_on(void **state)
{
    search_text(&it.ops, &it.req);
    op_cancel(&it.req.op);
    assert_int_equal(it.ended, 0); /* never from inside */
    loop_run(&it.loop);
    assert_int_equal(it.ended, 1);
    assert_int_equal(it.req.op.err.code, ERR_CANCELED);
}

static void hits_become_json(void **state)
{
    const struct search_hit hit = {.service = STR("a"),
        .content_id = STR("7"),
        .chunk_index = 2,
        .preview = STR("\"x\"")};
    struct search_item item = {
        .hit = &hit, .vector_rank = 3, .similarity = 0.5, .score = 0.25};
    struct text_search_req req = {.items = &item, .nitems = 1};
    json_t *json = search_json(&req, false);
    char *text = json_dumps(json, JSON_COMPACT);

    assert_string_equal(text,
        "[{\"rank\":1,\"similarity\":0.5,\"service\":\"a\",\"content_id\":"
        "\"7\",\"chunk_index\":2,\"title\":\"\",\"preview\":\"\\\"x\\\"\"}]");
    free(text);
    json_decref(json);
    json = search_json(&req, true);
    assert_int_equal(
        json_integer_value(json_object_get(
            json_object_get(json_array_get(json, 0), "vector"), "rank")),
        3);
    assert_true(json_is_null(json_object_get(json_array_get(json, 0), "text")));
    json_decref(json);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_text_is_embedded_first),
        TEST(a_failure_says_whose_it_is),
        TEST(a_cancel_is_passed_on),
        cmocka_unit_test(hits_become_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
