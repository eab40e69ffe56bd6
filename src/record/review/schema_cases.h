/*
 * Cases beside a schema: NAME.cases.json has records as the source sends them,
 * and what each must become. They make a schema reviewable: a change of it is
 * a change of texts, and so of what has to be embedded again.
 *
 *     [{"name": "a lesson", "item": {...}, "id": "7", "text": "title: ..."},
 *      {"item": {"id": null}, "error": "no content id"},
 *      {"item": {"id": 7, "gone": true}, "error": "deleted at the source"}]
 */
#ifndef RECORD_REVIEW_SCHEMA_CASES_H
#define RECORD_REVIEW_SCHEMA_CASES_H

#include "base/json.h"
#include "record/schema.h"

struct schema_case {
    struct str name; /* empty: it has none */
    yyjson_val *item;
    struct str id, text; /* p NULL: any is right */
    struct str error;    /* p NULL: the record must become a row */
};

struct schema_cases {
    const char *path; /* in the arena; NULL: the schema has no such file */
    struct schema_case *list;
    size_t n;
};

/*
 * Reads the cases of a schema. What is wrong with the file goes to *problems, a
 * line each, and the result is ERR_CONFIG; a schema without a file has none
 * (0). All memory is in the arena.
 */
int schema_cases_load(struct arena *a, const struct schema *schema,
    struct schema_cases *out, struct buf *problems);

/*
 * Renders each case and reports those that are not as expected: what differs,
 * and the lines of the text. Returns how many; < 0: ERR_NOMEM.
 */
long schema_cases_run(const struct schema *schema,
    const struct schema_cases *cases, struct buf *report);

/* "FILE: case 2 "a lesson": ", the beginning of a line about the i-th. */
void schema_case_label(
    const struct schema_cases *cases, size_t i, struct buf *report);

#endif
