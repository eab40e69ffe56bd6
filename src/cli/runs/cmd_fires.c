/* Scheduled fires that began no run. */
#include "cli/cli.h"
#include "cli/remote/look.h"
#include "ops/asked.h"

static const struct arg_option options[] = {
    {"outcome", "OUTCOME", "only those: skipped, replaced, paused, failed"},
    {"service", "NAME", "only those of this service's own schedule"},
    {"limit", "N", "how many, 50 by default"},
    LOOK_OPTIONS,
    {"json", NULL, "print one JSON object"},
    {NULL, NULL, NULL},
};

static const char *fires_text(json_t *fire, const char *key)
{
    return json_string_value(json_object_get(fire, key));
}

static void fires_print(struct cli *cli, json_t *fires)
{
    json_t *fire;
    size_t i;

    if (json_array_size(fires) == 0)
        fputs("no fire was dropped\n", cli->console.err);
    else
        fprintf(cli->console.out, "%-24s  %-8s  %s\n", "FIRE", "OUTCOME",
            "SCHEDULE");
    json_array_foreach(fires, i, fire)
    {
        const char *service = fires_text(fire, "service");

        fprintf(cli->console.out, "%-24s  %-8s  %s\n",
            fires_text(fire, "fireAt"), fires_text(fire, "outcome"),
            service == NULL ? "(all services)" : service);
    }
}

static int fires_list(struct look *look, struct history_req *req)
{
    static const struct look_question question = {
        .path = "/admin/batch-sync/fires",
        .ask = history_fires,
        .expect = "fires"};

    return look_list(look, &question, req, fires_print);
}

static int fires_run(struct cli *cli)
{
    const struct args *a = &cli->args;
    struct history_req req = {.service = args_value(a, "service"),
        .status = args_value(a, "outcome")};
    struct err err = {0};
    struct look look;
    int code;

    if (asked_fire_outcome(req.status, &err) < 0)
        asked_subject(&err, "--outcome %s", req.status);
    else if (asked_limit(args_value(a, "limit"), &req.limit, &err) < 0)
        asked_subject(&err, "--limit %s", args_value(a, "limit"));
    if (err.code != 0) {
        err.code = ERR_USAGE;
        err_wrap(&err, "fires");
        return console_fail(&cli->console, &err);
    }
    code = look_open(&look, cli, "fires");
    if (code == EXIT_DONE)
        code = fires_list(&look, &req);
    return look_close(&look, code);
}

const struct command cmd_fires = {
    .name = "fires",
    .usage = "[--outcome OUTCOME] [--service NAME] [--limit N]\n"
             "       [--url URL [--token-file FILE]] [--json]",
    .summary = "list the scheduled fires that began no run, and why",
    .details =
        "skipped: a run was under way. replaced: a later fire took its "
        "place while it waited.\npaused: the schedules were. failed: it "
        "could not begin within ten minutes. None of\nthem is made up "
        "for; those that began a run are among `batchsync runs`.\n\n" LOOK_HELP,
    .options = options,
    .run = fires_run,
};
