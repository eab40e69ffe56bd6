/*
 * The streams of the process and its exit codes. Results go to `out`,
 * everything else to `err`, and logs to `log`, which is `err` unless a
 * subcommand sets it before it opens its app.
 */
#ifndef APP_CONSOLE_H
#define APP_CONSOLE_H

#include "base/err.h"
#include "base/str.h"
#include <stdio.h>

enum exit_code {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,         /* failed, or partly done */
    EXIT_USAGE = 64,         /* the command line is wrong */
    EXIT_INTERNAL = 70,      /* a fault of the program */
    EXIT_TRY_LATER = 75,     /* already running, a dependency is down */
    EXIT_CONFIGURATION = 78, /* a person must change something */
};

struct console {
    FILE *in, *out, *err, *log; /* borrowed */
};

/* The exit code for an error of base/err.h that ends a command. */
int console_exit_code(int err_code);

/* Prints "batchsync: MESSAGE" to err; returns console_exit_code(). */
int console_fail(struct console *console, const struct err *err);

/* Prints each line of `lines` to err as "batchsync: WHAT: LINE". */
void console_problems(
    struct console *console, const char *what, struct str lines);

#endif
