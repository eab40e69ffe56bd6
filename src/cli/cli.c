#include "cli/cli.h"

#include "version.h"
#include <string.h>

static const struct arg_option version_options[] = {
    {"json", NULL, "print one JSON object"},
    {NULL, NULL, NULL},
};

/* More are noise of a vector's arithmetic; money has as many. */
enum { CLI_JSON_DIGITS = 9 };

void cli_print_json(const struct cli *cli, json_t *value)
{
    json_dumpf(value, cli->console.out,
        JSON_COMPACT | JSON_REAL_PRECISION(CLI_JSON_DIGITS));
    fputc('\n', cli->console.out);
    fflush(cli->console.out);
    json_decref(value);
}

static int cli_run_version(struct cli *cli)
{
    if (args_has(&cli->args, "json"))
        cli_print_json(cli, json_pack("{ss}", "version", BATCHSYNC_VERSION));
    else
        fprintf(cli->console.out, "batchsync %s\n", BATCHSYNC_VERSION);
    return EXIT_DONE;
}

static const struct command cmd_version = {
    .name = "version",
    .usage = "[--json]",
    .summary = "print the version",
    .options = version_options,
    .run = cli_run_version,
};

static const struct command *const commands[] = {
    &cmd_serve,
    &cmd_sync,
    &cmd_plan,
    &cmd_check,
    &cmd_migrate,
    &cmd_services,
    &cmd_search,
    &cmd_graph,
    &cmd_explain,
    &cmd_verify,
    &cmd_status,
    &cmd_runs,
    &cmd_run,
    &cmd_cancel,
    &cmd_pause,
    &cmd_resume,
    &cmd_fires,
    &cmd_dead_letters,
    &cmd_limits,
    &cmd_forget,
    &cmd_render,
    &cmd_schema,
    &cmd_cron,
    &cmd_version,
};

enum { NCOMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void cli_print_help(FILE *out)
{
    fputs("batchsync keeps a vector store in step with the services behind a "
          "coordinator.\n\n"
          "Usage: batchsync COMMAND [OPTION]...\n\nCommands:\n",
        out);
    for (size_t i = 0; i < NCOMMANDS; i++)
        fprintf(out, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\n`batchsync COMMAND --help` explains each.\n\n"
          "The configuration comes from the environment; `batchsync check` "
          "says what is\nmissing or wrong.\n\n"
          "Exit codes: 0 done, 1 failed or partly done, 64 wrong usage, "
          "75 try again later,\n78 wrong configuration.\n",
        out);
}

static void cli_print_option(FILE *out, const struct arg_option *option)
{
    char left[40];

    snprintf(left, sizeof(left), "--%s%s%s", option->name,
        option->value != NULL ? " " : "",
        option->value != NULL ? option->value : "");
    fprintf(out, "  %-18s %s\n", left, option->help);
}

static void cli_print_command_help(FILE *out, const struct command *command)
{
    const struct arg_option help = {"help", NULL, "print this text"};

    fprintf(out, "batchsync %s: %s\n\n", command->name, command->summary);
    fprintf(out, "Usage: batchsync %s%s%s\n\n", command->name,
        command->usage[0] != '\0' ? " " : "", command->usage);
    fputs("Options:\n", out);
    for (const struct arg_option *o = command->options; o->name != NULL; o++)
        cli_print_option(out, o);
    cli_print_option(out, &help);
    if (command->details != NULL)
        fprintf(out, "\n%s", command->details);
}

static int cli_unknown_command(struct cli *cli, const char *word)
{
    const char *names[NCOMMANDS];
    const char *near;

    for (size_t i = 0; i < NCOMMANDS; i++)
        names[i] = commands[i]->name;
    near = args_nearest(word, names, NCOMMANDS);
    fprintf(cli->console.err, "batchsync: unknown command \"%s\"", word);
    if (near != NULL)
        fprintf(cli->console.err, "; did you mean \"%s\"?", near);
    fputs("\nThe commands are:", cli->console.err);
    for (size_t i = 0; i < NCOMMANDS; i++)
        fprintf(cli->console.err, "%s %s", i == 0 ? "" : ",", names[i]);
    fputs(". See batchsync --help.\n", cli->console.err);
    return EXIT_USAGE;
}

/* Are there too many words, or too few? */
static int cli_check_words(
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

static int cli_run_command(
    struct cli *cli, const struct command *command, int argc, char **argv)
{
    struct err err = {0};
    int code;

    if (args_parse(&cli->args, command->options, argc, argv, &err) == 0 &&
        args_has(&cli->args, "help")) {
        cli_print_command_help(cli->console.out, command);
        code = EXIT_DONE;
    } else if (err.code == 0 &&
               cli_check_words(&cli->args, command, &err) == 0) {
        code = command->run(cli);
    } else {
        err_wrap(&err, "%s", command->name);
        code = console_fail(&cli->console, &err);
    }
    if (code == EXIT_USAGE)
        fprintf(cli->console.err,
            "Usage: batchsync %s%s%s\nSee batchsync %s --help.\n",
            command->name, command->usage[0] != '\0' ? " " : "", command->usage,
            command->name);
    args_free(&cli->args);
    return code;
}

static int cli_dispatch(struct cli *cli, int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : NULL;

    if (word == NULL) {
        cli_print_help(cli->console.err);
        return EXIT_USAGE;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
        strcmp(word, "help") == 0) {
        cli_print_help(cli->console.out);
        return EXIT_DONE;
    }
    if (strcmp(word, "--version") == 0)
        return cli_run_version(cli);
    for (size_t i = 0; i < NCOMMANDS; i++) {
        if (strcmp(word, commands[i]->name) == 0)
            return cli_run_command(cli, commands[i], argc - 2, argv + 2);
    }
    return cli_unknown_command(cli, word);
}

int cli_main(struct cli *cli, int argc, char **argv)
{
    int code = cli_dispatch(cli, argc, argv);

    /* A result that was not written is a failure: a full disk, a closed pipe.
     */
    if ((fflush(cli->console.out) != 0 || ferror(cli->console.out)) &&
        code == EXIT_DONE) {
        fputs("batchsync: cannot write to standard output\n", cli->console.err);
        return EXIT_FAILED;
    }
    return code;
}
