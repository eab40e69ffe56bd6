/*
 * The command line: a table of subcommands, each with its options and a run
 * function that returns the exit code.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/str.h"
#include "cli/args.h"
#include <stdio.h>

/* The process's exit codes. */
enum cli_exit {
    CLI_DONE = 0,
    CLI_FAILED = 1,         /* failed, or done in part */
    CLI_USAGE = 64,         /* the command line is wrong */
    CLI_INTERNAL = 70,      /* a fault of the program */
    CLI_TRY_LATER = 75,     /* already running, a dependency is down */
    CLI_CONFIGURATION = 78, /* a person must change something */
};

/* What a subcommand gets. Streams are borrowed; results go to `out`, all
 * else to `err`, and logs to `log`, which is `err` unless the subcommand says
 * otherwise before it opens its app. */
struct cli {
    FILE *in, *out, *err, *log;
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

extern const struct command cmd_sync, cmd_migrate, cmd_services, cmd_render,
    cmd_search, cmd_check, cmd_serve, cmd_cron, cmd_dead_letters;

/* The whole program behind main(). */
int cli_main(struct cli *cli, int argc, char **argv);

/* What an error of base/err.h that ends a command means to the caller. */
int cli_exit_code(int err_code);

/* Takes the first line off *lines, without its newline; false: none is left. */
bool cli_next_line(struct str *lines, struct str *line);

/* Prints each line of `lines` to cli->err as "batchsync: WHAT: LINE". */
void cli_problems(struct cli *cli, const char *what, struct str lines);

/* Prints "batchsync: MESSAGE" to cli->err; returns cli_exit_code(). */
int cli_fail(struct cli *cli, const struct err *err);

#endif
