/* One call of the program in this process, with its streams in memory. */
#ifndef TESTS_CLI_CALL_H
#define TESTS_CLI_CALL_H

#include "cli/cli.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct call {
    char *out, *err; /* owned: call_free() */
    int code;
};

/* `line` is cut at blanks and lacks the program's name. */
static inline void call(struct call *c, const char *input, const char *line)
{
    char words[256];
    char *argv[16] = {"batchsync"};
    size_t out_len, err_len;
    struct cli cli = {.console = {.out = open_memstream(&c->out, &out_len),
                          .err = open_memstream(&c->err, &err_len)}};
    int argc = 1;

    cli.console.in = *input == '\0'
                         ? fopen("/dev/null", "r")
                         : fmemopen((char *)input, strlen(input), "r");
    snprintf(words, sizeof(words), "%s", line);
    for (char *word = strtok(words, " "); word != NULL && argc < 15;
         word = strtok(NULL, " "))
        argv[argc++] = word;
    c->code = cli_main(&cli, argc, argv);
    fclose(cli.console.in);
    fclose(cli.console.out);
    fclose(cli.console.err);
}

static inline void assert_within(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("not found: %s\n--- in:\n%s", part, text);
}

static inline void call_free(struct call *c)
{
    free(c->out);
    free(c->err);
}

#endif
