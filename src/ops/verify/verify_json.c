/* What verify found, as JSON and as lines. */
#include "ops/verify/verify.h"

#include "base/text.h"
#include "ops/result_json.h"

static const struct {
    const char *what, *todo;
} words[VERIFY_NKINDS] = {
#define X(kind, name, mend, what, todo) [kind] = {what, todo},
    VERIFY_KINDS(X)
#undef X
};

static json_t *verify_json_example(const struct verify_example *e)
{
    json_t *example = json_object();

    json_object_set_new(example, "service",
        e->service == NULL ? json_null() : result_json_text(e->service));
    json_object_set_new(example, "id",
        e->content_id == NULL ? json_null() : result_json_text(e->content_id));
    if (e->piece >= 0)
        json_object_set_new(example, "chunkIndex", json_integer(e->piece));
    if (e->n != 1)
        json_object_set_new(example, "n", json_integer((json_int_t)e->n));
    if (e->other != NULL)
        json_object_set_new(example, "other", result_json_text(e->other));
    return example;
}

static json_t *verify_json_kind(
    const struct verify_request *req, enum verify_kind kind)
{
    const struct verify_tally *t = &req->tallies[kind];
    json_t *examples = json_array();

    for (size_t i = 0; i < t->nexamples; i++)
        json_array_append_new(examples, verify_json_example(&t->examples[i]));
    return json_pack("{s:s, s:I, s:I, s:s, s:s, s:o}", "kind",
        verify_kind_name(kind), "found", (json_int_t)t->found, "mended",
        (json_int_t)t->mended, "what", words[kind].what, "todo",
        words[kind].todo, "examples", examples);
}

static json_t *verify_json_kinds(
    const struct verify_request *req, uint64_t *found)
{
    json_t *list = json_array();

    *found = 0;
    for (int i = 0; i < VERIFY_NKINDS; i++) {
        if (req->tallies[i].found == 0)
            continue;
        *found += req->tallies[i].found;
        json_array_append_new(list, verify_json_kind(req, (enum verify_kind)i));
    }
    return list;
}

json_t *verify_json(const struct verify_request *req)
{
    uint64_t found, left = verify_left(req);
    json_t *list = verify_json_kinds(req, &found), *json;

    json = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:{s:I, s:I}}",
        "found", (json_int_t)found, "mended", (json_int_t)(found - left),
        "left", (json_int_t)left, "rows", (json_int_t)req->rows, "items",
        (json_int_t)req->items, "nodes", (json_int_t)req->nodes, "kinds", list,
        "paid", "texts", (json_int_t)req->texts, "tokens",
        (json_int_t)req->tokens);
    json_object_set_new(json, "sample",
        json_pack("{s:I, s:o}", "rows", (json_int_t)req->sampled, "recall",
            req->recall < 0 ? json_null() : json_real(req->recall)));
    json_object_set_new(
        json, "otherSettings", json_integer((json_int_t)req->other_settings));
    json_object_set_new(
        json, "deleteRefused", json_boolean(req->delete_refused));
    json_object_set(json, "run", req->run == NULL ? json_null() : req->run);
    if (req->source_failed.code != 0)
        json_object_set_new(
            json, "sourceError", result_json_text(req->source_failed.msg));
    if (req->run_refused.code != 0)
        json_object_set_new(
            json, "runRefused", result_json_text(req->run_refused.msg));
    json_object_set_new(json, "durationMs",
        json_integer((json_int_t)(req->ended_ms - req->began_ms)));
    return json;
}

/* --- lines ---------------------------------------------------------------- */

/* On one line, without what a terminal would act on. */
static void verify_lines_put(struct buf *out, const char *text)
{
    for (; text != NULL && *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        buf_char(out, c < ' ' || c == 0x7f ? ' ' : (char)c);
    }
}

static void verify_lines_example(
    struct buf *out, const struct verify_example *e)
{
    buf_puts(out, "    ");
    if (e->service != NULL) {
        verify_lines_put(out, e->service);
        buf_char(out, ' ');
    }
    verify_lines_put(out, e->content_id);
    if (e->piece > 0)
        buf_printf(out, " (piece %d)", e->piece + 1);
    if (e->other != NULL) {
        buf_puts(out, " -> ");
        verify_lines_put(out, e->other);
    }
    if (e->n != 1)
        buf_printf(out, " (%llu)", (unsigned long long)e->n);
    buf_char(out, '\n');
}

enum { LINES_EXAMPLES = 5 };

static void verify_lines_kind(struct buf *out, enum verify_kind kind,
    const struct verify_tally *t, bool repair)
{
    buf_printf(out, "%llu %s (%s)", (unsigned long long)t->found,
        words[kind].what, verify_kind_name(kind));
    if (repair)
        buf_printf(out, ", %llu mended", (unsigned long long)t->mended);
    buf_char(out, '\n');
    for (size_t i = 0; i < t->nexamples && i < LINES_EXAMPLES; i++)
        verify_lines_example(out, &t->examples[i]);
    if (t->nexamples > LINES_EXAMPLES)
        buf_puts(out, "    ...\n");
    if (t->mended < t->found)
        buf_printf(out, "  %s\n", words[kind].todo);
}

static void verify_lines_notes(
    struct buf *out, const struct verify_request *req)
{
    if (req->other_settings > 0)
        buf_printf(out,
            "%llu broken vectors belong to other settings: the next sync "
            "embeds their items anyway\n",
            (unsigned long long)req->other_settings);
    if (req->delete_refused)
        buf_puts(out, "nodes were not removed: they are more than "
                      "BATCH_SYNC_MAX_DELETE_PERCENT of all\n");
    if (req->run_refused.code != 0)
        buf_printf(out,
            "nothing was taken from the source: %s; the rows are marked, and "
            "the next sync mends them\n",
            req->run_refused.msg);
    if (req->source_failed.code != 0)
        buf_printf(out, "the source was not compared, or not whole: %s\n",
            req->source_failed.msg);
    if (req->recall >= 0)
        buf_printf(out, "recall of the index, by %llu searches: %.3f\n",
            (unsigned long long)req->sampled, req->recall);
}

void verify_lines(struct buf *out, const struct verify_request *req)
{
    uint64_t left = verify_left(req);

    buf_printf(out, "%llu items in %llu rows, %llu nodes, in %.1f s\n",
        (unsigned long long)req->items, (unsigned long long)req->rows,
        (unsigned long long)req->nodes,
        (double)(req->ended_ms - req->began_ms) / 1e3);
    for (int i = 0; i < VERIFY_NKINDS; i++)
        if (req->tallies[i].found > 0)
            verify_lines_kind(
                out, (enum verify_kind)i, &req->tallies[i], req->ask.repair);
    verify_lines_notes(out, req);
    if (req->texts > 0)
        buf_printf(
            out, "paid for: %llu texts\n", (unsigned long long)req->texts);
    if (req->run != NULL)
        buf_printf(out, "embedded from the source: %llu items\n",
            (unsigned long long)req->run_items);
    if (left == 0 && req->source_failed.code == 0)
        buf_puts(out, "nothing is wrong\n");
}
