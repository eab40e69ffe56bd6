/* How a schema says that an item is deleted: `"deleted_when": {"field",
 * "equals"}`. */
#include "base/err.h"
#include "record/schema.h"
#include "record/schema_file.h"

enum { EQUALS_BYTES = 1024 };

/* A schema's deleted_when in the making; all borrowed. */
struct deletes_reading {
    struct arena *a;
    struct schema_file *file;
    struct schema_member member; /* "deleted_when" */
    struct schema_deleted_when when;
};

/* What is not known may be a slip in a name that matters. */
static void deletes_check_keys(struct deletes_reading *r)
{
    size_t i, n;
    yyjson_val *key, *v;

    yyjson_obj_foreach(r->member.value, i, n, key, v)
    {
        if (!yyjson_equals_str(key, "field") &&
            !yyjson_equals_str(key, "equals"))
            schema_fault(r->file, yyjson_get_str(key), str_of(r->member.name),
                "has \"field\" and \"equals\", not \"%.40s\"",
                yyjson_get_str(key));
    }
}

/* Any name: the record is looked at as it comes, before a field is taken. */
static int deletes_read_field(struct deletes_reading *r)
{
    yyjson_val *v = json_member(r->member.value, "field");
    struct str key = str_of(r->member.name);
    struct schema_id_part part = {.field = -1};
    int rc = 0;

    if (v == NULL) {
        schema_fault(r->file, r->member.at, key,
            "without \"field\", the name of a record's key, or the path to "
            "one");
        return 0;
    }
    if (!schema_is_text(r->file, r->member.at, key, v))
        return 0;
    r->when.field = json_str(v);
    if (r->when.field.len == 0)
        schema_fault(r->file, r->member.at, key, "\"field\" is empty");
    else
        rc = schema_read_path(r->a, r->file, &r->member, v, &part);
    r->when.path = part.path;
    r->when.npath = part.npath;
    return rc == ERR_NOMEM ? rc : 0;
}

/* A copy: the file's document does not stay. */
static int deletes_keep_equals(struct deletes_reading *r, yyjson_val *v)
{
    struct buf text;
    struct err err;
    int rc;

    buf_init(&text, EQUALS_BYTES);
    json_write(&text, v, NULL);
    rc = text.error;
    if (rc == 0)
        rc = json_parse(r->a, buf_view(&text), &r->when.equals, NULL, &err);
    buf_free(&text);
    if (rc == ERR_TOO_LARGE)
        schema_fault(r->file, r->member.at, str_of(r->member.name),
            "\"equals\" must not take more than %d bytes", EQUALS_BYTES);
    return rc == ERR_NOMEM ? rc : 0;
}

static int deletes_read_equals(struct deletes_reading *r)
{
    yyjson_val *v = json_member(r->member.value, "equals");
    struct str key = str_of(r->member.name);

    if (v == NULL)
        schema_fault(r->file, r->member.at, key,
            "without \"equals\", the value that a deleted item has there");
    else if (yyjson_is_ctn(v))
        schema_fault(r->file, r->member.at, key,
            "\"equals\" must be a string, a number, true, false or null, not "
            "%s",
            yyjson_get_type_desc(v));
    else
        return deletes_keep_equals(r, v);
    return 0;
}

/* A tombstone has hardly a field of the item: a digest of it is no item's. */
static void deletes_check_id(struct deletes_reading *r, const struct schema *s)
{
    if (s->nfields > 0 && s->nid_parts == 0)
        schema_fault(r->file, r->member.at, str_of(r->member.name),
            "needs an id that a deleted item still has: with \"id\": \"hash\" "
            "it has another one as soon as a field is gone; name the fields of "
            "an id in id_fields");
}

int schema_read_deletes(
    struct arena *a, struct schema_file *file, struct schema *s)
{
    struct deletes_reading r = {.a = a, .file = file};
    size_t faults = file->faults;

    if (!schema_member_find(file, "deleted_when", &r.member))
        return 0;
    if (!yyjson_is_obj(r.member.value)) {
        schema_fault(file, r.member.at, str_of(r.member.name),
            "must be an object: {\"field\": ..., \"equals\": ...}");
        return 0;
    }
    deletes_check_keys(&r);
    if (deletes_read_field(&r) < 0 || deletes_read_equals(&r) < 0)
        return ERR_NOMEM;
    deletes_check_id(&r, s);
    if (file->faults > faults)
        return 0;
    s->deleted_when = arena_calloc(a, 1, sizeof(*s->deleted_when));
    if (s->deleted_when == NULL)
        return ERR_NOMEM;
    *s->deleted_when = r.when;
    return 0;
}
