/* What a provider says when it says no, and what follows from it. */
#define _GNU_SOURCE /* strcasestr */
#include "embed/embedder_answer.h"

#include "base/json.h"
#include "base/text.h"
#include <ctype.h>

enum { WORDS_BYTES = 320, LABEL_BYTES = 64 };

/* The provider's own words; empty where it used none. */
struct words {
    char message[WORDS_BYTES];
    char label[LABEL_BYTES]; /* error.code, else error.type */
};

static bool begins_with(struct str s, struct str start)
{
    return start.len > 0 && s.len >= start.len &&
           memcmp(s.p, start.p, start.len) == 0;
}

/* Copies whole characters, as many as fit, on one line, without the secret. */
static void copy_text(char *to, size_t size, struct str s, struct str secret)
{
    size_t len = 0;

    while (s.len > 0) {
        struct str piece = {s.p, 0};
        size_t taken;

        utf8_next(s, &piece.len);
        taken = piece.len;
        if (begins_with(s, secret)) {
            piece = STR("***");
            taken = secret.len;
        } else if (iscntrl((unsigned char)*s.p)) {
            piece = STR(" ");
        }
        if (len + piece.len >= size)
            break;
        memcpy(to + len, piece.p, piece.len);
        len += piece.len;
        s = (struct str){s.p + taken, s.len - taken};
    }
    to[len] = '\0';
}

/* {"error":{..}}, {"error":".."}, [{"error":..}], {"message"}, {"detail"} */
static void read_words(yyjson_val *root, struct str secret, struct words *w)
{
    yyjson_val *error, *message, *label;

    if (yyjson_is_arr(root))
        root = yyjson_arr_get_first(root);
    error = yyjson_obj_get(root, "error");
    if (!yyjson_is_obj(error) && !yyjson_is_str(error))
        error = root;
    message = yyjson_is_str(error) ? error : yyjson_obj_get(error, "message");
    if (!yyjson_is_str(message))
        message = yyjson_obj_get(error, "detail");
    label = yyjson_obj_get(error, "code");
    if (!yyjson_is_str(label))
        label = yyjson_obj_get(error, "type");
    if (yyjson_is_str(message))
        copy_text(w->message, sizeof(w->message), json_str(message), secret);
    if (yyjson_is_str(label))
        copy_text(w->label, sizeof(w->label), json_str(label), secret);
}

/* A body that is no JSON is shown when it is plain text, not a page. */
static void refusal_read_body(
    struct str body, struct str secret, struct words *w)
{
    yyjson_doc *doc = yyjson_read(body.p, body.len, 0);
    struct str plain = text_trim(body);

    if (doc != NULL)
        read_words(yyjson_doc_get_root(doc), secret, w);
    else if (plain.len > 0 && plain.p[0] != '<' && utf8_valid(plain))
        copy_text(w->message, sizeof(w->message), plain, secret);
    yyjson_doc_free(doc);
}

static bool says(const struct words *w, const char *const *phrases)
{
    for (; *phrases != NULL; phrases++)
        if (strcasestr(w->label, *phrases) != NULL ||
            strcasestr(w->message, *phrases) != NULL)
            return true;
    return false;
}

static bool is_about_money(const struct words *w)
{
    static const char *const phrases[] = {"insufficient_quota",
        "billing_hard_limit", "exceeded your current quota", NULL};

    return says(w, phrases);
}

static bool is_about_length(const struct words *w)
{
    static const char *const phrases[] = {"context_length_exceeded",
        "context length", "context_length", "maximum input length", "too long",
        "must have less than", NULL};

    return says(w, phrases);
}

static bool is_about_setup(const struct words *w)
{
    static const char *const phrases[] = {"model_not_found", NULL};

    return says(w, phrases);
}

static bool is_about_key(const struct words *w)
{
    static const char *const phrases[] = {
        "invalid_api_key", "api key not valid", NULL};

    return says(w, phrases);
}

static int judge_input(const struct words *w)
{
    if (is_about_key(w))
        return ERR_AUTH;
    if (is_about_setup(w))
        return ERR_CONFIG;
    if (is_about_money(w))
        return ERR_QUOTA;
    return is_about_length(w) ? ERR_TOO_LONG : ERR_REFUSED;
}

static int refusal_code(int status, const struct words *w)
{
    switch (status) {
    case 400:
    case 413:
    case 422:
        return judge_input(w);
    case 401:
    case 403:
        return ERR_AUTH;
    case 402:
        return ERR_QUOTA;
    case 408:
        return ERR_TIMEOUT;
    case 409: /* a conflict at their side, for the moment */
        return ERR_UNAVAILABLE;
    case 429:
        return is_about_money(w) ? ERR_QUOTA : ERR_BUSY;
    default:
        return status >= 500 ? ERR_UNAVAILABLE : ERR_CONFIG;
    }
}

/* Nobody sits out a wait of hours: the next run comes anyway. */
static void refusal_end_run(const struct embedder_refusal *r, struct err *err)
{
    unsigned wait_s = err->retry_after_ms / 1000;

    err->code = ERR_LATER;
    err->retry_after_ms = 0;
    err_wrap(err,
        "the provider asks to wait for %u s, more than EMBEDDING_MAX_WAIT "
        "(%d s)",
        wait_s, r->max_wait_s);
}

int embedder_refusal_read(const struct embedder_refusal *r, struct err *err)
{
    struct words w = {.message = "", .label = ""};
    const char *hint = "", *message = w.message;
    int code;

    refusal_read_body(r->body, r->secret, &w);
    code = refusal_code(r->status, &w);
    if (code == ERR_CONFIG)
        hint = " (wrong OPENAI_API_URL or EMBEDDING_MODEL?)";
    if (message[0] == '\0')
        message = w.label;
    err_set(err, code, "HTTP %d%s%s%s", r->status, hint,
        message[0] == '\0' ? "" : ": ", message);
    if (err_is_transient(code))
        err->retry_after_ms = r->retry_after_ms;
    if (r->max_wait_s > 0 &&
        err->retry_after_ms > (uint32_t)r->max_wait_s * 1000)
        refusal_end_run(r, err);
    return err->code;
}
