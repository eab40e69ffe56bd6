#include "ops/stored/explain.h"

#include "base/text.h"
#include "ops/result_json.h"
#include "ops/services.h"
#include <stdlib.h>
#include <string.h>

enum { EXPLAIN_TEXT_BYTES = 64 * 1024 * 1024, EXPLAIN_WHY_BYTES = 1024 };

void explain_ask(
    const struct ops *ops, struct arena *arena, struct history_req *req)
{
    if (req->tenant == NULL)
        req->tenant = ops->config->sync.tenant;
    req->stored = services_stored_name(ops, arena, req->service);
}

/* --- what is known -------------------------------------------------------- */

/* What the verdict is made of. */
struct explain {
    const struct ops *ops;
    json_t *facts; /* borrowed */
    const struct schema *schema;
    const struct explain_source *source;
    json_t *source_metadata; /* owned; NULL: it has none */
    struct arena *arena;
    size_t pieces;      /* own ones: 0, 1, ... with a hash */
    struct str text;    /* of them together */
    const char *hash;   /* hex; the first piece's embed_hash */
    bool text_altered;  /* by another program */
    bool other_altered; /* the same of a vector */
    bool touched;       /* and so that a run looks */
    int64_t repairs;
};

static const char *explain_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static bool explain_is_false(const json_t *object, const char *key)
{
    return json_is_false(json_object_get(object, key));
}

static void explain_take_piece(struct explain *x, const json_t *piece)
{
    const char *written = explain_text(piece, "writtenAt");
    int64_t repairs = json_integer_value(json_object_get(piece, "repairs"));

    x->text_altered |= explain_is_false(piece, "textIntact");
    x->other_altered |= explain_is_false(piece, "vectorIntact");
    if (written != NULL && strcmp(written, explain_text(piece, "updatedAt")))
        x->touched = true;
    x->repairs = repairs > x->repairs ? repairs : x->repairs;
}

static void explain_take_pieces(struct explain *x)
{
    json_t *list = json_object_get(x->facts, "pieces"), *piece;
    struct buf text;
    size_t i;

    buf_init(&text, EXPLAIN_TEXT_BYTES);
    json_array_foreach(list, i, piece)
    {
        const char *hash = explain_text(piece, "embedHash");

        if (json_integer_value(json_object_get(piece, "chunkIndex")) !=
                (json_int_t)i ||
            hash == NULL)
            break;
        if (i == 0)
            x->hash = hash;
        x->pieces++;
        explain_take_piece(x, piece);
        buf_puts(&text, explain_text(piece, "text"));
    }
    x->text = arena_dup(x->arena, buf_view(&text));
    buf_free(&text);
}

/* --- the verdict ---------------------------------------------------------- */

static void explain_say(struct explain *x, bool embeds, const char *why)
{
    json_object_set_new(x->facts, "verdict",
        json_pack(
            "{s:b, s:o}", "embeds", embeds, "why", result_json_text(why)));
}

/* What later pieces are sent with, of an item with these metadata. */
static void explain_context(
    const struct explain *x, const json_t *metadata, struct piece_context *out)
{
    const json_t *title = json_object_get(metadata, "title");
    struct schema_pieces pieces = {.prefix = false};

    if (x->schema != NULL)
        pieces = x->schema->pieces;
    piece_context_init(out, &pieces,
        (struct str){json_string_value(title), json_string_length(title)},
        (size_t)x->ops->config->embedding.max_tokens);
}

/* Does the hash say that this text was embedded as it would be now? */
static bool explain_is_same(
    const struct explain *x, struct str text, const json_t *metadata)
{
    static const enum cut_rule rules[] = {CUT_LAST_THIRD, CUT_ANYWHERE};
    struct piece_context context;
    uint8_t hash[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1];

    explain_context(x, metadata, &context);

    for (int i = 0; i < 2; i++) {
        item_embed_hash(
            text, &x->ops->embedding, x->pieces, rules[i], &context, hash);
        hex_encode(hash, sizeof(hash), hex);
        if (strcmp(hex, x->hash) == 0)
            return true;
    }
    return false;
}

/* The settings of the run that wrote the item, where they are others. */
static void explain_say_settings(struct explain *x)
{
    const struct embedding_id *now = &x->ops->embedding;
    json_t *run = json_object_get(x->facts, "run");
    const char *model = explain_text(run, "model");
    const char *provider = explain_text(run, "provider");
    int had = (int)json_integer_value(json_object_get(run, "dimensions"));
    char why[EXPLAIN_WHY_BYTES];

    if (model == NULL ||
        (strcmp(model, now->model) == 0 && provider != NULL &&
            strcmp(provider, now->provider) == 0 && had == now->dimensions))
        snprintf(why, sizeof(why),
            "its hash is not that of the stored text with %s (%s, %d "
            "dimensions): it was embedded with other settings, in the "
            "environment or of pieces in the schema, or a piece of it is "
            "missing",
            now->model, now->provider, now->dimensions);
    else
        snprintf(why, sizeof(why),
            "it was embedded with %s (%s, %d dimensions); the settings are "
            "now %s (%s, %d dimensions)",
            model, provider, had, now->model, now->provider, now->dimensions);
    explain_say(x, true, why);
}

static void explain_say_altered(struct explain *x)
{
    const char *what = !x->text_altered    ? "vector"
                       : !x->other_altered ? "text"
                                           : "text and the vector";
    char why[EXPLAIN_WHY_BYTES];

    if (!x->touched)
        snprintf(why, sizeof(why),
            "another program has changed the %s and left updated_at as it "
            "was, so that a run does not look: batchsync verify --repair",
            what);
    else if (x->repairs >= REPAIRS_MOST)
        snprintf(why, sizeof(why),
            "another program has changed the %s again after %d repairs in a "
            "row: it is left as it is for %d days",
            what, (int)x->repairs, REPAIR_DAYS);
    else
        snprintf(why, sizeof(why), "another program has changed the %s", what);
    explain_say(x, x->touched && x->repairs < REPAIRS_MOST, why);
}

static bool explain_knows_letter(const struct explain *x)
{
    json_t *letter = json_object_get(x->facts, "deadLetter");
    const char *had = explain_text(letter, "fingerprint");
    const char *now =
        explain_text(json_object_get(x->facts, "schema"), "fingerprint");

    return json_is_true(json_object_get(letter, "refused")) && had != NULL &&
           now != NULL && strcmp(had, now) == 0;
}

static void explain_judge_absent(struct explain *x)
{
    if (explain_knows_letter(x))
        explain_say(x, false,
            "it was refused and is a dead letter: it is not tried again until "
            "the item, the schema or the model changes, or batchsync "
            "dead-letters retry");
    else if (x->source != NULL && !x->source->found)
        explain_say(x, false,
            "it is not stored, and the source did not send "
            "it");
    else
        explain_say(x, true,
            "it is not stored: the next run that reads it "
            "embeds it");
}

static void explain_judge_source(struct explain *x)
{
    const struct item *item = &x->source->item;

    if (!x->source->found)
        explain_say(x, false,
            "the source did not send it, so no run does anything about it, "
            "unless the schema says delete_missing");
    else if (x->source->broken.code != 0)
        explain_say(x, false, "the item as the source has it cannot be stored");
    else if (x->text_altered || x->other_altered)
        explain_say_altered(x);
    else if (explain_is_same(x, item->content_text, x->source_metadata))
        explain_say(x, false,
            "the source's text is the stored one, and provider, model and "
            "dimensions are those that it was embedded with");
    else if (str_eq(text_trim(item->content_text), text_trim(x->text)))
        explain_say_settings(x);
    else
        explain_say(x, true, "the source has another text");
}

static void explain_judge_stored(struct explain *x)
{
    if (x->text_altered || x->other_altered)
        explain_say_altered(x);
    else if (explain_is_same(x, x->text, json_object_get(x->facts, "metadata")))
        explain_say(x, false,
            "provider, model and dimensions are those that the stored text "
            "was embedded with; it is embedded again when the source sends "
            "another text");
    else
        explain_say_settings(x);
}

static void explain_judge(struct explain *x)
{
    if (x->schema == NULL)
        explain_say(x, false,
            "there is no schema for the service: its runs fail before they "
            "read anything");
    else if (!json_is_true(json_object_get(x->facts, "stored")))
        explain_judge_absent(x);
    else if (x->pieces == 0)
        explain_say(x, true,
            "its rows have no embed_hash: another program has stored them, or "
            "they were adopted without one");
    else if (x->source != NULL)
        explain_judge_source(x);
    else
        explain_judge_stored(x);
}

/* --- what else is added --------------------------------------------------- */

static void explain_add_schema(struct explain *x, const char *service)
{
    json_t *schema = services_schema_json(x->ops, x->arena, service);
    uint8_t digest[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1];

    if (x->schema != NULL) {
        item_fingerprint(x->schema, &x->ops->embedding, digest);
        hex_encode(digest, sizeof(digest), hex);
        json_object_set_new(schema, "fingerprint", json_string(hex));
    }
    json_object_set_new(x->facts, "schema", schema);
}

static void explain_append_sent(json_t *sent, const char *prefix,
    const struct piece_context *context, struct str before, struct str piece)
{
    struct str trimmed;
    struct buf text;

    buf_init(&text, EXPLAIN_TEXT_BYTES);
    if (context == NULL)
        buf_str(&text, piece);
    else
        piece_sent_write(&text, context, before, piece);
    trimmed = text_trim(buf_view(&text));
    json_array_append_new(sent,
        json_sprintf("%s%.*s", prefix == NULL ? "" : prefix, STR_ARG(trimmed)));
    buf_free(&text);
}

static void explain_add_sent(struct explain *x)
{
    const struct embedding_id *now = &x->ops->embedding;
    const char *prefix = x->ops->config->embedding.documents.prefix;
    json_t *pieces = json_object_get(x->facts, "pieces"), *piece;
    json_t *sent = json_array();
    struct piece_context context;
    struct str before = {NULL, 0};
    size_t i;

    explain_context(x, json_object_get(x->facts, "metadata"), &context);
    json_array_foreach(pieces, i, piece)
    {
        struct str text = str_of(explain_text(piece, "text"));

        explain_append_sent(
            sent, prefix, i > 0 ? &context : NULL, before, text);
        before = text;
    }
    json_object_set_new(x->facts, "sent", sent);
    json_object_set_new(x->facts, "now",
        json_pack("{s:s, s:s, s:i, s:s?}", "provider", now->provider, "model",
            now->model, "dimensions", now->dimensions, "prefix", prefix));
}

static json_t *explain_differs(const struct explain *x)
{
    const struct item *item = &x->source->item;
    json_t *first = json_array_get(json_object_get(x->facts, "pieces"), 0);
    const char *row = explain_text(first, "rowHash");
    json_t *list = json_array();
    struct piece_context context;
    struct item_hashes hashes;
    char hex[2 * SHA256_BYTES + 1];

    if (x->pieces == 0)
        return list;
    if (!str_eq(item->content_text, x->text))
        json_array_append_new(list, json_string("text"));
    explain_context(x, x->source_metadata, &context);
    item_hash(item, x->schema, &x->ops->embedding, x->pieces, CUT_LAST_THIRD,
        &context, &hashes);
    hex_encode(hashes.row_hash, SHA256_BYTES, hex);
    if (explain_is_same(x, item->content_text, x->source_metadata) &&
        (row == NULL || strcmp(hex, row) != 0))
        json_array_append_new(list, json_string("metadata"));
    return list;
}

static void explain_add_source(struct explain *x)
{
    const struct explain_source *s = x->source;
    json_t *source;

    if (s == NULL)
        return;
    source = json_pack("{s:b, s:i, s:I, s:b}", "found", s->found, "pages",
        s->walk.page, "items", (json_int_t)s->walk.items, "end",
        s->walk.at_end);
    if (s->found)
        json_object_set_new(source, "page", json_integer(s->page));
    if (s->found && s->broken.code != 0)
        json_object_set_new(source, "error", result_json_text(s->broken.msg));
    if (s->found && s->broken.code == 0) {
        json_object_set_new(source, "text",
            json_stringn(s->item.content_text.p, s->item.content_text.len));
        json_object_set_new(source, "differs", explain_differs(x));
    }
    json_object_set_new(x->facts, "source", source);
}

json_t *explain_add(const struct ops *ops, struct arena *arena,
    const char *service, const struct explain_source *source, json_t *facts)
{
    struct explain x = {.ops = ops,
        .facts = facts,
        .schema = schema_find(ops->schemas, arena, service),
        .source = source,
        .arena = arena};

    if (source != NULL && source->found && source->broken.code == 0)
        x.source_metadata = json_loadb(source->item.metadata.p,
            source->item.metadata.len, JSON_ALLOW_NUL, NULL);
    explain_take_pieces(&x);
    explain_add_schema(&x, service);
    explain_add_sent(&x);
    explain_add_source(&x);
    explain_judge(&x);
    json_decref(x.source_metadata);
    return facts;
}
