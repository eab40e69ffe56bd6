/*
 * The command line: a table of subcommands, each with its options and a run
 * function that returns the exit code.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "app/console.h"
#include "base/json.h"
#include "cli/args.h"

/* What a subcommand gets. */
struct cli {
    struct console console;
    struct args args;
};

struct command {
    const char *name;
    const char *usage;   /* after the name: "[--json]" */
    const char *summary; /* one line */
    const char *details; /* paragraphs for its own help; NULL: none */
    const struct arg_option *options;
    size_t words;      /* how many words it needs, besides options */
    size_t more_words; /* and how many more it may have */
    int (*run)(struct cli *cli);
};

extern const struct command cmd_status;
extern const struct command cmd_sync, cmd_migrate, cmd_services, cmd_render,
    cmd_search, cmd_graph, cmd_check, cmd_serve, cmd_cron, cmd_dead_letters,
    cmd_schema, cmd_runs, cmd_run, cmd_cancel, cmd_pause, cmd_resume, cmd_fires,
    cmd_limits, cmd_forget, cmd_explain, cmd_plan, cmd_verify;

/* Prints what --json asks for, one compact line, and lets go of it. */
void cli_print_json(const struct cli *cli, json_t *value);

/* The whole program behind main(). */
int cli_main(struct cli *cli, int argc, char **argv);

#endif
