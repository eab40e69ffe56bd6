#include "record/deletes/tombstone.h"

#include "record/item_id.h"

static bool tombstone_same_number(yyjson_val *a, yyjson_val *b)
{
    int64_t whole_a, whole_b;

    if (yyjson_is_uint(a) && yyjson_is_uint(b))
        return yyjson_get_uint(a) == yyjson_get_uint(b);
    if (json_int(a, &whole_a) && json_int(b, &whole_b))
        return whole_a == whole_b;
    return json_number(a) == json_number(b);
}

static bool tombstone_is_number(yyjson_val *v)
{
    return yyjson_is_num(v) || yyjson_is_raw(v);
}

static bool tombstone_same(yyjson_val *a, yyjson_val *b)
{
    if (tombstone_is_number(a) && tombstone_is_number(b))
        return tombstone_same_number(a, b);
    if (yyjson_is_str(a) && yyjson_is_str(b))
        return str_eq(json_str(a), json_str(b));
    return (yyjson_is_null(a) && yyjson_is_null(b)) ||
           (yyjson_is_bool(a) && yyjson_is_bool(b) &&
               yyjson_get_bool(a) == yyjson_get_bool(b));
}

/* A key of that very name comes before the path that the name may be, too. */
static yyjson_val *tombstone_value(
    const struct schema_deleted_when *when, yyjson_val *record)
{
    yyjson_val *v = json_member_str(record, when->field);

    if (v != NULL || when->npath == 0)
        return v;
    v = record;
    for (size_t i = 0; i < when->npath && v != NULL; i++)
        v = item_id_step(v, when->path[i]);
    return v;
}

bool tombstone_is(const struct schema *schema, yyjson_val *record)
{
    const struct schema_deleted_when *when = schema->deleted_when;
    yyjson_val *v;

    if (when == NULL || !yyjson_is_obj(record))
        return false;
    v = tombstone_value(when, record);
    return v != NULL && tombstone_same(v, when->equals);
}
