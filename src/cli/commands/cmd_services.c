#include "app/app.h"
#include "cli/cli.h"
#include "ops/services.h"

static const struct arg_option options[] = {
    {"json", NULL, "print one JSON object: services, count, source"},
    {NULL, NULL, NULL},
};

static void services_print_lines(
    struct cli *cli, const struct services_req *req)
{
    for (size_t i = 0; i < req->n; i++)
        fprintf(cli->console.out, "%s\n", req->names[i]);
    fflush(cli->console.out);
    fprintf(cli->console.err, "%zu %s, source: %s\n", req->n,
        req->n == 1 ? "service" : "services", req->source);
}

static int services_list(struct app *app, struct cli *cli)
{
    struct services_req req = {.n = 0};
    struct arena arena;
    int code = EXIT_DONE;

    arena_init(&arena, 0);
    req.arena = &arena;
    op_init(&req.op, app_ignore);
    services_ask(&app->ops, &req);
    if (app_wait(app, &req.op) < 0) {
        err_wrap(&req.op.err, "services");
        code = console_fail(&cli->console, &req.op.err);
    } else if (args_has(&cli->args, "json")) {
        cli_print_json(cli, services_json(&req));
    } else {
        services_print_lines(cli, &req);
    }
    arena_free(&arena);
    return code;
}

static int services_run(struct cli *cli)
{
    struct app app;
    int code = app_open(&app, &cli->console, NEED_COORDINATOR, APP_SERVICES);

    if (code == EXIT_DONE)
        code = services_list(&app, cli);
    return app_close(&app, code);
}

const struct command cmd_services = {
    .name = "services",
    .usage = "[--json]",
    .summary = "list the services that a sync would read",
    .details =
        "Prints the names on standard output, one per line, and their source "
        "on standard\nerror: env (BATCH_SYNC_SERVICES), coordinator, or "
        "fallback\n(BATCH_SYNC_FALLBACK_SERVICES).\n",
    .options = options,
    .run = services_run,
};
