/* Runs as lines for people, from the documents of the history. */
#ifndef CLI_RUNS_RUN_LINES_H
#define CLI_RUNS_RUN_LINES_H

#include "base/json.h"
#include "cli/live_lines.h"
#include <stdio.h>

void run_lines_head(FILE *out);
void run_lines_run(FILE *out, json_t *run);

/* The run's own line, and one for each service. */
void run_lines_services(FILE *out, json_t *run);

/* The same as live lines, as `sync` has them. */
void run_lines_live(struct live_lines *lines, json_t *run);

#endif
