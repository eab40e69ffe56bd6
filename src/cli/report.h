/* A run's result as text: a table, then what went wrong and what to do. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "sync/result.h"
#include <stdio.h>

void report_print(FILE *out, const struct run_result *result);

/* Why a run never began, and what to do. */
void report_refused(FILE *out, const struct err *err);

/* "12,345,678" */
enum { REPORT_NUMBER_BYTES = 32 };
void report_number(uint64_t n, char out[REPORT_NUMBER_BYTES]);

/* What a person can do about an error; NULL: nothing in general. */
const char *report_advice(const struct page_error *error);

#endif
