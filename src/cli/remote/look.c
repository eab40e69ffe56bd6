#include "cli/remote/look.h"

#include "cli/runs/run_lines.h"
#include <stdlib.h>

enum { LOOK_PATH_BYTES = 4096 };

/* --- beginning and end -------------------------------------------------- */

/* An empty variable is none. */
static const char *look_url(const struct cli *cli)
{
    const char *url = args_value(&cli->args, "url");

    if (url == NULL)
        url = getenv("BATCHSYNC_URL");
    return url == NULL || url[0] == '\0' ? NULL : url;
}

bool look_is_remote(const struct cli *cli)
{
    return look_url(cli) != NULL;
}

static int look_open_remote(struct look *l)
{
    const char *url = args_value(&l->cli->args, "url");
    struct err err = {0};
    int code = app_open(&l->app, &l->cli->console, 0, APP_HTTP);

    if (code != EXIT_DONE)
        return code;
    if (url == NULL)
        url = l->app.config.client.url;
    if (client_init(&l->client, &l->app, url,
            args_value(&l->cli->args, "token-file"), &err) < 0)
        return look_fail(l, &err);
    return EXIT_DONE;
}

int look_open(struct look *l, struct cli *cli, const char *command)
{
    *l = (struct look){
        .cli = cli, .command = command, .remote = look_is_remote(cli)};
    return l->remote ? look_open_remote(l)
                     : run_lines_open(&l->app, cli, command, false);
}

int look_close(struct look *l, int code)
{
    client_free(&l->client);
    return app_close(&l->app, code);
}

int look_fail(struct look *l, struct err *err)
{
    err_wrap(err, "%s", l->command);
    return console_fail(&l->cli->console, err);
}

void look_print_json(const struct look *l, json_t *answer)
{
    if (args_has(&l->cli->args, "json"))
        cli_print_json(l->cli, json_incref(answer));
}

/* --- of the service ----------------------------------------------------- */

static void look_put_encoded(struct buf *path, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

    for (const char *c = text; *c != '\0'; c++)
        if (strchr(plain, *c) != NULL)
            buf_printf(path, "%c", *c);
        else
            buf_printf(path, "%%%02X", (unsigned char)*c);
}

void look_put_id(struct buf *path, const char *prefix, const char *id)
{
    buf_printf(path, "%s/", prefix);
    look_put_encoded(path, id);
}

static void look_put_value(
    struct buf *path, const char **between, const char *name, const char *value)
{
    if (value == NULL)
        return;
    buf_printf(path, "%s%s=", *between, name);
    look_put_encoded(path, value);
    *between = "&";
}

static void look_put_path(struct buf *path, const struct look_question *q,
    const struct history_req *req)
{
    static const char *const letters[] = {
        [LETTERS_ALL] = "all", [LETTERS_RESOLVED] = "resolved"};
    const char *between = "?";
    char limit[16];

    if (q->by_id) {
        look_put_id(path, q->path, req->id);
        return;
    }
    buf_puts(path, q->path);
    snprintf(limit, sizeof(limit), "%d", req->limit);
    look_put_value(path, &between, "limit", req->limit > 0 ? limit : NULL);
    look_put_value(path, &between, "before", req->before);
    look_put_value(path, &between, "service", req->service);
    look_put_value(path, &between,
        q->ask == history_fires ? "outcome" : "status",
        q->ask == history_dead_letters ? letters[req->letters] : req->status);
}

static int look_ask_service(struct look *l, const struct look_question *q,
    const struct history_req *req, json_t **answer)
{
    struct client_ask ask = {.method = "GET", .expect = q->expect};
    struct buf path;
    int code;

    buf_init(&path, LOOK_PATH_BYTES);
    look_put_path(&path, q, req);
    buf_puts(&path, ""); /* a NUL behind it */
    ask.path = path.data;
    code = look_ask_client(l, &ask, answer);
    buf_free(&path);
    return code;
}

int look_ask_client(
    struct look *l, const struct client_ask *ask, json_t **answer)
{
    struct err err = {0};

    if (client_send(&l->client, ask, answer, &err) == 0)
        return EXIT_DONE;
    return look_fail(l, &err);
}

/* --- of the database ---------------------------------------------------- */

static int look_ask_database(struct look *l, const struct look_question *q,
    struct history_req *req, json_t **answer)
{
    struct str text;
    int code = EXIT_DONE;

    op_init(&req->op, app_ignore);
    q->ask(l->app.ops.history, &l->app.loop, req);
    if (app_wait(&l->app, &req->op) < 0) {
        code = look_fail(l, &req->op.err);
    } else {
        text = buf_view(&req->json);
        *answer = json_loadb(text.p, text.len, 0, NULL);
    }
    history_req_clear(req);
    return code;
}

int look_ask(struct look *l, const struct look_question *q,
    struct history_req *req, json_t **answer)
{
    return l->remote ? look_ask_service(l, q, req, answer)
                     : look_ask_database(l, q, req, answer);
}

int look_list(struct look *l, const struct look_question *q,
    struct history_req *req, void (*print)(struct cli *cli, json_t *list))
{
    json_t *answer = NULL;
    int code = look_ask(l, q, req, &answer);

    if (answer != NULL && args_has(&l->cli->args, "json"))
        look_print_json(l, answer);
    else if (answer != NULL)
        print(l->cli, json_object_get(answer, q->expect));
    json_decref(answer);
    return code;
}
