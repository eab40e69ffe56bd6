/*
 * One run in this process, then the link queue, then what the webhook is to be
 * told of it. Each is an ordinary request;
 * while it is pending, signals stop it and a timer draws the progress.
 */
#include "cli/commands/cmd_sync.h"
#include "app/app.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "daemon/runner.h"
#include "daemon/webhook.h"
#include "db/search/languages.h"
#include "db/search/text_index.h"
#include "ops/asked.h"
#include "ops/result_json.h"
#include "ops/trigger.h"
#include "version.h"
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { TICK_MS = 100, TELL_MS = 10 * 1000 };

static const struct arg_option options[] = {
    {"service", "NAME", "only this service; may be repeated"},
    {"incremental", NULL, "only changes since each service's last success"},
    {"since", "TIME", "only changes since that time (ISO 8601)"},
    {"json", NULL, "print the result as JSON"},
    {NULL, NULL, NULL},
};

struct sync {
    struct app app;
    struct cli *cli;       /* borrowed */
    struct run_spec spec;  /* borrowed, what it points at */
    struct runner *runner; /* owned; NULL before anything runs */
    struct trigger_req run;
    struct text_index_req texts;
    struct op linked;        /* the queue is empty */
    struct listener events;  /* of the pipeline */
    struct metrics *metrics; /* owned; nobody reads them */
    struct webhook *webhook; /* owned; NULL before anything runs */
    struct op told;          /* nothing waits for the webhook */
    struct timer_req patience;
    struct progress progress;
    struct timer_req tick;  /* while progress is shown */
    struct timer_req grace; /* after the first signal */
    bool watching;          /* `progress` is open */
    bool stopped;           /* there was a signal */
};

/* --- while it runs ----------------------------------------------------- */

static void on_sync_tick(struct op *op)
{
    struct sync *s = container_of(op, struct sync, tick.op);

    if (op->err.code != 0 || !s->watching)
        return;
    if (op_pending(&s->linked))
        progress_linking(
            &s->progress, s->app.linker.linked, &s->app.linker.progress);
    progress_draw(&s->progress, loop_now_ms(&s->app.loop));
    op_init(&s->tick.op, on_sync_tick);
    loop_timer(&s->app.loop, &s->tick, TICK_MS);
}

static void on_sync_grace_over(struct op *op)
{
    struct sync *s = container_of(op, struct sync, grace.op);

    if (op->err.code != 0)
        return;
    log_warn(NULL, "the grace period is over: canceling what is in flight");
    runner_cancel(s->runner);
}

/* The second one ends at once. */
static void on_sync_signal(void *arg, int signum)
{
    struct sync *s = arg;
    int grace_s = s->app.config.sync.grace_s;

    if (s->stopped)
        _exit(128 + signum);
    s->stopped = true;
    linker_stop(&s->app.linker);
    op_cancel(&s->texts.op);
    if (op_pending(&s->told))
        webhook_stop(s->webhook);
    if (op_pending(&s->linked))
        log_warn(NULL, "linking stops; queued items wait for the next run");
    if (!op_pending(&s->run.op))
        return;
    log_warn(NULL,
        "%s: finishing what is in flight, for up to %d s; a second signal "
        "exits at once",
        signum == SIGINT ? "SIGINT" : "SIGTERM", grace_s);
    runner_drain(s->runner);
    loop_timer(&s->app.loop, &s->grace, (uint64_t)grace_s * 1000);
}

static void on_sync_run_done(struct op *op)
{
    op_cancel(&container_of(op, struct sync, run.op)->grace.op);
}

/* Prints notes before anything is paid for. */
static void on_sync_event(void *arg, const struct run_event *event)
{
    struct sync *s = arg;

    runner_event(s->runner, event);
    webhook_event(s->webhook, event);
    if (s->watching)
        progress_event(&s->progress, event, loop_now_ms(&s->app.loop));
    if (event->kind != EVENT_NOTE || args_has(&s->cli->args, "json"))
        return;
    progress_clear(&s->progress);
    fprintf(s->cli->console.out, "%s: %s\n", event->service, event->note);
    fflush(s->cli->console.out);
}

static void sync_watch_progress(struct sync *s)
{
    FILE *log;

    progress_init(&s->progress, s->cli->console.err,
        args_has(&s->cli->args, "json") ? NULL : s->cli->console.out);
    log = progress_log(&s->progress);
    if (log != NULL)
        log_init(log, (enum log_level)s->app.config.log_level);
    s->watching = true;
    loop_timer(&s->app.loop, &s->tick, TICK_MS);
}

static void sync_unwatch_progress(struct sync *s)
{
    s->watching = false;
    op_cancel(&s->tick.op);
    app_wait(&s->app, &s->tick.op);
    log_init(s->cli->console.err, (enum log_level)s->app.config.log_level);
    progress_end(&s->progress);
}

/*
 * Links the queued items, of this run or of one that was cut off, and those
 * stored while the graph was off. It can be stopped like the run, and logs what
 * goes wrong.
 */
static void sync_link_items(struct sync *s)
{
    op_init(&s->linked, app_ignore);
    linker_find(&s->app.linker, s->app.config.sync.tenant);
    linker_when_idle(&s->app.linker, &s->linked);
    app_wait(&s->app, &s->linked);
}

/* After a load, like the vector index. It can be stopped, too. */
static void sync_index_texts(struct sync *s)
{
    struct arena arena;

    if (s->stopped || s->app.pools.text == NULL)
        return;
    arena_init(&arena, 0);
    s->texts = (struct text_index_req){.arena = &arena};
    s->texts.languages =
        languages_of(&s->app.schemas, &arena, &s->texts.nlanguages);
    op_init(&s->texts.op, app_ignore);
    text_index_ensure(&s->app.texts, &s->texts);
    if (app_wait(&s->app, &s->texts.op) < 0 && !s->stopped)
        log_warn(NULL, "full text: %s", s->texts.op.err.msg);
    arena_free(&arena);
}

/* What ends before it has looked for the first time is never told. */
static int sync_open_webhook(struct sync *s, struct err *err)
{
    struct app *app = &s->app;
    struct webhook_options webhook = {.loop = &app->loop,
        .pool = app->pools.read,
        .http = app->http,
        .config = &app->config};

    if (metrics_init(&s->metrics, BATCHSYNC_VERSION) < 0)
        return err_set(err, ERR_NOMEM, "no memory to start");
    webhook.metrics = s->metrics;
    if (webhook_init(&s->webhook, &webhook, err) < 0)
        return err->code;
    webhook_start(s->webhook);
    webhook_when_told(s->webhook, &s->told, WEBHOOK_LOOKED);
    app_wait(app, &s->told);
    op_init(&s->told, app_ignore);
    return 0;
}

static void on_sync_patience_over(struct op *op)
{
    struct sync *s = container_of(op, struct sync, patience.op);

    if (op->err.code == 0)
        webhook_stop(s->webhook);
}

/* For a while: no other process of ours may come soon. What is not delivered
 * stays in the outbox for the one that does. */
static void sync_tell(struct sync *s)
{
    if (s->stopped)
        return;
    webhook_when_told(s->webhook, &s->told, WEBHOOK_TOLD);
    loop_timer(&s->app.loop, &s->patience, TELL_MS);
    app_wait(&s->app, &s->told);
    op_cancel(&s->patience.op);
    app_wait(&s->app, &s->patience.op);
}

static void sync_start_runner(struct sync *s)
{
    struct app *app = &s->app;
    struct runner_options runner = {.loop = &app->loop,
        .ports = &app->ports,
        .schemas = &app->schemas,
        .config = &app->config,
        .embedding = app_embedding_id(app)};

    if (runner_init(&s->runner, &runner) < 0)
        abort();
    s->run.quiet = true; /* the report says why nothing ran */
}

/* Runs to the end; *err says why nothing ran. */
static int sync_carry_out(struct sync *s, struct err *err)
{
    struct app *app = &s->app;

    if (loop_watch_signals(&app->loop, on_sync_signal, s, err) < 0)
        return err->code;
    sync_start_runner(s);
    sync_watch_progress(s);
    s->events = (struct listener){.on_event = on_sync_event, .arg = s};
    hub_join(&app->events, &s->events);
    runner_trigger(s->runner, &s->spec, &s->run);
    app_wait(app, &s->run.op);
    app_wait(app, &s->grace.op);
    if (s->run.result != NULL) {
        sync_link_items(s);
        sync_index_texts(s);
    }
    hub_leave(&s->events);
    sync_unwatch_progress(s);
    *err = s->run.op.err;
    return err->code;
}

/* --- before and after -------------------------------------------------- */

static int sync_prepare_database(struct sync *s, struct err *err)
{
    bool apply = s->app.config.database.migrate_on_start;
    struct buf report;

    buf_init(&report, APP_REPORT_BYTES);
    app_migrate(&s->app, apply ? MIGRATE_APPLY : MIGRATE_CHECK, &report, err);
    app_log_migration(buf_view(&report));
    buf_free(&report);
    return err->code;
}

static int sync_refuse(struct cli *cli, const struct err *err)
{
    if (args_has(&cli->args, "json"))
        cli_print_json(cli, result_json_refused(err));
    else
        report_refused(cli->console.err, err);
    return console_exit_code(err->code);
}

static int sync_exit_code(const struct run_result *result)
{
    if (result->status == RUN_SUCCESS)
        return EXIT_DONE;
    if (result->status == RUN_BUDGET)
        return EXIT_TRY_LATER;
    return run_result_is_outage(result) ? EXIT_TRY_LATER : EXIT_FAILED;
}

static int sync_work(struct sync *s)
{
    struct err err = {0};
    int code;

    if (sync_prepare_database(s, &err) < 0 || sync_open_webhook(s, &err) < 0 ||
        sync_carry_out(s, &err) < 0) {
        code = sync_refuse(s->cli, &err);
    } else {
        if (args_has(&s->cli->args, "json"))
            cli_print_json(s->cli, result_json(s->run.result));
        else
            report_print(s->cli->console.out, s->run.result);
        code = sync_exit_code(s->run.result);
    }
    if (s->webhook != NULL) {
        sync_tell(s);
        webhook_stop(s->webhook);
    }
    trigger_req_clear(&s->run);
    runner_free(s->runner);
    return code;
}

/*
 * Is syncing switched off? This comes before any other check, so that a
 * deployment without a configuration can be off.
 */
static bool sync_is_disabled(struct err *err)
{
    struct buf problems, warnings;
    struct config config;

    buf_init(&problems, APP_REPORT_BYTES);
    buf_init(&warnings, APP_REPORT_BYTES);
    if (config_from_environment(&config, 0, &problems, &warnings) == 0)
        trigger_check_enabled(&config, err);
    config_free(&config);
    buf_free(&warnings);
    buf_free(&problems);
    return err->code != 0;
}

static int run_sync(struct sync *s)
{
    struct cli *cli = s->cli;
    struct err err = {0};
    int code;

    if (sync_is_disabled(&err))
        return sync_refuse(cli, &err);
    code = app_open(&s->app, &cli->console,
        NEED_DATABASE | NEED_COORDINATOR | NEED_EMBEDDER,
        APP_SCHEMAS | APP_SERVICES | APP_COORDINATOR | APP_EMBEDDER |
            APP_LEDGER | APP_LINKER);
    if (code == EXIT_DONE)
        code = sync_work(s);
    code = app_close(&s->app, code);
    webhook_free(s->webhook); /* what it had in flight has ended */
    metrics_free(s->metrics);
    return code;
}

/* ERR_USAGE names the option that is wrong. */
static int sync_read_options(const struct args *args, struct trigger_ask *ask,
    const char **names, struct err *err)
{
    const char *since = args_value(args, "since");
    size_t n = args_values(args, "service", names);

    trigger_ask_init(ask, "cli");
    if (args_has(args, "incremental"))
        ask->spec.kind = "incremental";
    if (trigger_ask_services(ask, names, n, err) < 0)
        asked_subject(err, "--service");
    else if (since != NULL && trigger_ask_since(ask, since, err) < 0)
        asked_subject(err, "--since %s", since);
    else
        return 0;
    return err->code = ERR_USAGE;
}

int sync_spec(struct cli *cli, const struct run_spec *spec)
{
    struct sync *s = calloc(1, sizeof(*s));
    int code;

    if (s == NULL)
        abort();
    s->cli = cli;
    s->spec = *spec;
    op_init(&s->run.op, on_sync_run_done);
    op_init(&s->linked, app_ignore);
    op_init(&s->texts.op, app_ignore);
    op_init(&s->tick.op, on_sync_tick);
    op_init(&s->grace.op, on_sync_grace_over);
    op_init(&s->told, app_ignore);
    op_init(&s->patience.op, on_sync_patience_over);
    code = run_sync(s);
    free(s);
    return code;
}

static int sync_run(struct cli *cli)
{
    const char **names = calloc(cli->args.ngiven + 1, sizeof(*names));
    struct trigger_ask ask;
    struct err err = {0};
    int code;

    if (names == NULL)
        abort();
    if (sync_read_options(&cli->args, &ask, names, &err) == 0) {
        code = sync_spec(cli, &ask.spec);
    } else {
        err_wrap(&err, "sync");
        code = console_fail(&cli->console, &err);
    }
    free(names);
    return code;
}

const struct command cmd_sync = {
    .name = "sync",
    .usage = "[--service NAME]... [--incremental] [--since TIME] [--json]",
    .summary = "bring the store up to date now",
    .details =
        "Reads every service page by page, embeds what is new or has changed, "
        "and stores it.\nUnchanged items cost no embedding and no write, so "
        "running it again is cheap. The\nservices are those named, else "
        "BATCH_SYNC_SERVICES, else those that the coordinator\nlists.\n\n"
        "A database has one run at a time; while one is under way, another "
        "exits with 75.\nCtrl-C or SIGTERM lets what is in flight finish, and "
        "the next run continues from\nthere.\n\n"
        "After the run, stored items are linked to their nearest neighbours "
        "unless KG_ENABLED\nis false. The exit code does not depend on "
        "that.\n\n"
        "Exits with 0 only when everything succeeded, with 1 when a service or "
        "an item failed.\n",
    .options = options,
    .run = sync_run,
};
