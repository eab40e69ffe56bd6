#include "app/app.h"
#include "cli/cli.h"
#include "ops/result_json.h"
#include <stdlib.h>

enum { LIMIT = 10, LIMIT_MAX = 1000, COLUMNS_MAX = 40, TITLE_CHARS = 72 };

static const struct arg_option options[] = {
    {"limit", "N", "how many, 10 unless told"},
    {"service", "NAME", "only what this service gave"},
    {"json", NULL, "print one JSON array"},
    {NULL, NULL, NULL},
};

/* The vector of the text; NULL after telling why. Free it. */
static float *search_embed(struct app *app, struct cli *cli, int *code)
{
    int dimensions = app->config.embedding.dimensions;
    float *vector = calloc((size_t)dimensions, sizeof(*vector));
    struct str text = text_trim(str_of(cli->args.words[0]));
    struct embed_req req = {
        .texts = &text, .n = 1, .dimensions = dimensions, .vectors = vector};

    if (vector == NULL)
        abort();
    op_init(&req.op, app_ignore);
    if (app_wait(app, app->ports.embed(app, &req), &req.op) == 0)
        return vector;
    err_wrap(&req.op.err, "search: embed");
    *code = console_fail(&cli->console, &req.op.err);
    free(vector);
    return NULL;
}

static json_t *text_json(struct str s)
{
    return json_stringn(s.p != NULL ? s.p : "", s.len);
}

static void search_print_json(FILE *out, const struct search_req *req)
{
    json_t *array = json_array();

    for (size_t i = 0; i < req->nhits; i++) {
        const struct search_hit *hit = &req->hits[i];
        json_t *object = json_pack("{s:I, s:f, s:o, s:o, s:i, s:o, s:o}",
            "rank", (json_int_t)i + 1, "similarity", hit->similarity, "service",
            text_json(hit->service), "content_id", text_json(hit->content_id),
            "chunk_index", hit->chunk_index, "title", text_json(hit->title),
            "preview", text_json(hit->preview));

        json_array_append_new(array, object);
    }
    json_dumpf(array, out, JSON_COMPACT | JSON_REAL_PRECISION(6));
    fputc('\n', out);
    json_decref(array);
}

/* The title, else the beginning of the text, on one line. */
static void print_text(FILE *out, const struct search_hit *hit)
{
    struct str s = hit->title.len > 0 ? hit->title : hit->preview;

    s.len = utf8_prefix(s, TITLE_CHARS);
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];

        fputc(c < ' ' || c == 0x7f ? ' ' : c, out);
    }
}

static int widest(int widest, struct str s)
{
    int len = s.len < COLUMNS_MAX ? (int)s.len : COLUMNS_MAX;

    return len > widest ? len : widest;
}

static void search_print_lines(FILE *out, const struct search_req *req)
{
    int service = 0, id = 0;

    for (size_t i = 0; i < req->nhits; i++) {
        service = widest(service, req->hits[i].service);
        id = widest(id, req->hits[i].content_id);
    }
    for (size_t i = 0; i < req->nhits; i++) {
        const struct search_hit *hit = &req->hits[i];

        fprintf(out, "%3zu  %6.3f  %-*.*s  %-*.*s  ", i + 1, hit->similarity,
            service, STR_ARG(hit->service), id, STR_ARG(hit->content_id));
        print_text(out, hit);
        if (hit->chunk_index > 0)
            fprintf(out, " (piece %d)", hit->chunk_index + 1);
        fputc('\n', out);
    }
}

/* Rows carry the name in the schema, which may be another one. */
static const char *stored_name(
    struct app *app, struct arena *arena, const char *service)
{
    const struct schema *schema;

    if (service == NULL)
        return NULL;
    schema = schema_find(&app->schemas, arena, service);
    return schema != NULL ? schema->service_name : service;
}

static int search_ask(struct app *app, struct cli *cli, struct search_req *req)
{
    op_init(&req->op, app_ignore);
    if (app_wait(app, store_search(&app->store, req), &req->op) < 0) {
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
    struct search_req req = {
        .arena = &arena,
        .tenant = app->config.sync.tenant,
        .dimensions = app->config.embedding.dimensions,
        .limit = limit,
    };
    int code = EXIT_DONE;
    float *vector = search_embed(app, cli, &code);

    if (vector == NULL)
        return code;
    arena_init(&arena, 0);
    req.vector = vector;
    req.service = stored_name(app, &arena, args_value(&cli->args, "service"));
    code = search_ask(app, cli, &req);
    arena_free(&arena);
    free(vector);
    return code;
}

static int search_run(struct cli *cli)
{
    unsigned parts = APP_DATABASE | APP_EMBEDDER;
    int limit = LIMIT;
    struct err err = {0};
    struct app app;
    int code;

    if (text_trim(str_of(cli->args.words[0])).len == 0)
        err_set(&err, ERR_USAGE, "the text is empty");
    else
        args_int(&cli->args, "limit", 1, LIMIT_MAX, &limit, &err);
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
    .summary = "find what is stored nearest to a text",
    .details =
        "Embeds the text with the configured provider and prints the nearest "
        "stored\nitems: rank, cosine similarity, service, content id, and the "
        "title or the\nbeginning of the text.\n",
    .options = options,
    .words = 1,
    .run = search_run,
};
