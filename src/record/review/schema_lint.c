#include "record/review/schema_lint.h"

#include "base/err.h"
#include "record/item.h"
#include "record/render.h"
#include <math.h>
#include <stdlib.h>

enum { LINT_SCRATCH_BYTES = 64 * 1024 * 1024, LINT_NUMBER_BYTES = 64 };

struct lint {
    const struct schema *schema;
    const struct schema_cases *cases;
    struct buf *report;
    long findings;
};

static void lint_begin(struct lint *l, const struct schema_field *f)
{
    l->findings++;
    buf_printf(l->report, "%s: field ", l->schema->place.path);
    buf_json_str(l->report, f->name);
    buf_puts(l->report, ": ");
}

static void lint_labels(struct lint *l)
{
    const struct schema_field *f = l->schema->fields;

    for (size_t i = 0; i < l->schema->nfields; i++) {
        for (size_t k = 0; k < i; k++) {
            if (!str_eq(f[i].label, f[k].label))
                continue;
            lint_begin(l, &f[i]);
            buf_puts(l->report, "has the label ");
            buf_json_str(l->report, f[i].label);
            buf_puts(l->report, ", as ");
            buf_json_str(l->report, f[k].name);
            buf_puts(l->report,
                " has; a label is the first word of the description\n");
            break;
        }
    }
}

static bool lint_is_number(yyjson_val *v)
{
    char text[LINT_NUMBER_BYTES];
    char *end;

    if (!yyjson_is_str(v))
        return yyjson_is_num(v) || yyjson_is_raw(v);
    if (yyjson_get_len(v) == 0 || yyjson_get_len(v) >= sizeof(text))
        return false;
    memcpy(text, yyjson_get_str(v), yyjson_get_len(v) + 1);
    return isfinite(strtod(text, &end)) && *end == '\0';
}

static bool lint_is_whole(yyjson_val *v)
{
    int64_t whole;

    return json_int(v, &whole);
}

/* An object or an array may come as a string that holds one. */
static bool lint_is_container(yyjson_val *v, bool array)
{
    struct arena a;
    struct err err = {0};
    yyjson_val *inner = v;
    bool fits;

    arena_init(&a, 0);
    if (yyjson_is_str(v) && json_parse(&a, json_str(v), &inner, NULL, &err) < 0)
        inner = v;
    fits = array ? yyjson_is_arr(inner) : yyjson_is_obj(inner);
    arena_free(&a);
    return fits;
}

/* What is wrong with a value of that type; NULL: nothing. */
static const char *lint_contradiction(enum field_type type, yyjson_val *v)
{
    int64_t instant;
    bool flag;

    switch (type) {
    case FIELD_STRING:
    case FIELD_TEXT:
        return yyjson_is_ctn(v) ? "is not a text; declare it as an object or "
                                  "an array"
                                : NULL;
    case FIELD_DATE:
        return yyjson_is_str(v) ? NULL : "is not a string";
    case FIELD_NUMBER:
        return lint_is_number(v) ? NULL : "is not a number";
    case FIELD_INTEGER:
        return lint_is_whole(v) ? NULL : "is not a whole number";
    case FIELD_BOOLEAN:
        return json_bool(v, &flag) ? NULL : "is not a boolean";
    case FIELD_DATETIME:
        return render_instant(v, &instant) ? NULL : "is not a date";
    case FIELD_OBJECT:
        return lint_is_container(v, false) ? NULL : "is not an object";
    case FIELD_ARRAY:
        return lint_is_container(v, true) ? NULL : "is not an array";
    }
    return NULL;
}

static void lint_report_value(struct lint *l, const struct schema_field *f,
    size_t at, yyjson_val *v, const char *wrong)
{
    lint_begin(l, f);
    buf_printf(l->report, "has the type %s, but ", schema_type_name(f->type));
    json_write(l->report, v, NULL);
    buf_printf(l->report, " %s (case %zu)\n", wrong, at + 1);
}

static bool lint_counts(const struct schema_case *c)
{
    return c->error.p == NULL;
}

/* One line a field: the first value that contradicts it, or that it has none.
 */
static void lint_field(struct lint *l, const struct schema_field *f)
{
    size_t rows = 0, values = 0;

    for (size_t i = 0; i < l->cases->n; i++) {
        yyjson_val *v = json_member_str(l->cases->list[i].item, f->name);
        const char *wrong;

        if (!lint_counts(&l->cases->list[i]))
            continue;
        rows++;
        if (v == NULL || yyjson_is_null(v) || yyjson_equals_str(v, ""))
            continue;
        values++;
        wrong = lint_contradiction(f->type, v);
        if (wrong != NULL) {
            lint_report_value(l, f, i, v, wrong);
            return;
        }
    }
    if (rows > 0 && values == 0) {
        lint_begin(l, f);
        buf_printf(l->report, "has no value in any of the %zu record%s\n", rows,
            rows == 1 ? "" : "s");
    }
}

static bool lint_same_record(
    const struct schema_cases *cases, size_t i, size_t k)
{
    return yyjson_equals(cases->list[i].item, cases->list[k].item);
}

static void lint_report_id(struct lint *l, size_t i, size_t k, struct str id)
{
    l->findings++;
    buf_printf(l->report, "%s: the id ", l->schema->place.path);
    buf_json_str(l->report, id);
    buf_printf(l->report,
        " is that of cases %zu and %zu; of records with one id the later one "
        "wins: add fields to id_fields\n",
        k + 1, i + 1);
}

/* Looks whether another record has taken the id of the i-th. */
static int lint_id(struct lint *l, size_t i, struct arena *a,
    struct buf *scratch, struct strmap *ids)
{
    struct item item = {0};
    struct err err = {0};
    size_t *first;
    bool found;

    if (!lint_counts(&l->cases->list[i]) ||
        item_identify(
            l->schema, l->cases->list[i].item, a, scratch, &item, &err) < 0)
        return err.code == ERR_NOMEM ? ERR_NOMEM : 0;
    first = strmap_put(ids, item.content_id, &found);
    if (!found)
        *first = i;
    else if (!lint_same_record(l->cases, i, *first))
        lint_report_id(l, i, *first, item.content_id);
    return 0;
}

static int lint_ids(struct lint *l)
{
    struct arena a;
    struct buf scratch;
    struct strmap ids;
    int rc;

    arena_init(&a, 0);
    buf_init(&scratch, LINT_SCRATCH_BYTES);
    rc = strmap_init(&ids, &a, l->cases->n + 1);
    for (size_t i = 0; i < l->cases->n && rc == 0; i++)
        rc = lint_id(l, i, &a, &scratch, &ids);
    buf_free(&scratch);
    arena_free(&a);
    return rc;
}

long schema_lint(const struct schema *schema, const struct schema_cases *cases,
    struct buf *report)
{
    struct lint l = {.schema = schema, .cases = cases, .report = report};

    lint_labels(&l);
    for (size_t i = 0; i < schema->nfields; i++)
        lint_field(&l, &schema->fields[i]);
    if (lint_ids(&l) < 0)
        return ERR_NOMEM;
    return l.findings;
}
