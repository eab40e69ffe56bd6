/* What the tests of items and envelopes share: files, cases, schemas. */
#ifndef TESTS_RECORD_SUPPORT_H
#define TESTS_RECORD_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/json.h"
#include "record/schema.h"

/* A file of tests/data as JSON; fails the test when there is none. */
static inline yyjson_val *load_json(struct arena *a, const char *name)
{
    char path[512];
    struct buf text;
    struct err err;
    yyjson_val *root;
    FILE *f;
    int c;

    snprintf(path, sizeof(path), "%s/%s", TEST_DATA, name);
    f = fopen(path, "rb");
    if (f == NULL)
        fail_msg("%s cannot be opened", path);
    buf_init(&text, 1 << 24);
    while ((c = fgetc(f)) != EOF)
        buf_char(&text, (char)c);
    fclose(f);
    if (json_parse(a, buf_view(&text), &root, NULL, &err) < 0)
        fail_msg("%s: %s", path, err.msg);
    buf_free(&text);
    return root;
}

/* The value as JSON text, in the arena. */
static inline struct str json_text(struct arena *a, yyjson_val *v)
{
    struct buf text;
    struct str copy;

    buf_init(&text, 1 << 24);
    json_write(&text, v, NULL);
    assert_int_equal(text.error, 0);
    copy = arena_dup(a, buf_view(&text));
    buf_free(&text);
    return copy;
}

/* A schema from its text; fails the test when it has faults. */
static inline struct schema *parse_schema(struct arena *a, struct str text)
{
    struct schema *schema;
    struct buf problems;

    buf_init(&problems, 1 << 16);
    if (schema_parse(a, "dir/stem.json", text, &schema, &problems) < 0)
        fail_msg("%.*s: %s", STR_ARG(text),
            problems.data != NULL ? problems.data : "no memory");
    buf_free(&problems);
    assert_non_null(schema);
    return schema;
}

static inline yyjson_val *parse_json(struct arena *a, struct str text)
{
    yyjson_val *root;
    struct err err;

    if (json_parse(a, text, &root, NULL, &err) < 0)
        fail_msg("%.*s: %s", STR_ARG(text), err.msg);
    return root;
}

static inline void assert_str(struct str got, struct str expected)
{
    if (!str_eq(got, expected))
        fail_msg("\"%.*s\" is not \"%.*s\"", STR_ARG(got), STR_ARG(expected));
}

#endif
