/* An item's neighbours in the graph, straight from the database. */
#include "app/app.h"
#include "cli/cli.h"
#include "ops/asked.h"
#include "ops/graph_look.h"

enum { GRAPH_TEXT_BYTES = 16 * 1024 * 1024 };

static const struct arg_option options[] = {
    {"depth", "N", "steps from the item, 1 by default, at most 5"},
    {"json", NULL, "print one JSON object"},
    {"dot", NULL, "print a graph in the DOT language, for Graphviz"},
    {NULL, NULL, NULL},
};

static int graph_print(struct cli *cli, json_t *graph)
{
    struct buf text;
    int code;

    buf_init(&text, GRAPH_TEXT_BYTES);
    if (args_has(&cli->args, "dot"))
        graph_look_dot(&text, graph);
    else
        graph_look_lines(&text, graph);
    code = text.error == 0 &&
                   fwrite(text.data, 1, text.len, cli->console.out) == text.len
               ? EXIT_DONE
               : EXIT_FAILED;
    buf_free(&text);
    return code;
}

static int graph_show(struct app *app, struct cli *cli, struct history_req *req)
{
    struct str text;
    json_t *graph;
    int code;

    op_init(&req->op, app_ignore);
    history_graph(app->ops.history, &app->loop, req);
    if (app_wait(app, &req->op) < 0) {
        err_wrap(&req->op.err, "graph");
        return console_fail(&cli->console, &req->op.err);
    }
    text = buf_view(&req->json);
    if (args_has(&cli->args, "json"))
        return fprintf(cli->console.out, "%.*s\n", STR_ARG(text)) < 0
                   ? EXIT_FAILED
                   : EXIT_DONE;
    graph = json_loadb(text.p, text.len, 0, NULL);
    code = graph_print(cli, graph);
    json_decref(graph);
    return code;
}

static int graph_ask(struct app *app, struct cli *cli, struct arena *arena)
{
    struct history_req req = {
        .service = cli->args.words[0], .id = cli->args.words[1]};
    struct err err;
    int code;

    if (graph_look(&app->ops, arena, args_value(&cli->args, "depth"), &req,
            &err) < 0) {
        asked_subject(&err, "--depth");
        err_wrap(&err, "graph");
        err.code = ERR_USAGE;
        return console_fail(&cli->console, &err);
    }
    code = graph_show(app, cli, &req);
    history_req_clear(&req);
    return code;
}

static int graph_run(struct cli *cli)
{
    struct arena arena;
    struct app app;
    int code = app_open(&app, &cli->console, NEED_DATABASE,
        APP_DATABASE | APP_LEDGER | APP_SCHEMAS);

    arena_init(&arena, 0);
    if (code == EXIT_DONE)
        code = app_check_tables(&app, "graph", false);
    if (code == EXIT_DONE)
        code = graph_ask(&app, cli, &arena);
    code = app_close(&app, code);
    arena_free(&arena);
    return code;
}

const struct command cmd_graph = {
    .name = "graph",
    .usage = "SERVICE ID [--depth N] [--json | --dot]",
    .summary = "show what a stored item is linked to",
    .details =
        "Prints the item, then its edges: direction, weight, type, and the "
        "other item's\nservice, id and title. With --depth 2 or more the same "
        "of its neighbours; at most\n200 items. Links that wait for an item "
        "that is not stored are shown, too.\n",
    .options = options,
    .words = 2,
    .run = graph_run,
};
