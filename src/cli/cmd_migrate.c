#include "cli/app.h"

static const struct arg_option options[] = {
    {"dry-run", NULL, "only say what would be done"},
    {NULL, NULL, NULL},
};

static int migrate(struct app *app, struct cli *cli)
{
    bool dry_run = args_has(&cli->args, "dry-run");
    struct err err = {0};
    struct buf report;

    buf_init(&report, APP_REPORT_BYTES);
    app_migrate(app, dry_run ? MIGRATE_DRY_RUN : MIGRATE_APPLY, &report, &err);
    fprintf(cli->out, "%.*s", STR_ARG(buf_view(&report)));
    buf_free(&report);
    if (err.code == 0)
        return CLI_DONE;
    err_wrap(&err, "migrate");
    return cli_fail(cli, &err);
}

static int run(struct cli *cli)
{
    struct app app;
    int code = app_open(&app, cli, NEED_DATABASE, APP_DATABASE);

    if (code == CLI_DONE)
        code = migrate(&app, cli);
    return app_close(&app, code);
}

const struct command cmd_migrate = {
    .name = "migrate",
    .usage = "[--dry-run]",
    .summary = "create or update the tables",
    .details =
        "Applies what is missing in one transaction, which either happens as "
        "a whole or\nnot at all; a second time there is nothing to do. `sync` "
        "does the same by itself\nunless MIGRATE_ON_START is false. Needs "
        "DATABASE_URL.\n",
    .options = options,
    .run = run,
};
