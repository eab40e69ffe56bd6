/* The history of runs, straight from the database. */
#include "app/app.h"
#include "cli/cli.h"
#include "cli/runs/run_lines.h"
#include "ops/asked.h"

static const struct arg_option options[] = {
    {"status", "STATUS", "only those: running, success, partial, failed, ..."},
    {"service", "NAME", "only those that read this service"},
    {"limit", "N", "how many, 50 by default"},
    {"json", NULL, "print one JSON object"},
    {NULL, NULL, NULL},
};

static void runs_print(struct cli *cli, json_t *answer)
{
    json_t *runs = json_object_get(answer, "runs"), *run;
    size_t i;

    if (json_array_size(runs) == 0)
        fputs("no runs\n", cli->console.err);
    else
        run_lines_head(cli->console.out);
    json_array_foreach(runs, i, run)
    {
        run_lines_run(cli->console.out, run);
    }
}

static int runs_list(struct app *app, struct cli *cli, struct history_req *req)
{
    json_t *answer = NULL;
    int code = run_lines_ask(app, cli, history_runs, req, "runs", &answer);

    if (answer != NULL && !args_has(&cli->args, "json"))
        runs_print(cli, answer);
    json_decref(answer);
    return code;
}

static int runs_run(struct cli *cli)
{
    const struct args *a = &cli->args;
    struct history_req req = {
        .service = args_value(a, "service"), .status = args_value(a, "status")};
    struct err err = {0};
    struct app app;
    int code;

    if (asked_run_status(req.status, &err) < 0)
        asked_subject(&err, "--status %s", req.status);
    else if (asked_limit(args_value(a, "limit"), &req.limit, &err) < 0)
        asked_subject(&err, "--limit %s", args_value(a, "limit"));
    if (err.code != 0) {
        err.code = ERR_USAGE;
        err_wrap(&err, "runs");
        return console_fail(&cli->console, &err);
    }
    code = run_lines_open(&app, cli, "runs");
    if (code == EXIT_DONE)
        code = runs_list(&app, cli, &req);
    return app_close(&app, code);
}

const struct command cmd_runs = {
    .name = "runs",
    .usage = "[--status STATUS] [--service NAME] [--limit N] [--json]",
    .summary = "list the runs, the newest first",
    .details = "Lists what this database knows of runs, of every process that "
               "works on it.\n",
    .options = options,
    .run = runs_run,
};
