/* What explain_add() made, as lines for people. */
#include "ops/stored/explain.h"

#include "base/text.h"

enum { LINE_CHARS = 100 };

/* On one line, without what a terminal would act on. */
static void explain_lines_put(struct buf *out, const char *text, size_t chars)
{
    struct str s = str_of(text == NULL ? "" : text);
    size_t all = s.len;

    s.len = utf8_prefix(s, chars);
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];

        buf_char(out, c < ' ' || c == 0x7f ? ' ' : (char)c);
    }
    if (s.len < all)
        buf_puts(out, "...");
}

static const char *explain_lines_text(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text == NULL ? "-" : text;
}

static void explain_lines_row(
    struct buf *out, const char *name, json_t *object, const char *key)
{
    buf_printf(out, "%-12s ", name);
    explain_lines_put(out, explain_lines_text(object, key), LINE_CHARS);
    buf_char(out, '\n');
}

/* Of a digest that may be unknown. */
static const char *explain_lines_intact(json_t *piece, const char *key)
{
    json_t *value = json_object_get(piece, key);

    return json_is_true(value)    ? "as written"
           : json_is_false(value) ? "CHANGED by another program"
                                  : "not known";
}

static void explain_lines_piece(struct buf *out, json_t *piece, json_t *sent)
{
    buf_printf(out, "piece %-6lld ",
        (long long)json_integer_value(json_object_get(piece, "chunkIndex")));
    explain_lines_put(out, json_string_value(sent), LINE_CHARS);
    buf_printf(out, "\n  text %s, vector %s, %lld dimensions\n",
        explain_lines_intact(piece, "textIntact"),
        explain_lines_intact(piece, "vectorIntact"),
        (long long)json_integer_value(json_object_get(piece, "dimensions")));
    buf_printf(out, "  embed_hash %.16s  row_hash %.16s  vector_hash %s\n",
        explain_lines_text(piece, "embedHash"),
        explain_lines_text(piece, "rowHash"),
        explain_lines_text(piece, "vectorHash"));
}

static void explain_lines_settings(
    struct buf *out, const char *name, json_t *from)
{
    buf_printf(out, "%-12s %s (%s, %lld dimensions)\n", name,
        explain_lines_text(from, "model"), explain_lines_text(from, "provider"),
        (long long)json_integer_value(json_object_get(from, "dimensions")));
}

static void explain_lines_stored(struct buf *out, json_t *facts)
{
    json_t *run = json_object_get(facts, "run"), *piece;
    json_t *sent = json_object_get(facts, "sent");
    size_t i;

    explain_lines_row(out, "stored", facts, "createdAt");
    explain_lines_row(out, "written", facts, "writtenAt");
    if (json_is_object(run)) {
        explain_lines_row(out, "by run", run, "id");
        explain_lines_settings(out, "embedded by", run);
        buf_puts(out, "page         not recorded\n");
    }
    json_array_foreach(json_object_get(facts, "pieces"), i, piece)
    {
        explain_lines_piece(out, piece, json_array_get(sent, i));
    }
}

static void explain_lines_letter(struct buf *out, json_t *letter)
{
    if (!json_is_object(letter))
        return;
    explain_lines_row(out, "dead letter", letter, "reason");
    buf_printf(out, "  %lld times, last seen %s\n",
        (long long)json_integer_value(json_object_get(letter, "times")),
        explain_lines_text(letter, "lastSeen"));
}

static void explain_lines_neighbour(struct buf *out, json_t *n)
{
    json_t *similarity = json_object_get(n, "similarity");
    json_t *holds = json_object_get(n, "holds");

    buf_printf(out, "  %.2f  %-16s  ",
        json_number_value(json_object_get(n, "weight")),
        explain_lines_text(n, "type"));
    explain_lines_put(out, explain_lines_text(n, "service"), LINE_CHARS);
    buf_puts(out, "  ");
    explain_lines_put(out, explain_lines_text(n, "contentId"), LINE_CHARS);
    if (json_is_false(holds))
        buf_printf(
            out, "  NO LONGER TRUE: now %.4f", json_number_value(similarity));
    buf_char(out, '\n');
}

static void explain_lines_graph(struct buf *out, json_t *facts)
{
    json_t *list = json_object_get(facts, "neighbours"), *n;
    size_t i;

    explain_lines_row(out, "node", facts, "nodeId");
    if (json_is_true(json_object_get(facts, "queued")))
        buf_puts(out, "             waits to be linked\n");
    if (json_array_size(list) > 0)
        buf_puts(out, "neighbours\n");
    json_array_foreach(list, i, n)
    {
        explain_lines_neighbour(out, n);
    }
}

static void explain_lines_source(struct buf *out, json_t *source)
{
    json_t *differs = json_object_get(source, "differs"), *name;
    size_t i;

    if (!json_is_object(source))
        return;
    if (!json_is_true(json_object_get(source, "found"))) {
        buf_printf(out,
            "source       not found in %lld items of %lld pages%s\n",
            (long long)json_integer_value(json_object_get(source, "items")),
            (long long)json_integer_value(json_object_get(source, "pages")),
            json_is_true(json_object_get(source, "end")) ? ""
                                                         : "; there are more");
        return;
    }
    buf_printf(out, "source       page %lld",
        (long long)json_integer_value(json_object_get(source, "page")));
    json_array_foreach(differs, i, name)
    {
        buf_printf(out, "%s%s", i == 0 ? "; differs: " : ", ",
            json_string_value(name));
    }
    buf_puts(out, json_array_size(differs) == 0 ? "; as stored\n" : "\n");
    if (json_is_string(json_object_get(source, "error")))
        explain_lines_row(out, "  error", source, "error");
}

void explain_lines(struct buf *out, json_t *facts)
{
    json_t *schema = json_object_get(facts, "schema");
    json_t *verdict = json_object_get(facts, "verdict");

    explain_lines_row(out, "service", facts, "service");
    explain_lines_row(out, "id", facts, "contentId");
    if (json_is_object(schema))
        buf_printf(out, "schema       %s, version %s, fingerprint %.16s\n",
            explain_lines_text(schema, "name"),
            explain_lines_text(schema, "version"),
            explain_lines_text(schema, "fingerprint"));
    if (json_is_true(json_object_get(facts, "stored")))
        explain_lines_stored(out, facts);
    else
        buf_puts(out, "stored       no\n");
    explain_lines_letter(out, json_object_get(facts, "deadLetter"));
    if (json_is_true(json_object_get(facts, "stored")))
        explain_lines_graph(out, facts);
    explain_lines_settings(out, "now", json_object_get(facts, "now"));
    explain_lines_source(out, json_object_get(facts, "source"));
    buf_printf(out, "%s\n  ",
        json_is_true(json_object_get(verdict, "embeds"))
            ? "It would be embedded again now:"
            : "It would not be embedded again now:");
    explain_lines_put(out, explain_lines_text(verdict, "why"), 1000);
    buf_char(out, '\n');
}
