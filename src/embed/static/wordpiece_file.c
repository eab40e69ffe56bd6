#include "embed/static/wordpiece_file.h"

#include "base/json.h"
#include <stdlib.h>
#include <string.h>

enum {
    /* Parsing takes five times the text, from a file of 64 MiB at most. */
    ARENA_BYTES = 400 << 20,
    TOKENS = 1 << 22
};

struct reading {
    struct wordpiece *w;
    struct arena arena;
    struct err *err;
    struct str prefix; /* of tokens that go on: "##" */
};

static int wordpiece_unknown(
    struct reading *r, const char *what, yyjson_val *v, const char *handled)
{
    return err_set(r->err, ERR_INVALID, "its %s is \"%.*s\"; handled is %s",
        what, (int)yyjson_get_len(v), yyjson_is_str(v) ? yyjson_get_str(v) : "",
        handled);
}

static int wordpiece_expect(struct reading *r, yyjson_val *root,
    const char *part, const char *type, yyjson_val **out)
{
    yyjson_val *have;

    *out = json_member(root, part);
    have = json_member(*out, "type");
    if (!str_eq(json_str(have), str_of(type)))
        return wordpiece_unknown(r, part, have, type);
    return 0;
}

static bool wordpiece_flag(yyjson_val *object, const char *name, bool otherwise)
{
    yyjson_val *v = json_member(object, name);

    return yyjson_is_bool(v) ? yyjson_get_bool(v) : otherwise;
}

static int wordpiece_read_rules(struct reading *r, yyjson_val *root)
{
    yyjson_val *normalizer, *pre;
    struct bert_rules *rules = &r->w->rules;

    if (wordpiece_expect(r, root, "normalizer", "BertNormalizer", &normalizer) <
            0 ||
        wordpiece_expect(r, root, "pre_tokenizer", "BertPreTokenizer", &pre) <
            0)
        return r->err->code;
    rules->clean_text = wordpiece_flag(normalizer, "clean_text", true);
    rules->handle_chinese_chars =
        wordpiece_flag(normalizer, "handle_chinese_chars", true);
    rules->lowercase = wordpiece_flag(normalizer, "lowercase", true);
    rules->strip_accents =
        wordpiece_flag(normalizer, "strip_accents", rules->lowercase);
    for (int32_t c = 0; c < 128; c++) {
        struct bert_char chars[BERT_CHARS];

        r->w->ascii[c].point = -1;
        if (bert_text_read(rules, c, chars) == 1)
            r->w->ascii[c] = chars[0];
    }
    return 0;
}

/* Tokens of its own, in the middle of a text, would need another tokenizer. */
static int wordpiece_check_added(struct reading *r, yyjson_val *root)
{
    yyjson_val *added = json_member(root, "added_tokens"), *token;
    size_t i, n;

    yyjson_arr_foreach(
        added, i, n, token) if (!wordpiece_flag(token, "special",
                                    false)) return wordpiece_unknown(r,
        "added token", json_member(token, "content"), "none but special ones");
    return 0;
}

/* --- the vocabulary --- */

static int wordpiece_make_room(struct reading *r, yyjson_val *vocab)
{
    struct wordpiece *w = r->w;
    size_t n = yyjson_obj_size(vocab), bytes = 0, i, m;
    yyjson_val *key, *value;

    if (n == 0 || n > TOKENS)
        return err_set(r->err, ERR_INVALID,
            "its vocabulary has %zu tokens; 1 to %d are allowed", n, TOKENS);
    yyjson_obj_foreach(vocab, i, m, key, value) bytes += yyjson_get_len(key);
    w->nslots = 2;
    for (w->shift = 31; w->nslots < 2 * n; w->shift--)
        w->nslots *= 2;
    w->tokens = calloc(n, sizeof(*w->tokens));
    w->slots = calloc(w->nslots, sizeof(*w->slots));
    w->bytes = malloc(bytes + 1);
    if (w->tokens == NULL || w->slots == NULL || w->bytes == NULL ||
        bytes > UINT32_MAX)
        return err_set(r->err, ERR_NOMEM, "no memory for its vocabulary");
    return 0;
}

static void wordpiece_add_token(
    struct reading *r, struct str text, uint32_t id, size_t *bytes)
{
    struct wordpiece *w = r->w;
    bool goes_on = text.len > r->prefix.len &&
                   memcmp(text.p, r->prefix.p, r->prefix.len) == 0;
    uint32_t hash = goes_on ? WORD_GOES_ON : WORD_BEGINS;

    if (goes_on)
        text = (struct str){text.p + r->prefix.len, text.len - r->prefix.len};
    w->tokens[w->ntokens] =
        (struct token){(uint32_t)*bytes, (uint32_t)text.len, id};
    for (size_t i = 0; i < text.len; i++)
        hash = wordpiece_hash_step(hash, text.p[i]);
    memcpy(w->bytes + *bytes, text.p, text.len);
    *bytes += text.len;
    wordpiece_place(w, hash, (uint32_t)w->ntokens++);
    if (text.len > w->longest)
        w->longest = text.len;
    if (id > w->most_id)
        w->most_id = id;
}

static int wordpiece_read_tokens(struct reading *r, yyjson_val *vocab)
{
    yyjson_val *key, *value;
    size_t i, n, bytes = 0;

    if (wordpiece_make_room(r, vocab) < 0)
        return r->err->code;
    yyjson_obj_foreach(vocab, i, n, key, value)
    {
        int64_t id;

        if (!json_int(value, &id) || id < 0 || id >= INT32_MAX)
            return wordpiece_unknown(
                r, "token without a number", key, "a number from 0 on");
        if (yyjson_get_len(key) > 0)
            wordpiece_add_token(r, json_str(key), (uint32_t)id, &bytes);
    }
    return 0;
}

static int wordpiece_read_model(struct reading *r, yyjson_val *root)
{
    yyjson_val *model, *prefix;
    int64_t most = 100;

    if (wordpiece_expect(r, root, "model", "WordPiece", &model) < 0)
        return r->err->code;
    prefix = json_member(model, "continuing_subword_prefix");
    r->prefix = yyjson_is_str(prefix) ? json_str(prefix) : STR("##");
    if (r->prefix.len == 0)
        return wordpiece_unknown(
            r, "continuing_subword_prefix", prefix, "one that is not empty");
    json_int(json_member(model, "max_input_chars_per_word"), &most);
    if (most < 1 || most > 10000)
        return err_set(r->err, ERR_INVALID,
            "its max_input_chars_per_word is not 1 to 10000");
    r->w->most_chars = (size_t)most;
    return wordpiece_read_tokens(r, json_member(model, "vocab"));
}

static int wordpiece_read(struct reading *r, struct str json)
{
    yyjson_val *root;

    if (json_parse(&r->arena, json, &root, NULL, r->err) < 0 ||
        wordpiece_check_added(r, root) < 0 || wordpiece_read_rules(r, root) < 0)
        return r->err->code;
    return wordpiece_read_model(r, root);
}

int wordpiece_load(struct wordpiece **w, struct str json, struct err *err)
{
    struct reading r = {.w = calloc(1, sizeof(*r.w)), .err = err};

    *w = NULL;
    if (r.w == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a tokenizer");
    arena_init(&r.arena, ARENA_BYTES);
    err_clear(err);
    if (wordpiece_read(&r, json) < 0)
        wordpiece_free(r.w);
    else
        *w = r.w;
    arena_free(&r.arena);
    return err->code;
}
