/* Deletes every trace of an item. */
#include "app/app.h"
#include "cli/cli.h"
#include "ops/stored/forget.h"

static const struct arg_option options[] = {
    {"json", NULL, "print one JSON object"},
    {NULL, NULL, NULL},
};

static void forget_print(struct cli *cli, const struct forget_req *req)
{
    if (args_has(&cli->args, "json")) {
        cli_print_json(cli, forget_json(req));
        return;
    }
    fprintf(cli->console.out,
        "removed: rows: %d, nodes: %d, edges: %d, dead letters: %d, links: %d, "
        "marks: %d, waiting to be linked: %d\n",
        req->rows, req->nodes, req->edges, req->letters, req->links, req->marks,
        req->queued);
}

static int forget_do(struct app *app, struct cli *cli)
{
    struct forget_req req = {.content_id = cli->args.words[1]};
    struct arena arena;
    int code = EXIT_DONE;

    arena_init(&arena, 0);
    op_init(&req.op, app_ignore);
    forget_item(&app->ops, &arena, cli->args.words[0], &req);
    if (app_wait(app, &req.op) < 0) {
        err_wrap(&req.op.err, "forget");
        code = console_fail(&cli->console, &req.op.err);
    } else {
        forget_print(cli, &req);
    }
    arena_free(&arena);
    return code;
}

static int forget_command(struct cli *cli)
{
    struct app app;
    int code = app_open(
        &app, &cli->console, NEED_DATABASE, APP_DATABASE | APP_SCHEMAS);

    if (code == EXIT_DONE)
        code = app_check_tables(&app, "forget", true);
    if (code == EXIT_DONE)
        code = forget_do(&app, cli);
    return app_close(&app, code);
}

const struct command cmd_forget = {
    .name = "forget",
    .usage = "SERVICE ID [--json]",
    .summary = "delete every trace of a stored item",
    .details =
        "Deletes an item's rows, node, edges, dead letters, declared links and "
        "marks, and says\nhow many. Other items stay. The item comes back when "
        "its source sends it again.\nWhile a run is under way, nothing is "
        "deleted and the exit code is 75.\n",
    .options = options,
    .words = 2,
    .run = forget_command,
};
