/*
 * Lists the records that could not be stored, and retries them. A retry marks
 * the letters in the database and then syncs their services.
 */
#include "cli/cli.h"
#include "cli/commands/cmd_sync.h"
#include "cli/remote/look.h"
#include "ops/asked.h"
#include "ops/result_json.h"
#include "ops/retry.h"
#include <stdlib.h>

enum { COLUMNS_MAX = 40 };

static const struct arg_option options[] = {
    {"service", "NAME", "only of this service; a retry may name several"},
    {"id", "ID", "retry: only this content id; may be repeated"},
    {"status", "STATUS", "list: open (the default), resolved or all"},
    {"limit", "N", "list: how many, 50 by default"},
    LOOK_OPTIONS,
    {"json", NULL, "print one JSON object"},
    {NULL, NULL, NULL},
};

/* --- list --------------------------------------------------------------- */

enum { SERVICE, ID, TIMES, FIRST, LAST, STATE, REASON, NCOLUMNS };

static const char *const heads[NCOLUMNS] = {
    "SERVICE", "ID", "TIMES", "FIRST SEEN", "LAST SEEN", "STATE", "REASON"};

static const char *dead_letters_text_of(json_t *letter, const char *key)
{
    const char *text = json_string_value(json_object_get(letter, key));

    return text == NULL ? "" : text;
}

static const char *dead_letters_state_of(json_t *letter)
{
    if (!json_is_null(json_object_get(letter, "resolvedAt")))
        return "resolved";
    return json_is_true(json_object_get(letter, "known")) ? "known" : "open";
}

/* The text of a cell, without characters that would break the line. */
static const char *dead_letters_cell(
    json_t *letter, int column, char *out, size_t size)
{
    static const char *const keys[NCOLUMNS] = {
        "service", "contentId", NULL, "firstSeen", "lastSeen", NULL, "reason"};
    json_int_t times = json_integer_value(json_object_get(letter, "times"));

    if (column == TIMES)
        snprintf(out, size, "%lld", (long long)times);
    else if (column == STATE)
        snprintf(out, size, "%s", dead_letters_state_of(letter));
    else
        snprintf(out, size, "%s", dead_letters_text_of(letter, keys[column]));
    out[utf8_prefix(
        str_of(out), column == REASON ? size : (size_t)COLUMNS_MAX)] = '\0';
    for (char *c = out; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    return out;
}

static void dead_letters_print_line(
    FILE *out, json_t *letter, const int *widths)
{
    char text[ERR_MSG_BYTES];

    for (int i = 0; i < NCOLUMNS; i++)
        fprintf(out, "%-*s%s", i + 1 < NCOLUMNS ? widths[i] : 0,
            letter == NULL ? heads[i]
                           : dead_letters_cell(letter, i, text, sizeof(text)),
            i + 1 < NCOLUMNS ? "  " : "\n");
}

static void dead_letters_print_table(struct cli *cli, json_t *letters)
{
    int widths[NCOLUMNS], len;
    char text[ERR_MSG_BYTES];
    json_t *letter;
    size_t i;

    if (json_array_size(letters) == 0) {
        fputs("no dead letters\n", cli->console.err);
        return;
    }
    for (int k = 0; k < NCOLUMNS; k++) {
        widths[k] = (int)strlen(heads[k]);
        json_array_foreach(letters, i, letter)
        {
            len = (int)strlen(dead_letters_cell(letter, k, text, sizeof(text)));
            widths[k] = len > widths[k] ? len : widths[k];
        }
    }
    dead_letters_print_line(cli->console.out, NULL, widths);
    json_array_foreach(letters, i, letter)
    {
        dead_letters_print_line(cli->console.out, letter, widths);
    }
}

static int dead_letters_list(struct look *look, struct history_req *req)
{
    static const struct look_question question = {
        .path = "/admin/batch-sync/dead-letters",
        .ask = history_dead_letters,
        .expect = "deadLetters"};

    if (!look->remote)
        req->tenant = look->app.config.sync.tenant;
    return look_list(look, &question, req, dead_letters_print_table);
}

/* --- retry -------------------------------------------------------------- */

struct marking {
    struct arena arena;
    struct retry_letters_req req;
};

static int dead_letters_mark(
    struct app *app, struct cli *cli, struct marking *r)
{
    struct retry_letters_req *req = &r->req;

    req->arena = &r->arena;
    req->tenant = arena_dup(&r->arena, str_of(app->config.sync.tenant)).p;
    op_init(&req->op, app_ignore);
    retry_mark(&app->ops, req);
    if (app_wait(app, &req->op) == 0)
        return EXIT_DONE;
    err_wrap(&req->op.err, "dead-letters retry");
    return console_fail(&cli->console, &req->op.err);
}

/* Nothing to do is not a failure. */
static int dead_letters_tell_none(struct cli *cli)
{
    struct run_result none = {.status = RUN_SUCCESS, .source = "request"};

    fputs("no open dead letter matches: nothing to retry\n", cli->console.err);
    if (args_has(&cli->args, "json"))
        cli_print_json(cli, result_json(&none));
    return EXIT_DONE;
}

/* The database is closed by now: the sync opens all that it needs. */
static int dead_letters_sync_marked(struct cli *cli, const struct marking *r)
{
    const struct retry_letters_req *req = &r->req;
    struct run_spec spec = retry_spec(req, "cli");

    if (req->nnames == 0)
        return dead_letters_tell_none(cli);
    fprintf(cli->console.err,
        "%llu dead letter%s of %zu service%s: this run retries them, or, if "
        "it cannot start, the next run\n",
        (unsigned long long)req->letters, req->letters == 1 ? "" : "s",
        req->nnames, req->nnames == 1 ? "" : "s");
    return sync_spec(cli, &spec);
}

/* --- retry, by the service ---------------------------------------------- */

static json_t *dead_letters_values(const struct args *a, const char *name)
{
    const char **values = calloc(a->ngiven + 1, sizeof(*values));
    size_t n = values == NULL ? 0 : args_values(a, name, values);
    json_t *array = n == 0 ? NULL : json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, json_string(values[i]));
    free(values);
    return array;
}

static void dead_letters_tell_retry(struct look *look, json_t *answer)
{
    json_int_t retried = json_integer_value(json_object_get(answer, "retried"));
    const char *run = json_string_value(json_object_get(answer, "runId"));
    FILE *out = look->cli->console.out;

    if (args_has(&look->cli->args, "json"))
        look_print_json(look, answer);
    else if (retried == 0)
        fputs("no open dead letter matches: nothing to retry\n",
            look->cli->console.err);
    else if (run == NULL)
        fprintf(out, "%lld to be tried again, by the next run\n",
            (long long)retried);
    else
        fprintf(out,
            "%lld to be tried again, by run %s, which has begun; watch it "
            "with: batchsync run %s --watch\n",
            (long long)retried, run, run);
}

static int dead_letters_ask_retry(struct look *look)
{
    const struct args *a = &look->cli->args;
    json_t *body = json_pack("{s:o*, s:o*}", "services",
        dead_letters_values(a, "service"), "ids", dead_letters_values(a, "id"));
    char *text = json_dumps(body, JSON_COMPACT);
    struct client_ask ask = {.method = "POST",
        .path = "/admin/batch-sync/dead-letters/retry",
        .expect = "retried",
        .body = str_of(text)};
    json_t *answer = NULL;
    int code = look_ask_client(look, &ask, &answer);

    if (code == EXIT_DONE)
        dead_letters_tell_retry(look, answer);
    json_decref(answer);
    json_decref(body);
    free(text);
    return code;
}

/* Does not wait for the run. */
static int dead_letters_retry_there(struct cli *cli)
{
    struct look look;
    int code = look_open(&look, cli, "dead-letters");

    if (code == EXIT_DONE)
        code = dead_letters_ask_retry(&look);
    return look_close(&look, code);
}

/* --- both --------------------------------------------------------------- */

static int dead_letters_open_database(struct app *app, struct cli *cli)
{
    int code = app_open(app, &cli->console, NEED_DATABASE, APP_DATABASE);

    return code == EXIT_DONE ? app_check_tables(app, "dead-letters", true)
                             : code;
}

static int dead_letters_show(struct cli *cli, struct history_req *req)
{
    struct look look;
    int code = look_open(&look, cli, "dead-letters");

    if (code == EXIT_DONE)
        code = dead_letters_list(&look, req);
    return look_close(&look, code);
}

static int dead_letters_retry_command(struct cli *cli)
{
    size_t room = cli->args.ngiven + 1;
    const char **names = calloc(2 * room, sizeof(*names));
    struct marking r = {.req = {.services = names}};
    struct app app;
    int code;

    if (names == NULL)
        abort();
    r.req.ids = names + room;
    r.req.nservices = args_values(&cli->args, "service", names);
    r.req.nids = args_values(&cli->args, "id", names + room);
    arena_init(&r.arena, 0);
    code = dead_letters_open_database(&app, cli);
    if (code == EXIT_DONE)
        code = dead_letters_mark(&app, cli, &r);
    code = app_close(&app, code);
    if (code == EXIT_DONE)
        code = dead_letters_sync_marked(cli, &r);
    arena_free(&r.arena);
    free(names);
    return code;
}

/* Options of the other use. */
static int dead_letters_check_options(
    const struct args *a, bool retry, struct err *err)
{
    static const char *const of_list[] = {"status", "limit"};

    for (int i = 0; i < 2 && retry; i++)
        if (args_has(a, of_list[i]))
            return err_set(
                err, ERR_USAGE, "--%s is only for the list", of_list[i]);
    if (!retry && args_has(a, "id"))
        return err_set(err, ERR_USAGE, "--id is only for a retry");
    return 0;
}

/* The words of a list; ERR_USAGE. */
static int dead_letters_read_options(
    const struct args *a, struct history_req *req, struct err *err)
{
    const char *status = args_value(a, "status");
    const char *limit = args_value(a, "limit");

    if (asked_letters(status, &req->letters, err) < 0)
        asked_subject(err, "--status %s", status);
    else if (asked_limit(limit, &req->limit, err) < 0)
        asked_subject(err, "--limit %s", limit);
    else
        return 0;
    return err->code = ERR_USAGE;
}

static int dead_letters_run(struct cli *cli)
{
    const struct args *a = &cli->args;
    const char *word = a->nwords > 0 ? a->words[0] : "list";
    bool retry = strcmp(word, "retry") == 0;
    struct history_req req = {.service = args_value(a, "service")};
    struct err err = {0};

    if (!retry && strcmp(word, "list") != 0)
        err_set(&err, ERR_USAGE, "\"%s\" is neither list nor retry", word);
    else if (dead_letters_check_options(a, retry, &err) == 0)
        dead_letters_read_options(a, &req, &err);
    if (err.code != 0) {
        err_wrap(&err, "dead-letters");
        return console_fail(&cli->console, &err);
    }
    if (retry && look_is_remote(cli))
        return dead_letters_retry_there(cli);
    return retry ? dead_letters_retry_command(cli)
                 : dead_letters_show(cli, &req);
}

const struct command cmd_dead_letters = {
    .name = "dead-letters",
    .usage = "[list|retry] [--service NAME]... [--id ID]... [--status STATUS]\n"
             "       [--limit N] [--url URL [--token-file FILE]] [--json]",
    .summary = "list or retry the records that could not be stored",
    .details =
        "Lists the records that could not be stored, the most recent first. "
        "A \"known\" record\nwas refused for its content and is skipped until "
        "the record, the model or the schema\nchanges; an \"open\" one is "
        "tried "
        "by the next run that reads it.\n\n"
        "`retry` marks open records, all or those of a service or id, and "
        "syncs "
        "their\nservices; see batchsync sync --help. While another run is "
        "under "
        "way it exits with\n75, and the next run tries them. A service that "
        "is asked to retry carries out the\nrun itself, and this does not wait "
        "for it.\n\n" LOOK_HELP,
    .options = options,
    .more_words = 1,
    .run = dead_letters_run,
};
