/* Which ids a pass has met: new is proven, known is certain or left open. */
#include "unit/record/support.h"

#include "record/pass/known_ids.h"

static struct id_key key_of(int number)
{
    char id[32];

    snprintf(id, sizeof(id), "id-%d", number);
    return id_key_of_id(str_of(id));
}

static void add_page(struct known_ids *ids, int first, int n)
{
    struct id_key keys[100];

    for (int i = 0; i < n; i++)
        keys[i] = key_of(first + i);
    id_keys_sort(keys, (size_t)n);
    known_ids_add_page(ids, keys, (size_t)n);
}

static enum id_state state_of(const struct known_ids *ids, int number)
{
    struct id_key key = key_of(number);

    return known_ids_state(ids, &key);
}

static void test_the_last_pages_are_certain(void **state)
{
    struct known_ids *ids = known_ids_new();
    (void)state;

    assert_int_equal(state_of(ids, 1), ID_NEW);
    for (int page = 0; page < KNOWN_IDS_PAGES + 1; page++)
        add_page(ids, page * 100, 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(state_of(ids, i), ID_UNSURE);
    for (int i = 100; i < (KNOWN_IDS_PAGES + 1) * 100; i++)
        assert_int_equal(state_of(ids, i), ID_KNOWN);
    add_page(ids, 0, 0); /* an empty page takes a place, too */
    assert_int_equal(state_of(ids, 150), ID_UNSURE);
    known_ids_free(ids);
}

/* Through several layers, new ids are taken for known ones hardly ever, and
 * known ones for new never. */
static void test_many(void **state)
{
    enum { PAGES = 3000 };
    struct known_ids *ids = known_ids_new();
    int unsure = 0;
    (void)state;

    for (int page = 0; page < PAGES; page++) {
        for (int i = 0; i < 100; i++)
            unsure += state_of(ids, page * 100 + i) != ID_NEW;
        add_page(ids, page * 100, 100);
    }
    assert_true(unsure <= 3);
    for (int i = 0; i < PAGES * 100; i++)
        assert_int_not_equal(state_of(ids, i), ID_NEW);
    known_ids_free(ids);
}

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* A source without an end costs no memory without an end. */
static void test_full(void **state)
{
    enum { PAGES = 30000 };
    struct known_ids *ids = known_ids_new();
    struct id_key keys[100], first = {0, 0};
    uint64_t random = 1;
    (void)state;

    for (int page = 0; page < PAGES; page++) {
        for (int i = 0; i < 100; i++) {
            keys[i].a = next_random(&random);
            keys[i].b = next_random(&random);
        }
        first = page == 0 ? keys[0] : first;
        id_keys_sort(keys, 100);
        known_ids_add_page(ids, keys, 100);
    }
    assert_int_equal(known_ids_state(ids, &keys[0]), ID_KNOWN);
    assert_int_equal(known_ids_state(ids, &first), ID_NEW);
    known_ids_free(ids);
}

static void test_items_without_ids(void **state)
{
    struct arena a;
    struct id_key x, y, z;
    (void)state;

    arena_init(&a, 0);
    x = id_key_of_item(parse_json(&a, STR("{\"a\":1,\"b\":[2]}")));
    y = id_key_of_item(parse_json(&a, STR("{\"a\": 1, \"b\": [2] }")));
    z = id_key_of_item(parse_json(&a, STR("{\"a\":1,\"b\":[3]}")));
    assert_memory_equal(&x, &y, sizeof(x));
    assert_memory_not_equal(&x, &z, sizeof(x));
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_last_pages_are_certain),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_items_without_ids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
