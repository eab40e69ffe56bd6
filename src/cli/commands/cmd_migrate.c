#include "app/app.h"
#include "base/text.h"
#include "cli/cli.h"
#include "db/migrate/backfill_hashes.h"

#include <inttypes.h>

enum { ASSUMED_BYTES = 16 * 1024 };

static const struct arg_option options[] = {
    {"dry-run", NULL, "only print what would change"},
    {"assume-model", "NAME",
        "keep vectors that another program made with model NAME"},
    {"json", NULL, "print one JSON object"},
    {NULL, NULL, NULL},
};

/* What is printed: as it comes, or with --json at the end. */
struct migrate_said {
    FILE *out;     /* borrowed */
    json_t *lines; /* owned; NULL: without --json */
};

/* `text`: lines, each with its end. */
static void migrate_say(struct migrate_said *said, struct str text)
{
    struct str line;

    if (said->lines == NULL) {
        fprintf(said->out, "%.*s", STR_ARG(text));
        fflush(said->out);
        return;
    }
    while (text_next_line(&text, &line))
        json_array_append_new(said->lines, json_stringn(line.p, line.len));
}

/* Reports what was or would be done; *ready: the tables exist. */
static int migrate_tables(
    struct app *app, struct migrate_said *said, bool dry_run, bool *ready)
{
    struct migrate_req req = {
        .mode = dry_run ? MIGRATE_DRY_RUN : MIGRATE_APPLY,
        .dimensions = app->config.embedding.dimensions,
        .adopt = true,
    };

    op_init(&req.op, app_ignore);
    migrate_run(app->pools.store, &app->loop, &req);
    app_wait(app, &req.op);
    migrate_say(said, buf_view(&req.report));
    buf_free(&req.report);
    *ready = req.ready;
    if (req.op.err.code == 0)
        return EXIT_DONE;
    err_wrap(&req.op.err, "migrate");
    return console_fail(app->console, &req.op.err);
}

static void migrate_report_assumed(const struct app *app,
    struct migrate_said *said, const struct backfill_hashes_req *req)
{
    const char *model = app_embedding_id(app).model;
    struct buf text;

    buf_init(&text, ASSUMED_BYTES);
    if (strcmp(model, req->id->model) != 0)
        buf_printf(&text,
            "warning: a sync with this configuration embeds with %s and "
            "replaces the vectors of %s\n",
            model, req->id->model);
    buf_printf(&text,
        "vector_embeddings: %" PRIu64 " rows %s as embedded by %s\n",
        req->hashed, req->dry_run ? "would be marked" : "marked",
        req->id->model);
    if (req->without > 0)
        buf_printf(&text,
            "vector_embeddings: %" PRIu64 " rows lack a vector, a text or some "
            "of their pieces; a sync embeds them\n",
            req->without);
    migrate_say(said, buf_view(&text));
    buf_free(&text);
}

static int migrate_assume(
    struct app *app, struct migrate_said *said, const char *model, bool dry_run)
{
    struct embedding_id id = app_embedding_id(app);
    struct backfill_hashes_req req = {.id = &id,
        .max_tokens = (size_t)app->config.embedding.max_tokens,
        .dry_run = dry_run};

    id.model = model;
    op_init(&req.op, app_ignore);
    backfill_hashes_run(app->pools.store, &app->loop, &req);
    app_wait(app, &req.op);
    if (req.op.err.code == 0) {
        migrate_report_assumed(app, said, &req);
        return EXIT_DONE;
    }
    err_wrap(&req.op.err, "migrate: --assume-model, after %" PRIu64 " rows",
        req.hashed);
    return console_fail(app->console, &req.op.err);
}

static int migrate_run_command(struct cli *cli)
{
    const char *model = args_value(&cli->args, "assume-model");
    bool dry_run = args_has(&cli->args, "dry-run"), ready = false;
    struct migrate_said said = {.out = cli->console.out,
        .lines = args_has(&cli->args, "json") ? json_array() : NULL};
    struct app app;
    int code = app_open(&app, &cli->console, NEED_DATABASE, APP_DATABASE);

    if (code == EXIT_DONE)
        code = migrate_tables(&app, &said, dry_run, &ready);
    /* A dry run that would take over tables has printed the count already. */
    if (code == EXIT_DONE && model != NULL && ready)
        code = migrate_assume(&app, &said, model, dry_run);
    if (said.lines != NULL)
        cli_print_json(cli,
            json_pack("{s:b, s:b, s:i, s:o}", "success", code == EXIT_DONE,
                "dryRun", dry_run, "exitCode", code, "report", said.lines));
    return app_close(&app, code);
}

const struct command cmd_migrate = {
    .name = "migrate",
    .usage = "[--dry-run] [--assume-model NAME] [--json]",
    .summary = "create or update the tables, or take over existing ones",
    .details =
        "Applies all missing migrations in one transaction; a second run "
        "finds nothing to\ndo. `sync` and `serve` do the same unless "
        "MIGRATE_ON_START is false, but only this\ncommand takes over tables "
        "that another program has made, in place. --dry-run prints\nwhat would "
        "change. With --assume-model the first sync embeds only what has "
        "changed\nsince model NAME made the stored vectors. Needs "
        "DATABASE_URL.\n",
    .options = options,
    .run = migrate_run_command,
};
