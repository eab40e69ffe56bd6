/* What is learnt about the provider for longer than the process lives. */
#include "embed/embedder_impl.h"

#include <stdio.h>

enum { DIGEST_BYTES = 8 };

const char *embedder_address(const struct embedder *e)
{
    return e->form.address.shown;
}

/* Without the key and the headers: no secret is kept, not even a digest. */
void embedder_settings(const struct embedder *e, char out[EMBED_SETTINGS_BYTES])
{
    static const char *const encodings[] = {
        [ENCODING_BASE64] = "base64",
        [ENCODING_FLOAT] = "float",
        [ENCODING_NONE] = "none",
    };
    const struct config_embedding *c = e->config;
    uint8_t digest[SHA256_BYTES];
    char hex[2 * DIGEST_BYTES + 1];
    struct sha256 s;

    sha256_init(&s);
    sha256_add_field(&s, str_of(e->form.address.url));
    sha256_add_field(&s, c->send_dimensions ? STR("d") : STR(""));
    sha256_add_field(
        &s, str_of(c->documents.extra != NULL ? c->documents.extra : ""));
    sha256_end(&s, digest);
    hex_encode(digest, DIGEST_BYTES, hex);
    snprintf(out, EMBED_SETTINGS_BYTES, "%d dimensions, encoding %s, %s",
        c->dimensions, encodings[c->encoding], hex);
}

void embedder_watch(struct embedder *e, embedder_learnt learnt, void *arg)
{
    e->learnt = learnt;
    e->learnt_arg = arg;
}

/* What the configuration says is not learnt for the next time. */
static bool embed_memory_is_configured(
    const struct embedder *e, enum embed_limit limit)
{
    const struct config_embedding_limits *limits = &e->config->limits;

    return (limit == LIMIT_INPUTS && limits->inputs_chosen) ||
           (limit == LIMIT_TOKENS && limits->tokens_chosen);
}

static void embed_memory_recall_cap(struct embedder *e, struct embed_cap *cap,
    enum embed_limit limit, const struct embed_limits *known)
{
    if (embed_memory_is_configured(e, limit))
        return;
    *cap = (struct embed_cap){.most = (size_t)known->value[limit],
        .learnt_ms = loop_now_ms(e->loop) - known->age_ms[limit]};
}

void embedder_recall(struct embedder *e, const struct embed_limits *known)
{
    embed_memory_recall_cap(e, &e->caps.inputs, LIMIT_INPUTS, known);
    embed_memory_recall_cap(e, &e->caps.tokens, LIMIT_TOKENS, known);
    e->proven = known->value[LIMIT_PROVEN] > 0;
}

void embedder_caps(const struct embedder *e, size_t *inputs, size_t *tokens)
{
    *inputs = e->caps.inputs.most;
    *tokens = e->caps.tokens.most;
}

static void embed_memory_tell_learnt(
    struct embedder *e, enum embed_limit limit, uint64_t value)
{
    if (e->learnt != NULL && !embed_memory_is_configured(e, limit))
        e->learnt(e->learnt_arg, limit, value);
}

void embed_note_cap(struct embedder *e, enum embed_limit limit)
{
    embed_memory_tell_learnt(e, limit,
        limit == LIMIT_INPUTS ? e->caps.inputs.most : e->caps.tokens.most);
}

void embed_note_wrong(struct embedder *e)
{
    if (e->proven)
        embed_memory_tell_learnt(e, LIMIT_PROVEN, 0);
    e->proven = false;
}

void embed_note_sent(struct embed_call *call)
{
    struct embed_caps *caps = &call->embedder->caps;

    embed_cap_sent(&caps->inputs, call->post.n);
    embed_cap_sent(&caps->tokens, call->post.tokens);
}

void embed_note_passed(struct embed_call *call, const struct embed_post *post)
{
    struct embedder *e = call->embedder;
    uint64_t now = loop_now_ms(e->loop);

    e->caps.guesses = 0;
    if (embed_cap_passed(&e->caps.inputs, post->n, now))
        embed_note_cap(e, LIMIT_INPUTS);
    if (embed_cap_passed(&e->caps.tokens, post->tokens, now))
        embed_note_cap(e, LIMIT_TOKENS);
    if (e->proven || call->req->query)
        return;
    e->proven = true;
    embed_memory_tell_learnt(e, LIMIT_PROVEN, 1);
}
