/*
 * One schema file. The text is parsed in place in a copy, so that a key's
 * pointer is its offset in the file and every fault knows its line. Reading
 * goes on after a fault: all of a file's faults are reported at once.
 */
#include "sync/schema.h"

#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include <stdarg.h>
#include <stdio.h>

enum {
    NAME_BYTES = 256, /* longest service name or alias */
    MOST_FAULTS = 50  /* of a file; the rest would tell nothing new */
};

/* In the order of enum field_type. */
static const char *const type_names[] = {"string", "text", "number", "integer",
    "boolean", "date", "datetime", "object", "array"};
static const char type_list[] =
    "string, text, number, integer, boolean, date, datetime, object, array";

struct loader {
    struct arena *a;
    struct schema *schema; /* being filled */
    yyjson_val *root;
    struct str text;  /* as it stands in the file */
    const char *base; /* the copy of it that was parsed in place */
    struct buf *problems;
    size_t faults;
    bool nomem;
};

/* A member of the file: `at` points into the text, for its line. */
struct member {
    const char *name;
    const char *at; /* NULL: the file as a whole */
    yyjson_val *value;
};

static size_t line_of(const struct loader *l, const char *at)
{
    size_t line = 1, end;

    if (at < l->base || at > l->base + l->text.len)
        return 1;
    end = (size_t)(at - l->base);
    for (size_t i = 0; i < end; i++)
        line += l->text.p[i] == '\n';
    return line;
}

/* Reports a fault of `key` (len 0: of the file) on the line of `at`. */
__attribute__((format(printf, 4, 5))) static void fault(
    struct loader *l, const char *at, struct str key, const char *fmt, ...)
{
    char what[2 * NAME_BYTES];
    va_list args;

    if (l->faults++ >= MOST_FAULTS)
        return;
    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    buf_printf(l->problems, "%s:%zu: ", l->schema->place.path, line_of(l, at));
    if (key.len > 0) {
        buf_puts(l->problems, "key ");
        buf_json_str(l->problems, key);
        buf_puts(l->problems, ": ");
    }
    buf_puts(l->problems, what);
    buf_char(l->problems, '\n');
}

/* The last member of that name; null is as good as absent. */
static bool find_member(
    const struct loader *l, const char *name, struct member *out)
{
    size_t i, n;
    yyjson_val *key, *value;

    *out = (struct member){.name = name};
    yyjson_obj_foreach(l->root, i, n, key, value)
    {
        if (!yyjson_equals_str(key, name))
            continue;
        out->at = yyjson_get_str(key);
        out->value = value;
    }
    return out->value != NULL && !yyjson_is_null(out->value);
}

/* A string without NULs? Reports what it is otherwise. */
static bool is_text(
    struct loader *l, const char *at, struct str key, yyjson_val *v)
{
    if (!yyjson_is_str(v)) {
        fault(l, at, key, "must be a string, not %s", yyjson_get_type_desc(v));
        return false;
    }
    if (memchr(yyjson_get_str(v), '\0', yyjson_get_len(v)) != NULL) {
        fault(l, at, key, "must not contain NUL characters");
        return false;
    }
    return true;
}

/* An optional string; NULL when it is absent, empty or wrong. */
static const char *read_string(struct loader *l, const char *name)
{
    struct member m;

    if (!find_member(l, name, &m) || !is_text(l, m.at, str_of(name), m.value) ||
        yyjson_get_len(m.value) == 0)
        return NULL;
    return yyjson_get_str(m.value);
}

static void read_bool(struct loader *l, const char *name, bool *out)
{
    struct member m;

    if (!find_member(l, name, &m))
        return;
    if (!yyjson_is_bool(m.value))
        fault(l, m.at, str_of(name), "must be true or false");
    else
        *out = yyjson_get_bool(m.value);
}

/* A name of the service: bounded, for it becomes part of keys. */
static bool is_name(
    struct loader *l, const char *at, struct str key, yyjson_val *v)
{
    if (!is_text(l, at, key, v))
        return false;
    if (yyjson_get_len(v) == 0 || yyjson_get_len(v) > NAME_BYTES) {
        fault(l, at, key, "must have 1 to %d bytes", NAME_BYTES);
        return false;
    }
    return true;
}

static void read_service_name(struct loader *l)
{
    struct member m;
    struct str key = STR("service_name");

    if (strcmp(l->schema->stem, "_default") == 0) {
        l->schema->service_name = l->schema->stem;
        return;
    }
    if (!find_member(l, key.p, &m)) {
        fault(l, m.at, key, "missing");
        return;
    }
    if (!is_name(l, m.at, key, m.value))
        return;
    l->schema->service_name = yyjson_get_str(m.value);
    l->schema->place.name_line = line_of(l, m.at);
}

static bool read_type(
    struct loader *l, const struct json_entry *entry, enum field_type *out)
{
    const char *at = entry->key.p;
    size_t ntypes = sizeof(type_names) / sizeof(*type_names);

    if (!is_text(l, at, entry->key, entry->value))
        return false;
    at = yyjson_get_str(entry->value);
    for (size_t i = 0; i < ntypes; i++) {
        if (strcmp(at, type_names[i]) == 0) {
            *out = (enum field_type)i;
            return true;
        }
    }
    fault(l, at, entry->key, "unknown type \"%.40s\"; allowed: %s", at,
        type_list);
    return false;
}

static void add_field(struct loader *l, const struct json_entry *entry)
{
    struct schema *s = l->schema;
    struct schema_field *f = &s->fields[s->nfields];
    bool found;

    f->name = f->label = entry->key;
    if (memchr(f->name.p, '\0', f->name.len) != NULL)
        fault(l, f->name.p, STR("data_structure"),
            "field names must not contain NUL characters");
    read_type(l, entry, &f->type);
    *strmap_put(&s->index, f->name, &found) = s->nfields;
    s->nfields++;
}

static void read_fields(struct loader *l)
{
    struct member m;
    struct str key = STR("data_structure");
    struct json_entry *entries;
    long n;

    if (!find_member(l, key.p, &m)) {
        fault(l, m.at, key, "missing");
        return;
    }
    if (!yyjson_is_obj(m.value) || yyjson_obj_size(m.value) == 0) {
        fault(l, m.at, key, "must be an object with a type for each field");
        return;
    }
    n = json_entries(l->a, m.value, &entries);
    if (n > 0)
        l->schema->fields =
            arena_calloc(l->a, (size_t)n, sizeof(struct schema_field));
    if (l->schema->fields == NULL ||
        strmap_init(&l->schema->index, l->a, (size_t)n) < 0) {
        l->nomem = true;
        return;
    }
    for (long i = 0; i < n; i++)
        add_field(l, &entries[i]);
}

/* The label is the description's first word, as split(" ")[0] gives it. */
static void set_label(struct loader *l, struct str field, struct str text)
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

static void read_labels(struct loader *l)
{
    struct member m;
    size_t i, n;
    yyjson_val *key, *value;

    if (!find_member(l, "field_descriptions", &m))
        return;
    if (!yyjson_is_obj(m.value)) {
        fault(l, m.at, str_of(m.name), "must be an object");
        return;
    }
    yyjson_obj_foreach(m.value, i, n, key, value)
    {
        if (yyjson_is_null(value))
            set_label(l, json_str(key), STR(""));
        else if (is_text(l, yyjson_get_str(key), json_str(key), value))
            set_label(l, json_str(key), json_str(value));
    }
}

/* The field's name that is nearest to a wrong one; NULL: none is near. */
static const struct schema_field *nearest_field(
    const struct schema *s, struct str name)
{
    const struct schema_field *best = NULL;
    size_t least = name.len / 3 + 2, distance;

    if (name.len > NAME_BYTES)
        return NULL;
    for (size_t i = 0; i < s->nfields; i++) {
        if (s->fields[i].name.len > NAME_BYTES)
            continue;
        distance = edit_distance(name, s->fields[i].name);
        if (distance >= least)
            continue;
        least = distance;
        best = &s->fields[i];
    }
    return best;
}

/* The index of the field that `v` names; -1 when it is wrong (reported). */
static long field_of(struct loader *l, const struct member *m, yyjson_val *v)
{
    struct str key = str_of(m->name);
    const struct schema_field *near;
    const size_t *index;

    if (!is_text(l, m->at, key, v))
        return -1;
    index = strmap_get(&l->schema->index, json_str(v));
    if (index != NULL)
        return (long)*index;
    near =
        l->faults < MOST_FAULTS ? nearest_field(l->schema, json_str(v)) : NULL;
    if (near == NULL)
        fault(l, yyjson_get_str(v), key,
            "\"%.80s\" is no field of data_structure", yyjson_get_str(v));
    else
        fault(l, yyjson_get_str(v), key,
            "\"%.80s\" is no field of data_structure; did you mean "
            "\"%.*s\"?",
            yyjson_get_str(v), STR_ARG(near->name));
    return -1;
}

static long read_field_name(struct loader *l, const char *name)
{
    struct member m;

    return find_member(l, name, &m) ? field_of(l, &m, m.value) : -1;
}

static void add_id_field(struct loader *l, const struct member *m, long field)
{
    struct schema *s = l->schema;

    if (s->fields[field].type == FIELD_OBJECT ||
        s->fields[field].type == FIELD_ARRAY) {
        fault(l, m->at, str_of(m->name),
            "\"%.*s\" has type %s and cannot be part of an id",
            STR_ARG(s->fields[field].name), type_names[s->fields[field].type]);
        return;
    }
    for (size_t i = 0; i < s->nid_fields; i++) {
        if (s->id_fields[i] == (size_t)field) {
            fault(l, m->at, str_of(m->name), "\"%.*s\" is named twice",
                STR_ARG(s->fields[field].name));
            return;
        }
    }
    s->id_fields[s->nid_fields++] = (size_t)field;
}

/* The array `m`, if it is there and is one of at least `least` elements. */
static bool is_list(struct loader *l, const struct member *m, size_t least)
{
    if (yyjson_is_arr(m->value) && yyjson_arr_size(m->value) >= least)
        return true;
    fault(l, m->at, str_of(m->name), "must be an array of%s names",
        least > 0 ? " one or more" : "");
    return false;
}

static void read_id_fields(struct loader *l)
{
    struct schema *s = l->schema;
    struct member m;
    size_t i, n, room = 1;
    yyjson_val *v;
    bool given = find_member(l, "id_fields", &m);

    if (given && !is_list(l, &m, 1))
        return;
    if (given)
        room = yyjson_arr_size(m.value);
    s->id_fields = arena_calloc(l->a, room, sizeof(*s->id_fields));
    if (s->id_fields == NULL) {
        l->nomem = true;
        return;
    }
    if (!given) {
        s->nid_fields = 1;
        return;
    }
    yyjson_arr_foreach(m.value, i, n, v)
    {
        long field = field_of(l, &m, v);

        if (field >= 0)
            add_id_field(l, &m, field);
    }
}

static void read_aliases(struct loader *l)
{
    struct schema *s = l->schema;
    struct member m;
    size_t i, n;
    yyjson_val *v;

    if (!find_member(l, "aliases", &m) || !is_list(l, &m, 0))
        return;
    s->place.aliases_line = line_of(l, m.at);
    s->aliases =
        arena_calloc(l->a, yyjson_arr_size(m.value), sizeof(*s->aliases));
    if (s->aliases == NULL) {
        l->nomem = true;
        return;
    }
    yyjson_arr_foreach(m.value, i, n, v)
    {
        if (is_name(l, m.at, STR("aliases"), v))
            s->aliases[s->naliases++] = yyjson_get_str(v);
    }
}

static void read_schema(struct loader *l)
{
    struct schema *s = l->schema;
    const char *version = read_string(l, "version");

    read_service_name(l);
    s->description = read_string(l, "description");
    s->version = version != NULL ? version : "1.0.0";
    read_fields(l);
    if (l->nomem || s->nfields == 0)
        return;
    read_labels(l);
    read_id_fields(l);
    read_aliases(l);
    s->title_field = read_field_name(l, "title_field");
    s->url_field = read_field_name(l, "url_field");
    read_bool(l, "delete_missing", &s->delete_missing);
}

static bool is_pending(const struct loader *l)
{
    struct member m;

    return find_member(l, "_status", &m) &&
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

/* What the parsed document says; it borrows from the copy in the arena. */
static int read_document(struct loader *l, struct schema **out)
{
    if (!yyjson_is_obj(l->root)) {
        fault(l, NULL, STR(""), "must be an object");
        return ERR_CONFIG;
    }
    if (is_pending(l))
        return 0;
    read_schema(l);
    if (l->nomem)
        return ERR_NOMEM;
    if (l->faults > 0)
        return ERR_CONFIG;
    *out = l->schema;
    return 0;
}

int schema_parse(struct arena *a, const char *path, struct str text,
    struct schema **out, struct buf *problems)
{
    struct loader l = {.a = a, .text = text, .problems = problems};
    char *copy = arena_alloc(a, text.len + YYJSON_PADDING_SIZE);
    yyjson_read_err bad;
    yyjson_doc *doc;
    int rc;

    *out = NULL;
    l.schema = new_schema(a, path);
    if (copy == NULL || l.schema == NULL)
        return ERR_NOMEM;
    if (text.len > 0)
        memcpy(copy, text.p, text.len);
    memset(copy + text.len, 0, YYJSON_PADDING_SIZE);
    l.base = copy;
    doc = yyjson_read_opts(copy, text.len, YYJSON_READ_INSITU, NULL, &bad);
    if (doc == NULL && bad.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        return ERR_NOMEM;
    if (doc == NULL) {
        fault(&l, copy + bad.pos, STR(""), "%s", bad.msg);
        return ERR_CONFIG;
    }
    l.root = yyjson_doc_get_root(doc);
    rc = read_document(&l, out);
    yyjson_doc_free(doc);
    return rc;
}
