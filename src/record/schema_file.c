#include "record/schema_file.h"

#include "base/err.h"
#include <stdarg.h>
#include <stdio.h>

enum {
    FAULT_BYTES = 512,
    MOST_FAULTS = 50 /* of a file; the rest would tell nothing new */
};

size_t schema_file_line(const struct schema_file *f, const char *at)
{
    size_t line = 1, end;

    if (at < f->copy || at > f->copy + f->text.len)
        return 1;
    end = (size_t)(at - f->copy);
    for (size_t i = 0; i < end; i++)
        line += f->text.p[i] == '\n';
    return line;
}

bool schema_faults_full(const struct schema_file *f)
{
    return f->faults >= MOST_FAULTS;
}

void schema_fault(
    struct schema_file *f, const char *at, struct str key, const char *fmt, ...)
{
    char what[FAULT_BYTES];
    va_list args;

    if (f->faults++ >= MOST_FAULTS)
        return;
    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    buf_printf(f->problems, "%s:%zu: ", f->path, schema_file_line(f, at));
    if (key.len > 0) {
        buf_puts(f->problems, "key ");
        buf_json_str(f->problems, key);
        buf_puts(f->problems, ": ");
    }
    buf_puts(f->problems, what);
    buf_char(f->problems, '\n');
}

static int schema_file_not_json(
    struct schema_file *f, const yyjson_read_err *why)
{
    if (why->code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        return ERR_NOMEM;
    schema_fault(f, f->copy + why->pos, STR(""), "%s", why->msg);
    return ERR_CONFIG;
}

int schema_file_open(struct schema_file *f, struct arena *a, const char *path,
    struct str text, struct buf *problems)
{
    char *copy = arena_alloc(a, text.len + YYJSON_PADDING_SIZE);
    yyjson_read_err why;

    *f = (struct schema_file){
        .path = path, .text = text, .copy = copy, .problems = problems};
    if (copy == NULL)
        return ERR_NOMEM;
    if (text.len > 0)
        memcpy(copy, text.p, text.len);
    memset(copy + text.len, 0, YYJSON_PADDING_SIZE);
    f->doc = yyjson_read_opts(copy, text.len, YYJSON_READ_INSITU, NULL, &why);
    if (f->doc == NULL)
        return schema_file_not_json(f, &why);
    f->root = yyjson_doc_get_root(f->doc);
    if (yyjson_is_obj(f->root))
        return 0;
    schema_fault(f, copy, STR(""), "must be an object, not %s",
        yyjson_get_type_desc(f->root));
    return ERR_CONFIG;
}

void schema_file_close(struct schema_file *f)
{
    yyjson_doc_free(f->doc);
    f->doc = NULL;
}

bool schema_member_find(
    const struct schema_file *f, const char *name, struct schema_member *out)
{
    size_t i, n;
    yyjson_val *key, *value;

    *out = (struct schema_member){.name = name};
    yyjson_obj_foreach(f->root, i, n, key, value)
    {
        if (!yyjson_equals_str(key, name))
            continue;
        out->at = yyjson_get_str(key);
        out->value = value;
    }
    return out->value != NULL && !yyjson_is_null(out->value);
}

bool schema_is_text(
    struct schema_file *f, const char *at, struct str key, yyjson_val *v)
{
    if (!yyjson_is_str(v)) {
        schema_fault(
            f, at, key, "must be a string, not %s", yyjson_get_type_desc(v));
        return false;
    }
    if (memchr(yyjson_get_str(v), '\0', yyjson_get_len(v)) != NULL) {
        schema_fault(f, at, key, "must not contain NUL characters");
        return false;
    }
    return true;
}

bool schema_is_list(
    struct schema_file *f, const struct schema_member *m, size_t least)
{
    if (yyjson_is_arr(m->value) && yyjson_arr_size(m->value) >= least)
        return true;
    schema_fault(f, m->at, str_of(m->name), "must be an array of%s names",
        least > 0 ? " one or more" : "");
    return false;
}

const char *schema_read_string(struct schema_file *f, const char *name)
{
    struct schema_member m;

    if (!schema_member_find(f, name, &m) ||
        !schema_is_text(f, m.at, str_of(name), m.value) ||
        yyjson_get_len(m.value) == 0)
        return NULL;
    return yyjson_get_str(m.value);
}

void schema_read_bool(struct schema_file *f, const char *name, bool *out)
{
    struct schema_member m;

    if (!schema_member_find(f, name, &m))
        return;
    if (!yyjson_is_bool(m.value))
        schema_fault(f, m.at, str_of(name), "must be true or false, not %s",
            yyjson_get_type_desc(m.value));
    else
        *out = yyjson_get_bool(m.value);
}
