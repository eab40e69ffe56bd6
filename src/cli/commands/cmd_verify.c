/*
 * verify on the command line: one request, with a runner of its own where the
 * source is to mend, then the link queue.
 */
#include "app/app.h"
#include "cli/cli.h"
#include "ops/asked.h"
#include "ops/trigger.h"
#include "ops/verify/verify.h"
#include <stdlib.h>

enum { VERIFY_BYTES = 16 * 1024 * 1024 };

static const struct arg_option options[] = {
    {"service", "NAME", "only this service; may be repeated"},
    {"sample", "N", "search for and embed N rows again, which is paid for"},
    {"source", NULL, "compare with the source; with --repair, mend from it"},
    {"repair", NULL, "mend what was found, and nothing else"},
    {"delete", NULL, "with --repair: delete what should not be there"},
    {"json", NULL, "print one JSON object"},
    {NULL, NULL, NULL},
};

struct verification {
    struct app app;
    struct cli *cli; /* borrowed */
    struct verify_request req;
    struct runner *runner; /* owned; NULL: not needed */
    struct listener events;
};

/* Of anything that was read: 0 when nothing is left, 1 when something is. */
static int verify_print(struct verification *v)
{
    FILE *out = v->cli->console.out;
    struct buf text;

    if (args_has(&v->cli->args, "json")) {
        cli_print_json(v->cli, verify_json(&v->req));
    } else {
        buf_init(&text, VERIFY_BYTES);
        verify_lines(&text, &v->req);
        fwrite(text.data, 1, text.len, out);
        buf_free(&text);
    }
    if (v->req.run_refused.code != 0)
        return console_exit_code(v->req.run_refused.code);
    return verify_left(&v->req) == 0 && v->req.source_failed.code == 0
               ? EXIT_DONE
               : EXIT_FAILED;
}

static void on_verify_event(void *arg, const struct run_event *event)
{
    runner_event(((struct verification *)arg)->runner, event);
}

static void verify_start_runner(struct verification *v)
{
    struct app *app = &v->app;
    struct runner_options with = {.loop = &app->loop,
        .ports = &app->ports,
        .schemas = &app->schemas,
        .config = &app->config,
        .embedding = app_embedding_id(app)};

    if (runner_init(&v->runner, &with) < 0)
        abort();
    app->ops.runner = v->runner;
    v->events = (struct listener){.on_event = on_verify_event, .arg = v};
    hub_join(&app->events, &v->events);
}

static void verify_stop_runner(struct verification *v)
{
    hub_leave(&v->events);
    runner_free(v->runner);
}

/* What was queued is linked, so that a second verify finds it done. */
static void verify_link(struct verification *v)
{
    struct op linked;

    op_init(&linked, app_ignore);
    linker_kick(&v->app.linker, v->app.config.sync.tenant);
    linker_when_idle(&v->app.linker, &linked);
    app_wait(&v->app, &linked);
}

static int verify_work(struct verification *v)
{
    struct verify_request *req = &v->req;
    int code;

    if (req->ask.source && req->ask.repair)
        verify_start_runner(v);
    op_init(&req->op, app_ignore);
    verify_begin(&v->app.ops, req);
    if (app_wait(&v->app, &req->op) < 0) {
        err_wrap(&req->op.err, "verify");
        code = console_fail(&v->cli->console, &req->op.err);
    } else {
        if (req->ask.repair)
            verify_link(v);
        code = verify_print(v);
    }
    if (v->runner != NULL)
        verify_stop_runner(v);
    verify_clear(req);
    return code;
}

static int verify_open(struct verification *v)
{
    const struct verify_ask *ask = &v->req.ask;
    bool embeds = ask->repair || ask->sample > 0 || ask->source;
    int code = app_open(&v->app, &v->cli->console,
        NEED_DATABASE | (embeds ? NEED_EMBEDDER : 0) |
            (ask->source ? NEED_COORDINATOR : 0),
        APP_DATABASE | APP_SCHEMAS | (embeds ? APP_EMBEDDER | APP_LINKER : 0) |
            (ask->source ? APP_SERVICES | APP_COORDINATOR | APP_LEDGER : 0));

    return code == EXIT_DONE ? app_check_tables(&v->app, "verify", ask->repair)
                             : code;
}

static int verify_read_options(struct cli *cli, struct verify_ask *ask,
    const char **names, struct err *err)
{
    struct trigger_ask trigger;
    size_t n = args_values(&cli->args, "service", names);

    *ask = (struct verify_ask){.services = names,
        .nservices = n,
        .source = args_has(&cli->args, "source"),
        .repair = args_has(&cli->args, "repair"),
        .deletes = args_has(&cli->args, "delete")};
    trigger_ask_init(&trigger, "verify");
    if (trigger_ask_services(&trigger, names, n, err) < 0) {
        asked_subject(err, "--service");
        return err->code = ERR_USAGE;
    }
    if (ask->deletes && !ask->repair)
        return err_set(err, ERR_USAGE, "--delete goes with --repair");
    return args_int(
        &cli->args, "sample", 1, VERIFY_SAMPLE_MOST, &ask->sample, err);
}

static int verify_run(struct cli *cli)
{
    struct verification *v = calloc(1, sizeof(*v));
    const char **names = calloc(cli->args.ngiven + 1, sizeof(*names));
    struct err err = {0};
    int code;

    if (v == NULL || names == NULL)
        abort();
    v->cli = cli;
    if (verify_read_options(cli, &v->req.ask, names, &err) == 0) {
        code = verify_open(v);
        if (code == EXIT_DONE)
            code = verify_work(v);
        code = app_close(&v->app, code);
    } else {
        err_wrap(&err, "verify");
        code = console_fail(&cli->console, &err);
    }
    free(names);
    free(v);
    return code;
}

const struct command cmd_verify = {
    .name = "verify",
    .usage = "[--service NAME]... [--sample N] [--source] [--repair] "
             "[--delete] [--json]",
    .summary = "check what is stored against its hashes, and mend it",
    .details =
        "Reads every stored row, its node and its edges, and prints what is "
        "wrong and what to\ndo about it. It runs beside syncs and rests as "
        "long as it works. Nothing is written\nwithout --repair, nothing "
        "deleted without --delete, and nothing is paid for but the\ntexts of "
        "--sample and the broken vectors that --repair embeds again.\n\n"
        "With --source it also reads the source, and tells what that has "
        "otherwise; a source\nthat could not be read to its end is an error, "
        "and proves nothing.\nWith --source --repair, texts that were changed "
        "and items that are "
        "missing are taken\nfrom the source, by a run of the services.\n\n"
        "Exits with 0 when nothing is wrong, or nothing any more, with 1 when "
        "something is, and\nwith 75 when it could not look.\n",
    .options = options,
    .run = verify_run,
};
