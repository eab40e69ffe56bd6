/* Runs as lines for people, from the documents of the history. */
#ifndef CLI_RUNS_RUN_LINES_H
#define CLI_RUNS_RUN_LINES_H

#include "app/app.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/live_lines.h"

/* The database and its ledger, with tables that are up to date. Returns
 * EXIT_DONE or the exit code after saying what is wrong. */
int run_lines_open(
    struct app *app, struct cli *cli, const char *command, bool writes);

void run_lines_head(FILE *out);
void run_lines_run(FILE *out, json_t *run);

/* The run's own line, and one for each service. */
void run_lines_services(FILE *out, json_t *run);

/* The same as live lines, as `sync` has them. */
void run_lines_live(struct live_lines *lines, json_t *run);

#endif
