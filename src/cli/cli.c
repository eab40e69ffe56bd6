#include "cli/cli.h"

#include "version.h"
#include <string.h>

static const struct arg_option no_options[] = {{NULL, NULL, NULL}};

static int run_version(struct cli *cli)
{
    fprintf(cli->out, "batchsync %s\n", BATCHSYNC_VERSION);
    return CLI_DONE;
}

static const struct command cmd_version = {
    .name = "version",
    .usage = "",
    .summary = "print the version",
    .options = no_options,
    .run = run_version,
};

static const struct command *const commands[] = {
    &cmd_serve,
    &cmd_sync,
    &cmd_check,
    &cmd_migrate,
    &cmd_services,
    &cmd_search,
    &cmd_dead_letters,
    &cmd_render,
    &cmd_cron,
    &cmd_version,
};

enum { NCOMMANDS = sizeof(commands) / sizeof(commands[0]) };

int cli_exit_code(int err_code)
{
    switch (err_code) {
    case ERR_NONE:
        return CLI_DONE;
    case ERR_USAGE:
        return CLI_USAGE;
    case ERR_CONFIG:
    case ERR_AUTH:
        return CLI_CONFIGURATION;
    case ERR_UNAVAILABLE:
    case ERR_TIMEOUT:
    case ERR_BUSY:
    case ERR_ALREADY_RUNNING:
        return CLI_TRY_LATER;
    case ERR_INTERNAL:
        return CLI_INTERNAL;
    default:
        return CLI_FAILED;
    }
}

int cli_fail(struct cli *cli, const struct err *err)
{
    fprintf(cli->err, "batchsync: %s\n", err->msg);
    return cli_exit_code(err->code);
}

bool cli_next_line(struct str *lines, struct str *line)
{
    const char *newline;
    size_t taken;

    if (lines->len == 0)
        return false;
    newline = memchr(lines->p, '\n', lines->len);
    line->p = lines->p;
    line->len = newline != NULL ? (size_t)(newline - lines->p) : lines->len;
    taken = line->len + (newline != NULL);
    *lines = (struct str){lines->p + taken, lines->len - taken};
    return true;
}

void cli_problems(struct cli *cli, const char *what, struct str lines)
{
    struct str line;

    while (cli_next_line(&lines, &line))
        fprintf(cli->err, "batchsync: %s: %.*s\n", what, STR_ARG(line));
}

static void print_help(FILE *out)
{
    fputs("batchsync keeps a vector store in step with the services behind a "
          "coordinator.\n\n"
          "Usage: batchsync COMMAND [OPTION]...\n\nCommands:\n",
        out);
    for (size_t i = 0; i < NCOMMANDS; i++)
        fprintf(out, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\n`batchsync COMMAND --help` says more about each.\n\n"
          "The configuration comes from the environment; `batchsync check` "
          "tells what is\nmissing or wrong.\n\n"
          "Exit codes: 0 done, 1 failed or done in part, 64 wrong usage, "
          "75 try later,\n78 configuration.\n",
        out);
}

static void print_option(FILE *out, const struct arg_option *option)
{
    char left[40];

    snprintf(left, sizeof(left), "--%s%s%s", option->name,
        option->value != NULL ? " " : "",
        option->value != NULL ? option->value : "");
    fprintf(out, "  %-18s %s\n", left, option->help);
}

static void print_command_help(FILE *out, const struct command *command)
{
    const struct arg_option help = {"help", NULL, "print this text"};

    fprintf(out, "batchsync %s: %s\n\n", command->name, command->summary);
    fprintf(out, "Usage: batchsync %s%s%s\n\n", command->name,
        command->usage[0] != '\0' ? " " : "", command->usage);
    fputs("Options:\n", out);
    for (const struct arg_option *o = command->options; o->name != NULL; o++)
        print_option(out, o);
    print_option(out, &help);
    if (command->details != NULL)
        fprintf(out, "\n%s", command->details);
}

static int unknown_command(struct cli *cli, const char *word)
{
    const char *names[NCOMMANDS];
    const char *near;

    for (size_t i = 0; i < NCOMMANDS; i++)
        names[i] = commands[i]->name;
    near = args_nearest(word, names, NCOMMANDS);
    fprintf(cli->err, "batchsync: unknown command \"%s\"", word);
    if (near != NULL)
        fprintf(cli->err, "; did you mean \"%s\"?", near);
    fputs("\nThe commands are:", cli->err);
    for (size_t i = 0; i < NCOMMANDS; i++)
        fprintf(cli->err, "%s %s", i == 0 ? "" : ",", names[i]);
    fputs(". See batchsync --help.\n", cli->err);
    return CLI_USAGE;
}

/* A word too many or too few. */
static int check_words(
    const struct args *args, const struct command *command, struct err *err)
{
    size_t most = command->words + command->more_words;

    if (args->nwords > most)
        return err_set(err, ERR_USAGE, "\"%s\" is one argument too many",
            args->words[most]);
    if (args->nwords < command->words)
        return err_set(err, ERR_USAGE, "an argument is missing");
    return 0;
}

static int run_command(
    struct cli *cli, const struct command *command, int argc, char **argv)
{
    struct err err = {0};
    int code;

    if (args_parse(&cli->args, command->options, argc, argv, &err) == 0 &&
        args_has(&cli->args, "help")) {
        print_command_help(cli->out, command);
        code = CLI_DONE;
    } else if (err.code == 0 && check_words(&cli->args, command, &err) == 0) {
        code = command->run(cli);
    } else {
        err_wrap(&err, "%s", command->name);
        code = cli_fail(cli, &err);
    }
    if (code == CLI_USAGE)
        fprintf(cli->err, "Usage: batchsync %s%s%s\nSee batchsync %s --help.\n",
            command->name, command->usage[0] != '\0' ? " " : "", command->usage,
            command->name);
    args_free(&cli->args);
    return code;
}

static int dispatch(struct cli *cli, int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : NULL;

    if (word == NULL) {
        print_help(cli->err);
        return CLI_USAGE;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
        strcmp(word, "help") == 0) {
        print_help(cli->out);
        return CLI_DONE;
    }
    if (strcmp(word, "--version") == 0)
        return run_version(cli);
    for (size_t i = 0; i < NCOMMANDS; i++) {
        if (strcmp(word, commands[i]->name) == 0)
            return run_command(cli, commands[i], argc - 2, argv + 2);
    }
    return unknown_command(cli, word);
}

int cli_main(struct cli *cli, int argc, char **argv)
{
    int code = dispatch(cli, argc, argv);

    /* A result nobody could read is none: a full disk, a closed pipe. */
    if ((fflush(cli->out) != 0 || ferror(cli->out)) && code == CLI_DONE) {
        fputs("batchsync: standard output could not be written\n", cli->err);
        return CLI_FAILED;
    }
    return code;
}
