/* Ends a run for good, whichever process carries it out. */
#include "app/app.h"
#include "cli/cli.h"
#include "cli/runs/run_lines.h"
#include "ops/cancel.h"
#include <string.h>

static const struct arg_option options[] = {
    {"json", NULL, "print one JSON object"},
    {NULL, NULL, NULL},
};

static int cancel_tell_outcome(struct cli *cli, const struct cancel_req *req)
{
    struct err err;

    if (req->outcome == CANCEL_NO_RUN)
        err_set(&err, ERR_NOT_FOUND, "cancel: there is no run %s", req->run_id);
    else if (req->outcome == CANCEL_ENDED)
        err_set(&err, ERR_INVALID, "cancel: the run has already ended: %s",
            req->status);
    else if (args_has(&cli->args, "json"))
        return fprintf(
                   cli->console.out, "{\"canceled\":\"%s\"}\n", req->run_id) < 0
                   ? EXIT_FAILED
                   : EXIT_DONE;
    else
        return fprintf(cli->console.out,
                   "canceled: the processes at work on it store nothing "
                   "more\n") < 0
                   ? EXIT_FAILED
                   : EXIT_DONE;
    return console_fail(&cli->console, &err);
}

static int cancel_do(struct app *app, struct cli *cli, const char *id)
{
    struct cancel_req req;
    struct err err;

    if (cancel_req_init(&req, str_of(id), app_ignore, &err) < 0)
        return console_fail(&cli->console, &err);
    cancel_run(&app->ops, &req);
    if (app_wait(app, &req.op) == 0)
        return cancel_tell_outcome(cli, &req);
    err_wrap(&req.op.err, "cancel");
    return console_fail(&cli->console, &req.op.err);
}

static int cancel_command(struct cli *cli)
{
    struct app app;
    int code = run_lines_open(&app, cli, "cancel");

    if (code == EXIT_DONE)
        code = cancel_do(&app, cli, cli->args.words[0]);
    return app_close(&app, code);
}

const struct command cmd_cancel = {
    .name = "cancel",
    .usage = "ID [--json]",
    .summary = "end a run for good",
    .details = "What was stored stays; the rest is left for the next run.\n",
    .options = options,
    .words = 1,
    .run = cancel_command,
};
