/* What a provider says when it says no, and what follows from it. */
#define _GNU_SOURCE /* strcasestr */
#include "embed/answer/embedder_answer.h"

#include "embed/answer/embed_words.h"
#include <stdio.h>
#include <stdlib.h>

enum { LONG_TOKENS = 256, ROW_OF_REFUSALS = 12, MOST_OVER = 64 };

static bool refusal_says(
    const struct embed_words *w, const char *const *phrases)
{
    for (; *phrases != NULL; phrases++)
        if (strcasestr(w->label, *phrases) != NULL ||
            strcasestr(w->message, *phrases) != NULL)
            return true;
    return false;
}

#define SAYS(w, ...) refusal_says(w, (const char *const[]){__VA_ARGS__, NULL})

/* Money, which no waiting brings back. */
static bool embedder_refusal_is_about_money(const struct embed_words *w)
{
    return SAYS(w, "insufficient_quota", "billing_hard_limit",
        "insufficient_balance", "insufficient balance", "credit balance",
        "out of credits", "payment required");
}

/* A quota: of money, or of a time that may be told. */
static bool embedder_refusal_is_about_quota(const struct embed_words *w)
{
    return embedder_refusal_is_about_money(w) || SAYS(w, "quota", "billing");
}

/* One that comes back by itself, within a minute or so. */
static bool embedder_refusal_is_about_rate(const struct embed_words *w)
{
    return SAYS(w, "per minute", "perminute", "per_minute", "per second",
        "per-minute", "requests/min", "tokens/min");
}

static bool embedder_refusal_is_about_length(const struct embed_words *w)
{
    return SAYS(w, "context_length", "context length", "maximum input length",
        "too long", "must have less than", "input length", "token count",
        "too large to process", "maximum sequence length",
        "exceeds maximum allowed token", "string_too_long", "max_length");
}

static bool embedder_refusal_is_about_model(const struct embed_words *w)
{
    return SAYS(w, "model_not_found", "model not found", "no such model",
               "unknown model") ||
           (SAYS(w, "model") && SAYS(w, "does not exist", "not found"));
}

static bool embedder_refusal_is_about_key(const struct embed_words *w)
{
    return SAYS(w, "invalid_api_key", "api key not valid", "incorrect api key");
}

/* The setting behind a field of the request that the message names. */
static const char *embedder_refusal_setting_of(const struct embed_words *w)
{
    if (SAYS(w, "encoding_format"))
        return "EMBEDDING_ENCODING: float or none";
    if (SAYS(w, "input_type", "task_type"))
        return "EMBEDDING_EXTRA and EMBEDDING_QUERY_EXTRA";
    if (SAYS(w, "dimensions", "dimensionality", "output_dimension"))
        return "EMBEDDING_SEND_DIMENSIONS and EMBEDDING_DIMENSIONS";
    return NULL;
}

/* Numbers of a message that stand alone: the largest below, the least of at
 * least `from`; 0: none. */
static size_t embedder_refusal_number_below(
    const char *z, size_t limit, size_t from, bool least)
{
    size_t best = 0;

    for (const char *at = z; *at != '\0'; at++) {
        bool starts = at == z || strchr(" (:=,<>\"'", at[-1]) != NULL;
        char *end;
        unsigned long value;

        if (!starts || *at < '0' || *at > '9')
            continue;
        value = strtoul(at, &end, 10);
        at = end - 1;
        if ((*end == '>' && z < at) || value < from || value >= limit ||
            strchr(" .,:;)]>\"'", *end) == NULL)
            continue;
        if (best == 0 || (least ? value < best : value > best))
            best = value;
    }
    return best;
}

/* The request as a whole is too large: which of its measures, and how much it
 * may be, as far as it is told. */
static void embedder_refusal_judge_size(const struct embedder_refusal *r,
    const struct embed_words *w, struct embedder_excess *out)
{
    bool limits = SAYS(w, "at most", "max", "larger than", "exceed", "limit",
        "up to", "more than", "too many", "greater than", "too large");
    bool tokens = SAYS(w, "token");
    bool whole = SAYS(w, "batch", "overall", "in total", "per request",
        "in request", "max_tokens_per_request", "total number", "all inputs");

    if (r->n < 2 || (!limits && r->status != 413))
        return;
    if (tokens && whole) {
        out->what = EXCESS_TOKENS;
        out->limit =
            embedder_refusal_number_below(w->message, SIZE_MAX, 64, true);
        out->told = out->limit == 0 ? 0
                                    : embedder_refusal_number_below(w->message,
                                          SIZE_MAX, out->limit + 1, true);
    } else if (!tokens && !SAYS(w, "character", "length") &&
               SAYS(w, "batch", "inputs", "array", "items", "texts",
                   "documents", "list", "elements", "requests", "instances",
                   "contents")) {
        out->what = EXCESS_INPUTS;
        out->limit = embedder_refusal_number_below(w->message, r->n, 1, false);
    } else if (r->status == 413 && !embedder_refusal_is_about_length(w)) {
        out->what = EXCESS_TOKENS;
    }
}

/* "Invalid 'input[3]'": the fourth. 0: no text is named. */
static size_t embedder_refusal_culprit_of(const struct embed_words *w)
{
    static const char *const names[] = {
        "input[", "inputs[", "texts[", "contents[", "at index ", NULL};

    for (size_t i = 0; names[i] != NULL; i++) {
        const char *at = strcasestr(w->message, names[i]);

        if (at == NULL)
            continue;
        at += strlen(names[i]);
        if (*at >= '0' && *at <= '9')
            return strtoul(at, NULL, 10) + 1;
    }
    return 0;
}

/* "The maximum is 8192 tokens, however you requested 17564". */
static void embedder_refusal_judge_length(
    const struct embed_words *w, struct embedder_excess *out)
{
    size_t limit, told;

    if (!embedder_refusal_is_about_length(w))
        return;
    limit = embedder_refusal_number_below(w->message, SIZE_MAX, 64, true);
    told = embedder_refusal_number_below(w->message, SIZE_MAX, limit + 1, true);
    out->culprit = embedder_refusal_culprit_of(w);
    out->over = limit > 0 && told < limit * MOST_OVER && told > limit
                    ? (double)told / (double)limit
                    : 1;
}

static int embedder_refusal_judge_input(const struct embedder_refusal *r,
    const struct embed_words *w, const char **setting)
{
    bool length = embedder_refusal_is_about_length(w);

    if (embedder_refusal_is_about_key(w))
        return ERR_AUTH;
    if (embedder_refusal_is_about_quota(w) && !length)
        return ERR_QUOTA;
    *setting = length || r->worked ? NULL : embedder_refusal_setting_of(w);
    if (*setting != NULL)
        return ERR_CONFIG;
    if (embedder_refusal_is_about_model(w) && !r->worked) {
        *setting = "EMBEDDING_MODEL";
        return ERR_CONFIG;
    }
    return length || (r->worked && r->tokens_alone >= LONG_TOKENS)
               ? ERR_TOO_LONG
               : ERR_REFUSED;
}

/* 401 and 403: the key, a quota, or a firewall that dislikes a text. */
static int embedder_refusal_judge_forbidden(const struct embedder_refusal *r,
    int status, const struct embed_words *w, const char **setting)
{
    if (embedder_refusal_is_about_quota(w))
        return ERR_QUOTA;
    if (status == 403 && r->worked && r->refusals < ROW_OF_REFUSALS &&
        !embedder_refusal_is_about_key(w))
        return ERR_REFUSED;
    *setting = "OPENAI_API_KEY or EMBEDDING_HEADERS";
    return ERR_AUTH;
}

static int refusal_code(const struct embedder_refusal *r, int status,
    const struct embed_words *w, const char **setting)
{
    switch (status) {
    case 400:
    case 413:
    case 422:
        return embedder_refusal_judge_input(r, w, setting);
    case 401:
    case 403:
        return embedder_refusal_judge_forbidden(r, status, w, setting);
    case 402:
        return ERR_QUOTA;
    case 406:
    case 451:
        if (r->worked && r->refusals < ROW_OF_REFUSALS)
            return ERR_REFUSED;
        break;
    case 408:
        return ERR_TIMEOUT;
    case 409: /* a conflict at their side, for the moment */
    case 425:
        return ERR_UNAVAILABLE;
    case 429:
        return embedder_refusal_is_about_quota(w) &&
                       !embedder_refusal_is_about_rate(w)
                   ? ERR_QUOTA
                   : ERR_BUSY;
    default:
        break;
    }
    if (status >= 500 && embedder_refusal_is_about_length(w))
        return r->n > 1 ? ERR_REFUSED : ERR_TOO_LONG;
    if (status >= 500)
        return ERR_UNAVAILABLE;
    *setting = "OPENAI_API_URL and EMBEDDING_MODEL";
    return ERR_CONFIG;
}

/* Headers first: they are made to be read by programs. */
static uint64_t embedder_refusal_wait_told(
    const struct embedder_refusal *r, const struct embed_words *w)
{
    uint64_t in_words = embed_wait_in_words(w->message);

    if (r->retry_after_ms > 0)
        return r->retry_after_ms;
    if (w->wait_ms > 0)
        return w->wait_ms;
    return in_words > 0 ? in_words : r->reset_ms;
}

/* Nobody sits out a wait of hours: the next run comes anyway. */
static void refusal_wait(
    const struct embedder_refusal *r, uint64_t wait_ms, struct err *err)
{
    if (r->max_wait_s > 0 && wait_ms > (uint64_t)r->max_wait_s * 1000) {
        err->code = ERR_LATER;
        err_wrap(err,
            "the provider asks to wait for %llu s, more than "
            "EMBEDDING_MAX_WAIT (%d s)",
            (unsigned long long)(wait_ms + 999) / 1000, r->max_wait_s);
    } else if (err_is_transient(err->code)) {
        err->retry_after_ms =
            wait_ms < UINT32_MAX ? (uint32_t)wait_ms : UINT32_MAX;
    }
}

static void refusal_tell(const struct embedder_refusal *r, int code, int status,
    const struct embed_words *w, const char *setting, struct err *err)
{
    const char *message = w->message[0] != '\0' ? w->message : w->label;
    char place[ERR_MSG_BYTES / 2] = "";

    if (r->location.len > 0)
        snprintf(place, sizeof(place),
            " (%s redirects to %.*s, which is not followed: set "
            "OPENAI_API_URL)",
            r->address, (int)(r->location.len < 120 ? r->location.len : 120),
            r->location.p);
    else if (r->address != NULL)
        snprintf(place, sizeof(place), " (asked %s%s%s)", r->address,
            setting != NULL ? "; look at " : "",
            setting != NULL ? setting : "");
    err_set(err, code, "HTTP %d%s%s%s%s", r->status,
        status != r->status ? " with an error" : "",
        message[0] == '\0' ? "" : ": ", message, place);
}

int embedder_refusal_judge(const struct embedder_refusal *r,
    const struct embed_words *w, struct embedder_excess *excess,
    struct err *err)
{
    const char *setting = NULL;
    uint64_t wait_ms = embedder_refusal_wait_told(r, w);
    int status = r->status, code;

    if (status >= 200 && status < 300)
        status = w->status != 0 ? w->status : 500;
    *excess = (struct embedder_excess){.what = EXCESS_NONE};
    code = refusal_code(r, status, w, &setting);
    if (code == ERR_QUOTA && wait_ms > 0 && status != 402 &&
        !embedder_refusal_is_about_money(w))
        code = ERR_BUSY;
    if (code == ERR_REFUSED || code == ERR_TOO_LONG)
        embedder_refusal_judge_size(r, w, excess);
    if (code == ERR_TOO_LONG)
        embedder_refusal_judge_length(w, excess);
    refusal_tell(r, code, status, w, setting, err);
    refusal_wait(r, wait_ms, err);
    return err->code;
}

int embedder_refusal_read(const struct embedder_refusal *r,
    struct embedder_excess *excess, struct err *err)
{
    struct embed_words w;

    embed_words_read(r->body, &r->hidden, r->now_ms, &w);
    return embedder_refusal_judge(r, &w, excess, err);
}
