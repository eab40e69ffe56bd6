/*
 * One run in this process, then the link queue. Each is a request like any
 * other; while it is waited for, signals stop it and a timer draws how far it
 * is.
 */
#include "cli/cmd_sync.h"
#include "app/app.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "daemon/runner.h"
#include "ops/result_json.h"
#include "sync/run.h"
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { TICK_MS = 100 };

static const struct arg_option options[] = {
    {"service", "NAME", "only this service; may be repeated"},
    {"incremental", NULL, "only what changed since each one's last success"},
    {"since", "TIME", "only what changed since then (ISO 8601)"},
    {"json", NULL, "print the result as JSON"},
    {NULL, NULL, NULL},
};

struct sync {
    struct app app;
    struct cli *cli;       /* borrowed */
    const char **services; /* borrowed, the array and the names */
    size_t nservices;
    char since[ISO_BYTES]; /* "": everything */
    struct run_req run;
    struct op linked;       /* the queue is empty */
    struct listener events; /* of the pipeline */
    struct progress progress;
    struct timer_req tick;  /* while a progress line is drawn */
    struct timer_req grace; /* after the first signal */
    bool watching;          /* there is a line to be drawn */
    bool stopped;           /* there was a signal */
};

/* --- while it runs ----------------------------------------------------- */

static void on_sync_tick(struct op *op)
{
    struct sync *s = container_of(op, struct sync, tick.op);

    if (op->err.code != 0 || !s->watching)
        return;
    if (op_pending(&s->linked))
        progress_linking(&s->progress, s->app.linker.linked);
    progress_draw(&s->progress, loop_now_ms(&s->app.loop));
    op_init(&s->tick.op, on_sync_tick);
    loop_timer(&s->app.loop, &s->tick, TICK_MS);
}

static void on_sync_grace_over(struct op *op)
{
    struct sync *s = container_of(op, struct sync, grace.op);

    if (op->err.code != 0)
        return;
    log_warn(NULL, "the time to finish is over: giving up what is in flight");
    op_cancel(&s->run.op);
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
    if (op_pending(&s->linked))
        log_warn(NULL, "linking is stopped; what is queued waits for the next "
                       "run");
    if (!op_pending(&s->run.op))
        return;
    log_warn(NULL,
        "%s: finishing what is in flight, up to %d s; a second signal ends at "
        "once",
        signum == SIGINT ? "SIGINT" : "SIGTERM", grace_s);
    run_stop(&s->run);
    loop_timer(&s->app.loop, &s->grace, (uint64_t)grace_s * 1000);
}

static void on_run_done(struct op *op)
{
    op_cancel(&container_of(op, struct sync, run.op)->grace.op);
}

static void sync_set_options(struct sync *s, struct run_options *o)
{
    const struct embedding_id embedding = app_embedding_id(&s->app);
    bool incremental =
        args_has(&s->cli->args, "incremental") || s->since[0] != '\0';

    o->spec = (struct run_spec){
        .trigger = "cli",
        .kind = incremental ? "incremental" : "batch",
        .tenant = s->app.config.sync.tenant,
        .services = s->services,
        .nservices = s->nservices,
        .since = s->since[0] != '\0' ? s->since : NULL,
    };
    runner_set_limits(&s->app.config, &embedding, o);
}

/* Notes are to be known before anything is paid for. */
static void on_sync_event(void *arg, const struct run_event *event)
{
    struct sync *s = arg;

    if (s->watching)
        progress_event(&s->progress, event, loop_now_ms(&s->app.loop));
    if (event->kind != EVENT_NOTE || args_has(&s->cli->args, "json"))
        return;
    progress_clear(&s->progress);
    fprintf(s->cli->console.out, "%s: %s\n", event->service, event->note);
    fflush(s->cli->console.out);
}

static void watch_progress(struct sync *s)
{
    progress_init(&s->progress, s->cli->console.err);
    if (progress_log(&s->progress) == NULL)
        return;
    log_init(
        progress_log(&s->progress), (enum log_level)s->app.config.log_level);
    s->watching = true;
    loop_timer(&s->app.loop, &s->tick, TICK_MS);
}

static void unwatch_progress(struct sync *s)
{
    s->watching = false;
    op_cancel(&s->tick.op);
    app_wait(&s->app, 0, &s->tick.op);
    log_init(s->cli->console.err, (enum log_level)s->app.config.log_level);
    progress_end(&s->progress);
}

/*
 * Links what is queued, of this run or of one that was cut off, and what was
 * stored while there was no graph. It can be
 * stopped like the run, and says itself what goes wrong.
 */
static void sync_link_items(struct sync *s)
{
    op_init(&s->linked, app_ignore);
    linker_find(&s->app.linker, s->app.config.sync.tenant);
    linker_when_idle(&s->app.linker, &s->linked);
    app_wait(&s->app, 0, &s->linked);
}

/* Runs to the end; *err says why nothing ran. */
static int carry_out(struct sync *s, struct err *err)
{
    struct app *app = &s->app;

    op_init(&s->run.op, on_run_done);
    op_init(&s->linked, app_ignore);
    op_init(&s->tick.op, on_sync_tick);
    op_init(&s->grace.op, on_sync_grace_over);
    sync_set_options(s, &s->run.options);
    if (loop_watch_signals(&app->loop, on_sync_signal, s, err) < 0)
        return err->code;
    watch_progress(s);
    s->events = (struct listener){.on_event = on_sync_event, .arg = s};
    hub_join(&app->events, &s->events);
    app_wait(app, run_submit(&app->ports, &app->schemas, &s->run), &s->run.op);
    app_wait(app, 0, &s->grace.op);
    if (s->run.op.err.code == 0)
        sync_link_items(s);
    hub_leave(&s->events);
    unwatch_progress(s);
    *err = s->run.run == NULL ? s->run.op.err : s->run.result.err;
    return err->code;
}

/* --- before and after -------------------------------------------------- */

static int prepare_database(struct sync *s, struct err *err)
{
    bool apply = s->app.config.database.migrate_on_start;
    struct buf report;
    struct str lines, line;

    buf_init(&report, APP_REPORT_BYTES);
    app_migrate(&s->app, apply ? MIGRATE_APPLY : MIGRATE_CHECK, &report, err);
    lines = buf_view(&report);
    while (text_next_line(&lines, &line)) {
        if (!str_eq(line, STR("nothing to do")))
            log_info(NULL, "migrate: %.*s", STR_ARG(line));
    }
    buf_free(&report);
    return err->code;
}

static void sync_print_json(struct cli *cli, json_t *value)
{
    json_dumpf(value, cli->console.out, JSON_COMPACT);
    fputc('\n', cli->console.out);
    json_decref(value);
}

static int sync_refuse(struct cli *cli, const struct err *err)
{
    if (args_has(&cli->args, "json"))
        sync_print_json(cli, result_json_refused(err));
    else
        report_refused(cli->console.err, err);
    return console_exit_code(err->code);
}

static int sync_work(struct sync *s)
{
    struct err err = {0};
    int code;

    if (prepare_database(s, &err) < 0 || carry_out(s, &err) < 0) {
        code = sync_refuse(s->cli, &err);
    } else {
        if (args_has(&s->cli->args, "json"))
            sync_print_json(s->cli, result_json(&s->run.result));
        else
            report_print(s->cli->console.out, &s->run.result);
        code = s->run.result.status == RUN_SUCCESS ? EXIT_DONE : EXIT_FAILED;
    }
    run_req_clear(&s->run);
    return code;
}

/* A name goes into requests, rows and logs. */
static int sync_check_names(const struct sync *s, struct err *err)
{
    for (size_t i = 0; i < s->nservices; i++) {
        const char *name = s->services[i];

        if (strlen(name) > SERVICE_NAME_BYTES || !utf8_valid(str_of(name)))
            return err_set(err, ERR_USAGE, "--service: that is no name");
        if (strchr(name, ',') != NULL)
            return err_set(err, ERR_USAGE,
                "--service %s: one name at a time, please; the option may be "
                "repeated",
                name);
        for (const char *p = name; *p != '\0'; p++) {
            if ((unsigned char)*p < ' ' || *p == 0x7f)
                return err_set(err, ERR_USAGE,
                    "--service: a name has no control characters");
        }
    }
    return 0;
}

static int sync_read_since(struct sync *s, struct err *err)
{
    const char *text = args_value(&s->cli->args, "since");
    int64_t ms;

    if (text == NULL)
        return 0;
    if (!iso_to_ms(str_of(text), &ms))
        return err_set(err, ERR_USAGE,
            "--since %s: a date or a time is needed, such as 2026-01-31 or "
            "2026-01-31T08:30:00Z",
            text);
    iso_from_ms(ms, s->since);
    return 0;
}

/*
 * Is it switched off? That is answered before anything else is looked at, so
 * that a deployment without a configuration can be off.
 */
static bool is_disabled(struct err *err)
{
    struct buf problems, warnings;
    struct config config;

    buf_init(&problems, APP_REPORT_BYTES);
    buf_init(&warnings, APP_REPORT_BYTES);
    if (config_from_environment(&config, 0, &problems, &warnings) == 0) {
        if (!config.sync.enabled)
            err_set(err, ERR_DISABLED, "disabled");
        else if (!config.coordinator.enabled)
            err_set(err, ERR_DISABLED, "coordinator_disabled");
    }
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

    if (is_disabled(&err))
        return sync_refuse(cli, &err);
    code = app_open(&s->app, &cli->console,
        NEED_DATABASE | NEED_COORDINATOR | NEED_EMBEDDER,
        APP_SCHEMAS | APP_SERVICES | APP_COORDINATOR | APP_EMBEDDER |
            APP_LEDGER | APP_LINKER);
    if (code == EXIT_DONE)
        code = sync_work(s);
    return app_close(&s->app, code);
}

static int read_options(struct sync *s)
{
    struct err err = {0};

    s->nservices = args_values(&s->cli->args, "service", s->services);
    if (sync_check_names(s, &err) == 0 && sync_read_since(s, &err) == 0)
        return EXIT_DONE;
    err_wrap(&err, "sync");
    return console_fail(&s->cli->console, &err);
}

static struct sync *new_sync(struct cli *cli)
{
    struct sync *s = calloc(1, sizeof(*s));

    if (s == NULL)
        abort();
    s->cli = cli;
    return s;
}

int sync_services(struct cli *cli, const char **services, size_t n)
{
    struct sync *s = new_sync(cli);
    int code;

    s->services = services;
    s->nservices = n;
    code = run_sync(s);
    free(s);
    return code;
}

static int sync_run(struct cli *cli)
{
    struct sync *s = new_sync(cli);
    int code;

    s->services = calloc(cli->args.ngiven + 1, sizeof(*s->services));
    if (s->services == NULL)
        abort();
    code = read_options(s);
    if (code == EXIT_DONE)
        code = run_sync(s);
    free(s->services);
    free(s);
    return code;
}

const struct command cmd_sync = {
    .name = "sync",
    .usage = "[--service NAME]... [--incremental] [--since TIME] [--json]",
    .summary = "bring the store up to date, now",
    .details =
        "Reads every service page by page, embeds what is new or has changed "
        "and stores\nit. Nothing is embedded or written for what is unchanged, "
        "so running it again\nis cheap. Which services: those named, else "
        "BATCH_SYNC_SERVICES, else those the\ncoordinator lists.\n\n"
        "One run at a time on a database: while one is under way another one "
        "exits with\n75. Ctrl-C or SIGTERM lets what is in flight finish; the "
        "next run finds what is stored.\n\n"
        "Then the items that were stored are linked to those nearest to them, "
        "unless\nKG_ENABLED is false. The result does not depend on that.\n\n"
        "Exits with 0 only when everything succeeded, with 1 when a service or "
        "an item\nfailed.\n",
    .options = options,
    .run = sync_run,
};
