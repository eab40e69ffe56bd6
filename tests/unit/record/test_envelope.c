/* What answers mean: the cases of tests/data/envelope, and recorded ones. */
#include "unit/record/support.h"

#include "record/envelope.h"

static const char schema_text[] =
    "{\"service_name\":\"assessment-backend\",\"aliases\":[\"assessments\"],"
    "\"data_structure\":{\"id\":\"string\"}}";

/* An answer to a page of assessment-service, understood. */
struct bench {
    struct arena a;
    struct envelope req;
    struct page_view view;
    struct err err;
    int rc;
};

static void set_normalized(struct bench *b, yyjson_val *fields)
{
    size_t i, n;
    yyjson_val *key, *value;

    b->req.fields = arena_calloc(
        &b->a, yyjson_obj_size(fields), sizeof(struct envelope_field));
    yyjson_obj_foreach(fields, i, n, key, value)
        b->req.fields[b->req.nfields++] =
        (struct envelope_field){json_str(key), json_str(value)};
}

static void read_answer(
    struct bench *b, struct str envelope, yyjson_val *normalized)
{
    struct schema *schema;
    struct buf problems;

    buf_init(&problems, 4096);
    assert_int_equal(schema_parse(&b->a, "assessment-service.json",
                         STR(schema_text), &schema, &problems),
        0);
    buf_free(&problems);
    b->req = (struct envelope){.json = envelope};
    set_normalized(b, normalized);
    err_clear(&b->err);
    b->rc = envelope_read(
        &b->req, "assessment-service", schema, &b->a, &b->view, &b->err);
}

static int open_bench(void **state)
{
    static struct bench b;

    arena_init(&b.a, 0);
    *state = &b;
    return 0;
}

static int close_bench(void **state)
{
    struct bench *b = *state;

    arena_free(&b->a);
    return 0;
}

/* ---- cases ---- */

static void check_error(
    const struct bench *b, const char *name, yyjson_val *expected)
{
    yyjson_val *error = json_member(expected, "error");
    yyjson_val *begins = json_member(expected, "error_begins");
    yyjson_val *ends = json_member(expected, "error_ends");
    const char *code = yyjson_get_str(json_member(expected, "code"));
    int want = strcmp(code, "source") == 0 ? ERR_SOURCE : ERR_ANSWERED_BY;

    if (b->rc != want || b->err.code != want)
        fail_msg("%s: %s: %s", name, err_name(b->rc), b->err.msg);
    if (error != NULL && strcmp(yyjson_get_str(error), b->err.msg) != 0)
        fail_msg("%s: %s", name, b->err.msg);
    if (begins != NULL &&
        strncmp(yyjson_get_str(begins), b->err.msg, yyjson_get_len(begins)))
        fail_msg("%s: %s", name, b->err.msg);
    if (ends != NULL &&
        (strlen(b->err.msg) < yyjson_get_len(ends) ||
            strcmp(b->err.msg + strlen(b->err.msg) - yyjson_get_len(ends),
                yyjson_get_str(ends)) != 0))
        fail_msg("%s: %s", name, b->err.msg);
}

/* Exactly those items have flaws, by index. */
static void check_flaws(
    const struct bench *b, const char *name, yyjson_val *flaws)
{
    for (size_t i = 0; i < b->view.n; i++) {
        const char *got = b->view.flaws == NULL ? NULL : b->view.flaws[i];
        const char *want;
        char index[24];

        snprintf(index, sizeof(index), "%zu", i);
        want = yyjson_get_str(json_member(flaws, index));
        if ((got == NULL) != (want == NULL) ||
            (got != NULL && strcmp(got, want) != 0))
            fail_msg("%s: item %zu: %s", name, i, got == NULL ? "none" : got);
    }
}

static void check_ids(const struct bench *b, const char *name, yyjson_val *ids)
{
    size_t i, n;
    yyjson_val *id;

    if (yyjson_arr_size(ids) != b->view.n)
        fail_msg("%s: %zu items", name, b->view.n);
    yyjson_arr_foreach(ids, i, n, id) assert_str(
        json_str(json_member(page_view_item(&b->view, i), "id")), json_str(id));
}

static void check_number(
    const char *name, const char *what, int64_t got, yyjson_val *expected)
{
    int64_t want = expected != NULL ? yyjson_get_sint(expected) : -1;

    if (got != want)
        fail_msg("%s: %s is %lld", name, what, (long long)got);
}

static void check_view(
    const struct bench *b, const char *name, yyjson_val *expected)
{
    yyjson_val *more = json_member(expected, "has_more");
    yyjson_val *ids = json_member(expected, "ids");
    yyjson_val *replaced = json_member(expected, "replaced");

    if (b->rc < 0)
        fail_msg("%s: %s", name, b->err.msg);
    if (ids != NULL)
        check_ids(b, name, ids);
    else
        assert_int_equal(
            b->view.n, yyjson_get_uint(json_member(expected, "n")));
    if (b->view.has_more_known != (more != NULL) ||
        (more != NULL && b->view.has_more != yyjson_get_bool(more)))
        fail_msg("%s: has_more is wrong", name);
    assert_str(
        b->view.has_more_odd, json_str(json_member(expected, "has_more_odd")));
    check_flaws(b, name, json_member(expected, "flaws"));
    check_number(name, "total", b->view.total, json_member(expected, "total"));
    check_number(name, "limit", b->view.limit, json_member(expected, "limit"));
    assert_int_equal(b->view.replaced, yyjson_get_uint(replaced));
}

static void run_case(yyjson_val *expected)
{
    struct bench b;
    yyjson_val *text = json_member(expected, "text");
    const char *name = yyjson_get_str(json_member(expected, "name"));

    arena_init(&b.a, 0);
    read_answer(&b,
        text != NULL ? json_str(text)
                     : json_text(&b.a, json_member(expected, "envelope")),
        json_member(expected, "normalized"));
    if (json_member(expected, "code") != NULL)
        check_error(&b, name, expected);
    else
        check_view(&b, name, expected);
    arena_free(&b.a);
}

static void test_cases(void **state)
{
    struct arena a;
    yyjson_val *cases, *one;
    size_t i, n;

    arena_init(&a, 0);
    cases = load_json(&a, *state);
    assert_true(yyjson_arr_size(cases) > 0);
    yyjson_arr_foreach(cases, i, n, one) run_case(one);
    arena_free(&a);
}

/* ---- recorded answers ---- */

static void read_recorded(struct bench *b, const char *name)
{
    yyjson_val *response = json_member(load_json(&b->a, name), "response");

    read_answer(b, json_str(json_member(response, "envelope_json")),
        json_member(response, "normalized_fields"));
}

static void test_recorded_page(void **state)
{
    struct bench *b = *state;

    read_recorded(b, "route-wrapped-page.json");
    assert_int_equal(b->rc, 0);
    assert_int_equal(b->view.n, 3);
    assert_int_equal(b->view.total, 2500);
    assert_int_equal(b->view.limit, 3);
    assert_false(b->view.has_more_known);
    assert_str(json_str(json_member(page_view_item(&b->view, 2), "id")),
        STR("item-00003"));
}

static void test_recorded_failure(void **state)
{
    struct bench *b = *state;

    read_recorded(b, "route-service-down.json");
    assert_int_equal(b->rc, ERR_SOURCE);
    assert_string_equal(b->err.msg, "assessment-service: fetch failed");
}

/* A page of many items can be walked by index without a second thought. */
static void test_large_page(void **state)
{
    struct bench *b = *state;
    struct buf text;
    enum { ITEMS = 100000 };

    buf_init(&text, 16 << 20);
    buf_puts(&text, "{\"data\":[");
    for (int i = 0; i < ITEMS; i++)
        buf_printf(&text, "%s{\"id\":%d}", i > 0 ? "," : "", i);
    buf_puts(&text, "]}");
    read_answer(b, buf_view(&text), NULL);
    buf_free(&text);
    assert_int_equal(b->rc, 0);
    assert_int_equal(b->view.n, ITEMS);
    for (size_t i = 0; i < ITEMS; i++)
        assert_int_equal(
            yyjson_get_uint(json_member(page_view_item(&b->view, i), "id")), i);
}

static void test_no_memory(void **state)
{
    struct bench *b = *state;

    b->req = (struct envelope){.json = STR("{\"data\":[1,2,3]}")};
    arena_free(&b->a);
    arena_init(&b->a, 64);
    assert_int_equal(
        envelope_read(&b->req, "s", NULL, &b->a, &b->view, &b->err), ERR_NOMEM);
}

/* Without a schema only the registered name is the target. */
static void test_without_schema(void **state)
{
    struct bench *b = *state;
    struct envelope_field by = {STR("successful_service"), STR("s")};

    b->req =
        (struct envelope){.json = STR("[{}]"), .fields = &by, .nfields = 1};
    assert_int_equal(
        envelope_read(&b->req, "s", NULL, &b->a, &b->view, &b->err), 0);
    by.value = STR("t");
    assert_int_equal(
        envelope_read(&b->req, "s", NULL, &b->a, &b->view, &b->err),
        ERR_ANSWERED_BY);
}

#define CASES(name)                                                      \
    {                                                                    \
        "cases: " name, test_cases, NULL, NULL, "envelope/" name ".json" \
    }
#define BENCH_TEST(f) \
    cmocka_unit_test_setup_teardown(f, open_bench, close_bench)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASES("items"),
        CASES("failures"),
        CASES("paging"),
        CASES("flaws"),
        BENCH_TEST(test_recorded_page),
        BENCH_TEST(test_recorded_failure),
        BENCH_TEST(test_large_page),
        BENCH_TEST(test_no_memory),
        BENCH_TEST(test_without_schema),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
