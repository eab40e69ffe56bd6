#include "cli/check/check_embedder.h"

#include "daemon/memory_budget.h"

#include <stdio.h>
#include <stdlib.h>

enum { LINE_BYTES = 2048 };

static const char *embedder_advice(int err_code)
{
    switch (err_code) {
    case ERR_UNAVAILABLE:
    case ERR_TIMEOUT:
        return "check OPENAI_API_URL and whether the provider runs";
    case ERR_AUTH:
        return "check OPENAI_API_KEY";
    case ERR_PROTOCOL:
        return "check OPENAI_API_URL, EMBEDDING_MODEL and "
               "EMBEDDING_DIMENSIONS";
    default:
        return NULL;
    }
}

/* --- one vector --------------------------------------------------------- */

/* The same text n times. Returns op->err.code; *ms is how long it took. */
static int check_embed(
    struct check *c, struct embed_req *req, struct str text, uint64_t *ms)
{
    uint64_t began_ms = loop_now_ms(&c->app.loop);
    size_t row = (size_t)app_embedding_id(&c->app).dimensions;
    struct str *texts = calloc(req->n, sizeof(*texts));

    req->texts = texts;
    req->dimensions = (int)row;
    req->vectors = calloc(req->n * row, sizeof(float));
    if (texts == NULL || req->vectors == NULL)
        abort();
    for (size_t i = 0; i < req->n; i++)
        texts[i] = text;
    op_init(&req->op, app_ignore);
    c->app.ports.embed(&c->app, req);
    app_wait(&c->app, &req->op);
    *ms = loop_now_ms(&c->app.loop) - began_ms;
    free(texts);
    free(req->vectors);
    return req->op.err.code;
}

static int check_embedder_embed_something(struct check *c)
{
    struct embedding_id id = app_embedding_id(&c->app);
    struct embed_req req = {.n = 1};
    uint64_t ms;

    if (check_embed(c, &req, STR("batchsync check"), &ms) < 0)
        check_fail(
            c, "embedder", &req.op.err, embedder_advice(req.op.err.code));
    else
        check_say(c, "ok", "embedder", "%s, %s: %d dimensions in %llu ms",
            id.provider, id.model, id.dimensions, (unsigned long long)ms);
    return req.op.err.code;
}

/* --- a request of full size --------------------------------------------- */

/* As long as one text may be, by the estimate: three letters are a token. */
static char *check_embedder_longest_text(const struct check *c, size_t *len)
{
    char *text;

    *len = 3 * (size_t)c->app.config.embedding.max_tokens;
    if (*len > CHUNK_BYTES)
        *len = CHUNK_BYTES;
    text = malloc(*len + 1);
    if (text == NULL)
        abort();
    for (size_t i = 0; i < *len; i++)
        text[i] = "a word, "[i % 8];
    return text;
}

static void check_deep(struct check *c)
{
    struct embed_req req = {.n = (size_t)c->app.config.sync.chunk_size};
    uint64_t ms;
    size_t len;
    char *text = check_embedder_longest_text(c, &len);

    if (req.n > CHUNK_BYTES / len)
        req.n = CHUNK_BYTES / len;
    if (check_embed(c, &req, (struct str){text, len}, &ms) < 0)
        check_fail(c, "full size", &req.op.err,
            "lower EMBEDDING_MAX_TOKENS, EMBEDDING_MAX_REQUEST_TOKENS or "
            "EMBEDDING_MAX_INPUTS");
    else
        check_say(c, "ok", "full size",
            "%zu texts of %zu bytes, %llu tokens billed, in %llu ms", req.n,
            len, (unsigned long long)req.tokens, (unsigned long long)ms);
    free(text);
}

/* --- limits ------------------------------------------------------------- */

/* What is in the database; nothing without tables. */
static void check_embedder_recall_limits(
    struct check *c, struct embed_limits *known)
{
    struct limits_load_req req = {.key = c->app.limits.key};

    *known = (struct embed_limits){.value = {0}};
    if (!c->has_tables)
        return;
    op_init(&req.op, app_ignore);
    limits_load(c->app.pools.store, &c->app.loop, &req);
    if (app_wait(&c->app, &req.op) < 0)
        return;
    *known = req.known;
    embedder_recall(c->app.embedder, known);
}

/* A learnt limit is lower than the one that is configured; where it is not, it
 * was learnt with another. */
static void check_embedder_write_limit(struct buf *line, const char *what,
    int configured, size_t learnt, uint64_t age_ms)
{
    if (learnt > 0 && learnt < (size_t)configured)
        buf_printf(line, "%zu %s a request, learnt %llu h ago; ", learnt, what,
            (unsigned long long)(age_ms / 3600000));
    else
        buf_printf(line, "%d %s a request; ", configured, what);
}

static void check_embedder_say_limits(
    struct check *c, const struct embed_limits *known)
{
    const struct config_embedding_limits *set = &c->app.config.embedding.limits;
    size_t inputs, tokens;
    struct buf line;

    embedder_caps(c->app.embedder, &inputs, &tokens);
    buf_init(&line, LINE_BYTES);
    check_embedder_write_limit(
        &line, "texts", set->inputs, inputs, known->age_ms[LIMIT_INPUTS]);
    check_embedder_write_limit(&line, "estimated tokens", set->tokens, tokens,
        known->age_ms[LIMIT_TOKENS]);
    buf_puts(&line, known->value[LIMIT_PROVEN] > 0
                        ? "these settings have worked before"
                        : "these settings have not been used in a run yet");
    check_say(c, "ok", "limits", "%s", line.data);
    buf_free(&line);
}

void check_embedder(struct check *c, bool deep)
{
    struct embed_limits known;
    struct err err = {0};

    if (app_start(&c->app, APP_EMBEDDER, &err) < 0) {
        check_fail(c, "embedder", &err, NULL);
        return;
    }
    if (c->app.embedder != NULL)
        check_embedder_recall_limits(c, &known);
    if (check_embedder_embed_something(c) == 0 && deep)
        check_deep(c);
    if (c->app.embedder != NULL)
        check_embedder_say_limits(c, &known);
}
