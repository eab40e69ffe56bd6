#define _GNU_SOURCE /* strcasestr */
#include "embed/answer/embed_words.h"

#include "base/json.h"
#include "base/text.h"
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { DEPTH = 6, LIST_SHOWN = 3, RAW_BYTES = 4096, PAGE_BYTES = 64 * 1024 };

/* Where errors have their words, the most telling first. */
static const char *const word_members[] = {"error", "message", "Message", "msg",
    "detail", "details", "error_msg", "error_message", "errorMessage",
    "status_msg", "errmsg", "faultstring", "error_description", "description",
    "errors", "fault", "base_resp", "Error", "reason", "title", "cause"};

static void words_add(struct buf *out, struct str s)
{
    if (s.len == 0)
        return;
    if (out->len > 0)
        buf_puts(out, "; ");
    buf_str(out, s);
}

static bool words_find(yyjson_val *v, int depth, struct buf *out);

/* A message that is JSON itself is an error that was handed on. */
static bool words_in_text(struct str s, int depth, struct buf *out)
{
    struct str trimmed = text_trim(s);
    yyjson_doc *doc;
    bool found = false;

    if (trimmed.len == 0)
        return false;
    if (trimmed.p[0] == '{' || trimmed.p[0] == '[') {
        doc = yyjson_read(trimmed.p, trimmed.len, 0);
        found =
            doc != NULL && words_find(yyjson_doc_get_root(doc), depth - 1, out);
        yyjson_doc_free(doc);
    }
    if (!found)
        words_add(out, trimmed);
    return true;
}

/* FastAPI says where: ["body", "dimensions"]. */
static void embed_words_add_place(yyjson_val *loc, struct buf *out)
{
    size_t i, n;
    yyjson_val *step;

    if (!yyjson_is_arr(loc) || yyjson_arr_size(loc) == 0)
        return;
    buf_puts(out, " (");
    yyjson_arr_foreach(loc, i, n, step)
    {
        if (i > 0)
            buf_char(out, '.');
        if (yyjson_is_str(step))
            buf_str(out, json_str(step));
        else if (yyjson_is_int(step))
            buf_printf(out, "%lld", (long long)yyjson_get_sint(step));
    }
    buf_char(out, ')');
}

static bool words_in_list(yyjson_val *list, int depth, struct buf *out)
{
    size_t i, n;
    yyjson_val *v;
    bool found = false;

    yyjson_arr_foreach(list, i, n, v) if (i < LIST_SHOWN) found |=
        words_find(v, depth - 1, out);
    return found;
}

/* A string that only names the kind ("Bad Request") gives way to a message. */
static bool words_in_object(yyjson_val *object, int depth, struct buf *out)
{
    yyjson_val *error = yyjson_obj_get(object, "error");

    if ((yyjson_is_obj(error) || yyjson_is_arr(error)) &&
        words_find(error, depth - 1, out))
        return true;
    for (size_t i = 1; i < sizeof(word_members) / sizeof(word_members[0]);
         i++) {
        yyjson_val *v = yyjson_obj_get(object, word_members[i]);

        if (words_find(v, depth - 1, out)) {
            embed_words_add_place(yyjson_obj_get(object, "loc"), out);
            return true;
        }
    }
    return words_find(error, depth - 1, out);
}

static bool words_find(yyjson_val *v, int depth, struct buf *out)
{
    if (depth <= 0)
        return false;
    if (yyjson_is_str(v))
        return words_in_text(json_str(v), depth, out);
    if (yyjson_is_arr(v))
        return words_in_list(v, depth, out);
    return yyjson_is_obj(v) && words_in_object(v, depth, out);
}

/* The object that has the error's own members. */
static yyjson_val *embed_words_error_object(yyjson_val *root)
{
    for (int i = 0; i < DEPTH; i++) {
        yyjson_val *inner;

        if (yyjson_is_arr(root))
            root = yyjson_arr_get_first(root);
        inner = yyjson_obj_get(root, "error");
        if (!yyjson_is_obj(inner))
            inner = yyjson_arr_get_first(yyjson_obj_get(root, "errors"));
        if (!yyjson_is_obj(inner))
            inner = yyjson_obj_get(root, "detail");
        if (!yyjson_is_obj(inner))
            return root;
        root = inner;
    }
    return root;
}

static void embed_words_read_label(yyjson_val *error,
    const struct embed_hidden *hidden, struct embed_words *out)
{
    static const char *const names[] = {
        "code", "type", "status", "error_type", "error_code"};
    int64_t code;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        yyjson_val *v = yyjson_obj_get(error, names[i]);

        if (out->status == 0 && json_int(v, &code) && code >= 400 && code < 600)
            out->status = (int)code;
        else if (out->label[0] == '\0' && yyjson_is_str(v))
            embed_hide(out->label, sizeof(out->label), json_str(v), hidden);
    }
}

static uint64_t embed_words_member_wait_ms(
    yyjson_val *key, yyjson_val *v, int64_t now_ms)
{
    const char *name = yyjson_get_str(key);
    double number = json_number(v);

    if (strcasecmp(name, "x-ratelimit-reset") == 0 && yyjson_is_str(v))
        return embed_reset_ms(json_str(v), now_ms);
    if (strcasecmp(name, "retryDelay") == 0 && yyjson_is_str(v))
        return embed_duration_ms(json_str(v), 1000);
    if (strcasecmp(name, "retry_after_ms") == 0)
        return number > 0 ? (uint64_t)number : 0;
    if (strcasecmp(name, "retry_after") == 0 ||
        strcasecmp(name, "retryAfter") == 0 ||
        strcasecmp(name, "estimated_time") == 0)
        return yyjson_is_str(v) ? embed_duration_ms(json_str(v), 1000)
               : number > 0 && number < 1e7 ? (uint64_t)(number * 1000)
                                            : 0;
    return 0;
}

static uint64_t words_wait_ms(yyjson_val *v, int depth, int64_t now_ms)
{
    size_t i, n;
    yyjson_val *key, *value;
    uint64_t most = 0, wait;

    if (depth > 0 && yyjson_is_arr(v)) {
        yyjson_arr_foreach(v, i, n, value)
        {
            wait = words_wait_ms(value, depth - 1, now_ms);
            most = wait > most ? wait : most;
        }
    } else if (depth > 0 && yyjson_is_obj(v)) {
        yyjson_obj_foreach(v, i, n, key, value)
        {
            wait = embed_words_member_wait_ms(key, value, now_ms);
            if (wait == 0)
                wait = words_wait_ms(value, depth - 1, now_ms);
            most = wait > most ? wait : most;
        }
    }
    return most;
}

static void embed_words_read_json(yyjson_val *root,
    const struct embed_hidden *hidden, int64_t now_ms, struct embed_words *out)
{
    struct buf raw;

    buf_init(&raw, RAW_BYTES);
    out->known = words_find(root, DEPTH, &raw) && raw.len > 0;
    if (out->known)
        embed_hide(out->message, sizeof(out->message), buf_view(&raw), hidden);
    buf_free(&raw);
    embed_words_read_label(embed_words_error_object(root), hidden, out);
    out->wait_ms = words_wait_ms(root, DEPTH, now_ms);
}

/* What stands between <name> and the next tag; len 0: nothing. */
static struct str embed_words_element(const char *page, const char *name)
{
    struct str text = {NULL, 0};
    char open[16];

    snprintf(open, sizeof(open), "<%s", name);
    for (const char *at = page; (at = strcasestr(at, open)) != NULL;) {
        at += strlen(open);
        if (strchr("> \t\r\n", *at) == NULL) /* <p is not <path> */
            continue;
        at = strchr(at, '>');
        if (at == NULL)
            break;
        text = text_trim((struct str){at + 1, strcspn(at + 1, "<")});
        if (text.len > 0)
            break;
    }
    return text;
}

/* Without its tags: of one that has none of the usual elements. */
static void embed_words_untag(const char *page, struct buf *out)
{
    while (*page != '\0') {
        size_t len = strcspn(page, "<");

        words_add(out, text_trim((struct str){page, len}));
        page += len;
        page += strcspn(page, ">");
        page += *page == '>';
    }
}

/* HTML's most telling elements, and XML's. */
static void embed_words_of_page(const char *page, struct buf *out)
{
    static const char *const names[] = {"title", "h1", "h2", "message",
        "faultstring", "description", "detail", "p", "body"};
    struct str text = {NULL, 0};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && text.len == 0;
         i++)
        text = embed_words_element(page, names[i]);
    if (text.len > 0)
        buf_str(out, text);
    else
        embed_words_untag(page, out);
}

static void embed_words_read_page(
    struct str page, const struct embed_hidden *hidden, struct embed_words *out)
{
    char *z = strndup(page.p, page.len < PAGE_BYTES ? page.len : PAGE_BYTES);
    struct buf raw;

    if (z == NULL)
        abort();
    buf_init(&raw, RAW_BYTES);
    raw.cuts = true;
    embed_words_of_page(z, &raw);
    embed_hide(out->message, sizeof(out->message), buf_view(&raw), hidden);
    buf_free(&raw);
    free(z);
}

void embed_words_read(struct str body, const struct embed_hidden *hidden,
    int64_t now_ms, struct embed_words *out)
{
    yyjson_doc *doc = body.len == 0 ? NULL : yyjson_read(body.p, body.len, 0);
    struct str plain = text_trim(body);

    *out = (struct embed_words){.status = 0};
    if (doc != NULL)
        embed_words_read_json(yyjson_doc_get_root(doc), hidden, now_ms, out);
    yyjson_doc_free(doc);
    if (out->message[0] != '\0' || out->label[0] != '\0' || plain.len == 0 ||
        !utf8_valid(plain))
        return;
    if (plain.p[0] == '<')
        embed_words_read_page(plain, hidden, out);
    else
        embed_hide(out->message, sizeof(out->message), plain, hidden);
}
