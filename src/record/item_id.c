#include "record/item_id.h"

#include "base/text.h"
#include "record/render.h"
#include <inttypes.h>

/* A number that is all digits keeps them, however many there are. */
static bool item_id_is_integer(yyjson_val *raw)
{
    struct str s = {yyjson_get_raw(raw), yyjson_get_len(raw)};
    size_t i = s.len > 0 && s.p[0] == '-';

    for (; i < s.len; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    }
    return true;
}

void item_id_write_value(struct buf *out, yyjson_val *v)
{
    if (yyjson_is_uint(v))
        buf_printf(out, "%" PRIu64, yyjson_get_uint(v));
    else if (yyjson_is_sint(v))
        buf_printf(out, "%" PRId64, yyjson_get_sint(v));
    else if (yyjson_is_raw(v) && item_id_is_integer(v))
        buf_add(out, yyjson_get_raw(v), yyjson_get_len(v));
    else
        render_value(out, v);
}

static bool item_id_is_absent(yyjson_val *v)
{
    return v == NULL || yyjson_is_null(v);
}

/* The element of an array by its number, or the member of an object. */
yyjson_val *item_id_step(yyjson_val *v, struct str segment)
{
    size_t index = 0;

    if (!yyjson_is_arr(v))
        return json_member_str(v, segment);
    if (segment.len == 0 || segment.len > 9)
        return NULL;
    for (size_t i = 0; i < segment.len; i++) {
        if (segment.p[i] < '0' || segment.p[i] > '9')
            return NULL;
        index = index * 10 + (size_t)(segment.p[i] - '0');
    }
    return yyjson_arr_get(v, index);
}

/* A path begins at a field's value where there is such a field: an object that
 * came as text is one there. */
static yyjson_val *item_id_follow(const struct schema *schema, yyjson_val *item,
    yyjson_val *const *values, const struct schema_id_part *part)
{
    const size_t *field;
    yyjson_val *v;

    if (part->npath == 0)
        return NULL;
    field = strmap_get(&schema->index, part->path[0]);
    v = field != NULL ? values[*field] : item_id_step(item, part->path[0]);
    for (size_t i = 1; i < part->npath && v != NULL; i++)
        v = item_id_step(v, part->path[i]);
    return v;
}

bool item_id_write(const struct schema *schema, yyjson_val *item,
    yyjson_val *const *values, struct buf *out)
{
    for (size_t i = 0; i < schema->nid_parts; i++) {
        const struct schema_id_part *part = &schema->id_parts[i];
        yyjson_val *v = part->field >= 0 ? values[part->field] : NULL;
        size_t before;

        if (i > 0)
            buf_char(out, ':');
        before = out->len;
        if (item_id_is_absent(v))
            v = item_id_follow(schema, item, values, part);
        if (!item_id_is_absent(v) && !yyjson_is_ctn(v))
            item_id_write_value(out, v);
        if (out->len == before && out->error == 0)
            return false;
    }
    return true;
}

/* ---- Advice ---- */

enum { ADVICE_KEYS = 12, ADVICE_KEY_BYTES = 40 };

/* Keys as they are met, and the one that looks most like an id. */
struct advice {
    struct buf *out; /* borrowed */
    size_t nkeys;
    struct buf best; /* a path; empty: none */
    int best_rank;
};

static bool item_id_ends(struct str key, struct str with)
{
    return key.len >= with.len &&
           memcmp(key.p + key.len - with.len, with.p, with.len) == 0;
}

/* How much a key looks like an id; 0: not at all. */
static int item_id_rank(struct str key, bool nested)
{
    if (str_eq(key, STR("id")) || str_eq(key, STR("_id")))
        return nested ? 3 : 6;
    if (item_id_ends(key, STR("_id")) || item_id_ends(key, STR("Id")))
        return nested ? 2 : 5;
    if (str_eq(key, STR("uuid")) || str_eq(key, STR("key")))
        return nested ? 1 : 4;
    return 0;
}

/* A key, behind that of the object around it ("" : none). */
static void item_id_advice_key(
    struct advice *a, struct str outer, struct str key, yyjson_val *v)
{
    struct buf path;
    bool has_value = !yyjson_is_ctn(v) && !item_id_is_absent(v) &&
                     !(yyjson_is_str(v) && yyjson_get_len(v) == 0);
    int rank = has_value ? item_id_rank(key, outer.len > 0) : 0;

    if (key.len > ADVICE_KEY_BYTES || memchr(key.p, '.', key.len) != NULL)
        return;
    buf_init(&path, 2 * (size_t)ADVICE_KEY_BYTES + 8);
    buf_str(&path, outer);
    buf_puts(&path, outer.len > 0 ? "." : "");
    buf_str(&path, key);
    if (a->nkeys++ < ADVICE_KEYS) {
        buf_puts(a->out, a->nkeys > 1 ? ", " : "");
        buf_str(a->out, buf_view(&path));
    }
    if (rank > a->best_rank) {
        a->best_rank = rank;
        buf_reset(&a->best);
        buf_str(&a->best, buf_view(&path));
    }
    buf_free(&path);
}

/* The keys of the item, and of the objects that it holds. */
static void item_id_advice_keys(struct advice *a, yyjson_val *item)
{
    size_t i, n, j, m;
    yyjson_val *key, *v, *inner_key, *inner;

    yyjson_obj_foreach(item, i, n, key, v)
    {
        if (!yyjson_is_obj(v)) {
            item_id_advice_key(a, STR(""), json_str(key), v);
            continue;
        }
        yyjson_obj_foreach(v, j, m, inner_key, inner)
        {
            if (yyjson_get_len(key) <= ADVICE_KEY_BYTES)
                item_id_advice_key(
                    a, json_str(key), json_str(inner_key), inner);
        }
    }
}

void item_id_advise(
    const struct schema *schema, yyjson_val *item, struct buf *out)
{
    struct advice a = {.out = out};

    buf_init(&a.best, 2 * (size_t)ADVICE_KEY_BYTES + 8);
    buf_puts(out, "an item has the keys ");
    item_id_advice_keys(&a, item);
    if (a.nkeys > ADVICE_KEYS)
        buf_puts(out, ", ...");
    buf_printf(out, "; put into %s: ", schema->place.path);
    if (a.best.len > 0) {
        buf_puts(out, "\"id_fields\": [");
        buf_json_str(out, buf_view(&a.best));
        buf_puts(out, "]");
    } else {
        buf_puts(out, "\"id\": \"hash\"");
    }
    buf_free(&a.best);
}
