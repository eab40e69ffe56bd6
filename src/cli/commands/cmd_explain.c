/* An item as it is stored, and why it would be embedded again or would not. */
#include "app/app.h"
#include "cli/cli.h"
#include "db/read/item_facts.h"
#include "ops/stored/explain.h"

enum { EXPLAIN_BYTES = 64 * 1024 * 1024 };

static const struct arg_option options[] = {
    {"source", NULL, "read the service's pages until the item is found"},
    {"json", NULL, "print one JSON object"},
    {NULL, NULL, NULL},
};

static int explain_print(struct cli *cli, json_t *facts)
{
    FILE *out = cli->console.out;
    struct buf text;

    if (args_has(&cli->args, "json")) {
        cli_print_json(cli, json_incref(facts));
        return EXIT_DONE;
    }
    buf_init(&text, EXPLAIN_BYTES);
    explain_lines(&text, facts);
    fwrite(text.data, 1, text.len, out);
    buf_free(&text);
    return EXIT_DONE;
}

static int explain_fail(struct cli *cli, struct err *err)
{
    err_wrap(err, "explain");
    return console_fail(&cli->console, err);
}

static int explain_read(struct app *app, struct cli *cli, struct arena *arena,
    const struct explain_source *source)
{
    struct history_req req = {.service = cli->args.words[0],
        .id = cli->args.words[1],
        .always = source != NULL};
    json_t *facts;
    int code;

    explain_ask(&app->ops, arena, &req);
    op_init(&req.op, app_ignore);
    item_facts(&app->look, &req);
    if (app_wait(app, &req.op) < 0) {
        code = explain_fail(cli, &req.op.err);
    } else {
        facts = json_loadb(req.json.data, req.json.len, 0, NULL);
        explain_add(&app->ops, arena, req.service, source, facts);
        code = explain_print(cli, facts);
        json_decref(facts);
    }
    history_req_clear(&req);
    return code;
}

static int explain_with_source(
    struct app *app, struct cli *cli, struct arena *arena)
{
    struct explain_source source = {.arena = arena, .id = cli->args.words[1]};

    source.walk.service = cli->args.words[0];
    op_init(&source.walk.op, app_ignore);
    explain_ask_source(&app->ops, &source);
    if (app_wait(app, &source.walk.op) < 0) {
        err_wrap(&source.walk.op.err, "--source");
        return explain_fail(cli, &source.walk.op.err);
    }
    return explain_read(app, cli, arena, &source);
}

static int explain_run(struct cli *cli)
{
    bool source = args_has(&cli->args, "source");
    struct arena arena;
    struct app app;
    int code = app_open(&app, &cli->console,
        NEED_DATABASE | (source ? NEED_COORDINATOR : 0),
        APP_DATABASE | APP_SCHEMAS | (source ? APP_COORDINATOR : 0));

    arena_init(&arena, 0);
    if (code == EXIT_DONE)
        code = app_check_tables(&app, "explain", false);
    if (code == EXIT_DONE)
        code = source ? explain_with_source(&app, cli, &arena)
                      : explain_read(&app, cli, &arena, NULL);
    code = app_close(&app, code);
    arena_free(&arena);
    return code;
}

const struct command cmd_explain = {
    .name = "explain",
    .usage = "SERVICE ID [--source] [--json]",
    .summary = "show where a stored item comes from, and if it is up to date",
    .details =
        "Prints the item as it is stored: its schema, the text of each piece "
        "as it is sent to\nthe provider, hashes, the run that wrote it, its "
        "dead letter, its neighbours and\nwhether their weights are still "
        "true; and why it would be embedded again now, or\nwould not.\n\n"
        "With --source the service's pages are read until the item is found, "
        "at most 1,000 of\nthem. Nothing is embedded and nothing is "
        "written.\n",
    .options = options,
    .words = 2,
    .run = explain_run,
};
