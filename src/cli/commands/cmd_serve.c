/*
 * The long-running service: triggers, HTTP, health and metrics on one loop.
 *
 * Happy path: HTTP listens first, so that /livez answers; the database is
 * migrated (again and again while it is down); then the schedule fires and
 * /readyz says ok.
 *
 * Failures: a fault that a person must correct (configuration, another
 * program's tables) ends the start; one that passes is waited for.
 *
 * A service manager (systemd) is told: ready once HTTP listens, the database
 * may still be waited for; alive, by a timer of the loop, so that a loop that
 * hangs is killed; stopping, with the time that may take.
 *
 * Stop: SIGTERM or SIGINT. /readyz says no, triggers are refused, the run
 * finishes what is in flight within the grace period, waiting clients are
 * answered; /metrics is served until the end, then everything closes. A second
 * signal exits at once.
 */
#include "api/api.h"
#include "app/app.h"
#include "base/log.h"
#include "cli/cli.h"
#include "daemon/housekeeper.h"
#include "daemon/run_poller.h"
#include "daemon/tally_poller.h"
#include "daemon/text_indexer.h"
#include "daemon/webhook.h"
#include "events/journal_feed.h"
#include "net/service_manager.h"
#include "ops/verify/verifier.h"
#include "version.h"
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { BOOT_RETRY_MS = 1000, LAG_TICK_MS = 500, DRAIN_TICK_MS = 20 };

/* What closing may take after the grace period, before systemd kills it. */
enum { STOP_SLACK_S = 10 };

static const struct arg_option options[] = {
    {NULL, NULL, NULL},
};

struct serve {
    struct app app;
    struct cli *cli;        /* borrowed */
    struct listener events; /* of the pipeline */
    struct journal *journal;
    struct journal_feed feed;
    struct metrics *metrics;
    struct probe *probe;
    struct runner *runner;
    struct runner_options runner_options;
    struct run_poller *run_poller;
    struct housekeeper housekeeper;
    struct text_indexer texts;
    struct verifier verifier;
    struct scheduler *scheduler;
    struct tally_poller *tally;
    struct webhook *webhook;
    struct api *api;
    struct migrate_req migrate;
    struct timer_req boot; /* before the next try */
    struct timer_req lag;  /* measures the loop */
    uint64_t lag_due_ms;
    uint64_t alive_due_ms;  /* when the service manager hears of it again */
    struct timer_req grace; /* while draining */
    struct timer_req drain; /* while draining: is everything done? */
    struct op ended;        /* pending until the service has ended */
    bool draining;
    bool found;     /* items without a node were searched for */
    struct err err; /* why the start failed; code 0: it did not */
};

/* Ending */

static void on_serve_drain_tick(struct op *op);

static void serve_drain_tick(struct serve *s)
{
    op_init(&s->drain.op, on_serve_drain_tick);
    loop_timer(&s->app.loop, &s->drain, DRAIN_TICK_MS);
}

/* All but the HTTP side. */
static bool serve_work_is_done(const struct serve *s)
{
    return !runner_is_running(s->runner) && scheduler_is_idle(s->scheduler) &&
           run_poller_is_idle(s->run_poller) &&
           tally_poller_is_idle(s->tally) && webhook_is_idle(s->webhook) &&
           housekeeper_is_idle(&s->housekeeper) &&
           text_indexer_is_idle(&s->texts) && verifier_is_idle(&s->verifier) &&
           s->app.linker.state == LINKER_IDLE && !op_pending(&s->migrate.op) &&
           !op_pending(&s->boot.op) && !op_pending(&s->lag.op);
}

static void on_serve_drain_tick(struct op *op)
{
    struct serve *s = container_of(op, struct serve, drain.op);

    if (serve_work_is_done(s))
        api_shut(s->api);
    if (!serve_work_is_done(s) || !api_is_idle(s->api)) {
        serve_drain_tick(s);
        return;
    }
    op_cancel(&s->grace.op);
    op_finish(&s->ended, NULL);
}

static void on_serve_grace_over(struct op *op)
{
    struct serve *s = container_of(op, struct serve, grace.op);

    if (op->err.code != 0)
        return;
    log_warn(NULL, "the grace period is over: canceling what is in flight");
    runner_cancel(s->runner);
}

static void serve_drain(struct serve *s)
{
    int grace_s = s->app.config.sync.grace_s;

    s->draining = true;
    service_manager_tell("STOPPING=1\nSTATUS=shutting down\n"
                         "EXTEND_TIMEOUT_USEC=%lld",
        (grace_s + STOP_SLACK_S) * 1000000LL);
    api_drain(s->api);
    scheduler_stop(s->scheduler);
    run_poller_stop(s->run_poller);
    tally_poller_stop(s->tally);
    webhook_stop(s->webhook);
    housekeeper_stop(&s->housekeeper);
    text_indexer_stop(&s->texts);
    verifier_stop(&s->verifier);
    runner_drain(s->runner);
    linker_stop(&s->app.linker);
    op_cancel(&s->boot.op);
    op_cancel(&s->migrate.op);
    op_cancel(&s->lag.op);
    op_init(&s->grace.op, on_serve_grace_over);
    loop_timer(&s->app.loop, &s->grace, (uint64_t)grace_s * 1000 + 1);
    serve_drain_tick(s);
}

static void on_serve_signal(void *arg, int signum)
{
    struct serve *s = arg;

    if (s->draining)
        _exit(128 + signum);
    log_info(NULL,
        "%s: shutting down; what is in flight gets up to %d s, a second signal "
        "exits at once",
        signum == SIGINT ? "SIGINT" : "SIGTERM", s->app.config.sync.grace_s);
    serve_drain(s);
}

static void on_serve_hangup(void *arg, int signum)
{
    struct serve *s = arg;

    log_info(NULL, "SIGHUP: reading the files of tokens again");
    api_reload(s->api);
}

/* Booting */

static void serve_migrate(struct serve *s);

static void on_serve_boot_wait(struct op *op)
{
    struct serve *s = container_of(op, struct serve, boot.op);

    if (op->err.code == 0)
        serve_migrate(s);
}

/* The first time, it also links items that were stored without a graph. */
static void serve_link_items(struct serve *s, const char *tenant)
{
    if (s->found || strcmp(tenant, s->app.config.sync.tenant) != 0) {
        linker_kick(&s->app.linker, tenant);
        return;
    }
    s->found = true;
    linker_find(&s->app.linker, tenant);
}

/* Both indexes slow down storing, so a run comes first. */
static void serve_index_items(struct serve *s, const char *tenant)
{
    text_indexer_kick(&s->texts);
    serve_link_items(s, tenant);
}

/* Linking waits for a run that is about to start: its rows would have to go
 * through the index that linking builds. */
static void serve_ready(struct serve *s)
{
    const struct config *config = &s->app.config;

    log_info(NULL, "ready");
    service_manager_tell("STATUS=ready");
    api_set_ready(s->api, NULL);
    if (!config->sync.enabled || !config->schedule.on_startup)
        serve_index_items(s, config->sync.tenant);
    scheduler_start(s->scheduler);
    run_poller_start(s->run_poller);
    tally_poller_look(s->tally);
    webhook_start(s->webhook);
    housekeeper_start(&s->housekeeper);
    verifier_start(&s->verifier);
}

static void serve_boot_failed(struct serve *s, const struct err *err)
{
    bool passing = err_is_transient(err->code);

    if (!passing) {
        s->err = *err;
        log_error(NULL, "%s", err->msg);
        serve_drain(s);
        return;
    }
    log_warn(NULL, "%s; trying again", err->msg);
    service_manager_tell("STATUS=waiting: %.400s", err->msg);
    api_set_ready(s->api, probe_database_ok(s->probe)
                              ? "the database is down"
                              : probe_database_reason(s->probe));
    op_init(&s->boot.op, on_serve_boot_wait);
    loop_timer(&s->app.loop, &s->boot, BOOT_RETRY_MS);
}

static void on_serve_migrated(struct op *op)
{
    struct serve *s = container_of(op, struct serve, migrate.op);

    app_log_migration(buf_view(&s->migrate.report));
    buf_free(&s->migrate.report);
    if (s->draining)
        return;
    if (op->err.code != 0)
        serve_boot_failed(s, &op->err);
    else
        serve_ready(s);
}

static void serve_migrate(struct serve *s)
{
    bool apply = s->app.config.database.migrate_on_start;

    s->migrate = (struct migrate_req){
        .mode = apply ? MIGRATE_APPLY : MIGRATE_CHECK,
        .dimensions = s->app.config.embedding.dimensions,
        .tenant = s->app.config.sync.tenant,
        .tenant_chosen = s->app.config.sync.tenant_chosen,
    };
    op_init(&s->migrate.op, on_serve_migrated);
    migrate_run(s->app.pools.store, &s->app.loop, &s->migrate);
}

/* While it runs */

static void on_serve_event(void *arg, const struct run_event *event)
{
    struct serve *s = arg;

    journal_feed_event(&s->feed, event, loop_now_ms(&s->app.loop));
    metrics_event(s->metrics, event);
    probe_event(s->probe, event);
    runner_event(s->runner, event);
    webhook_event(s->webhook, event);
    if (event->kind == EVENT_SERVICE_END)
        tally_poller_look(s->tally);
    if (event->kind == EVENT_RUN_BEGIN) {
        linker_share(&s->app.linker, true);
        text_indexer_run(&s->texts, true);
    }
    if (event->kind == EVENT_RUN_END) {
        linker_share(&s->app.linker, false);
        text_indexer_run(&s->texts, false);
        serve_link_items(s, event->tenant);
    }
}

/* Half as often would do; a tick that comes late then costs nothing. */
static void serve_tell_alive(struct serve *s, uint64_t now_ms)
{
    uint64_t watchdog_ms = service_manager_watchdog_ms();

    if (watchdog_ms == 0 || now_ms < s->alive_due_ms)
        return;
    service_manager_tell("WATCHDOG=1");
    s->alive_due_ms = now_ms + watchdog_ms / 4;
}

static void serve_tell_next_runs(struct serve *s)
{
    struct scheduler_status status;
    int64_t next_ms;

    scheduler_status(s->scheduler, &status);
    for (size_t i = 0; i < scheduler_count(s->scheduler); i++) {
        next_ms = 0;
        if (status.scheduled)
            scheduler_next(s->scheduler, i, 1, &next_ms);
        metrics_next_run(
            s->metrics, scheduler_entry(s->scheduler, i).service, next_ms);
    }
}

static void on_serve_lag_tick(struct op *op);

static void serve_lag_tick(struct serve *s)
{
    s->lag_due_ms = loop_mono_ms() + LAG_TICK_MS;
    op_init(&s->lag.op, on_serve_lag_tick);
    loop_timer(&s->app.loop, &s->lag, LAG_TICK_MS);
}

static void serve_tell_budgets(struct serve *s)
{
    const struct budget *budgets = s->app.budgets.budgets;

    for (int i = 0; i < EMBED_BUDGETS; i++)
        if (budgets[i].limit > 0)
            metrics_budget(s->metrics, i == BUDGET_DAY ? "day" : "run",
                budgets[i].limit, budget_used(&budgets[i]));
}

static void on_serve_lag_tick(struct op *op)
{
    struct serve *s = container_of(op, struct serve, lag.op);
    uint64_t now_ms = loop_mono_ms();

    if (s->draining) /* in time or canceled: both end it */
        return;
    serve_tell_alive(s, now_ms);
    metrics_loop_lag(
        s->metrics, now_ms > s->lag_due_ms ? now_ms - s->lag_due_ms : 0);
    serve_tell_next_runs(s);
    metrics_loop_turns(s->metrics, &s->app.loop.turns);
    metrics_index(s->metrics, &s->app.graph.index.watch.progress);
    journal_feed_index(&s->feed, &s->app.graph.index.watch.progress);
    metrics_linker(s->metrics, &s->app.linker.progress);
    serve_tell_budgets(s);
    if (s->app.linker.counted) {
        metrics_link_queue(s->metrics, s->app.linker.queued);
        journal_feed_linking(
            &s->feed, (int64_t)s->app.linker.queued, &s->app.linker.progress);
    }
    serve_lag_tick(s);
}

/* Opening, and closing in the reverse order */

static int serve_open_parts(struct serve *s, struct err *err)
{
    struct app *app = &s->app;
    struct probe_options probe = {.loop = &app->loop,
        .pool = app->pools.probe,
        .tenant = app->config.sync.tenant};
    struct webhook_options webhook = {.loop = &app->loop,
        .pool = app->pools.read,
        .http = app->http,
        .config = &app->config};

    s->runner_options = (struct runner_options){.loop = &app->loop,
        .ports = &app->ports,
        .schemas = &app->schemas,
        .config = &app->config,
        .embedding = app_embedding_id(app)};
    if (metrics_init(&s->metrics, BATCHSYNC_VERSION) < 0 ||
        runner_init(&s->runner, &s->runner_options) < 0 ||
        run_poller_init(&s->run_poller, &s->runner_options, s->runner) < 0 ||
        tally_poller_init(&s->tally, &app->loop, app->pools.read, &app->config,
            s->metrics) < 0 ||
        probe_start(&s->probe, &probe) < 0)
        return err_set(err, ERR_NOMEM, "no memory to start");
    webhook.metrics = s->metrics;
    if (webhook_init(&s->webhook, &webhook, err) < 0)
        return err->code;
    text_indexer_init(&s->texts, app->pools.text != NULL ? &app->texts : NULL,
        &app->loop, &app->schemas);
    housekeeper_init(&s->housekeeper, app->pools.store, &app->loop, s->runner,
        app->config.sync.history_days);
    verifier_init(&s->verifier, &app->ops, &app->linker, s->metrics);
    return scheduler_init(&s->scheduler, &app->loop, &app->config, &app->ledger,
        s->runner, s->metrics, err);
}

static int serve_open_api(struct serve *s, struct err *err)
{
    struct api_options api = {.ops = &s->app.ops,
        .scheduler = s->scheduler,
        .probe = s->probe,
        .metrics = s->metrics,
        .tally = s->tally,
        .journal = s->journal};

    s->app.ops.runner = s->runner;
    s->app.ops.linker = &s->app.linker;
    s->app.ops.verifier = &s->verifier;
    return api_start(&s->api, &api, err);
}

static void serve_close_parts(struct serve *s)
{
    hub_leave(&s->events);
    if (s->api != NULL)
        api_close(s->api);
    verifier_free(&s->verifier);
    scheduler_free(s->scheduler);
    run_poller_free(s->run_poller);
    tally_poller_free(s->tally);
    webhook_free(s->webhook);
    probe_stop(s->probe);
    runner_free(s->runner);
    metrics_free(s->metrics);
    journal_free(s->journal);
}

static void serve_init_ops(struct serve *s)
{
    op_init(&s->ended, app_ignore);
    op_init(&s->migrate.op, on_serve_migrated);
    op_init(&s->boot.op, on_serve_boot_wait);
    op_init(&s->lag.op, on_serve_lag_tick);
    op_init(&s->grace.op, on_serve_grace_over);
    op_init(&s->drain.op, on_serve_drain_tick);
}

static int serve_work(struct serve *s)
{
    struct app *app = &s->app;
    struct err err = {.code = 0};

    serve_init_ops(s);
    s->journal = journal_new();
    journal_feed_init(&s->feed, s->journal);
    s->events = (struct listener){.on_event = on_serve_event, .arg = s};
    hub_join(&app->events, &s->events);
    if (serve_open_parts(s, &err) < 0 || serve_open_api(s, &err) < 0 ||
        loop_watch_signals(&app->loop, on_serve_signal, s, &err) < 0 ||
        loop_watch_hangup(&app->loop, on_serve_hangup, s, &err) < 0)
        return console_fail(&s->cli->console, &err);
    log_info(NULL, "listening on %s port %d", app->config.http.host,
        api_port(s->api));
    service_manager_tell("READY=1\nSTATUS=waiting for the database");
    op_begin(&s->ended, &app->loop.ready, NULL);
    serve_migrate(s);
    serve_lag_tick(s);
    app_wait(app, &s->ended);
    app_wait(app, &s->grace.op);
    if (s->err.code != 0)
        return console_fail(&s->cli->console, &s->err);
    log_info(NULL, "ended");
    return EXIT_DONE;
}

static int serve_run(struct cli *cli)
{
    struct serve *s = calloc(1, sizeof(*s));
    int code;

    if (s == NULL)
        abort();
    s->cli = cli;
    cli->console.log = cli->console.out;
    code = app_open(&s->app, &cli->console,
        NEED_DATABASE | NEED_COORDINATOR | NEED_EMBEDDER,
        APP_SCHEMAS | APP_SERVICES | APP_COORDINATOR | APP_EMBEDDER |
            APP_LEDGER | APP_LINKER);
    if (code == EXIT_DONE) {
        code = serve_work(s);
        serve_close_parts(s);
    }
    code = app_close(&s->app, code);
    free(s);
    return code;
}

const struct command cmd_serve = {
    .name = "serve",
    .usage = "",
    .summary = "run as a service: on schedule, at start-up, on HTTP requests",
    .details =
        "Listens on HOST:PORT and runs on BATCH_SYNC_SCHEDULE in "
        "BATCH_SYNC_TIMEZONE. Starts\nwithout the database or the coordinator, "
        "and becomes ready when the database\nanswers. Logs go to standard "
        "output. SIGTERM ends it: a run finishes what is in\nflight within "
        "BATCH_SYNC_GRACE_SECONDS; a second signal exits at once. Its paths: "
        "/openapi.json.\n",
    .options = options,
    .run = serve_run,
};
