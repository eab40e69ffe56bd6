/*
 * Records that break a page: what can be read of it is, and the record is
 * named; where nothing can be read, the place is.
 */
#include "record/envelope_impl.h"

#include "base/text.h"

/* Containers around an item: the root, successfulResult, data, items. */
enum { ITEM_LEVEL = 4, ID_CHARS = 100 };

static const char *flaw_of(const struct envelope_reader *r, yyjson_val *item)
{
    const char *flaw = json_mend(item, JSON_MAX_DEPTH - ITEM_LEVEL);
    struct buf text;
    struct str copy;

    if (flaw == NULL)
        return NULL;
    buf_init(&text, ERR_MSG_BYTES);
    buf_printf(&text, "cannot be read: %s", flaw);
    buf_char(&text, '\0');
    copy = arena_dup(r->a, buf_view(&text));
    buf_free(&text);
    return copy.p;
}

int envelope_mend_items(const struct envelope_reader *r)
{
    struct page_view *view = r->view;

    if (!r->flaws.too_deep && !r->flaws.odd_numbers)
        return 0;
    view->flaws = arena_calloc(r->a, view->n, sizeof(*view->flaws));
    if (view->flaws == NULL)
        return err_set(r->err, ERR_NOMEM, "no memory for a page's items");
    for (size_t i = 0; i < view->n; i++)
        view->flaws[i] = flaw_of(r, view->list[i]);
    json_mend(r->root, JSON_MAX_DEPTH);
    return 0;
}

/* The last "name" in the text that is a key; len 0: there is none. */
static struct str envelope_flaws_rest_behind_key(
    struct str text, struct str name)
{
    for (size_t at = text.len; at > name.len + 2; at--) {
        struct str rest = {text.p + at, text.len - at};
        const char *key = rest.p - name.len - 2;

        if (key[0] != '"' || rest.p[-1] != '"' ||
            memcmp(key + 1, name.p, name.len) != 0)
            continue;
        rest = text_trim(rest);
        if (rest.len > 1 && rest.p[0] == ':') {
            rest.p++;
            rest.len--;
            return text_trim(rest);
        }
    }
    return (struct str){NULL, 0};
}

/* The scalar at the beginning of the text, without its quotes. */
static struct str envelope_flaws_leading_scalar(struct str text)
{
    size_t len = 0;

    if (text.len > 0 && text.p[0] == '"') {
        text.p++;
        text.len--;
        while (len < text.len && text.p[len] != '"')
            len += text.p[len] == '\\' ? 2 : 1;
    } else {
        while (len < text.len && memchr(",}] \t\r\n", text.p[len], 7) == NULL)
            len++;
    }
    text.len = len < text.len ? len : text.len;
    text.len = utf8_prefix(text, ID_CHARS);
    return text;
}

/* The key that the first part of an id stands behind. */
static struct str envelope_flaws_first_id_key(const struct schema *s)
{
    const struct schema_id_part *part = &s->id_parts[0];

    return part->field >= 0 ? s->fields[part->field].name
                            : part->path[part->npath - 1];
}

int envelope_set_broken(const struct envelope_reader *r, const struct err *why)
{
    const struct schema *s = r->schema;
    struct str text = r->envelope->json, id = {NULL, 0};

    if (text.len > r->flaws.error_at)
        text.len = r->flaws.error_at;
    if (s != NULL && s->nid_parts > 0)
        id = envelope_flaws_leading_scalar(envelope_flaws_rest_behind_key(
            text, envelope_flaws_first_id_key(s)));
    if (id.len == 0)
        return err_set(
            r->err, ERR_SOURCE, "envelope_json is not JSON: %s", why->msg);
    id = envelope_shown(r, id);
    return err_set(r->err, ERR_SOURCE,
        "envelope_json is not JSON: %s; the last id before that is %.*s",
        why->msg, STR_ARG(id));
}
