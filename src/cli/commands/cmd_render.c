#include "cli/cli.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"
#include "record/deletes/tombstone.h"
#include "record/item.h"
#include "record/links/item_links.h"
#include "record/schema.h"
#include <inttypes.h>
#include <stdlib.h>

enum {
    CHUNK_BYTES = 64 * 1024,
    PROBLEMS_BYTES = 64 * 1024,
    ITEM_BYTES = 64 * 1024 * 1024,   /* an item's text */
    INPUT_BYTES = 1024 * 1024 * 1024 /* a line, or a whole array */
};

static const struct arg_option options[] = {
    {"schema", "FILE", "the service's schema"},
    {"metadata", NULL, "print the metadata, too"},
    {"json", NULL, "changes nothing: each line is a JSON object anyway"},
    {NULL, NULL, NULL},
};

/* The rest of the input, in chunks. */
struct reader {
    FILE *in;
    size_t at, end; /* within chunk */
    char chunk[CHUNK_BYTES];
};

struct render {
    FILE *out;
    struct reader reader;
    struct arena schema_arena;
    struct schema *schema;
    struct arena arena; /* of the item at hand */
    struct buf scratch; /* the renderer's */
    struct buf text;    /* what was read: a line, or all of it */
    struct buf line;    /* what is written */
    bool with_metadata;
    uint64_t nlines;
    uint64_t nbroken; /* lines that are not JSON */
    uint64_t nerrors; /* of any kind */
};

static bool render_fill(struct reader *r)
{
    if (r->at < r->end)
        return true;
    r->at = 0;
    r->end = fread(r->chunk, 1, sizeof(r->chunk), r->in);
    return r->end > 0;
}

/* The next byte that is not white space, left unread; EOF at the end. */
static int render_peek(struct reader *r)
{
    for (; render_fill(r); r->at++) {
        if (strchr(" \t\r\n", r->chunk[r->at]) == NULL)
            return (unsigned char)r->chunk[r->at];
    }
    return EOF;
}

/* Reads up to the next newline into *line, without it; false at the end. */
static bool render_read_line(struct reader *r, struct buf *line)
{
    buf_reset(line);
    if (!render_fill(r))
        return false;
    while (render_fill(r)) {
        const char *from = r->chunk + r->at;
        const char *newline = memchr(from, '\n', r->end - r->at);

        if (newline != NULL) {
            buf_add(line, from, (size_t)(newline - from));
            r->at += (size_t)(newline - from) + 1;
            return true;
        }
        buf_add(line, from, r->end - r->at);
        r->at = r->end;
    }
    return true;
}

static void render_write_error(struct render *r, const char *message)
{
    r->nerrors++;
    buf_reset(&r->line);
    buf_puts(&r->line, "{\"error\":");
    buf_json_str(&r->line, str_of(message));
    buf_puts(&r->line, "}\n");
    fwrite(r->line.data, 1, r->line.len, r->out);
}

static void render_begin_item(struct render *r, struct str content_id)
{
    buf_reset(&r->line);
    buf_puts(&r->line, "{\"content_id\":");
    buf_json_str(&r->line, content_id);
}

/* ,"links":[...] of a schema that declares some. */
static int render_write_links(
    struct render *r, yyjson_val *value, struct str content_id)
{
    struct item_links l = {.n = 0};

    if (item_links_add(
            &l, r->schema, value, content_id, &r->arena, &r->scratch) < 0)
        return ERR_NOMEM;
    buf_puts(&r->line, ",\"links\":[");
    for (size_t i = 0; i < l.n; i++) {
        buf_puts(&r->line, i > 0 ? ",{\"type\":" : "{\"type\":");
        buf_json_str(&r->line, l.links[i].type);
        buf_puts(&r->line, ",\"service\":");
        buf_json_str(&r->line, l.links[i].service);
        buf_puts(&r->line, ",\"id\":");
        buf_json_str(&r->line, l.links[i].target);
        buf_char(&r->line, '}');
    }
    buf_char(&r->line, ']');
    return 0;
}

static void render_write_tombstone(struct render *r, yyjson_val *value)
{
    struct err err = {0};
    struct item item;

    if (item_identify(r->schema, value, &r->arena, &r->scratch, &item, &err) <
        0) {
        render_write_error(r, err.msg);
        return;
    }
    render_begin_item(r, item.content_id);
    buf_puts(&r->line, ",\"deleted\":true}\n");
    fwrite(r->line.data, 1, r->line.len, r->out);
}

static void render_write_item(struct render *r, yyjson_val *value)
{
    struct err err = {0};
    struct item item;

    if (tombstone_is(r->schema, value)) {
        render_write_tombstone(r, value);
        return;
    }
    if (item_render(r->schema, value, &r->arena, &r->scratch, &item, &err) <
        0) {
        render_write_error(r, err.msg);
        return;
    }
    render_begin_item(r, item.content_id);
    buf_puts(&r->line, ",\"content_text\":");
    buf_json_str(&r->line, item.content_text);
    if (r->with_metadata) {
        buf_puts(&r->line, ",\"metadata\":");
        buf_str(&r->line, item.metadata);
    }
    if (r->schema->nlinks > 0 &&
        render_write_links(r, value, item.content_id) < 0) {
        render_write_error(r, "no memory for the links");
        return;
    }
    buf_puts(&r->line, "}\n");
    if (r->line.error != 0)
        render_write_error(r, "too large");
    else
        fwrite(r->line.data, 1, r->line.len, r->out);
}

static void render_line(struct render *r)
{
    struct err err = {0};
    yyjson_val *value = NULL;

    r->nlines++;
    if (text_trim(buf_view(&r->text)).len == 0)
        return;
    if (r->text.error != 0)
        err_set(&err, ERR_TOO_LARGE, "longer than %d bytes", INPUT_BYTES);
    else
        json_parse(&r->arena, buf_view(&r->text), &value, NULL, &err);
    if (err.code == 0) {
        render_write_item(r, value);
    } else {
        r->nbroken++;
        err_wrap(&err, "line %" PRIu64, r->nlines);
        render_write_error(r, err.msg);
    }
    arena_free(&r->arena);
}

/* All of the input is one array. */
static int render_array(struct render *r, struct err *err)
{
    struct arena document;
    yyjson_val *root;
    size_t i, n;
    yyjson_val *value;

    while (render_fill(&r->reader)) {
        buf_add(&r->text, r->reader.chunk + r->reader.at,
            r->reader.end - r->reader.at);
        r->reader.at = r->reader.end;
    }
    if (r->text.error != 0)
        return err_set(err, ERR_TOO_LARGE,
            "the array is larger than %d bytes; pass one object per line",
            INPUT_BYTES);
    arena_init(&document, 0);
    if (json_parse(&document, buf_view(&r->text), &root, NULL, err) == 0) {
        yyjson_arr_foreach(root, i, n, value)
        {
            render_write_item(r, value);
            arena_free(&r->arena);
        }
    }
    arena_free(&document);
    return err->code;
}

static int render_load_schema(struct render *r, struct cli *cli)
{
    const char *path = args_value(&cli->args, "schema");
    struct buf problems;
    int rc;

    buf_init(&problems, PROBLEMS_BYTES);
    rc = schema_load_file(&r->schema_arena, path, &r->schema, &problems);
    if (rc == 0 && r->schema == NULL) {
        rc = ERR_CONFIG;
        buf_printf(&problems, "%s: its _status is pending\n", path);
    }
    console_problems(&cli->console, "schema", buf_view(&problems));
    buf_free(&problems);
    return rc;
}

static int render_all(struct render *r, struct cli *cli)
{
    struct err err = {0};

    if (render_load_schema(r, cli) < 0)
        return EXIT_CONFIGURATION;
    if (render_peek(&r->reader) == '[') {
        if (render_array(r, &err) < 0) {
            err_wrap(&err, "render");
            console_fail(&cli->console, &err);
            return EXIT_FAILED;
        }
    } else {
        while (render_read_line(&r->reader, &r->text))
            render_line(r);
        if (r->nbroken > 1 && r->nbroken == r->nerrors)
            fputs("batchsync: render: each line must be a whole object; "
                  "`jq -c .` makes lines of a file\n",
                cli->console.err);
    }
    if (ferror(r->reader.in)) {
        fputs("batchsync: render: cannot read standard input\n",
            cli->console.err);
        return EXIT_FAILED;
    }
    return r->nerrors > 0 ? EXIT_FAILED : EXIT_DONE;
}

static struct render *render_new(struct cli *cli)
{
    struct render *r = calloc(1, sizeof(*r));

    if (r == NULL)
        abort();
    r->out = cli->console.out;
    r->with_metadata = args_has(&cli->args, "metadata");
    r->reader.in = cli->console.in;
    arena_init(&r->schema_arena, 0);
    arena_init(&r->arena, 0);
    buf_init(&r->scratch, ITEM_BYTES);
    buf_init(&r->text, INPUT_BYTES);
    buf_init(&r->line, (size_t)2 * ITEM_BYTES);
    return r;
}

static void render_free(struct render *r)
{
    buf_free(&r->line);
    buf_free(&r->text);
    buf_free(&r->scratch);
    arena_free(&r->arena);
    arena_free(&r->schema_arena);
    free(r);
}

static int render_run(struct cli *cli)
{
    struct render *r;
    int code;

    if (!args_has(&cli->args, "schema")) {
        fputs("batchsync: render: --schema is missing\n", cli->console.err);
        return EXIT_USAGE;
    }
    r = render_new(cli);
    code = render_all(r, cli);
    render_free(r);
    return code;
}

const struct command cmd_render = {
    .name = "render",
    .usage = "--schema FILE < ITEMS",
    .summary = "show the text that would be embedded for each item",
    .details =
        "Reads items from standard input (a JSON array, or one object per "
        "line) "
        "and writes\none JSON object per line, in the same order: "
        "{\"content_id\",\"content_text\"}, or\n{\"error\"} for an item that "
        "would become a dead letter, or {\"content_id\",\"deleted\"} for a "
        "record that\ndeletes its item (deleted_when). Needs no configuration "
        "and no network. Exits\nwith 1 when any item had an error.\n",
    .options = options,
    .run = render_run,
};
