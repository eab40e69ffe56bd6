#include "record/review/schema_cases.h"

#include "base/err.h"
#include "base/io/file.h"
#include "base/text.h"
#include "record/deletes/tombstone.h"
#include "record/item.h"
#include <errno.h>
#include <unistd.h>

enum { CASES_BYTES = 16 * 1024 * 1024, CASE_TEXT_BYTES = 64 * 1024 * 1024 };

/* "DIR/NAME.json" becomes "DIR/NAME.cases.json". */
static const char *cases_path(struct arena *a, const char *schema_path)
{
    size_t stem = strlen(schema_path) - strlen(".json");
    char *path = arena_calloc(a, stem + sizeof(".cases.json"), 1);

    if (path != NULL) {
        memcpy(path, schema_path, stem);
        memcpy(path + stem, ".cases.json", sizeof(".cases.json"));
    }
    return path;
}

void schema_case_label(
    const struct schema_cases *cases, size_t i, struct buf *report)
{
    buf_printf(report, "%s: case %zu", cases->path, i + 1);
    if (cases->list[i].name.len > 0) {
        buf_char(report, ' ');
        buf_json_str(report, cases->list[i].name);
    }
    buf_puts(report, ": ");
}

static int cases_fault(const struct schema_cases *cases, size_t i,
    struct buf *problems, const char *what)
{
    buf_printf(problems, "%s: case %zu: %s\n", cases->path, i + 1, what);
    return ERR_CONFIG;
}

/* Takes a member of a case that must be a string. */
static int cases_take_text(const struct schema_cases *cases, size_t i,
    struct str key, yyjson_val *value, struct buf *problems)
{
    struct schema_case *c = &cases->list[i];
    struct str *to = str_eq(key, STR("name"))    ? &c->name
                     : str_eq(key, STR("id"))    ? &c->id
                     : str_eq(key, STR("text"))  ? &c->text
                     : str_eq(key, STR("error")) ? &c->error
                                                 : NULL;

    if (to == NULL) {
        buf_printf(problems, "%s: case %zu: unknown key ", cases->path, i + 1);
        buf_json_str(problems, key);
        buf_puts(problems, "; a case has name, item, id, text and error\n");
        return ERR_CONFIG;
    }
    if (!yyjson_is_str(value)) {
        buf_printf(problems, "%s: case %zu: key ", cases->path, i + 1);
        buf_json_str(problems, key);
        buf_printf(problems, ": must be a string, not %s\n",
            yyjson_get_type_desc(value));
        return ERR_CONFIG;
    }
    *to = json_str(value);
    return 0;
}

/* Does the case say what to expect, and nothing that contradicts itself? */
static int cases_check_one(
    const struct schema_cases *cases, size_t i, struct buf *problems)
{
    const struct schema_case *c = &cases->list[i];

    if (c->item == NULL)
        return cases_fault(cases, i, problems, "has no item");
    if (c->id.p == NULL && c->text.p == NULL && c->error.p == NULL)
        return cases_fault(
            cases, i, problems, "expects nothing; give id, text or error");
    if (c->text.p != NULL && c->error.p != NULL)
        return cases_fault(
            cases, i, problems, "expects both a text and an error");
    return 0;
}

static int cases_take_one(const struct schema_cases *cases, size_t i,
    yyjson_val *value, struct buf *problems)
{
    size_t at, n;
    yyjson_val *key, *member;
    int rc = 0;

    if (!yyjson_is_obj(value))
        return cases_fault(cases, i, problems, "is not an object");
    yyjson_obj_foreach(value, at, n, key, member)
    {
        if (yyjson_equals_str(key, "item"))
            cases->list[i].item = member;
        else if (cases_take_text(cases, i, json_str(key), member, problems) < 0)
            rc = ERR_CONFIG;
    }
    return rc < 0 ? rc : cases_check_one(cases, i, problems);
}

static int cases_take(struct arena *a, struct schema_cases *cases,
    yyjson_val *root, struct buf *problems)
{
    size_t i, n;
    yyjson_val *value;
    int rc = 0;

    if (!yyjson_is_arr(root)) {
        buf_printf(problems, "%s: must be an array of cases, not %s\n",
            cases->path, yyjson_get_type_desc(root));
        return ERR_CONFIG;
    }
    cases->n = yyjson_arr_size(root);
    cases->list = arena_calloc(a, cases->n + 1, sizeof(*cases->list));
    if (cases->list == NULL)
        return ERR_NOMEM;
    yyjson_arr_foreach(root, i, n, value)
    {
        if (cases_take_one(cases, i, value, problems) < 0)
            rc = ERR_CONFIG;
    }
    return rc;
}

static int cases_read(struct arena *a, struct schema_cases *cases,
    struct buf *text, struct buf *problems)
{
    struct err err = {0};
    yyjson_val *root;

    if (file_read(cases->path, text, NULL, &err) < 0 ||
        json_parse(a, buf_view(text), &root, NULL, &err) < 0) {
        buf_printf(problems, "%s: %s\n", cases->path, err.msg);
        return err.code == ERR_NOMEM ? ERR_NOMEM : ERR_CONFIG;
    }
    return cases_take(a, cases, root, problems);
}

int schema_cases_load(struct arena *a, const struct schema *schema,
    struct schema_cases *out, struct buf *problems)
{
    struct buf text;
    int rc;

    *out = (struct schema_cases){.path = cases_path(a, schema->place.path)};
    if (out->path == NULL)
        return ERR_NOMEM;
    if (access(out->path, F_OK) < 0 && errno == ENOENT) {
        out->path = NULL;
        return 0;
    }
    buf_init(&text, CASES_BYTES);
    rc = cases_read(a, out, &text, problems);
    buf_free(&text);
    return rc;
}

/* --- running them ----------------------------------------------------------
 */

static void cases_put_line(struct buf *report, char mark, struct str line)
{
    buf_printf(report, "  %c ", mark);
    buf_str(report, line);
    buf_char(report, '\n');
}

/* The lines that both begin with; what is left of each stays in them. */
static void cases_skip_common(struct str *want, struct str *got)
{
    struct str a = *want, b = *got, left, right;

    while (text_next_line(&a, &left) && text_next_line(&b, &right) &&
           str_eq(left, right)) {
        *want = a;
        *got = b;
    }
}

/* Line by line from the first that differs. */
static void cases_diff(struct str want, struct str got, struct buf *report)
{
    struct str left, right;
    bool more = true;

    cases_skip_common(&want, &got);
    while (more) {
        bool has_left = text_next_line(&want, &left);
        bool has_right = text_next_line(&got, &right);

        more = has_left || has_right;
        if (has_left && has_right && str_eq(left, right)) {
            cases_put_line(report, ' ', left);
            continue;
        }
        if (has_left)
            cases_put_line(report, '-', left);
        if (has_right)
            cases_put_line(report, '+', right);
    }
}

static void cases_report(const struct schema_cases *cases, size_t i,
    const char *what, struct str want, struct str got, struct buf *report)
{
    schema_case_label(cases, i, report);
    buf_printf(report, "the %s differs (- expected, + rendered)\n", what);
    cases_diff(want, got, report);
}

static bool cases_as_expected(const struct schema_cases *cases, size_t i,
    const struct item *item, const struct err *err, struct buf *report)
{
    const struct schema_case *c = &cases->list[i];
    struct str error = err->code != 0 ? str_of(err->msg) : STR("no error");
    bool good = true;

    if (err->code != 0 || c->error.p != NULL) {
        good = c->error.p != NULL && str_eq(c->error, error);
        if (!good)
            cases_report(cases, i, "error",
                c->error.p != NULL ? c->error : STR("no error"), error, report);
    } else if (c->text.p != NULL && !str_eq(c->text, item->content_text)) {
        good = false;
        cases_report(cases, i, "text", c->text, item->content_text, report);
    }
    if (c->id.p != NULL && !str_eq(c->id, item->content_id)) {
        good = false;
        cases_report(cases, i, "id", c->id, item->content_id, report);
    }
    return good;
}

/* A tombstone becomes no row, which is said as an error is. */
static void cases_render(const struct schema *schema, yyjson_val *record,
    struct arena *a, struct buf *scratch, struct item *out, struct err *err)
{
    if (!tombstone_is(schema, record))
        item_render(schema, record, a, scratch, out, err);
    else if (item_identify(schema, record, a, scratch, out, err) == 0)
        err_set(err, ERR_INVALID, "deleted at the source");
}

long schema_cases_run(const struct schema *schema,
    const struct schema_cases *cases, struct buf *report)
{
    struct arena arena;
    struct buf scratch;
    long failed = 0;

    buf_init(&scratch, CASE_TEXT_BYTES);
    for (size_t i = 0; i < cases->n && failed >= 0; i++) {
        struct err err = {0};
        struct item item = {0};

        arena_init(&arena, 0);
        cases_render(
            schema, cases->list[i].item, &arena, &scratch, &item, &err);
        if (err.code == ERR_NOMEM)
            failed = ERR_NOMEM;
        else if (!cases_as_expected(cases, i, &item, &err, report))
            failed++;
        arena_free(&arena);
    }
    buf_free(&scratch);
    return failed;
}
