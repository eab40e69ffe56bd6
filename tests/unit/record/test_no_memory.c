/* A schema, an item, a page, when there is no memory for them. */
#include "unit/base/starved.h"

#include "base/json.h"
#include "base/text.h"
#include "record/envelope.h"
#include "record/item.h"
#include "record/pass/known_ids.h"

enum { FIELDS = 400, ITEMS = 2000, TEXT_BYTES = 1 << 20 };

static struct buf schema_text, item_text, page_text;
static struct arena kept;
static struct schema *schema;

static int set_up(void **state)
{
    struct buf problems;

    buf_init(&schema_text, TEXT_BYTES);
    buf_init(&item_text, TEXT_BYTES);
    buf_init(&page_text, TEXT_BYTES);
    buf_puts(&schema_text, "{\"service_name\":\"s\",\"data_structure\":{");
    buf_puts(&item_text, "{\"id\":\"1\"");
    for (int i = 0; i < FIELDS; i++) {
        buf_printf(&schema_text, "\"field_%d\":\"text\",", i);
        buf_printf(&item_text, ",\"field_%d\":\"%0200d\"", i, i);
    }
    buf_puts(&schema_text, "\"id\":\"string\"}}");
    buf_puts(&item_text, "}");
    buf_puts(&page_text, "{\"success\":true,\"data\":[");
    for (int i = 0; i < ITEMS; i++)
        buf_printf(&page_text, "%s{\"id\":\"%d\"}", i > 0 ? "," : "", i);
    buf_puts(&page_text, "]}");
    buf_init(&problems, 4096);
    arena_init(&kept, 0);
    assert_int_equal(schema_parse(&kept, "s.json", buf_view(&schema_text),
                         &schema, &problems),
        0);
    buf_free(&problems);
    return 0;
}

static int tear_down(void **state)
{
    buf_free(&schema_text);
    buf_free(&item_text);
    buf_free(&page_text);
    arena_free(&kept);
    return 0;
}

static int read_schema(void)
{
    struct schema *read;
    struct buf problems;
    struct arena a;
    int rc;

    arena_init(&a, 0);
    buf_init(&problems, 4096);
    rc = schema_parse(&a, "s.json", buf_view(&schema_text), &read, &problems);
    buf_free(&problems);
    arena_free(&a);
    return rc;
}

static int render_item(void)
{
    struct err err = {.code = 0};
    yyjson_val *value;
    struct item item;
    struct str *pieces;
    struct buf scratch;
    struct arena a;
    int rc;

    arena_init(&a, 0);
    buf_init(&scratch, TEXT_BYTES);
    rc = json_parse(&a, buf_view(&item_text), &value, NULL, &err);
    if (rc == 0)
        rc = item_render(schema, value, &a, &scratch, &item, &err);
    if (rc == 0 && text_split(&a, item.content_text,
                       &(struct text_cut){16, 16, CUT_LAST_THIRD}, &pieces) < 0)
        rc = err_set(&err, ERR_NOMEM, "no memory for the pieces");
    assert_int_equal(rc, err.code);
    buf_free(&scratch);
    arena_free(&a);
    return rc;
}

static int read_page(void)
{
    struct envelope envelope = {.json = buf_view(&page_text)};
    struct page_view view;
    struct err err = {.code = 0};
    struct arena a;
    int rc;

    arena_init(&a, 0);
    rc = envelope_read(&envelope, "s", schema, &a, &view, &err);
    assert_int_equal(rc, err.code);
    arena_free(&a);
    return rc;
}

static void a_schema(void **state)
{
    starve(read_schema, 3);
}

static void an_item(void **state)
{
    starve(render_item, 5);
}

static void a_page(void **state)
{
    starve(read_page, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_schema),
        cmocka_unit_test(an_item),
        cmocka_unit_test(a_page),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
