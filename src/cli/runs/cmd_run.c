/*
 * One run; watched until it ends.
 *
 * Happy path: the run is looked up and printed; with --watch again every
 * second, until it is no longer running: on a terminal in place, else a block
 * of lines whenever something has changed. Failures: no such run, a database or
 * a service that is away; a look that fails ends the watch.
 */
#include "cli/cli.h"
#include "cli/live_lines.h"
#include "cli/remote/look.h"
#include "cli/runs/run_lines.h"
#include <string.h>

enum { RUN_WATCH_MS = 1000 };

static const struct arg_option options[] = {
    {"watch", NULL, "go on until the run has ended"},
    LOOK_OPTIONS,
    {"json", NULL, "print one JSON object; with --watch one a line"},
    {NULL, NULL, NULL},
};

struct run_watch {
    struct look look;
    struct live_lines lines;
    json_t *run, *before; /* owned; as they were shown last */
};

static bool run_is(json_t *run, const char *status)
{
    const char *is = json_string_value(json_object_get(run, "status"));

    return is != NULL && strcmp(is, status) == 0;
}

static void run_pause(struct app *app)
{
    struct timer_req pause;

    op_init(&pause.op, app_ignore);
    loop_timer(&app->loop, &pause, RUN_WATCH_MS);
    app_wait(app, &pause.op);
}

/* As `sync` would: a run that is under way is no failure. */
static int run_exit_code(json_t *run)
{
    return run_is(run, "success") || run_is(run, "running") ? EXIT_DONE
                                                            : EXIT_FAILED;
}

/* What changes all the time is no news while it is running. */
static json_t *run_lasting(json_t *run)
{
    json_t *lasting = json_copy(run);

    if (run_is(run, "running")) {
        json_object_del(lasting, "durationMs");
        json_object_del(lasting, "linking");
    }
    return lasting;
}

static bool run_is_news(struct run_watch *w)
{
    json_t *now = run_lasting(w->run), *before = run_lasting(w->before);
    bool news = !json_equal(now, before);

    json_decref(now);
    json_decref(before);
    return news;
}

static void run_print(struct run_watch *w, bool running)
{
    FILE *out = w->look.cli->console.out;
    bool json = args_has(&w->look.cli->args, "json");

    if (!json && running && live_lines_begin(&w->lines)) {
        run_lines_live(&w->lines, w->run);
        live_lines_end(&w->lines);
    } else if (run_is_news(w)) {
        live_lines_clear(&w->lines);
        if (json)
            look_print_json(&w->look, w->run);
        else
            run_lines_services(out, w->run);
        fflush(out);
        json_decref(w->before);
        w->before = json_incref(w->run);
    }
}

static int run_show(struct run_watch *w)
{
    static const struct look_question question = {
        .path = "/admin/batch-sync/runs",
        .by_id = true,
        .ask = history_run,
        .expect = "services"};
    const struct args *args = &w->look.cli->args;
    bool watch = args_has(args, "watch"), running = true;
    int code = EXIT_DONE;

    while (code == EXIT_DONE && running) {
        struct history_req req = {.id = args->words[0]};

        w->run = NULL;
        code = look_ask(&w->look, &question, &req, &w->run);
        if (code != EXIT_DONE)
            break;
        running = watch && run_is(w->run, "running");
        run_print(w, running);
        code = run_exit_code(w->run);
        json_decref(w->run);
        if (running)
            run_pause(&w->look.app);
    }
    return code;
}

static int run_run(struct cli *cli)
{
    struct run_watch w = {.run = NULL};
    int code = look_open(&w.look, cli, "run");

    live_lines_init(
        &w.lines, args_has(&cli->args, "watch") ? cli->console.out : NULL);
    if (code == EXIT_DONE)
        code = run_show(&w);
    live_lines_clear(&w.lines);
    json_decref(w.before);
    return look_close(&w.look, code);
}

const struct command cmd_run = {
    .name = "run",
    .usage = "ID [--watch] [--url URL [--token-file FILE]] [--json]",
    .summary = "show one run with its services, or watch it",
    .details = "Exits with 0 when the run was a success or is under way, else "
               "with 1.\n\n" LOOK_HELP,
    .options = options,
    .words = 1,
    .run = run_run,
};
