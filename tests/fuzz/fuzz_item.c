/*
 * A schema and an item, apart by a byte 0xFF that JSON cannot have: what is
 * rendered can be stored, and its pieces are the text.
 */
#include "fuzz.h"

#include "record/pieces/item_pieces.h"

static bool is_storable(struct str s)
{
    return s.len > 0 && utf8_valid(s) && memchr(s.p, '\0', s.len) == NULL;
}

static void check_pieces(struct arena *a, struct str text, size_t max_tokens)
{
    struct str *pieces;
    const char *at = text.p;
    long n = text_split(a, text,
        &(struct text_cut){max_tokens, max_tokens, CUT_LAST_THIRD}, &pieces);

    require(n >= 0);
    for (long i = 0; i < n; i++) {
        struct str gap = {at, (size_t)(pieces[i].p - at)};

        require(pieces[i].p >= at && text_trim(gap).len == 0);
        require(text_trim(pieces[i]).len > 0 && utf8_valid(pieces[i]));
        require(text_tokens(pieces[i]) <= max_tokens);
        at = pieces[i].p + pieces[i].len;
    }
    require(
        text_trim((struct str){at, (size_t)(text.p + text.len - at)}).len == 0);
}

/* With what is sent before it, a piece fits as well. */
static void check_sent(struct arena *a, const struct schema *schema,
    yyjson_val *value, struct str text, size_t max_tokens)
{
    struct piece_context context;
    struct item_pieces pieces;
    struct buf sent;

    require(item_pieces_context(schema, value, max_tokens, a, &context) == 0);
    require(item_pieces_cut(
                &context, text, max_tokens, CUT_LAST_THIRD, a, &pieces) == 0);
    buf_init(&sent, 1 << 20);
    for (size_t k = 1; k < pieces.n && k < 50; k++) {
        buf_reset(&sent);
        piece_sent_write(&sent, &context, pieces.list[k - 1], pieces.list[k]);
        require(utf8_valid(buf_view(&sent)));
        require(
            text_tokens(buf_view(&sent)) <=
            piece_sent_tokens(&context, pieces.list[k - 1], pieces.list[k]));
        require(text_tokens(buf_view(&sent)) <= max_tokens);
    }
    buf_free(&sent);
}

static void check_item(struct arena *a, const struct schema *schema,
    yyjson_val *value, const struct item *item)
{
    static const struct embedding_id id = {"p", "m", 1};
    struct item_hashes hashes;
    yyjson_val *metadata;

    require(is_storable(item->content_id));
    require(item->content_id.len <= CONTENT_ID_BYTES);
    require(is_storable(item->content_text));
    require(is_storable(item->metadata));
    require(json_parse(a, item->metadata, &metadata, NULL, NULL) == 0);
    require(yyjson_is_obj(metadata));
    require(yyjson_is_str(json_member(metadata, "_source_service")));
    item_hash(item, schema, &id, 1, CUT_LAST_THIRD, NULL, &hashes);
    for (size_t max = 1; max < 200; max = 3 * max + 1) {
        check_pieces(a, item->content_text, max);
        check_sent(a, schema, value, item->content_text, max);
    }
}

static void render(
    struct arena *a, struct str schema_text, struct str item_text)
{
    struct buf problems, scratch;
    struct schema *schema;
    struct item item;
    struct err err;
    yyjson_val *value;

    buf_init(&problems, 1 << 16);
    buf_init(&scratch, 1 << 20);
    if (schema_parse(a, "fuzz.json", schema_text, &schema, &problems) == 0 &&
        schema != NULL && json_parse(a, item_text, &value, NULL, NULL) == 0) {
        if (item_render(schema, value, a, &scratch, &item, &err) == 0)
            check_item(a, schema, value, &item);
        else
            require(err.code == ERR_INVALID && err.msg[0] != '\0');
    }
    buf_free(&scratch);
    buf_free(&problems);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *border = size > 0 ? memchr(data, 0xFF, size) : NULL;
    struct arena a;
    size_t len;

    if (border == NULL)
        return 0;
    len = (size_t)(border - data);
    arena_init(&a, 0);
    render(&a, (struct str){(const char *)data, len},
        (struct str){(const char *)border + 1, size - len - 1});
    arena_free(&a);
    return 0;
}
