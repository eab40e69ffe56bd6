/* `batchsync check`: its lines, and what they add up to. */
#ifndef CLI_CHECK_CHECK_LINES_H
#define CLI_CHECK_CHECK_LINES_H

#include "app/app.h"
#include "cli/cli.h"

struct check {
    struct app app;
    struct cli *cli; /* borrowed */
    int code;        /* the exit code of the worst fault so far */
    bool has_tables; /* up to date */
    json_t *lines;   /* owned: with --json, what is printed at the end; NULL:
                        lines are printed as they come */
};

enum { CHECK_LINE_BYTES = 8192 };

/* Prints "state what text"; `state`: ok, warn or FAIL. */
void check_say(struct check *c, const char *state, const char *what,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* A line that says FAIL. A fault that a person has to correct outweighs one
 * that may pass. `advice`: what to do; NULL: the message says it. */
void check_fail(struct check *c, const char *what, const struct err *err,
    const char *advice);

/* With --json: all lines, and the exit code that they add up to. */
void check_print_json(struct check *c, int code);

#endif
