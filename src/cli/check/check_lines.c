#include "cli/check/check_lines.h"

#include <stdarg.h>
#include <stdio.h>

void check_say(
    struct check *c, const char *state, const char *what, const char *fmt, ...)
{
    va_list args;

    fprintf(c->cli->console.out, "%-5s %-15s", state, what);
    va_start(args, fmt);
    vfprintf(c->cli->console.out, fmt, args);
    va_end(args);
    fputc('\n', c->cli->console.out);
    fflush(c->cli->console.out);
}

void check_fail(struct check *c, const char *what, const struct err *err,
    const char *advice)
{
    bool passing = console_exit_code(err->code) == EXIT_TRY_LATER;

    if (c->code != EXIT_CONFIGURATION)
        c->code = passing ? EXIT_TRY_LATER : EXIT_CONFIGURATION;
    check_say(c, "FAIL", what, "%s%s%s", err->msg, advice != NULL ? " -> " : "",
        advice != NULL ? advice : "");
}
