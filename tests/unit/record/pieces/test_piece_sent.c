/* What is sent for later pieces: titles and overlaps, in any script. */
#include "unit/record/support.h"

#include "base/text.h"
#include "record/pieces/item_pieces.h"
#include "record/pieces/schema_pieces.h"

#define ALEPH "\xD7\x90"
#define ICHI "\xE4\xB8\x80"
#define SMILE "\xF0\x9F\x98\x80"

static struct piece_context context_of(
    const char *title, size_t overlap, size_t max_tokens)
{
    const struct schema_pieces options = {
        .prefix = title != NULL, .overlap = overlap};
    struct piece_context c;

    piece_context_init(&c, &options, str_of(title), max_tokens);
    return c;
}

static void test_titles(void **state)
{
    static const struct {
        const char *title;
        size_t max_tokens;
        const char *sent;
    } cases[] = {
        {"Joins", 100, "Joins"},
        {"  Joins \n", 100, "Joins"},
        {"", 100, ""},
        {"   ", 100, ""},
        /* A quarter of the limit, with what stands behind it; whole words. */
        {"one two three four five", 24, "one two three"},
        {"one two three four five", 28, "one two three four"},
        /* No word ends in the last third. */
        {"one Donaudampfschiffahrt", 24, "one Donaudampfs"},
        {ALEPH ALEPH ALEPH ALEPH ALEPH ALEPH, 16, ALEPH ALEPH ALEPH},
        {ICHI ICHI ICHI ICHI ICHI ICHI, 20, ICHI ICHI ICHI ICHI},
        {SMILE SMILE SMILE, 8, SMILE},
        /* No room for one. */
        {"Joins", 7, ""},
        {"Joins", 1, ""},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct piece_context c =
            context_of(cases[i].title, 0, cases[i].max_tokens);

        assert_str(c.sent, str_of(cases[i].sent));
        assert_true(c.later_tokens >= (cases[i].max_tokens + 3) / 4);
    }
}

/* A title of a megabyte is sent as far as a thousand bytes, at a whole code
 * point, and told from others by all of it. */
static void test_long_title(void **state)
{
    struct buf title;
    struct piece_context c;
    struct sha256 a, b;
    uint8_t one[SHA256_BYTES], other[SHA256_BYTES];
    (void)state;

    buf_init(&title, 4 << 20);
    buf_puts(&title, "x");
    for (int i = 0; i < 500000; i++)
        buf_puts(&title, ALEPH);
    c = context_of(title.data, 0, 1000000);
    assert_true(c.sent.len <= PIECE_TITLE_BYTES && utf8_valid(c.sent));
    assert_true(c.sent.len > PIECE_TITLE_BYTES - 4);
    sha256_init(&a);
    piece_context_digest(&c, &a);
    sha256_end(&a, one);
    buf_puts(&title, ".");
    c = context_of(title.data, 0, 1000000);
    sha256_init(&b);
    piece_context_digest(&c, &b);
    sha256_end(&b, other);
    assert_memory_not_equal(one, other, SHA256_BYTES);
    buf_free(&title);
}

static void test_overlaps(void **state)
{
    static const char long_piece[] = "a piece that is as long as all of them";
    static const struct {
        const char *before;
        size_t overlap;
        const char *piece, *end;
    } cases[] = {
        {"one two three. ", 100, long_piece, "one two three. "},
        /* From a word on: 12 bytes begin within "two". */
        {"one two three four ", 4, long_piece, "three four "},
        {"one two three four", 3, long_piece, "hree four"},
        {"one two  three four", 4, long_piece, "three four"},
        /* At a border already. */
        {"a bbbbb ccccc", 2, long_piece, "ccccc"},
        /* Where no word begins soon, within one. */
        {"Donaudampfschiffahrt", 2, long_piece, "ffahrt"},
        {ALEPH ALEPH " " ALEPH ALEPH ALEPH, 4, long_piece, ALEPH ALEPH ALEPH},
        {ICHI ICHI ICHI ICHI, 2, long_piece, ICHI ICHI},
        {ICHI SMILE ICHI, 2, long_piece, SMILE ICHI},
        /* No more than the piece itself has. */
        {"one two three four ", 100, "abc", "ur "},
        {"one two three four ", 100, "", ""},
        {"      ", 2, long_piece, ""},
        {"", 2, long_piece, ""},
        {"one two", 0, long_piece, ""},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct piece_context c = {.overlap = cases[i].overlap};

        assert_str(piece_sent_overlap(
                       &c, str_of(cases[i].before), str_of(cases[i].piece)),
            str_of(cases[i].end));
    }
}

static void assert_sent(const struct piece_context *c, const char *before,
    const char *piece, const char *expected)
{
    struct buf out;

    buf_init(&out, 4096);
    piece_sent_write(&out, c, str_of(before), str_of(piece));
    assert_str(buf_view(&out), str_of(expected));
    assert_true(text_tokens(buf_view(&out)) <=
                piece_sent_tokens(c, str_of(before), str_of(piece)));
    buf_free(&out);
}

static void test_sent(void **state)
{
    struct piece_context both = context_of("Joins", 3, 100);
    struct piece_context title = context_of("Joins", 0, 100);
    struct piece_context overlap = context_of(NULL, 3, 100);
    struct piece_context none = context_of(NULL, 0, 100);
    (void)state;

    assert_sent(&both, "one two. ", "Three four five. ",
        "Joins\n\none two. Three four five. ");
    assert_sent(&title, "one two. ", "Three four. ", "Joins\n\nThree four.");
    assert_sent(&overlap, "and one two. ", "Three four five.",
        "one two. Three four five.");
    assert_sent(&none, "one two. ", "Three four.", "Three four.");
    /* A word that was cut in two is whole again. */
    assert_sent(&overlap, "and par", "tners alone", "and partners alone");
}

/* The limit leaves room, even if it is lowered below what a schema asks for. */
static void test_room(void **state)
{
    (void)state;
    for (size_t max = 1; max < 200; max++) {
        for (size_t overlap = 0; overlap < 200; overlap += 7) {
            struct piece_context c =
                context_of("A title of several words", overlap, max);

            assert_true(c.later_tokens >= 1);
            assert_true(4 * c.later_tokens >= max);
            assert_true(c.later_tokens <= max);
        }
    }
}

/* --- items ---------------------------------------------------------------- */

#define SCHEMA(more)                                                 \
    "{\"service_name\":\"s\",\"data_structure\":{\"id\":\"string\"," \
    "\"name\":\"text\",\"body\":\"text\"},\"title_field\":\"name\"" more "}"

enum { TEXT_TOKENS = 40 };

/* Rendered, cut, put together: everything fits, and joined it is the text. */
static void check_item(const char *schema_text, const char *json)
{
    struct arena a;
    struct buf scratch, sent, joined;
    struct item item;
    struct item_pieces pieces;
    struct piece_context c;
    struct err err;
    const struct schema *s;
    yyjson_val *value;

    arena_init(&a, 0);
    buf_init(&scratch, 1 << 20);
    buf_init(&sent, 1 << 20);
    buf_init(&joined, 1 << 20);
    s = parse_schema(&a, str_of(schema_text));
    value = parse_json(&a, str_of(json));
    assert_int_equal(item_render(s, value, &a, &scratch, &item, &err), 0);
    assert_int_equal(item_pieces_context(s, value, TEXT_TOKENS, &a, &c), 0);
    assert_int_equal(item_pieces_cut(&c, item.content_text, TEXT_TOKENS,
                         CUT_LAST_THIRD, &a, &pieces),
        0);
    assert_true(pieces.n > 1);
    for (size_t k = 0; k < pieces.n; k++) {
        buf_str(&joined, pieces.list[k]);
        buf_reset(&sent);
        if (k > 0)
            piece_sent_write(&sent, &c, pieces.list[k - 1], pieces.list[k]);
        assert_true(utf8_valid(pieces.list[k]) && utf8_valid(buf_view(&sent)));
        assert_true(text_tokens(buf_view(&sent)) <= TEXT_TOKENS);
    }
    assert_str(buf_view(&joined), item.content_text);
    buf_free(&joined);
    buf_free(&sent);
    buf_free(&scratch);
    arena_free(&a);
}

#define TEN(text) text text text text text text text text text text

static void test_items(void **state)
{
    static const char *const schemas[] = {SCHEMA(""),
        SCHEMA(",\"piece_prefix\":true"), SCHEMA(",\"piece_overlap\":19"),
        SCHEMA(",\"piece_prefix\":true,\"piece_overlap\":19")};
    static const char *const items[] = {
        "{\"id\":\"1\",\"name\":\"Joins\",\"body\":\"" TEN("Some words. ")
            TEN("More of it. ") "\"}",
        "{\"id\":\"1\",\"body\":\"" TEN("Words without a title.\\n\\n") "\"}",
        "{\"id\":\"1\",\"name\":5,\"body\":\"" TEN(
            "The title is a number. ") "\"}",
        "{\"id\":\"1\",\"name\":\"" TEN("A title longer than the limit. ")
            TEN("And more. ") "\",\"body\":\"" TEN("Words. ") "\"}",
        "{\"id\":\"1\",\"name\":\"" ALEPH ALEPH "\",\"body\":\"" TEN(
            ALEPH ALEPH ALEPH " " ALEPH ALEPH ALEPH ". ") "\"}",
        "{\"id\":\"1\",\"name\":\"" ICHI "\",\"body\":\"" TEN(
            ICHI ICHI ICHI SMILE ICHI ICHI ICHI ICHI ICHI ICHI) "\"}",
    };
    (void)state;

    for (size_t s = 0; s < sizeof(schemas) / sizeof(*schemas); s++)
        for (size_t i = 0; i < sizeof(items) / sizeof(*items); i++)
            check_item(schemas[s], items[i]);
}

static void assert_title(
    const char *schema_text, const char *json, const char *expected)
{
    struct arena a;
    struct piece_context c;

    arena_init(&a, 0);
    assert_int_equal(item_pieces_context(parse_schema(&a, str_of(schema_text)),
                         parse_json(&a, str_of(json)), 100, &a, &c),
        0);
    assert_str(c.title, str_of(expected));
    arena_free(&a);
}

/* The title is that of the metadata, as the database gives it back. */
static void test_titles_of_items(void **state)
{
    static const char own[] =
        "{\"service_name\":\"s\",\"data_structure\":{\"id\":\"string\","
        "\"title\":\"string\",\"name\":\"text\"},\"title_field\":\"name\","
        "\"piece_prefix\":true}";
    (void)state;

    assert_title(SCHEMA(",\"piece_prefix\":true"),
        "{\"name\":\"A\",\"title\":\"B\"}", "A");
    assert_title(own, "{\"name\":\"A\",\"title\":\"B\"}", "B");
    assert_title(own, "{\"name\":\"A\"}", "");
    assert_title(own, "{\"title\":\"A\",\"title\":\"B\"}", "B");
    assert_title(own, "{\"title\":\"A\\u0000B\"}", "AB");
    assert_title(own, "{\"title\":\"\\u0000\"}", "");
    assert_title(own, "{\"title\":12}", "");
    assert_title(own, "{\"title\":null}", "");
    assert_title(SCHEMA(""), "{\"name\":\"A\"}", "");
}

/* --- hashes --------------------------------------------------------------- */

static void hash_with(
    const struct piece_context *c, size_t pieces, uint8_t out[SHA256_BYTES])
{
    static const struct embedding_id id = {"openai", "small", 1536};

    item_embed_hash(STR("a text"), &id, pieces, CUT_LAST_THIRD, c, out);
}

/* Stores without the options keep their hashes; so do items in one piece. */
static void test_hashes(void **state)
{
    struct piece_context none = context_of(NULL, 0, 100);
    struct piece_context untitled = context_of("", 0, 100);
    struct piece_context others[] = {context_of("A", 0, 100),
        context_of("B", 0, 100), context_of(NULL, 5, 100),
        context_of(NULL, 6, 100), context_of("A", 5, 100)};
    enum { N = sizeof(others) / sizeof(*others) };
    uint8_t plain[SHA256_BYTES], alone[SHA256_BYTES], hash[SHA256_BYTES];
    uint8_t seen[N][SHA256_BYTES];
    (void)state;

    hash_with(NULL, 2, plain);
    hash_with(NULL, 1, alone);
    hash_with(&none, 2, hash);
    assert_memory_equal(hash, plain, SHA256_BYTES);
    hash_with(&untitled, 2, hash);
    assert_memory_equal(hash, plain, SHA256_BYTES);
    for (size_t i = 0; i < N; i++) {
        hash_with(&others[i], 1, hash);
        assert_memory_equal(hash, alone, SHA256_BYTES);
        hash_with(&others[i], 2, seen[i]);
        assert_memory_not_equal(seen[i], plain, SHA256_BYTES);
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(seen[i], seen[k], SHA256_BYTES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_titles),
        cmocka_unit_test(test_long_title),
        cmocka_unit_test(test_overlaps),
        cmocka_unit_test(test_sent),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_items),
        cmocka_unit_test(test_titles_of_items),
        cmocka_unit_test(test_hashes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
