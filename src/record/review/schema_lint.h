/* What looks wrong about a schema that loads, by itself and beside the records
 * of its cases (schema_cases.h). */
#ifndef RECORD_REVIEW_SCHEMA_LINT_H
#define RECORD_REVIEW_SCHEMA_LINT_H

#include "record/review/schema_cases.h"

/*
 * Reports, a line each: labels that two fields share; and over the records that
 * must become rows, fields that never have a value, values that contradict
 * their field's type, and ids that two different records share. Returns how
 * many lines; < 0: ERR_NOMEM.
 */
long schema_lint(const struct schema *schema, const struct schema_cases *cases,
    struct buf *report);

#endif
