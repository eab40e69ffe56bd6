/*
 * One schema file as a struct schema. Reading goes on after a fault: all of a
 * file's faults are reported at once. Keys that are not known are left alone,
 * since a schema may carry what others read of it.
 */
#include "record/schema.h"

#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "record/schema_file.h"

enum { NAME_BYTES = 256 }; /* longest service name or alias */

/* In the order of enum field_type. */
static const char *const type_names[] = {"string", "text", "number", "integer",
    "boolean", "date", "datetime", "object", "array"};
static const char type_list[] =
    "string, text, number, integer, boolean, date, datetime, object, array";

const char *schema_type_name(enum field_type type)
{
    return type_names[type];
}

struct loader {
    struct arena *a;
    struct schema *schema; /* being filled */
    struct schema_file file;
    bool nomem;
};

/* Bounded, for it becomes part of keys. */
bool schema_is_name(
    struct schema_file *f, const char *at, const char *key, yyjson_val *v)
{
    if (!schema_is_text(f, at, str_of(key), v))
        return false;
    if (yyjson_get_len(v) > 0 && yyjson_get_len(v) <= NAME_BYTES)
        return true;
    schema_fault(f, at, str_of(key), "must have 1 to %d bytes", NAME_BYTES);
    return false;
}

static void schema_read_service_name(struct loader *l)
{
    struct schema *s = l->schema;
    struct schema_member m;

    if (strcmp(s->stem, "_default") == 0) {
        s->service_name = s->stem;
        return;
    }
    if (!schema_member_find(&l->file, "service_name", &m)) {
        schema_fault(&l->file, m.at, str_of(m.name), "missing");
        return;
    }
    if (!schema_is_name(&l->file, m.at, m.name, m.value))
        return;
    s->service_name = yyjson_get_str(m.value);
    s->place.name_line = schema_file_line(&l->file, m.at);
}

static void schema_read_type(
    struct loader *l, const struct json_entry *entry, enum field_type *out)
{
    const char *type;

    if (!schema_is_text(&l->file, entry->key.p, entry->key, entry->value))
        return;
    type = yyjson_get_str(entry->value);
    for (size_t i = 0; i < sizeof(type_names) / sizeof(*type_names); i++) {
        if (strcmp(type, type_names[i]) == 0) {
            *out = (enum field_type)i;
            return;
        }
    }
    schema_fault(&l->file, type, entry->key,
        "unknown type \"%.40s\"; allowed: %s", type, type_list);
}

static void schema_add_field(struct loader *l, const struct json_entry *entry)
{
    struct schema *s = l->schema;
    struct schema_field *f = &s->fields[s->nfields];
    bool found;

    f->name = f->label = entry->key;
    if (memchr(f->name.p, '\0', f->name.len) != NULL)
        schema_fault(&l->file, f->name.p, STR("data_structure"),
            "field names must not contain NUL characters");
    schema_read_type(l, entry, &f->type);
    *strmap_put(&s->index, f->name, &found) = s->nfields;
    s->nfields++;
}

static void schema_read_fields(struct loader *l)
{
    struct schema *s = l->schema;
    struct schema_member m;
    struct json_entry *entries;
    long n;

    if (!schema_member_find(&l->file, "data_structure", &m)) {
        schema_fault(&l->file, m.at, str_of(m.name), "missing");
        return;
    }
    if (!yyjson_is_obj(m.value) || yyjson_obj_size(m.value) == 0) {
        schema_fault(&l->file, m.at, str_of(m.name),
            "must be an object with one or more fields and their types");
        return;
    }
    n = json_entries(l->a, m.value, &entries);
    if (n > 0)
        s->fields = arena_calloc(l->a, (size_t)n, sizeof(*s->fields));
    if (s->fields == NULL || strmap_init(&s->index, l->a, (size_t)n) < 0) {
        l->nomem = true;
        return;
    }
    for (long i = 0; i < n; i++)
        schema_add_field(l, &entries[i]);
}

/* The label is the description's first word, as split(" ")[0] gives it. */
static void schema_set_label(
    struct loader *l, struct str field, struct str text)
{
    const size_t *at = strmap_get(&l->schema->index, field);
    const char *space = memchr(text.p, ' ', text.len);
    struct schema_field *f;

    if (at == NULL)
        return;
    f = &l->schema->fields[*at];
    if (space != NULL)
        text.len = (size_t)(space - text.p);
    f->label = text.len > 0 ? text : f->name;
}

static void schema_read_labels(struct loader *l)
{
    struct schema_member m;
    size_t i, n;
    yyjson_val *key, *value;

    if (!schema_member_find(&l->file, "field_descriptions", &m))
        return;
    if (!yyjson_is_obj(m.value)) {
        schema_fault(&l->file, m.at, str_of(m.name),
            "must be an object, not %s", yyjson_get_type_desc(m.value));
        return;
    }
    yyjson_obj_foreach(m.value, i, n, key, value)
    {
        struct str name = json_str(key);

        if (yyjson_is_null(value))
            schema_set_label(l, name, STR(""));
        else if (schema_is_text(&l->file, name.p, name, value))
            schema_set_label(l, name, json_str(value));
    }
}

/* The field's name that is nearest to a wrong one; len 0: none is near. */
static struct str schema_nearest_field(const struct schema *s, struct str name)
{
    struct str best = {NULL, 0};
    size_t least = name.len / 3 + 2, distance;

    for (size_t i = 0; i < s->nfields; i++) {
        distance = edit_distance(name, s->fields[i].name);
        if (distance >= least)
            continue;
        least = distance;
        best = s->fields[i].name;
    }
    return best;
}

long schema_field_of(struct schema_file *file, const struct schema *s,
    const struct schema_member *m, yyjson_val *v)
{
    struct str near = {NULL, 0}, key = str_of(m->name);
    const size_t *index;

    if (!schema_is_text(file, m->at, key, v))
        return -1;
    index = strmap_get(&s->index, json_str(v));
    if (index != NULL)
        return (long)*index;
    if (!schema_faults_full(file))
        near = schema_nearest_field(s, json_str(v));
    if (near.len == 0)
        schema_fault(file, yyjson_get_str(v), key,
            "\"%.80s\" is not a field of data_structure", yyjson_get_str(v));
    else
        schema_fault(file, yyjson_get_str(v), key,
            "\"%.80s\" is not a field of data_structure; did you mean "
            "\"%.*s\"?",
            yyjson_get_str(v), STR_ARG(near));
    return -1;
}

static long schema_read_field_name(struct loader *l, const char *name)
{
    struct schema_member m;

    return schema_member_find(&l->file, name, &m)
               ? schema_field_of(&l->file, l->schema, &m, m.value)
               : -1;
}

static void schema_read_aliases(struct loader *l)
{
    struct schema *s = l->schema;
    struct schema_member m;
    size_t i, n;
    yyjson_val *v;

    if (!schema_member_find(&l->file, "aliases", &m) ||
        !schema_is_list(&l->file, &m, 0))
        return;
    s->place.aliases_line = schema_file_line(&l->file, m.at);
    s->aliases =
        arena_calloc(l->a, yyjson_arr_size(m.value), sizeof(*s->aliases));
    if (s->aliases == NULL) {
        l->nomem = true;
        return;
    }
    yyjson_arr_foreach(m.value, i, n, v)
    {
        if (schema_is_name(&l->file, m.at, m.name, v))
            s->aliases[s->naliases++] = yyjson_get_str(v);
    }
}

/* What a source calls its total may be something else. */
static void schema_read_total(struct loader *l)
{
    struct schema_member m;

    if (!schema_member_find(&l->file, "total", &m))
        return;
    l->schema->ignores_total = yyjson_equals_str(m.value, "ignore");
    if (!l->schema->ignores_total)
        schema_fault(&l->file, m.at, str_of(m.name),
            "\"ignore\" is all that it may be; leave it out to heed the "
            "total that the source announces");
}

static int read_schema(struct loader *l)
{
    struct schema *s = l->schema;
    const char *version = schema_read_string(&l->file, "version");

    schema_read_service_name(l);
    s->description = schema_read_string(&l->file, "description");
    s->version = version != NULL ? version : "1.0.0";
    schema_read_aliases(l);
    schema_read_bool(&l->file, "delete_missing", &s->delete_missing);
    schema_read_total(l);
    schema_read_language(&l->file, s);
    schema_read_fields(l);
    schema_read_labels(l);
    if (s->nfields > 0) {
        l->nomem |= schema_read_id(l->a, &l->file, s) < 0;
        l->nomem |= schema_read_deletes(l->a, &l->file, s) < 0;
        s->title_field = schema_read_field_name(l, "title_field");
        s->url_field = schema_read_field_name(l, "url_field");
        schema_read_pieces(&l->file, s);
        l->nomem |= schema_read_links(l->a, &l->file, s) < 0;
    }
    if (l->nomem)
        return ERR_NOMEM;
    return l->file.faults > 0 ? ERR_CONFIG : 0;
}

static bool schema_is_pending(const struct loader *l)
{
    struct schema_member m;

    return schema_member_find(&l->file, "_status", &m) &&
           yyjson_equals_str(m.value, "pending");
}

/* The schema under its file's name, still without fields. */
static struct schema *new_schema(struct arena *a, const char *path)
{
    struct schema *s = arena_calloc(a, 1, sizeof(*s));
    const char *slash = strrchr(path, '/');
    struct str stem = str_of(slash != NULL ? slash + 1 : path);

    if (s == NULL)
        return NULL;
    if (stem.len > 5 && strcmp(stem.p + stem.len - 5, ".json") == 0)
        stem.len -= 5;
    s->place.path = arena_dup(a, str_of(path)).p;
    s->stem = arena_dup(a, stem).p;
    return s->place.path != NULL && s->stem != NULL ? s : NULL;
}

int schema_parse(struct arena *a, const char *path, struct str text,
    struct schema **out, struct buf *problems)
{
    struct loader l = {.a = a, .schema = new_schema(a, path)};
    int rc;

    *out = NULL;
    if (l.schema == NULL)
        return ERR_NOMEM;
    rc = schema_file_open(&l.file, a, path, text, problems);
    if (rc == 0 && !schema_is_pending(&l)) {
        rc = read_schema(&l);
        *out = rc == 0 ? l.schema : NULL;
    }
    schema_file_close(&l.file);
    return rc;
}
