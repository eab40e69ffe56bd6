/* Content text, id and metadata: the cases of tests/data/render. */
#include "unit/record/support.h"

#include "record/item.h"
#include "record/render.h"

/* What every case of a file shares. */
struct bench {
    const char *file;
    struct arena a;
    struct buf scratch;
};

static void check_text(
    const char *where, const char *what, struct str got, yyjson_val *expected)
{
    if (expected != NULL && !str_eq(got, json_str(expected)))
        fail_msg("%s: %s is\n%.*s\nand not\n%.*s", where, what, STR_ARG(got),
            STR_ARG(json_str(expected)));
}

static void check_count(
    const char *where, const char *what, size_t got, yyjson_val *expected)
{
    if (expected != NULL && got != yyjson_get_uint(expected))
        fail_msg("%s: %zu %s", where, got, what);
}

static void check_item(struct bench *b, const char *where,
    const struct item *item, yyjson_val *expected)
{
    yyjson_val *metadata = json_member(expected, "metadata");

    check_text(
        where, "the id", item->content_id, json_member(expected, "content_id"));
    check_text(where, "the text", item->content_text,
        json_member(expected, "content_text"));
    check_count(where, "NULs", item->nuls, json_member(expected, "nuls"));
    check_count(
        where, "surrogates", item->replaced, json_member(expected, "replaced"));
    if (metadata != NULL && !str_eq(item->metadata, json_text(&b->a, metadata)))
        fail_msg("%s: metadata is %.*s", where, STR_ARG(item->metadata));
    parse_json(&b->a, item->metadata);
}

static void run_case(struct bench *b, yyjson_val *expected)
{
    char where[256];
    struct schema *schema =
        parse_schema(&b->a, json_text(&b->a, json_member(expected, "schema")));
    yyjson_val *error = json_member(expected, "error");
    struct item item;
    struct err err = {.code = 0};
    int rc;

    snprintf(where, sizeof(where), "%s: %s", b->file,
        yyjson_get_str(json_member(expected, "name")));
    rc = item_render(
        schema, json_member(expected, "item"), &b->a, &b->scratch, &item, &err);
    if (error != NULL) {
        assert_int_equal(rc, ERR_INVALID);
        assert_int_equal(err.code, ERR_INVALID);
        check_text(where, "the error", str_of(err.msg), error);
        return;
    }
    if (rc < 0)
        fail_msg("%s: %s", where, err.msg);
    check_item(b, where, &item, expected);
}

static void test_cases(void **state)
{
    struct bench b = {.file = *state};
    yyjson_val *cases, *one;
    size_t i, n;

    arena_init(&b.a, 0);
    buf_init(&b.scratch, 1 << 20);
    cases = load_json(&b.a, b.file);
    assert_true(yyjson_arr_size(cases) > 0);
    yyjson_arr_foreach(cases, i, n, one) run_case(&b, one);
    buf_free(&b.scratch);
    arena_free(&b.a);
}

static void test_golden(void **state)
{
    struct bench b = {.file = "golden-render.json"};
    (void)state;

    arena_init(&b.a, 0);
    buf_init(&b.scratch, 1 << 20);
    run_case(&b, load_json(&b.a, b.file));
    buf_free(&b.scratch);
    arena_free(&b.a);
}

/* As deep as JSON may be; the indentation is all there. */
static void test_deepest(void **state)
{
    enum { DEPTH = JSON_MAX_DEPTH - 1 };
    struct arena a;
    struct buf text, out;
    struct item item;
    struct err err;
    size_t newlines = 0;
    (void)state;

    arena_init(&a, 0);
    buf_init(&text, 1 << 16);
    buf_init(&out, 1 << 20);
    buf_puts(&text, "{\"v\":\"1\",\"o\":");
    for (int i = 0; i < DEPTH; i++)
        buf_puts(&text, "{\"k\":");
    buf_puts(&text, "[1]");
    text.len -= 3; /* the array would be one too deep */
    buf_puts(&text, "1");
    for (int i = 0; i <= DEPTH; i++)
        buf_char(&text, '}');
    assert_int_equal(
        item_render(parse_schema(&a, STR("{\"service_name\":\"s\","
                                         "\"data_structure\":{\"v\":\"text\","
                                         "\"o\":\"object\"}}")),
            parse_json(&a, buf_view(&text)), &a, &out, &item, &err),
        0);
    for (size_t i = 0; i < item.content_text.len; i++)
        newlines += item.content_text.p[i] == '\n';
    assert_int_equal(newlines, 2 + DEPTH);
    assert_memory_equal(
        item.content_text.p + item.content_text.len - 6, "  k: 1", 6);
    buf_free(&out);
    buf_free(&text);
    arena_free(&a);
}

/* A text that outgrows its buffer is the item's own fault. */
static void test_too_large(void **state)
{
    struct arena a;
    struct buf out;
    struct item item;
    struct err err;
    struct schema *schema;
    (void)state;

    arena_init(&a, 0);
    buf_init(&out, 40);
    schema = parse_schema(
        &a, STR("{\"service_name\":\"s\",\"data_structure\":{\"id\":\"text\","
                "\"v\":\"text\"}}"));
    assert_int_equal(
        item_render(schema,
            parse_json(&a, STR("{\"id\":\"a\",\"v\":\"0123456789012345678901234"
                               "5678901234567890\"}")),
            &a, &out, &item, &err),
        ERR_INVALID);
    assert_string_equal(err.msg, "text larger than 40 bytes");
    assert_str(item.content_id, STR("a"));
    buf_free(&out);
    arena_free(&a);
}

static void test_no_memory(void **state)
{
    struct arena a, small;
    struct buf out;
    struct item item;
    struct err err;
    struct schema *schema;
    (void)state;

    arena_init(&a, 0);
    arena_init(&small, 16);
    buf_init(&out, 1000);
    schema = parse_schema(&a,
        STR("{\"service_name\":\"s\",\"data_structure\":{\"id\":\"text\"}}"));
    assert_int_equal(item_render(schema, parse_json(&a, STR("{\"id\":\"a\"}")),
                         &small, &out, &item, &err),
        ERR_NOMEM);
    buf_free(&out);
    arena_free(&small);
    arena_free(&a);
}

#define CASES(name)                                                    \
    {                                                                  \
        "cases: " name, test_cases, NULL, NULL, "render/" name ".json" \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASES("plain"),
        CASES("numbers"),
        CASES("datetime"),
        CASES("object"),
        CASES("array"),
        CASES("extract"),
        CASES("ids"),
        CASES("nuls"),
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_deepest),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
