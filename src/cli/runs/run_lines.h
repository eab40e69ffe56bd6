/* Runs as lines for people, and what the commands that print them share. */
#ifndef CLI_RUNS_RUN_LINES_H
#define CLI_RUNS_RUN_LINES_H

#include "app/app.h"
#include "base/json.h"
#include "cli/cli.h"
#include "db/read/history.h"

/* The database and its ledger, with tables that are up to date. Returns
 * EXIT_DONE or the exit code after saying what is wrong. */
int run_lines_open(struct app *app, struct cli *cli, const char *command);

/*
 * Asks and waits; *answer is the document, a new reference, and with --json it
 * is printed. Returns the exit code; a failure has been said.
 */
int run_lines_ask(struct app *app, struct cli *cli,
    void (*ask)(struct pg_pool *, struct loop *, struct history_req *),
    struct history_req *req, const char *command, json_t **answer);

void run_lines_head(FILE *out);
void run_lines_run(FILE *out, json_t *run);

/* The run's own line, and one for each service. */
void run_lines_services(FILE *out, json_t *run);

#endif
