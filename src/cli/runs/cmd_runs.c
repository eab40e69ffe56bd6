/* The history of runs. */
#include "cli/cli.h"
#include "cli/remote/look.h"
#include "cli/runs/run_lines.h"
#include "ops/asked.h"

static const struct arg_option options[] = {
    {"status", "STATUS", "only those: running, success, partial, failed, ..."},
    {"service", "NAME", "only those that read this service"},
    {"limit", "N", "how many, 50 by default"},
    LOOK_OPTIONS,
    {"json", NULL, "print one JSON object"},
    {NULL, NULL, NULL},
};

static void runs_print(struct cli *cli, json_t *runs)
{
    json_t *run;
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

static int runs_list(struct look *look, struct history_req *req)
{
    static const struct look_question question = {
        .path = "/admin/batch-sync/runs",
        .ask = history_runs,
        .expect = "runs"};

    return look_list(look, &question, req, runs_print);
}

static int runs_run(struct cli *cli)
{
    const struct args *a = &cli->args;
    struct history_req req = {
        .service = args_value(a, "service"), .status = args_value(a, "status")};
    struct err err = {0};
    struct look look;
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
    code = look_open(&look, cli, "runs");
    if (code == EXIT_DONE)
        code = runs_list(&look, &req);
    return look_close(&look, code);
}

const struct command cmd_runs = {
    .name = "runs",
    .usage = "[--status STATUS] [--service NAME] [--limit N]\n"
             "       [--url URL [--token-file FILE]] [--json]",
    .summary = "list the runs, the newest first",
    .details = "Lists what the database knows of runs, of every process that "
               "works on it.\n\n" LOOK_HELP,
    .options = options,
    .run = runs_run,
};
