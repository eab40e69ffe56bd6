/*
 * One run, straight from the database; watched until it ends.
 *
 * Happy path: the run is looked up and printed; with --watch again every
 * second, what has changed, until it is no longer running. Failures: no such
 * run, a database that is away; a look that fails ends the watch.
 */
#include "app/app.h"
#include "cli/cli.h"
#include "cli/runs/run_lines.h"
#include <string.h>

enum { RUN_WATCH_MS = 1000 };

static const struct arg_option options[] = {
    {"watch", NULL, "go on until the run has ended"},
    {"json", NULL, "print one JSON object; with --watch one a line"},
    {NULL, NULL, NULL},
};

static bool run_is(json_t *run, const char *status)
{
    const char *is = json_string_value(json_object_get(run, "status"));

    return is != NULL && strcmp(is, status) == 0;
}

static void run_pause(struct app *app)
{
    struct timer_req pause;

    op_init(&pause.op, app_ignore);
    loop_timer(&app->loop, &pause, RUN_WATCH_MS);
    app_wait(app, &pause.op);
}

/* As `sync` would: a run that is under way is no failure. */
static int run_exit_code(json_t *run)
{
    return run_is(run, "success") || run_is(run, "running") ? EXIT_DONE
                                                            : EXIT_FAILED;
}

static int run_show(struct app *app, struct cli *cli, const char *id)
{
    bool watch = args_has(&cli->args, "watch"), running = true;
    int code = EXIT_DONE;

    while (code == EXIT_DONE && running) {
        struct history_req req = {.id = id};
        json_t *run = NULL;

        code = run_lines_ask(app, cli, history_run, &req, "run", &run);
        running = watch && run != NULL && run_is(run, "running");
        if (run != NULL && !args_has(&cli->args, "json"))
            run_lines_services(cli->console.out, run);
        if (code == EXIT_DONE && run != NULL)
            code = run_exit_code(run);
        json_decref(run);
        fflush(cli->console.out);
        if (running)
            run_pause(app);
    }
    return code;
}

static int run_run(struct cli *cli)
{
    struct app app;
    int code = run_lines_open(&app, cli, "run");

    if (code == EXIT_DONE)
        code = run_show(&app, cli, cli->args.words[0]);
    return app_close(&app, code);
}

const struct command cmd_run = {
    .name = "run",
    .usage = "ID [--watch] [--json]",
    .summary = "show one run with its services, or watch it",
    .details = "Exits with 0 when the run was a success or is under way, else "
               "with 1.\n",
    .options = options,
    .words = 1,
    .run = run_run,
};
