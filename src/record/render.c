#include "record/render.h"

#include "base/err.h"
#include "base/text.h"
#include "record/js_date.h"
#include <stdio.h>

/* An array whose string form is longer is not a date. */
enum { DATE_TEXT_MAX_BYTES = 16 * 1024 * 1024 };

/* What rendering needs everywhere. */
struct renderer {
    struct arena *a;
    struct buf *out;
    int error; /* sticky: ERR_NOMEM */
};

void render_str(struct buf *out, struct str s)
{
    const char *nul;

    while (s.len > 0 && (nul = memchr(s.p, '\0', s.len)) != NULL) {
        size_t len = (size_t)(nul - s.p);

        buf_add(out, s.p, len);
        s.p += len + 1;
        s.len -= len + 1;
    }
    buf_add(out, s.p, s.len);
}

/* Array.prototype.join: null elements are nothing. */
static void render_joined(struct buf *out, yyjson_val *array)
{
    size_t i, n;
    yyjson_val *v;

    yyjson_arr_foreach(array, i, n, v)
    {
        if (i > 0)
            buf_char(out, ',');
        if (!yyjson_is_null(v))
            render_value(out, v);
    }
}

static void render_number(struct buf *out, yyjson_val *v)
{
    char text[JS_NUMBER_BYTES];

    buf_add(out, text, js_number(json_number(v), text));
}

void render_value(struct buf *out, yyjson_val *v)
{
    switch (yyjson_get_type(v)) {
    case YYJSON_TYPE_STR:
        render_str(out, json_str(v));
        break;
    case YYJSON_TYPE_NUM:
    case YYJSON_TYPE_RAW:
        render_number(out, v);
        break;
    case YYJSON_TYPE_BOOL:
        buf_puts(out, yyjson_get_bool(v) ? "true" : "false");
        break;
    case YYJSON_TYPE_ARR:
        render_joined(out, v);
        break;
    case YYJSON_TYPE_OBJ:
        buf_puts(out, "[object Object]");
        break;
    default:
        buf_puts(out, "null");
    }
}

/* Arrays and objects are read as the text that JavaScript makes of them. */
static bool render_instant_of_text(yyjson_val *v, int64_t *epoch_ms)
{
    struct buf text;
    bool valid;

    buf_init(&text, DATE_TEXT_MAX_BYTES);
    render_value(&text, v);
    valid = text.error == 0 && js_date_parse(buf_view(&text), epoch_ms);
    buf_free(&text);
    return valid;
}

bool render_instant(yyjson_val *v, int64_t *epoch_ms)
{
    switch (yyjson_get_type(v)) {
    case YYJSON_TYPE_STR:
        return js_date_parse(json_str(v), epoch_ms);
    case YYJSON_TYPE_NUM:
    case YYJSON_TYPE_RAW:
        return js_date_clip(json_number(v), epoch_ms);
    case YYJSON_TYPE_BOOL:
        return js_date_clip(yyjson_get_bool(v), epoch_ms);
    default:
        return render_instant_of_text(v, epoch_ms);
    }
}

/* M/D/YYYY in UTC; years before 1 are counted as years BC. */
static void render_date(struct buf *out, yyjson_val *v)
{
    int64_t ms, year;
    int month, day;

    if (!render_instant(v, &ms)) {
        buf_puts(out, "Invalid Date");
        return;
    }
    civil_from_ms(ms, &year, &month, &day);
    buf_printf(
        out, "%d/%d/%lld", month, day, (long long)(year > 0 ? year : 1 - year));
}

static void render_indent(struct buf *out, size_t depth)
{
    char *at = buf_grow(out, 2 * depth);

    if (at != NULL)
        memset(at, ' ', 2 * depth);
}

/* "label:" at a depth, on a line of its own unless it is the first. */
static void render_heading(struct renderer *r, struct str label, size_t depth)
{
    render_indent(r->out, depth);
    render_str(r->out, label);
    buf_char(r->out, ':');
}

static void render_members(
    struct renderer *r, yyjson_val *container, size_t depth);

/* The elements of an array, numbered from 1 and indented to `depth`. */
static void render_elements(struct renderer *r, yyjson_val *array, size_t depth)
{
    size_t i, n;
    yyjson_val *v;

    yyjson_arr_foreach(array, i, n, v)
    {
        char number[24];
        int len = snprintf(number, sizeof(number), "%zu", i + 1);
        struct str label = {number, (size_t)len};

        buf_char(r->out, '\n');
        if (yyjson_is_ctn(v)) {
            render_heading(r, label, depth);
            render_members(r, v, depth);
            continue;
        }
        render_indent(r->out, depth);
        buf_str(r->out, label);
        buf_puts(r->out, ". ");
        render_value(r->out, v);
    }
}

/* One member of what is headed at `depth`: its own line is one deeper. */
static void render_member(
    struct renderer *r, const struct json_entry *member, size_t depth)
{
    yyjson_val *v = member->value;

    buf_char(r->out, '\n');
    render_heading(r, member->key, depth + 1);
    if (yyjson_is_arr(v)) {
        render_elements(r, v, depth + 2);
    } else if (yyjson_is_obj(v)) {
        render_members(r, v, depth + 1);
    } else if (yyjson_is_null(v)) {
        buf_puts(r->out, " (empty)");
    } else {
        buf_char(r->out, ' ');
        render_value(r->out, v);
    }
}

/* What follows the heading of an object, or of an array that counts as one. */
static void render_members(
    struct renderer *r, yyjson_val *container, size_t depth)
{
    struct json_entry *members;
    long n = json_entries(r->a, container, &members);

    if (n < 0)
        r->error = (int)n;
    for (long i = 0; i < n; i++)
        render_member(r, &members[i], depth);
}

/* JavaScript's falsy values; of a datetime only null is skipped. */
static bool render_is_suppressed(enum field_type type, yyjson_val *v)
{
    if (v == NULL || yyjson_is_null(v))
        return true;
    if (type == FIELD_DATETIME)
        return false;
    if (yyjson_is_str(v))
        return yyjson_get_len(v) == 0;
    if (yyjson_is_num(v) || yyjson_is_raw(v))
        return json_number(v) == 0;
    return yyjson_is_false(v);
}

static void render_field(
    struct renderer *r, const struct schema_field *f, yyjson_val *v)
{
    render_heading(r, f->label, 0);
    if (f->type == FIELD_OBJECT && yyjson_is_ctn(v)) {
        render_members(r, v, 0);
    } else if (f->type == FIELD_ARRAY && yyjson_is_arr(v)) {
        render_elements(r, v, 1);
    } else {
        buf_char(r->out, ' ');
        if (f->type == FIELD_DATETIME)
            render_date(r->out, v);
        else
            render_value(r->out, v);
    }
}

int render_text(const struct schema *schema, yyjson_val *const *values,
    struct arena *a, struct buf *out)
{
    struct renderer r = {.a = a, .out = out};
    bool first = true;

    for (size_t i = 0; i < schema->nfields; i++) {
        const struct schema_field *f = &schema->fields[i];

        if (render_is_suppressed(f->type, values[i]))
            continue;
        if (!first)
            buf_puts(out, "\n\n");
        first = false;
        render_field(&r, f, values[i]);
    }
    return r.error;
}
