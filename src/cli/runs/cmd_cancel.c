/* Ends a run for good, whichever process carries it out. */
#include "cli/cli.h"
#include "cli/remote/look.h"
#include "ops/cancel.h"

enum { CANCEL_PATH_BYTES = 2048 };

static const struct arg_option options[] = {
    LOOK_OPTIONS,
    {"json", NULL, "print one JSON object"},
    {NULL, NULL, NULL},
};

static int cancel_print(struct look *look, const char *id, const char *how)
{
    json_t *answer = json_pack("{s:s}", "canceled", id);

    if (args_has(&look->cli->args, "json"))
        look_print_json(look, answer);
    else
        fprintf(look->cli->console.out, "canceled: %s\n", how);
    json_decref(answer);
    return EXIT_DONE;
}

static int cancel_tell_outcome(struct look *look, const struct cancel_req *req)
{
    struct err err;

    if (req->outcome == CANCEL_NO_RUN)
        err_set(&err, ERR_NOT_FOUND, "there is no run %s", req->run_id);
    else if (req->outcome == CANCEL_ENDED)
        err_set(
            &err, ERR_INVALID, "the run has already ended: %s", req->status);
    else
        return cancel_print(look, req->run_id,
            "the processes at work on it store nothing more");
    return look_fail(look, &err);
}

static int cancel_in_database(struct look *look, const char *id)
{
    struct cancel_req req;
    struct err err;

    if (cancel_req_init(&req, str_of(id), app_ignore, &err) < 0)
        return look_fail(look, &err);
    cancel_run(&look->app.ops, &req);
    if (app_wait(&look->app, &req.op) == 0)
        return cancel_tell_outcome(look, &req);
    return look_fail(look, &req.op.err);
}

static int cancel_at_service(struct look *look, const char *id)
{
    struct client_ask ask = {.method = "POST", .expect = "message"};
    json_t *answer = NULL;
    struct buf path;
    int code;

    buf_init(&path, CANCEL_PATH_BYTES);
    look_put_id(&path, "/admin/batch-sync/runs", id);
    buf_puts(&path, "/cancel");
    ask.path = path.data;
    code = look_ask_client(look, &ask, &answer);
    if (code == EXIT_DONE)
        code = cancel_print(
            look, id, json_string_value(json_object_get(answer, "message")));
    json_decref(answer);
    buf_free(&path);
    return code;
}

static int cancel_command(struct cli *cli)
{
    const char *id = cli->args.words[0];
    struct look look;
    int code = look_open(&look, cli, "cancel");

    if (code == EXIT_DONE)
        code = look.remote ? cancel_at_service(&look, id)
                           : cancel_in_database(&look, id);
    return look_close(&look, code);
}

const struct command cmd_cancel = {
    .name = "cancel",
    .usage = "ID [--url URL [--token-file FILE]] [--json]",
    .summary = "end a run for good",
    .details = "What was stored stays; the rest is left for the next "
               "run.\n\n" LOOK_HELP,
    .options = options,
    .words = 1,
    .run = cancel_command,
};
