/* An exchange that brought no vectors: what it means, and what is learnt. */
#include "embed/embedder_impl.h"

#include "base/log.h"
#include "base/text.h"
#include "record/item.h"
#include <stdio.h>
#include <stdlib.h>

enum { TOLD_WAIT_MS = 5000 };

/* A limit's time to come back counts where nothing is left of it. */
static uint64_t embed_refused_reset_of(
    const struct http_req *http, const char *what, int64_t now_ms)
{
    char name[48];
    struct str left;

    snprintf(name, sizeof(name), "x-ratelimit-remaining%s", what);
    left = http_answer_header(http, name);
    if (left.len > 0 && !str_eq(left, STR("0")))
        return 0;
    snprintf(name, sizeof(name), "x-ratelimit-reset%s", what);
    return embed_reset_ms(http_answer_header(http, name), now_ms);
}

static uint64_t embed_refused_longest_reset(
    const struct http_req *http, int64_t now_ms)
{
    static const char *const limits[] = {"", "-requests", "-tokens"};
    uint64_t longest = 0;

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        uint64_t ms = embed_refused_reset_of(http, limits[i], now_ms);

        longest = ms > longest ? ms : longest;
    }
    return longest;
}

/* What was sent must not be told, nor what a header of one's own holds. */
static struct str *embed_refused_hidden_texts(
    const struct embed_call *call, size_t *n)
{
    const struct embed_form *form = &call->embedder->form;
    struct str *texts = calloc(call->post.n + form->nown, sizeof(*texts));

    if (texts == NULL)
        abort();
    for (*n = 0; *n < call->post.n; ++*n)
        texts[*n] = call->req->texts[call->post.places[*n]];
    for (size_t i = 0; i < form->nown; i++)
        texts[(*n)++] = str_of(form->headers[i].value);
    return texts;
}

static void refused_describe(
    const struct embed_call *call, struct embedder_refusal *r)
{
    const struct http_req *http = &call->post.http;
    const struct embedder *e = call->embedder;
    struct str ms = http_answer_header(http, "retry-after-ms");

    *r = (struct embedder_refusal){.status = http->status,
        .now_ms = loop_wall_ms(),
        .retry_after_ms = embed_duration_ms(ms, 1),
        .max_wait_s = e->config->limits.max_wait_s,
        .address = e->form.address.shown,
        .n = call->post.n,
        .worked = e->worked,
        .refusals = e->refusals};
    r->hidden.secret = str_of(e->config->api_key);
    r->reset_ms = embed_refused_longest_reset(http, r->now_ms);
    if (r->retry_after_ms == 0)
        r->retry_after_ms = http->retry_after_ms;
    if (http->status >= 300 && http->status < 400)
        r->location = http_answer_header(http, "location");
    if (r->n == 1)
        r->tokens_alone = text_tokens(call->req->texts[call->post.places[0]]);
}

static bool embed_refused_learn(struct embed_call *call,
    const struct embedder_excess *excess, const struct err *err)
{
    struct embedder *e = call->embedder;

    if (call->step != STEP_ASK ||
        !embed_caps_learn(&e->caps, excess, call->post.n, call->post.tokens,
            loop_now_ms(e->loop)))
        return false;
    embed_note_cap(
        e, excess->what == EXCESS_INPUTS ? LIMIT_INPUTS : LIMIT_TOKENS);
    if (excess->what == EXCESS_INPUTS)
        log_warn(NULL,
            "embed: no more than %zu texts a request from now on "
            "(EMBEDDING_MAX_INPUTS; BATCH_SYNC_CHUNK_SIZE should not be much "
            "larger): %s",
            e->caps.inputs.most, err->msg);
    else
        log_warn(NULL,
            "embed: no more than about %zu tokens a request from now on "
            "(EMBEDDING_MAX_REQUEST_TOKENS): %s",
            e->caps.tokens.most, err->msg);
    return true;
}

static void embed_refused_tell_wait(const struct err *err)
{
    char until[ISO_BYTES];

    if (err->retry_after_ms <= TOLD_WAIT_MS)
        return;
    iso_from_ms(loop_wall_ms() + err->retry_after_ms, until);
    log_warn(NULL, "embed: waits for %u s, until %s: %s",
        err->retry_after_ms / 1000, until, err->msg);
}

static bool embed_refused_conclude(struct embed_call *call,
    const struct embed_words *words, struct embedder_refusal *r,
    struct err *err)
{
    struct embedder_excess excess;

    embedder_refusal_judge(r, words, &excess, err);
    call->req->over = excess.over;
    call->req->culprit = excess.culprit > 0 && excess.culprit <= call->post.n
                             ? call->post.places[excess.culprit - 1] + 1
                             : 0;
    call->embedder->refusals++;
    embed_refused_tell_wait(err);
    return embed_refused_learn(call, &excess, err);
}

bool embed_refused(struct embed_call *call, struct str body, struct err *err)
{
    struct embedder_refusal r;
    struct embed_words words;
    struct str *texts;
    bool smaller;

    refused_describe(call, &r);
    r.hidden.texts = texts = embed_refused_hidden_texts(call, &r.hidden.ntexts);
    embed_words_read(body, &r.hidden, r.now_ms, &words);
    smaller = embed_refused_conclude(call, &words, &r, err);
    free(texts);
    return smaller;
}

static enum embed_refusal embed_refused_reason(int code)
{
    switch (code) {
    case ERR_BUSY:
    case ERR_LATER:
        return EMBED_REFUSED_rate;
    case ERR_TOO_LONG:
        return EMBED_REFUSED_length;
    case ERR_REFUSED:
        return EMBED_REFUSED_text;
    case ERR_AUTH:
    case ERR_QUOTA:
        return EMBED_REFUSED_access;
    case ERR_CONFIG:
        return EMBED_REFUSED_settings;
    default:
        return EMBED_REFUSED_failure;
    }
}

void embed_count_refusal(struct embed_call *call, bool smaller, int code)
{
    if (code == ERR_CANCELED)
        return;
    call->req
        ->refused[smaller ? EMBED_REFUSED_size : embed_refused_reason(code)]++;
}

static void embed_is_page(const struct embed_call *call,
    const struct embed_words *words, struct err *err)
{
    err_set(err, call->embedder->worked ? ERR_PROTOCOL : ERR_CONFIG,
        "the answer is a web page%s%s%s, not an API's (asked %s; look at "
        "OPENAI_API_URL)",
        words->message[0] == '\0' ? "" : " \"", words->message,
        words->message[0] == '\0' ? "" : "\"",
        call->embedder->form.address.shown);
}

bool embed_misanswered(struct embed_call *call, struct str begin,
    const struct embedder_answer *a, struct err *err)
{
    struct embedder_refusal r;
    struct embed_words words;
    struct str *texts;
    bool smaller = false;

    refused_describe(call, &r);
    r.hidden.texts = texts = embed_refused_hidden_texts(call, &r.hidden.ntexts);
    embed_words_read(begin, &r.hidden, r.now_ms, &words);
    begin = text_trim(begin);
    if (begin.len > 0 && begin.p[0] == '<')
        embed_is_page(call, &words, err);
    else if (words.known && (!a->listed || words.status != 0))
        smaller = embed_refused_conclude(call, &words, &r, err);
    free(texts);
    return smaller;
}
