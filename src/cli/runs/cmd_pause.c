/* Pauses all schedules, whichever processes have them, and lets them go on. */
#include "app/app.h"
#include "cli/cli.h"
#include "cli/runs/run_lines.h"
#include "ops/pause.h"

static const struct arg_option pause_options[] = {
    {"reason", "TEXT", "why; shown wherever the schedule is"},
    {"json", NULL, "print one JSON object"},
    {NULL, NULL, NULL},
};
static const struct arg_option resume_options[] = {
    {"json", NULL, "print one JSON object"},
    {NULL, NULL, NULL},
};

static void pause_print(
    struct cli *cli, const struct pause_req *req, const char *reason)
{
    const char *said = reason != NULL ? "paused: no schedule begins a run"
                                      : "resumed: the schedules begin runs";

    if (args_has(&cli->args, "json"))
        cli_print_json(
            cli, json_pack("{s:b, s:s?, s:b}", "paused", reason != NULL,
                     "reason", reason, "changed", req->changed));
    else
        fprintf(cli->console.out, "%s%s\n", said,
            req->changed ? "" : " (it was so before)");
}

static int pause_submit(struct app *app, struct cli *cli, const char *reason)
{
    struct pause_req req = {.reason = reason};

    op_init(&req.op, app_ignore);
    pause_run(&app->ops, &req);
    if (app_wait(app, &req.op) != 0) {
        err_wrap(&req.op.err, reason != NULL ? "pause" : "resume");
        return console_fail(&cli->console, &req.op.err);
    }
    pause_print(cli, &req, reason);
    return EXIT_DONE;
}

static int pause_do(struct cli *cli, const char *reason)
{
    struct app app;
    int code =
        run_lines_open(&app, cli, reason != NULL ? "pause" : "resume", true);

    if (code == EXIT_DONE)
        code = pause_submit(&app, cli, reason);
    return app_close(&app, code);
}

static int pause_command(struct cli *cli)
{
    const char *reason = args_value(&cli->args, "reason");
    struct err err;

    err_clear(&err);
    if (pause_check(reason == NULL ? "" : reason, &err) < 0) {
        err_wrap(&err, "pause: --reason");
        err.code = ERR_USAGE;
        return console_fail(&cli->console, &err);
    }
    return pause_do(cli, reason);
}

static int pause_resume_command(struct cli *cli)
{
    return pause_do(cli, NULL);
}

const struct command cmd_pause = {
    .name = "pause",
    .usage = "--reason TEXT [--json]",
    .summary = "let no schedule begin a run",
    .details = "Runs under way go on, and HTTP and the command line begin runs "
               "as before. The\npause is kept in the database, for all "
               "processes, until `batchsync resume`.\n",
    .options = pause_options,
    .run = pause_command,
};

const struct command cmd_resume = {
    .name = "resume",
    .usage = "[--json]",
    .summary = "let the schedules begin runs again",
    .details = "What fired during the pause is not made up for.\n",
    .options = resume_options,
    .run = pause_resume_command,
};
