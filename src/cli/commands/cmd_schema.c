/*
 * Reviewing schemas: `lint` and `test`, over a directory of them. Needs no
 * configuration and no network, so that it can run wherever schemas are
 * reviewed.
 */
#include "cli/cli.h"

#include "app/app.h"
#include "base/text.h"
#include "record/pieces/schema_pieces.h"
#include "record/review/schema_lint.h"
#include <inttypes.h>
#include <stdlib.h>

enum { REPORT_BYTES = 64 * 1024 * 1024 };

static const struct arg_option options[] = {
    {"json", NULL, "print one JSON object"},
    {NULL, NULL, NULL},
};

/* One of the two; returns how many findings it added to the report. */
typedef long schema_review_fn(const struct schema *schema,
    const struct schema_cases *cases, struct buf *report);

struct review {
    struct cli *cli;
    schema_review_fn *look;
    struct schema_set set;
    struct buf report, problems;
    size_t cases;   /* of all schemas */
    size_t without; /* schemas that have none */
    long findings;
};

static int schema_review_one(struct review *r, const struct schema *schema)
{
    struct schema_cases cases;
    struct arena a;
    long found = 0;
    int rc;

    arena_init(&a, 0);
    rc = schema_cases_load(&a, schema, &cases, &r->problems);
    if (rc == 0)
        found = r->look(schema, &cases, &r->report);
    if (rc == 0 && found >= 0) {
        r->cases += cases.n;
        r->without += cases.n == 0;
        r->findings += found;
    }
    arena_free(&a);
    return rc < 0 ? rc : found < 0 ? (int)found : 0;
}

/* Every schema is looked at, though the cases of one cannot be read. */
static int schema_review_all(struct review *r)
{
    int worst = 0;

    for (size_t i = 0; i < r->set.n; i++) {
        int rc = schema_review_one(r, r->set.schemas[i]);

        worst = rc < 0 ? rc : worst;
    }
    if (r->set.fallback != NULL) {
        int rc = schema_review_one(r, r->set.fallback);

        worst = rc < 0 ? rc : worst;
    }
    return worst;
}

static void schema_review_print(struct review *r)
{
    size_t schemas = r->set.n + (r->set.fallback != NULL);
    FILE *out = r->cli->console.out;

    if (r->report.len > 0)
        fwrite(r->report.data, 1, r->report.len, out);
    fprintf(out, "%zu schema%s, %zu case%s: ", schemas, schemas == 1 ? "" : "s",
        r->cases, r->cases == 1 ? "" : "s");
    if (r->findings == 0)
        fputs("all well\n", out);
    else
        fprintf(
            out, "%ld finding%s\n", r->findings, r->findings == 1 ? "" : "s");
    if (r->without > 0)
        fprintf(out,
            "%zu of the schemas ha%s no cases (NAME.cases.json beside "
            "NAME.json)\n",
            r->without, r->without == 1 ? "s" : "ve");
}

/* Each finding with the lines below it that show it, which are indented. */
static json_t *schema_review_findings(struct str report)
{
    json_t *findings = json_array();
    struct str line, finding = {report.p, 0};

    while (text_next_line(&report, &line)) {
        if (finding.len > 0 && line.len > 0 && line.p[0] != ' ') {
            json_array_append_new(
                findings, json_stringn(finding.p, finding.len));
            finding = line;
        }
        finding.len = (size_t)(line.p + line.len - finding.p);
    }
    if (finding.len > 0)
        json_array_append_new(findings, json_stringn(finding.p, finding.len));
    return findings;
}

static void schema_review_print_json(struct review *r)
{
    cli_print_json(r->cli,
        json_pack("{s:b, s:I, s:I, s:I, s:o}", "success", r->findings == 0,
            "schemas", (json_int_t)(r->set.n + (r->set.fallback != NULL)),
            "cases", (json_int_t)r->cases, "withoutCases",
            (json_int_t)r->without, "findings",
            schema_review_findings(buf_view(&r->report))));
}

/* EMBEDDING_MAX_TOKENS, or what it is by default; nothing else matters here. */
static size_t schema_max_tokens(void)
{
    const char *set = getenv("EMBEDDING_MAX_TOKENS");
    size_t tokens = set != NULL ? strtoul(set, NULL, 10) : 0, n;
    const struct config_key *keys = config_keys(&n);

    for (size_t i = 0; i < n && tokens == 0; i++)
        if (strcmp(keys[i].name, "EMBEDDING_MAX_TOKENS") == 0)
            tokens = strtoul(keys[i].fallback, NULL, 10);
    return tokens;
}

static int schema_review_dir(struct review *r, const char *dir)
{
    int rc = schema_set_load(&r->set, dir, &r->problems);

    if (rc == 0)
        rc = schema_pieces_check(&r->set, schema_max_tokens(), &r->problems);
    if (rc == 0)
        rc = schema_review_all(r);
    console_problems(&r->cli->console, "schema", buf_view(&r->problems));
    if (rc < 0)
        return EXIT_CONFIGURATION;
    if (args_has(&r->cli->args, "json"))
        schema_review_print_json(r);
    else
        schema_review_print(r);
    return r->findings == 0 ? EXIT_DONE : EXIT_FAILED;
}

static schema_review_fn *schema_review_named(const char *word)
{
    if (strcmp(word, "lint") == 0)
        return schema_lint;
    return strcmp(word, "test") == 0 ? schema_cases_run : NULL;
}

static int schema_run(struct cli *cli)
{
    struct review r = {
        .cli = cli, .look = schema_review_named(cli->args.words[0])};
    char dir[APP_PATH_BYTES];
    int code;

    if (r.look == NULL) {
        fprintf(cli->console.err,
            "batchsync: schema: \"%s\" is neither lint nor test\n",
            cli->args.words[0]);
        return EXIT_USAGE;
    }
    app_schema_dir(
        cli->args.nwords > 1 ? cli->args.words[1] : getenv("SCHEMA_DIR"), dir);
    buf_init(&r.report, REPORT_BYTES);
    buf_init(&r.problems, REPORT_BYTES);
    code = schema_review_dir(&r, dir);
    schema_set_free(&r.set);
    buf_free(&r.problems);
    buf_free(&r.report);
    return code;
}

const struct command cmd_schema = {
    .name = "schema",
    .usage = "lint|test [DIR] [--json]",
    .summary = "review schemas: what looks wrong, and what their cases become",
    .details =
        "DIR is SCHEMA_DIR unless given. Beside NAME.json, NAME.cases.json "
        "has\n"
        "records and what each must become:\n\n"
        "  [{\"name\": \"a lesson\", \"item\": {...}, \"id\": \"7\", "
        "\"text\": \"...\"},\n"
        "   {\"item\": {...}, \"error\": \"no content id\"}]\n\n"
        "test   renders each case and shows where it differs\n"
        "lint   finds labels that two fields share, and, over the records of "
        "the\n       cases, fields without any value, values that contradict "
        "their type, and\n       an id that is not unique\n\n"
        "Needs no configuration and no network. Exits with 1 when there is a "
        "finding,\nwith 78 when a file cannot be used.\n",
    .options = options,
    .words = 1,
    .more_words = 1,
    .run = schema_run,
};
