/* What was learnt about providers of embeddings, and forgetting it. */
#include "app/app.h"
#include "cli/cli.h"
#include <string.h>

static const struct arg_option options[] = {
    {"address", "URL", "only of this address, as it is listed"},
    {"model", "NAME", "only of this model"},
    {"json", NULL, "print one JSON object"},
    {NULL, NULL, NULL},
};

static const char *limits_text_of(json_t *limit, const char *key)
{
    const char *text = json_string_value(json_object_get(limit, key));

    return text == NULL ? "" : text;
}

static void print_limit(FILE *out, json_t *limit)
{
    const char *kind = limits_text_of(limit, "kind");
    long long value = json_integer_value(json_object_get(limit, "value"));

    fprintf(out, "%s  %s  ", limits_text_of(limit, "address"),
        limits_text_of(limit, "model"));
    if (strcmp(kind, "proven") == 0)
        fprintf(out, "proven: %s", limits_text_of(limit, "settings"));
    else if (strcmp(kind, "inputs") == 0)
        fprintf(out, "at most %lld texts a request", value);
    else
        fprintf(out, "at most about %lld tokens a request", value);
    fprintf(out, "  %s\n", limits_text_of(limit, "learntAt"));
}

static void limits_print(struct cli *cli, const struct limits_list_req *req)
{
    FILE *out = cli->console.out;
    json_t *limit;
    size_t i;

    if (args_has(&cli->args, "json")) {
        cli_print_json(cli,
            json_pack("{sO}", req->forget ? "forgotten" : "limits", req->list));
        return;
    }
    if (json_array_size(req->list) == 0)
        fputs(req->forget ? "nothing to forget\n" : "nothing was learnt\n",
            cli->console.err);
    json_array_foreach(req->list, i, limit)
    {
        fputs(req->forget ? "forgotten: " : "", out);
        print_limit(out, limit);
    }
}

static int limits_ask(
    struct app *app, struct cli *cli, struct limits_list_req *req)
{
    op_init(&req->op, app_ignore);
    limits_list(app->pools.store, &app->loop, req);
    if (app_wait(app, &req->op) < 0) {
        err_wrap(&req->op.err, "limits");
        return console_fail(&cli->console, &req->op.err);
    }
    limits_print(cli, req);
    json_decref(req->list);
    return EXIT_DONE;
}

static int limits_run(struct cli *cli)
{
    const struct args *a = &cli->args;
    const char *word = a->nwords > 0 ? a->words[0] : "list";
    struct limits_list_req req = {.address = args_value(a, "address"),
        .model = args_value(a, "model"),
        .forget = strcmp(word, "forget") == 0};
    struct err err;
    struct app app;
    int code;

    if (!req.forget && strcmp(word, "list") != 0) {
        err_set(
            &err, ERR_USAGE, "limits: \"%s\" is neither list nor forget", word);
        return console_fail(&cli->console, &err);
    }
    code = app_open(&app, &cli->console, NEED_DATABASE, APP_DATABASE);
    if (code == EXIT_DONE)
        code = app_check_tables(&app, "limits", true);
    if (code == EXIT_DONE)
        code = limits_ask(&app, cli, &req);
    return app_close(&app, code);
}

const struct command cmd_limits = {
    .name = "limits",
    .usage = "[list|forget] [--address URL] [--model NAME] [--json]",
    .summary = "list or forget what was learnt about providers of embeddings",
    .details =
        "Lists how many texts and tokens a request may carry, by address and "
        "model, as far\nas refusals have told, and which settings have "
        "embedded "
        "something before, so that\na run needs no trial request. A day after "
        "it was learnt the next size up is tried\nonce.\n\n"
        "`forget` drops what matches; the next run finds it out again. "
        "EMBEDDING_MAX_INPUTS\nand EMBEDDING_MAX_REQUEST_TOKENS, where set, "
        "are used instead.\n",
    .options = options,
    .more_words = 1,
    .run = limits_run,
};
