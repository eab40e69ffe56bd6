/* What an item's id is made of: `id_fields`, `"id": "hash"`, or the first
 * field. */
#include "record/schema.h"

#include "base/err.h"
#include "base/json.h"
#include "record/schema_file.h"

/* A schema file's id in the making. All borrowed. */
struct id_reading {
    struct arena *a;
    struct schema_file *file;
    struct schema *schema;
    struct schema_member member; /* id_fields */
};

/* user.user_id or /user/0/id; a name alone is a field's. */
static bool schema_is_path(struct str text)
{
    return text.len > 0 &&
           (text.p[0] == '/' || memchr(text.p, '.', text.len) != NULL);
}

/* In a segment that follows a slash, ~1 is a slash and ~0 a tilde. */
static struct str schema_unescape(struct arena *a, struct str segment)
{
    struct str copy = arena_dup(a, segment);
    char *to, *from, *end;

    if (copy.p == NULL || memchr(copy.p, '~', copy.len) == NULL)
        return copy;
    to = from = (char *)(uintptr_t)copy.p;
    end = to + copy.len;
    while (from < end) {
        bool escaped = from[0] == '~' && from + 1 < end &&
                       (from[1] == '0' || from[1] == '1');

        *to++ = !escaped ? from[0] : from[1] == '1' ? '/' : '~';
        from += escaped ? 2 : 1;
    }
    copy.len = (size_t)(to - copy.p);
    return copy;
}

/* Splits the path at its separators; false: a segment is empty. */
static int schema_split_path(
    struct arena *a, struct str text, struct schema_id_part *part)
{
    bool pointer = text.p[0] == '/';
    char separator = pointer ? '/' : '.';
    struct str rest = {text.p + pointer, text.len - pointer};

    part->path = arena_calloc(a, rest.len + 1, sizeof(*part->path));
    if (part->path == NULL)
        return ERR_NOMEM;
    for (;;) {
        const char *end = memchr(rest.p, separator, rest.len);
        struct str segment = {
            rest.p, end != NULL ? (size_t)(end - rest.p) : rest.len};

        if (segment.len == 0)
            return ERR_INVALID;
        part->path[part->npath++] =
            pointer ? schema_unescape(a, segment) : segment;
        if (end == NULL)
            return 0;
        rest = (struct str){end + 1, rest.len - segment.len - 1};
    }
}

int schema_read_path(struct arena *a, struct schema_file *file,
    const struct schema_member *m, yyjson_val *v, struct schema_id_part *out)
{
    struct str text = json_str(v);
    int rc;

    if (!schema_is_path(text))
        return 0;
    rc = schema_split_path(a, text, out);
    if (rc == ERR_INVALID)
        schema_fault(file, text.p, str_of(m->name),
            "\"%.*s\" is not a path: user.id or /user/0/id",
            (int)(text.len < 80 ? text.len : 80), text.p);
    return rc;
}

int schema_read_part(struct arena *a, struct schema_file *file,
    const struct schema *s, const struct schema_member *m, yyjson_val *v,
    struct schema_id_part *out)
{
    struct str text = json_str(v);
    bool is_path = yyjson_is_str(v) && schema_is_path(text);
    const size_t *index = is_path ? strmap_get(&s->index, text) : NULL;

    *out = (struct schema_id_part){.field = -1};
    if (!is_path) {
        out->field = schema_field_of(file, s, m, v);
        return out->field < 0 ? ERR_INVALID : 0;
    }
    if (index != NULL)
        out->field = (long)*index;
    return schema_read_path(a, file, m, v, out);
}

/* Fields that cannot be part of an id, unless a path leads into them. */
static bool schema_id_fits(struct id_reading *r, size_t field, bool is_path)
{
    const struct schema_field *f = &r->schema->fields[field];
    struct str key = str_of(r->member.name);

    if (!is_path && (f->type == FIELD_OBJECT || f->type == FIELD_ARRAY)) {
        schema_fault(r->file, r->member.at, key,
            "\"%.*s\" has type %s and cannot be part of an id; name a value in "
            "it by its path, \"%.*s.id\"",
            STR_ARG(f->name), schema_type_name(f->type), STR_ARG(f->name));
        return false;
    }
    for (size_t i = 0; i < r->schema->nid_parts; i++) {
        if (r->schema->id_parts[i].field != (long)field)
            continue;
        schema_fault(r->file, r->member.at, key, "\"%.*s\" is named twice",
            STR_ARG(f->name));
        return false;
    }
    return true;
}

static int schema_add_id_part(struct id_reading *r, yyjson_val *v)
{
    struct schema *s = r->schema;
    struct schema_id_part part;
    int rc = schema_read_part(r->a, r->file, s, &r->member, v, &part);

    if (rc < 0)
        return rc == ERR_NOMEM ? rc : 0;
    if (part.field >= 0 &&
        !schema_id_fits(r, (size_t)part.field, part.npath > 0))
        return 0;
    s->id_parts[s->nid_parts++] = part;
    return 0;
}

/* "id": "hash", and nothing else. */
static bool schema_id_is_hash(struct schema_file *file, bool has_fields)
{
    struct schema_member m;

    if (!schema_member_find(file, "id", &m))
        return false;
    if (!yyjson_equals_str(m.value, "hash"))
        schema_fault(file, m.at, str_of(m.name),
            "\"hash\" is all that it may be; name the fields of an id in "
            "id_fields");
    else if (has_fields)
        schema_fault(file, m.at, str_of(m.name),
            "the id is either a hash or made of id_fields");
    return true;
}

int schema_read_id(struct arena *a, struct schema_file *file, struct schema *s)
{
    struct id_reading r = {a, file, s, {.name = NULL}};
    size_t i, n;
    yyjson_val *v;
    bool given = schema_member_find(file, "id_fields", &r.member);

    if (schema_id_is_hash(file, given) ||
        (given && !schema_is_list(file, &r.member, 1)))
        return 0;
    s->id_parts = arena_calloc(
        a, given ? yyjson_arr_size(r.member.value) : 1, sizeof(*s->id_parts));
    if (s->id_parts == NULL)
        return ERR_NOMEM;
    if (!given) {
        s->nid_parts = 1;
        return 0;
    }
    yyjson_arr_foreach(r.member.value, i, n, v)
    {
        if (schema_add_id_part(&r, v) < 0)
            return ERR_NOMEM;
    }
    return 0;
}
