#include "record/pieces/item_pieces.h"

#include "base/err.h"
#include "record/render.h"

/* As the metadata have it: the last of a repeated key, without NUL characters.
 * .len 0: it has none, or no text. ERR_NOMEM. */
static int item_pieces_title(const struct schema *schema, yyjson_val *value,
    struct arena *a, struct str *out)
{
    struct str name = schema->fields[schema_title(schema)].name;
    yyjson_val *title = json_member_str(value, name);
    struct buf clean;

    *out = yyjson_is_str(title) ? json_str(title) : STR("");
    if (out->len == 0 || memchr(out->p, '\0', out->len) == NULL)
        return 0;
    buf_init(&clean, out->len + 1);
    render_str(&clean, *out);
    *out = arena_dup(a, buf_view(&clean));
    buf_free(&clean);
    return out->p == NULL ? ERR_NOMEM : 0;
}

int item_pieces_context(const struct schema *schema, yyjson_val *value,
    size_t max_tokens, struct arena *a, struct piece_context *out)
{
    struct str title = {NULL, 0};

    if (schema->pieces.prefix &&
        item_pieces_title(schema, value, a, &title) < 0)
        return ERR_NOMEM;
    piece_context_init(out, &schema->pieces, title, max_tokens);
    return 0;
}

int item_pieces_cut(const struct piece_context *context,
    struct str content_text, size_t max_tokens, enum cut_rule rule,
    struct arena *a, struct item_pieces *out)
{
    const struct text_cut cut = {max_tokens, context->later_tokens, rule};
    long n = text_split(a, content_text, &cut, &out->list);

    out->n = n < 0 ? 0 : (size_t)n;
    return n < 0 ? (int)n : 0;
}
