#include "app/app.h"
#include "cli/cli.h"
#include "ops/asked.h"
#include "ops/search/search_ask.h"
#include <math.h>

enum { COLUMNS_MAX = 40, TITLE_CHARS = 72 };

static const struct arg_option options[] = {
    {"limit", "N", "number of hits, 10 by default"},
    {"service", "NAME", "only items of this service"},
    {"where", "FIELD=VALUE", "only items whose metadata has that value"},
    {"since", "TIME", "only items stored since then"},
    {"until", "TIME", "only items stored before"},
    {"vector", NULL, "by meaning alone: nearest vectors first"},
    {"text", NULL, "by words alone: nothing is embedded"},
    {"explain", NULL, "also print what each way found"},
    {"json", NULL, "print one JSON array"},
    {NULL, NULL, NULL},
};

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

static void search_print_similarity(FILE *out, double similarity)
{
    if (isnan(similarity))
        fprintf(out, "%6s  ", "-");
    else
        fprintf(out, "%6.3f  ", similarity);
}

/* A line below the hit. */
static void search_print_reasons(FILE *out, const struct search_item *item)
{
    fprintf(out, "     score %.4f", item->score);
    if (item->vector_rank > 0)
        fprintf(out, ", vector %d.", item->vector_rank);
    if (item->text_rank > 0)
        fprintf(out, ", text %d. (%.3f%s)", item->text_rank, item->text_score,
            item->phrase ? ", as a phrase" : "");
    fputc('\n', out);
}

static void search_print_lines(
    FILE *out, const struct text_search_req *req, bool explain)
{
    int service = 0, id = 0;

    for (size_t i = 0; i < req->nitems; i++) {
        service = search_widest(service, req->items[i].hit->service);
        id = search_widest(id, req->items[i].hit->content_id);
    }
    for (size_t i = 0; i < req->nitems; i++) {
        const struct search_hit *hit = req->items[i].hit;

        fprintf(out, "%3zu  ", i + 1);
        search_print_similarity(out, req->items[i].similarity);
        fprintf(out, "%-*.*s  %-*.*s  ", service, STR_ARG(hit->service), id,
            STR_ARG(hit->content_id));
        search_print_text(out, hit);
        if (hit->chunk_index > 0)
            fprintf(out, " (piece %d)", hit->chunk_index + 1);
        fputc('\n', out);
        if (explain)
            search_print_reasons(out, &req->items[i]);
    }
}

static void search_print(struct cli *cli, const struct text_search_req *req)
{
    bool explain = args_has(&cli->args, "explain");
    const char *note = search_note(req);

    if (args_has(&cli->args, "json"))
        cli_print_json(cli, search_json(req, explain));
    else if (req->nitems > 0)
        search_print_lines(cli->console.out, req, explain);
    else
        fputs("nothing found\n", cli->console.err);
    if (note != NULL && (explain || req->index == SEARCH_TOO_LARGE))
        fprintf(cli->console.err, "%s\n", note);
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
    search_print(cli, req);
    return EXIT_DONE;
}

/* ERR_USAGE names the option that is wrong. */
static int search_read_filter(
    const struct args *args, struct text_search_req *req, struct err *err)
{
    static const char *const times[] = {"since", "until"};
    const char **where = calloc(args->ngiven + 1, sizeof(*where));
    size_t n;

    if (where == NULL)
        abort();
    n = args_values(args, "where", where);
    for (size_t i = 0; i < n && err->code == 0; i++) {
        if (search_ask_where(req->arena, &req->filter, where[i], err) < 0)
            asked_subject(err, "--where %s", where[i]);
    }
    for (int i = 0; i < 2 && err->code == 0; i++) {
        const char *text = args_value(args, times[i]);

        if (text != NULL &&
            search_ask_time(req->arena, text,
                i == 0 ? &req->filter.since : &req->filter.until, err) < 0)
            asked_subject(err, "--%s %s", times[i], text);
    }
    free(where);
    return err->code;
}

/* ERR_USAGE as above. */
static int search_read_options(
    const struct args *args, struct text_search_req *req, struct err *err)
{
    bool vector = args_has(args, "vector"), text = args_has(args, "text");

    req->text = text_trim(str_of(args->words[0]));
    req->service = args_value(args, "service");
    req->limit = SEARCH_USUAL;
    req->way = vector ? SEARCH_VECTOR : text ? SEARCH_TEXT : SEARCH_BOTH;
    if (req->text.len == 0)
        err_set(err, ERR_USAGE, "the text is empty");
    else if (vector && text)
        err_set(err, ERR_USAGE,
            "--vector and --text exclude each other; without them both ways "
            "are taken");
    else if (args_int(args, "limit", 1, SEARCH_MOST, &req->limit, err) == 0)
        search_read_filter(args, req, err);
    if (err->code != 0)
        err->code = ERR_USAGE;
    return err->code;
}

static int search_work(struct cli *cli, struct text_search_req *req)
{
    bool embeds = req->way != SEARCH_TEXT;
    struct app app;
    int code;

    code = app_open(&app, &cli->console,
        NEED_DATABASE | (embeds ? NEED_EMBEDDER : 0),
        APP_SCHEMAS | APP_DATABASE | (embeds ? APP_EMBEDDER : 0));
    if (code == EXIT_DONE)
        code = app_check_tables(&app, "search", false);
    if (code == EXIT_DONE)
        code = search_ask(&app, cli, req);
    return app_close(&app, code);
}

static int search_run(struct cli *cli)
{
    struct text_search_req req = {0};
    struct err err = {0};
    struct arena arena;
    int code;

    arena_init(&arena, 0);
    req.arena = &arena;
    if (search_read_options(&cli->args, &req, &err) == 0) {
        code = search_work(cli, &req);
    } else {
        err_wrap(&err, "search");
        code = console_fail(&cli->console, &err);
    }
    arena_free(&arena);
    return code;
}

const struct command cmd_search = {
    .name = "search",
    .usage = "TEXT [--limit N] [--service NAME] [--where FIELD=VALUE]... "
             "[--since TIME]\n    [--until TIME] [--vector|--text] [--explain] "
             "[--json]",
    .summary = "find the stored items that answer a text best",
    .details =
        "Looks for the text by meaning, with a vector from the configured "
        "provider, and by\nits words, and fuses the two. Prints rank, cosine "
        "similarity, service, content id,\nand the title or the beginning of "
        "the text.\n\n"
        "Words are found through an index that BATCH_SYNC_FULL_TEXT=true has "
        "built; without\none, every text of a table of up to 20,000 rows is "
        "read. --explain says so.\n",
    .options = options,
    .words = 1,
    .run = search_run,
};
