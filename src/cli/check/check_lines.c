#include "cli/check/check_lines.h"

#include "base/text.h"
#include "ops/result_json.h"
#include <stdarg.h>
#include <stdio.h>

static void check_lines_add(struct check *c, const char *state,
    const char *what, const char *text, const char *advice)
{
    FILE *out = c->cli->console.out;

    if (c->lines != NULL) {
        json_array_append_new(c->lines,
            json_pack("{s:s, s:s, s:o, s:o}", "state", state, "what", what,
                "text", result_json_text(text), "advice",
                advice != NULL ? result_json_text(advice) : json_null()));
        return;
    }
    fprintf(out, "%-5s %-15s%s%s%s\n", state, what, text,
        advice != NULL ? " -> " : "", advice != NULL ? advice : "");
    fflush(out);
}

void check_say(
    struct check *c, const char *state, const char *what, const char *fmt, ...)
{
    char text[CHECK_LINE_BYTES];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    check_lines_add(c, state, what, text, NULL);
}

void check_fail(struct check *c, const char *what, const struct err *err,
    const char *advice)
{
    bool passing = console_exit_code(err->code) == EXIT_TRY_LATER;

    if (c->code != EXIT_CONFIGURATION)
        c->code = passing ? EXIT_TRY_LATER : EXIT_CONFIGURATION;
    check_lines_add(c, "FAIL", what, err->msg, advice);
}

void check_print_json(struct check *c, int code)
{
    if (c->lines == NULL)
        return;
    cli_print_json(
        c->cli, json_pack("{s:b, s:i, s:o}", "success", code == EXIT_DONE,
                    "exitCode", code, "checks", c->lines));
    c->lines = NULL;
}
