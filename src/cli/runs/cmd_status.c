/*
 * What there is to know at a glance: of the service when one is named, else of
 * the database alone.
 *
 * {"service","scheduler","dependencies","run","openLetters"}: the first three
 * are null without a service; run is the newest, with its services, or null.
 */
#include "cli/cli.h"
#include "cli/remote/look.h"
#include "cli/runs/run_lines.h"
#include <string.h>

static const struct arg_option options[] = {
    LOOK_OPTIONS,
    {"json", NULL, "print one JSON object"},
    {NULL, NULL, NULL},
};

/* --- asking ------------------------------------------------------------- */

/* A member of an answer that needs no token; a new reference in *status. */
static int status_take(
    struct look *look, const char *path, const char *member, json_t *status)
{
    struct client_ask ask = {.method = "GET", .path = path, .expect = member};
    json_t *answer = NULL;
    int code = look_ask_client(look, &ask, &answer);

    json_object_set(status, member, json_object_get(answer, member));
    json_decref(answer);
    return code;
}

static int status_ask_service(struct look *look, json_t *status)
{
    int code;

    if (!look->remote)
        return EXIT_DONE;
    json_object_set_new(status, "service", json_string(look->client.url));
    code = status_take(look, "/health/batch-sync", "scheduler", status);
    if (code == EXIT_DONE)
        code = status_take(look, "/health", "dependencies", status);
    return code;
}

static int status_ask_run(struct look *look, json_t *status)
{
    static const struct look_question newest = {
        .path = "/admin/batch-sync/runs",
        .ask = history_runs,
        .expect = "runs"};
    static const struct look_question whole = {.path = "/admin/batch-sync/runs",
        .by_id = true,
        .ask = history_run,
        .expect = "services"};
    struct history_req list = {.limit = 1};
    json_t *answer = NULL, *run = NULL, *first;
    int code = look_ask(look, &newest, &list, &answer);

    first = json_array_get(json_object_get(answer, "runs"), 0);
    if (first != NULL) {
        struct history_req one = {
            .id = json_string_value(json_object_get(first, "id"))};

        code = look_ask(look, &whole, &one, &run);
    }
    if (run != NULL)
        json_object_set_new(status, "run", run);
    json_decref(answer);
    return code;
}

static int status_ask_letters(struct look *look, json_t *status)
{
    static const struct look_question groups = {
        .path = "/admin/batch-sync/dead-letters/groups",
        .ask = history_letter_groups,
        .expect = "groups"};
    struct history_req req = {.letters = LETTERS_OPEN};
    json_t *answer = NULL, *group;
    json_int_t letters = 0;
    int code = look_ask(look, &groups, &req, &answer);
    size_t i;

    json_array_foreach(json_object_get(answer, "groups"), i, group)
    {
        letters += json_integer_value(json_object_get(group, "count"));
    }
    json_object_set_new(status, "openLetters", json_integer(letters));
    json_decref(answer);
    return code;
}

/* --- for people --------------------------------------------------------- */

static const char *status_text(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text == NULL ? "-" : text;
}

static void status_print_scheduler(FILE *out, json_t *status)
{
    json_t *scheduler = json_object_get(status, "scheduler"), *value;
    json_t *pause = json_object_get(scheduler, "paused");
    const char *name;

    if (!json_is_object(scheduler))
        return;
    fprintf(out, "service       %s\n", status_text(status, "service"));
    if (json_is_true(json_object_get(scheduler, "isScheduled")))
        fprintf(out, "schedule      %s in %s, next at %s\n",
            status_text(scheduler, "schedule"),
            status_text(scheduler, "timezone"),
            status_text(scheduler, "nextRun"));
    else
        fputs("schedule      off, or not started yet\n", out);
    if (json_is_object(pause))
        fprintf(out, "paused        since %s: %s\n",
            status_text(pause, "since"), status_text(pause, "reason"));
    json_object_foreach(json_object_get(status, "dependencies"), name, value)
    {
        /* A key that is not set is none that is down. */
        if (strcmp(name, "private_key") != 0)
            fprintf(out, "%-12s  %s\n", name, json_string_value(value));
    }
}

static void status_print(FILE *out, json_t *status)
{
    json_t *run = json_object_get(status, "run");
    json_int_t letters =
        json_integer_value(json_object_get(status, "openLetters"));

    status_print_scheduler(out, status);
    fprintf(out, "dead letters  %lld open\n", (long long)letters);
    if (json_is_null(run)) {
        fputs("runs          none yet\n", out);
        return;
    }
    fputs("newest run\n\n", out);
    run_lines_head(out);
    run_lines_services(out, run);
}

static int status_look(struct look *look)
{
    json_t *status = json_pack(
        "{s:n, s:n, s:n, s:n}", "service", "scheduler", "dependencies", "run");
    int code = status_ask_service(look, status);

    if (code == EXIT_DONE)
        code = status_ask_run(look, status);
    if (code == EXIT_DONE)
        code = status_ask_letters(look, status);
    if (code == EXIT_DONE && args_has(&look->cli->args, "json"))
        look_print_json(look, status);
    else if (code == EXIT_DONE)
        status_print(look->cli->console.out, status);
    json_decref(status);
    return code;
}

static int status_run(struct cli *cli)
{
    struct look look;
    int code = look_open(&look, cli, "status");

    if (code == EXIT_DONE)
        code = status_look(&look);
    return look_close(&look, code);
}

const struct command cmd_status = {
    .name = "status",
    .usage = "[--url URL [--token-file FILE]] [--json]",
    .summary = "the newest run, dead letters, schedule and dependencies",
    .details = "Exits with 0 when it could be asked, whatever it "
               "says.\n\n" LOOK_HELP,
    .options = options,
    .run = status_run,
};
