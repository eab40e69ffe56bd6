#include "app/app.h"
#include "cli/cli.h"
#include "ops/search.h"

enum { COLUMNS_MAX = 40, TITLE_CHARS = 72 };

static const struct arg_option options[] = {
    {"limit", "N", "number of hits, 10 by default"},
    {"service", "NAME", "only items of this service"},
    {"json", NULL, "print one JSON array"},
    {NULL, NULL, NULL},
};

static void search_print_json(FILE *out, const struct text_search_req *req)
{
    json_t *array = search_json(req);

    json_dumpf(array, out, JSON_COMPACT | JSON_REAL_PRECISION(6));
    fputc('\n', out);
    json_decref(array);
}

/* The title, else the beginning of the text, on one line. */
static void search_print_text(FILE *out, const struct search_hit *hit)
{
    struct str s = hit->title.len > 0 ? hit->title : hit->preview;

    s.len = utf8_prefix(s, TITLE_CHARS);
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];

        fputc(c < ' ' || c == 0x7f ? ' ' : c, out);
    }
}

static int search_widest(int widest, struct str s)
{
    int len = s.len < COLUMNS_MAX ? (int)s.len : COLUMNS_MAX;

    return len > widest ? len : widest;
}

static void search_print_lines(FILE *out, const struct text_search_req *req)
{
    int service = 0, id = 0;

    for (size_t i = 0; i < req->nhits; i++) {
        service = search_widest(service, req->hits[i].service);
        id = search_widest(id, req->hits[i].content_id);
    }
    for (size_t i = 0; i < req->nhits; i++) {
        const struct search_hit *hit = &req->hits[i];

        fprintf(out, "%3zu  %6.3f  %-*.*s  %-*.*s  ", i + 1, hit->similarity,
            service, STR_ARG(hit->service), id, STR_ARG(hit->content_id));
        search_print_text(out, hit);
        if (hit->chunk_index > 0)
            fprintf(out, " (piece %d)", hit->chunk_index + 1);
        fputc('\n', out);
    }
}

static int search_ask(
    struct app *app, struct cli *cli, struct text_search_req *req)
{
    op_init(&req->op, app_ignore);
    search_text(&app->ops, req);
    if (app_wait(app, &req->op) < 0) {
        err_wrap(&req->op.err, "search");
        return console_fail(&cli->console, &req->op.err);
    }
    if (args_has(&cli->args, "json"))
        search_print_json(cli->console.out, req);
    else if (req->nhits > 0)
        search_print_lines(cli->console.out, req);
    else
        fputs("nothing found\n", cli->console.err);
    return EXIT_DONE;
}

static int search(struct app *app, struct cli *cli, int limit)
{
    struct arena arena;
    struct text_search_req req = {
        .text = text_trim(str_of(cli->args.words[0])),
        .service = args_value(&cli->args, "service"),
        .limit = limit,
        .arena = &arena,
    };
    int code;

    arena_init(&arena, 0);
    code = search_ask(app, cli, &req);
    arena_free(&arena);
    return code;
}

static int search_run(struct cli *cli)
{
    unsigned parts = APP_DATABASE | APP_EMBEDDER;
    int limit = SEARCH_USUAL;
    struct err err = {0};
    struct app app;
    int code;

    if (text_trim(str_of(cli->args.words[0])).len == 0)
        err_set(&err, ERR_USAGE, "the text is empty");
    else
        args_int(&cli->args, "limit", 1, SEARCH_MOST, &limit, &err);
    if (err.code != 0) {
        err_wrap(&err, "search");
        return console_fail(&cli->console, &err);
    }
    if (args_has(&cli->args, "service"))
        parts |= APP_SCHEMAS;
    code = app_open(&app, &cli->console, NEED_DATABASE | NEED_EMBEDDER, parts);
    if (code == EXIT_DONE)
        code = app_check_tables(&app, "search");
    if (code == EXIT_DONE)
        code = search(&app, cli, limit);
    return app_close(&app, code);
}

const struct command cmd_search = {
    .name = "search",
    .usage = "TEXT [--limit N] [--service NAME] [--json]",
    .summary = "find the stored items nearest to a text",
    .details =
        "Embeds the text with the configured provider and prints the nearest "
        "stored items:\nrank, cosine similarity, service, content id, and the "
        "title or the beginning of\nthe text.\n",
    .options = options,
    .words = 1,
    .run = search_run,
};
