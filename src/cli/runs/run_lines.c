#include "cli/runs/run_lines.h"

int run_lines_open(struct app *app, struct cli *cli, const char *command)
{
    int code =
        app_open(app, &cli->console, NEED_DATABASE, APP_DATABASE | APP_LEDGER);

    return code == EXIT_DONE ? app_check_tables(app, command) : code;
}

int run_lines_ask(struct app *app, struct cli *cli,
    void (*ask)(struct pg_pool *, struct loop *, struct history_req *),
    struct history_req *req, const char *command, json_t **answer)
{
    struct str text;
    int code = EXIT_DONE;

    op_init(&req->op, app_ignore);
    ask(app->ops.history, &app->loop, req);
    if (app_wait(app, &req->op) < 0) {
        err_wrap(&req->op.err, "%s", command);
        code = console_fail(&cli->console, &req->op.err);
    } else {
        text = buf_view(&req->json);
        *answer = json_loadb(text.p, text.len, 0, NULL);
        if (args_has(&cli->args, "json"))
            json_dumpf(*answer, cli->console.out, JSON_COMPACT);
        if (args_has(&cli->args, "json"))
            fputc('\n', cli->console.out);
    }
    history_req_clear(req);
    return code;
}

static const char *run_lines_text(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text == NULL ? "-" : text;
}

static long long run_lines_count(json_t *counts, const char *key)
{
    return (long long)json_integer_value(json_object_get(counts, key));
}

void run_lines_head(FILE *out)
{
    fprintf(out, "%-36s  %-24s  %-11s  %-8s  %9s  %9s  %9s  %7s\n", "RUN",
        "STARTED", "STATUS", "TRIGGER", "ITEMS", "STORED", "UNCHANGED",
        "FAILED");
}

void run_lines_run(FILE *out, json_t *run)
{
    json_t *totals = json_object_get(run, "totals");

    fprintf(out, "%-36s  %-24s  %-11s  %-8s  %9lld  %9lld  %9lld  %7lld\n",
        run_lines_text(run, "id"), run_lines_text(run, "startedAt"),
        run_lines_text(run, "status"), run_lines_text(run, "trigger"),
        run_lines_count(totals, "received"), run_lines_count(totals, "stored"),
        run_lines_count(totals, "unchanged"),
        run_lines_count(totals, "failed"));
}

static void run_lines_service(FILE *out, json_t *service)
{
    json_t *counts = json_object_get(service, "counts");
    json_t *errors = json_object_get(service, "errors"), *error;
    size_t i;

    fprintf(out,
        "  %-34s  %-11s  %lld items: %lld stored, %lld unchanged, "
        "%lld failed\n",
        run_lines_text(service, "service"), run_lines_text(service, "status"),
        run_lines_count(counts, "received"), run_lines_count(counts, "stored"),
        run_lines_count(counts, "unchanged"),
        run_lines_count(counts, "failed"));
    json_array_foreach(errors, i, error)
    {
        fprintf(out, "    page %lld: %s\n", run_lines_count(error, "page"),
            run_lines_text(error, "error"));
    }
}

void run_lines_services(FILE *out, json_t *run)
{
    json_t *services = json_object_get(run, "services"), *service;
    size_t i;

    run_lines_run(out, run);
    json_array_foreach(services, i, service)
    {
        run_lines_service(out, service);
    }
}
