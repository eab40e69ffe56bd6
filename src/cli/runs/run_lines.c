#include "cli/runs/run_lines.h"

#include "base/text.h"
#include "cli/progress.h"
#include "cli/report.h"
#include <string.h>

enum { LINE_BYTES = 256 };

int run_lines_open(
    struct app *app, struct cli *cli, const char *command, bool writes)
{
    int code =
        app_open(app, &cli->console, NEED_DATABASE, APP_DATABASE | APP_LEDGER);

    return code == EXIT_DONE ? app_check_tables(app, command, writes) : code;
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

/* What the embedder cost, and how often it said no; nothing where there is
 * nothing to say. */
static void run_lines_embedder(FILE *out, json_t *counts)
{
    long long tokens = run_lines_count(counts, "tokens");
    const char *name;
    json_t *count;

    if (tokens > 0)
        fprintf(out, "    %lld tokens billed, %lld estimated\n", tokens,
            run_lines_count(counts, "tokensEstimated"));
    json_object_foreach(counts, name, count)
    {
        if (strncmp(name, "refused", 7) == 0 && json_integer_value(count) > 0)
            fprintf(out, "    embedding requests refused (%c%s): %lld\n",
                name[7] | 0x20, name + 8, (long long)json_integer_value(count));
    }
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
    run_lines_embedder(out, counts);
    json_array_foreach(errors, i, error)
    {
        fprintf(out, "    page %lld: %s\n", run_lines_count(error, "page"),
            run_lines_text(error, "error"));
    }
}

/* Of the service that was asked; length 0: it is idle, or not known. */
static void run_lines_linking(json_t *run, struct buf *out)
{
    json_t *linking = json_object_get(run, "linking");
    json_t *queued = json_object_get(linking, "queued");
    char number[REPORT_NUMBER_BYTES];

    if (!json_is_object(linking))
        return;
    report_number(
        (uint64_t)json_number_value(json_object_get(linking, "perSecond")),
        number);
    buf_printf(
        out, "  linking, %s: %s/s", run_lines_text(linking, "method"), number);
    if (!json_is_integer(queued))
        return;
    report_number((uint64_t)json_integer_value(queued), number);
    buf_printf(out, ", %s items wait", number);
}

static void run_lines_put_linking(struct live_lines *lines, json_t *run)
{
    struct buf line;

    buf_init(&line, LINE_BYTES);
    run_lines_linking(run, &line);
    if (line.len > 0) {
        live_lines_put(lines, LIVE_PLAIN, "%.*s", (int)line.len, line.data);
        live_lines_next(lines);
    }
    buf_free(&line);
}

static void run_lines_print_linking(FILE *out, json_t *run)
{
    struct buf line;

    buf_init(&line, LINE_BYTES);
    run_lines_linking(run, &line);
    if (line.len > 0)
        fprintf(out, "%.*s\n", (int)line.len, line.data);
    buf_free(&line);
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
    run_lines_print_linking(out, run);
}

static bool run_lines_status_is(json_t *service, const char *status)
{
    return strcmp(run_lines_text(service, "status"), status) == 0;
}

/* How long it has been at work; the clocks of two machines may differ. */
static uint64_t run_lines_ms(json_t *run, json_t *service)
{
    json_int_t ms = json_integer_value(json_object_get(run, "durationMs"));
    int64_t run_began, began;

    if (!iso_to_ms(str_of(run_lines_text(run, "startedAt")), &run_began) ||
        !iso_to_ms(str_of(run_lines_text(service, "startedAt")), &began) ||
        began - run_began > ms)
        return 0;
    return (uint64_t)(ms - (began - run_began));
}

static void run_lines_put(
    struct live_lines *lines, json_t *run, json_t *service)
{
    json_t *counts = json_object_get(service, "counts");
    bool running = run_lines_status_is(service, "running");

    progress_put(lines,
        &(struct progress_shown){.name = run_lines_text(service, "service"),
            .items = (uint64_t)run_lines_count(counts, "received"),
            .announced = (uint64_t)run_lines_count(service, "total"),
            .stored = (uint64_t)run_lines_count(counts, "stored"),
            .unchanged = (uint64_t)run_lines_count(counts, "unchanged"),
            .failed = (uint64_t)run_lines_count(counts, "failed"),
            .ms = running ? run_lines_ms(run, service) : 0,
            .ended = !running,
            .good = run_lines_status_is(service, "success")});
}

void run_lines_live(struct live_lines *lines, json_t *run)
{
    json_t *services = json_object_get(run, "services"), *service;
    size_t i, pending = 0, room = live_lines_room(lines) - 1;

    json_array_foreach(services, i, service)
    {
        if (run_lines_status_is(service, "pending"))
            pending++;
        else if (lines->n < room)
            run_lines_put(lines, run, service);
    }
    if (pending > 0 || lines->n == 0) {
        live_lines_put(lines, LIVE_DIM, "  %zu more to come", pending);
        live_lines_next(lines);
    }
    run_lines_put_linking(lines, run);
}
