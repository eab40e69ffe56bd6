/* The hashes that say whether an item changed, and what a piece more means. */
#include "unit/record/support.h"

#include "record/item.h"

static const char schema_text[] =
    "{\"service_name\":\"s\",\"version\":\"1.0.0\","
    "\"data_structure\":{\"id\":\"string\",\"v\":\"text\",\"n\":\"number\"}}";

static const struct embedding_id small = {"openai", "small", 1536};

/* The hashes of an item, everything else freed again. */
static struct item_hashes hashes_of(const char *schema, const char *json,
    const struct embedding_id *id, size_t pieces)
{
    struct arena a;
    struct buf scratch;
    struct item item;
    struct item_hashes out;
    struct schema *s;
    struct err err;

    arena_init(&a, 0);
    buf_init(&scratch, 4096);
    s = parse_schema(&a, str_of(schema));
    if (item_render(
            s, parse_json(&a, str_of(json)), &a, &scratch, &item, &err) < 0)
        fail_msg("%s", err.msg);
    item_hash(&item, s, id, pieces, CUT_LAST_THIRD, NULL, &out);
    buf_free(&scratch);
    arena_free(&a);
    return out;
}

enum { SAME, ROW, BOTH };

/* Does `got` differ from `first` in nothing, the row's hash alone, or both? */
static void assert_change(
    const struct item_hashes *first, struct item_hashes got, int expected)
{
    bool embed =
        memcmp(first->embed_hash, got.embed_hash, sizeof(got.embed_hash)) != 0;
    bool row = memcmp(first->row_hash, got.row_hash, sizeof(got.row_hash)) != 0;

    assert_int_equal(embed, expected == BOTH);
    assert_int_equal(row, expected != SAME);
}

static void test_hashes(void **state)
{
    const char *item = "{\"id\":\"1\",\"v\":\"text\"}";
    struct item_hashes first = hashes_of(schema_text, item, &small, 1);
    (void)state;

    assert_memory_not_equal(first.embed_hash, first.row_hash, SHA256_BYTES);
    assert_change(&first, hashes_of(schema_text, item, &small, 1), SAME);
    assert_change(&first,
        hashes_of(
            schema_text, " {\"v\":\"text\", \"x\":1, \"id\":\"1\"}", &small, 1),
        SAME);
    assert_change(&first,
        hashes_of(schema_text, "{\"id\":\"1\",\"v\":\"other\"}", &small, 1),
        BOTH);
    assert_change(&first,
        hashes_of(
            schema_text, "{\"id\":\"1\",\"v\":\"text\",\"n\":0}", &small, 1),
        ROW);
    /* What is sent is trimmed, what is stored is not. */
    assert_change(&first,
        hashes_of(schema_text, "{\"id\":\"1\",\"v\":\"text \\n\"}", &small, 1),
        ROW);
}

static void test_hash_of_schema(void **state)
{
    const char *item = "{\"id\":\"1\",\"v\":\"text\"}";
    struct item_hashes first = hashes_of(schema_text, item, &small, 1);
    (void)state;

    assert_change(&first,
        hashes_of("{\"service_name\":\"s\",\"version\":\"1.0.1\","
                  "\"data_structure\":{\"id\":\"string\",\"v\":\"text\","
                  "\"n\":\"number\"}}",
            item, &small, 1),
        ROW);
    assert_change(&first,
        hashes_of("{\"service_name\":\"s\",\"data_structure\":"
                  "{\"id\":\"string\",\"v\":\"text\",\"n\":\"number\"},"
                  "\"field_descriptions\":{\"v\":\"Text of it\"}}",
            item, &small, 1),
        BOTH);
}

static void test_hash_of_embedding(void **state)
{
    const char *item = "{\"id\":\"1\",\"v\":\"text\"}";
    struct item_hashes first = hashes_of(schema_text, item, &small, 1);
    const struct embedding_id others[] = {{"builtin", "small", 1536},
        {"openai", "large", 1536}, {"openai", "small", 256},
        {"openaismall", "", 1536}};
    (void)state;

    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        assert_change(
            &first, hashes_of(schema_text, item, &others[i], 1), BOTH);
    assert_change(&first, hashes_of(schema_text, item, &small, 2), BOTH);
}

/* Hashes are stored: what they are made of must not change unnoticed. */
static void test_hash_is_stable(void **state)
{
    struct item_hashes h = hashes_of(
        schema_text, "{\"id\":\"1\",\"v\":\"text\",\"n\":1.5}", &small, 1);
    char hex[2 * SHA256_BYTES + 1];
    (void)state;

    hex_encode(h.embed_hash, SHA256_BYTES, hex);
    assert_string_equal(hex,
        "9983639c98c35035a7659dc4806f13e05420112a11e8f2fee3e99fffc044ca67");
    hex_encode(h.row_hash, SHA256_BYTES, hex);
    assert_string_equal(hex,
        "d185e83cbad8c3afcee0b087a92323257181ee5c8b020da730cb63dbaf47c4c2");
}

/* The fingerprint by a schema, everything else freed again. */
static void recipe_of(const char *schema, const struct embedding_id *id,
    uint8_t out[SHA256_BYTES])
{
    struct arena a;

    arena_init(&a, 0);
    item_fingerprint(parse_schema(&a, str_of(schema)), id, out);
    arena_free(&a);
}

/* Whatever may make an item end otherwise is part of it, and nothing else. */
static void test_recipe(void **state)
{
#define SCHEMA(fields, more) \
    "{\"service_name\":\"s\",\"data_structure\":{" fields "}" more "}"
#define IV "\"id\":\"string\",\"v\":\"text\""
    static const char *const others[] = {
        SCHEMA("\"id\":\"string\",\"w\":\"text\"", ""),
        SCHEMA("\"id\":\"string\",\"v\":\"string\"", ""),
        SCHEMA("\"v\":\"text\",\"id\":\"string\"", ""),
        SCHEMA(IV ",\"n\":\"number\"", ""),
        SCHEMA(IV, ",\"field_descriptions\":{\"v\":\"Words\"}"),
        SCHEMA(IV, ",\"id_fields\":[\"v\"]"),
        SCHEMA(IV, ",\"title_field\":\"v\""),
        SCHEMA(IV, ",\"url_field\":\"v\""),
        SCHEMA(IV, ",\"version\":\"2\""),
        SCHEMA(IV, ",\"piece_overlap\":5"),
        SCHEMA(IV, ",\"piece_overlap\":6"),
    };
    const struct embedding_id ids[] = {{"builtin", "small", 1536},
        {"openai", "large", 1536}, {"openai", "small", 256}};
    static const char plain[] = SCHEMA(IV, "");
    static const char same[] = SCHEMA(IV,
        ",\"description\":\"new\",\"aliases\":[\"t\"],\"sample_data\":{},"
        "\"piece_prefix\":false,\"piece_overlap\":0");
    uint8_t first[SHA256_BYTES], other[SHA256_BYTES];
    (void)state;

    recipe_of(plain, &small, first);
    recipe_of(same, &small, other);
    assert_memory_equal(first, other, SHA256_BYTES);
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        recipe_of(others[i], &small, other);
        assert_memory_not_equal(first, other, SHA256_BYTES);
    }
    for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
        recipe_of(plain, &ids[i], other);
        assert_memory_not_equal(first, other, SHA256_BYTES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_hash_of_schema),
        cmocka_unit_test(test_hash_of_embedding),
        cmocka_unit_test(test_hash_is_stable),
        cmocka_unit_test(test_recipe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
