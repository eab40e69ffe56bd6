#include "app/console.h"

#include "base/text.h"

enum { PROBLEM_LINES = 64 };

int console_exit_code(int err_code)
{
    switch (err_code) {
    case ERR_NONE:
        return EXIT_DONE;
    case ERR_USAGE:
        return EXIT_USAGE;
    case ERR_CONFIG:
    case ERR_AUTH:
        return EXIT_CONFIGURATION;
    case ERR_UNAVAILABLE:
    case ERR_TIMEOUT:
    case ERR_BUSY:
    case ERR_LATER:
    case ERR_BUDGET:
    case ERR_ALREADY_RUNNING:
        return EXIT_TRY_LATER;
    case ERR_INTERNAL:
        return EXIT_INTERNAL;
    default:
        return EXIT_FAILED;
    }
}

int console_fail(struct console *console, const struct err *err)
{
    fprintf(console->err, "batchsync: %s\n", err->msg);
    return console_exit_code(err->code);
}

void console_problems(
    struct console *console, const char *what, struct str lines)
{
    struct str line;
    int n = 0;

    while (text_next_line(&lines, &line) && n++ < PROBLEM_LINES)
        fprintf(console->err, "batchsync: %s: %.*s\n", what, STR_ARG(line));
    if (n > PROBLEM_LINES)
        fprintf(console->err, "batchsync: %s: and more: correct these first\n",
            what);
}
