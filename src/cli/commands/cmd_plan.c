/*
 * What `sync` would do now, and what it would cost. Reads what a run reads;
 * embeds nothing and writes nothing, not even tables.
 */
#include "app/app.h"
#include "base/log.h"
#include "cli/cli.h"
#include "ops/asked.h"
#include "ops/plan/plan.h"
#include "ops/trigger.h"
#include <stdlib.h>
#include <unistd.h>

static const struct arg_option options[] = {
    {"service", "NAME", "only this service; may be repeated"},
    {"incremental", NULL, "only changes since each service's last success"},
    {"json", NULL, "print one JSON object"},
    {NULL, NULL, NULL},
};

struct plan_command {
    struct app app;
    struct cli *cli;       /* borrowed */
    struct run_spec *spec; /* borrowed */
    struct plan_req req;
};

/* --- what is printed --- */

static long long plan_number(const json_t *of, const char *key)
{
    return json_integer_value(json_object_get(of, key));
}

/* "about 1234" where it is known, else "1000 to 4000". */
static void plan_print_tokens(FILE *out, const json_t *of)
{
    const json_t *tokens = json_object_get(of, "tokens");
    long long low = plan_number(tokens, "low");
    long long high = plan_number(tokens, "high");

    if (low == high)
        fprintf(out, "%lld tokens", low);
    else
        fprintf(out, "%lld to %lld tokens", low, high);
}

static void plan_print_cost(FILE *out, const json_t *of)
{
    const json_t *cost = json_object_get(of, "cost");
    double low = json_real_value(json_object_get(cost, "low"));
    double high = json_real_value(json_object_get(cost, "high"));

    if (json_is_null(cost))
        return;
    if (low == high)
        fprintf(out, ", %.4f in money", low);
    else
        fprintf(out, ", %.4f to %.4f in money", low, high);
}

static void plan_print_effort(FILE *out, const json_t *of)
{
    const json_t *seconds = json_object_get(of, "seconds");

    fprintf(out, "%lld requests, ", plan_number(of, "requests"));
    plan_print_tokens(out, of);
    plan_print_cost(out, of);
    if (json_is_null(seconds))
        fputs(", for how long is not known before a run has embedded many\n",
            out);
    else
        fprintf(out, ", about %.0f s\n", json_real_value(seconds));
}

static void plan_print_service(FILE *out, const json_t *s)
{
    const json_t *gone = json_object_get(s, "toDelete");
    json_t *text;
    size_t i;

    fprintf(out,
        "%s: %lld items: %lld new, %lld changed, %lld with other metadata, "
        "%lld unchanged",
        json_string_value(json_object_get(s, "service")),
        plan_number(s, "items"), plan_number(s, "new"),
        plan_number(s, "changed"), plan_number(s, "metadataOnly"),
        plan_number(s, "unchanged"));
    if (plan_number(s, "failed") > 0)
        fprintf(out, ", %lld that cannot be stored", plan_number(s, "failed"));
    if (json_integer_value(gone) > 0)
        fprintf(out, "; %lld to delete", (long long)json_integer_value(gone));
    fputs("\n  ", out);
    plan_print_effort(out, s);
    json_array_foreach(json_object_get(s, "reasons"), i, text)
    {
        fprintf(out, "  %s\n", json_string_value(text));
    }
    json_array_foreach(json_object_get(s, "errors"), i, text)
    {
        fprintf(out, "  error, page %lld: %s\n", plan_number(text, "page"),
            json_string_value(json_object_get(text, "error")));
    }
}

static void plan_print(FILE *out, const json_t *plan)
{
    const json_t *services = json_object_get(plan, "services");
    json_t *service;
    size_t i;

    json_array_foreach(services, i, service)
    {
        plan_print_service(out, service);
    }
    if (json_array_size(services) > 1) {
        fputs("all: ", out);
        plan_print_effort(out, json_object_get(plan, "total"));
    }
    fputs("nothing was embedded or written\n", out);
}

/* --- making it --- */

static void on_plan_signal(void *arg, int signum)
{
    struct plan_command *c = arg;

    op_cancel(&c->req.op);
}

/* Without tables there is nothing to compare with; they are not made. */
static int plan_look_for_tables(struct plan_command *c, struct err *err)
{
    struct err dry = {0};
    struct buf report;

    buf_init(&report, APP_REPORT_BYTES);
    if (app_migrate(&c->app, MIGRATE_LOOK, &report, err) < 0 &&
        err->code == ERR_CONFIG && c->app.config.database.migrate_on_start &&
        app_migrate(&c->app, MIGRATE_DRY_RUN, &report, &dry) == 0) {
        c->req.bare = pg_pool_schema(c->app.pools.store)[0] == '\0' ||
                      strstr(report.data, "already applied") == NULL;
        if (c->req.bare)
            err_clear(err);
    }
    buf_free(&report);
    return err->code;
}

static int plan_make(struct plan_command *c)
{
    FILE *out = c->cli->console.out;
    struct err err = {0};

    if (plan_look_for_tables(c, &err) < 0 ||
        loop_watch_signals(&c->app.loop, on_plan_signal, c, &err) < 0) {
        err_wrap(&err, "plan");
        return console_fail(&c->cli->console, &err);
    }
    c->req.spec = c->spec;
    op_init(&c->req.op, app_ignore);
    plan_run(&c->app.ops, &c->req);
    if (app_wait(&c->app, &c->req.op) < 0) {
        err_wrap(&c->req.op.err, "plan");
        return console_fail(&c->cli->console, &c->req.op.err);
    }
    if (args_has(&c->cli->args, "json"))
        cli_print_json(c->cli, json_incref(c->req.plan));
    else
        plan_print(out, c->req.plan);
    return plan_succeeded(c->req.plan) ? EXIT_DONE : EXIT_FAILED;
}

static int plan_open(struct cli *cli, struct run_spec *spec)
{
    struct plan_command *c = calloc(1, sizeof(*c));
    int code;

    if (c == NULL)
        abort();
    c->cli = cli;
    c->spec = spec;
    code = app_open(&c->app, &cli->console,
        NEED_DATABASE | NEED_COORDINATOR | NEED_EMBEDDER,
        APP_SCHEMAS | APP_SERVICES | APP_COORDINATOR | APP_EMBEDDER |
            APP_LEDGER);
    /* The pipeline tells of what it would do as if it did it. */
    if (c->app.config.log_level == LOG_INFO)
        log_init(cli->console.err, LOG_WARN);
    if (code == EXIT_DONE)
        code = plan_make(c);
    json_decref(c->req.plan);
    code = app_close(&c->app, code);
    free(c);
    return code;
}

static int plan_command_run(struct cli *cli)
{
    const char **names = calloc(cli->args.ngiven + 1, sizeof(*names));
    size_t n = names == NULL ? 0 : args_values(&cli->args, "service", names);
    struct trigger_ask ask;
    struct err err = {0};
    int code;

    if (names == NULL)
        abort();
    trigger_ask_init(&ask, "cli");
    if (args_has(&cli->args, "incremental"))
        ask.spec.kind = "incremental";
    if (trigger_ask_services(&ask, names, n, &err) == 0) {
        code = plan_open(cli, &ask.spec);
    } else {
        asked_subject(&err, "--service");
        err_wrap(&err, "plan");
        err.code = ERR_USAGE;
        code = console_fail(&cli->console, &err);
    }
    free(names);
    return code;
}

const struct command cmd_plan = {
    .name = "plan",
    .usage = "[--service NAME]... [--incremental] [--json]",
    .summary = "what a sync would do now, and what it would cost",
    .details =
        "Reads the source as a sync does and compares it with what is stored, "
        "but embeds\nnothing and writes nothing. Tokens are told as a range "
        "until 1,000 texts of a\nservice have been billed, and as a number "
        "from then on; money where\nEMBEDDING_PRICE_PER_MILLION_TOKENS is "
        "set.\n\n"
        "Exits with 1 where a sync would: a service cannot be read, or an item "
        "not "
        "stored.\n",
    .options = options,
    .run = plan_command_run,
};
